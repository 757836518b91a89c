"""Weights: found or fetched, whole or refused with what was looked for where, and never a program."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from deployments.contract import LoadFailed
from deployments.weights.checkpoint import Checkpoint, WeightOptions, models_dir
from deployments.weights.find import find
from deployments.weights.hub import pull
from deployments.weights.modules import fill, load_component, read_state
from tests.support.hub import COMMIT, Hub, serving

Maker = Callable[[str], Path]
PARTS = ("unet", "vae", "vocoder", "text_encoder")
FILES = ("scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json")
AUDIOLDM = Checkpoint(repository="cvssp/audioldm", components=PARTS, files=FILES)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MODELS_DIR."""
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "models"


@pytest.fixture
def hub(home: Path, checkpoint: Maker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the tiny AudioLDM."""
    with serving(cvssp__audioldm=checkpoint("audioldm")) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


@pytest.fixture
def copied(checkpoint: Maker, tmp_path: Path) -> Path:
    """The tiny AudioLDM in a folder that may be spoilt."""
    return Path(shutil.copytree(checkpoint("audioldm"), tmp_path / "copied"))


def weights(folder: Path) -> Path:
    return folder / "unet" / "diffusion_pytorch_model.safetensors"


def at(folder: Path) -> WeightOptions:
    return WeightOptions(model_path=str(folder))


def test_a_whole_folder_is_taken_as_it_is(checkpoint: Maker, home: Path) -> None:
    assert find(AUDIOLDM, at(checkpoint("audioldm"))) == checkpoint("audioldm")
    shutil.copytree(checkpoint("audioldm"), home / "cvssp" / "audioldm")
    assert find(AUDIOLDM, WeightOptions(download=False)) == home / "cvssp" / "audioldm"


def test_where_weights_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELS_DIR", raising=False)
    monkeypatch.setenv("CONTINUO_HOME", "/srv/continuo")
    assert models_dir() == Path("/srv/continuo/models")
    monkeypatch.setenv("MODELS_DIR", "~/weights")
    assert AUDIOLDM.folder == Path("~/weights/cvssp/audioldm").expanduser()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (shutil.rmtree, "no such folder"),
        (lambda folder: weights(folder).unlink(), "unet/weights are missing"),
        (lambda folder: (folder / FILES[1]).unlink(), "tokenizer/tokenizer_config.json is missing"),
        (lambda folder: weights(folder).write_bytes(weights(folder).read_bytes()[:-100]), "bytes of"),
        (lambda folder: weights(folder).write_bytes(b"<html>sign in</html>"), "no safetensors file"),
        (lambda folder: weights(folder).write_bytes(b"\x08" + b"\0" * 7 + b"nonsense"), "no safetensors header"),
        (lambda folder: (folder / "vae" / "model.safetensors.part").touch(), "vae/model.safetensors.part is half"),
    ],
)
def test_what_is_not_whole_is_refused_with_what_is_wrong_where(copied: Path, spoil: Any, told: str) -> None:
    spoil(copied)
    with pytest.raises(LoadFailed, match=told) as failed:
        find(AUDIOLDM, at(copied))
    assert str(copied) in str(failed.value)
    assert "\n" not in str(failed.value)


def test_shards_are_all_needed(copied: Path) -> None:
    state = load_file(weights(copied))
    names = sorted(state)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: state[name] for name in part}, copied / "unet" / file)
    weights(copied).unlink()
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (copied / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert find(AUDIOLDM, at(copied)) == copied
    (copied / "unet" / "b.safetensors").unlink()
    with pytest.raises(LoadFailed, match=r"unet/b.safetensors is missing"):
        find(AUDIOLDM, at(copied))


def test_nothing_there_and_no_download_says_where_it_looked_and_what_to_do(home: Path) -> None:
    with pytest.raises(LoadFailed) as failed:
        find(AUDIOLDM, WeightOptions(download=False))
    for part in ("cvssp/audioldm", str(home / "cvssp" / "audioldm"), "continuo models pull", "model_path"):
        assert part in str(failed.value)


def test_a_pull_brings_what_is_needed_and_nothing_else(hub: Hub, home: Path, copied: Path) -> None:
    hub.repositories["cvssp/audioldm"] = copied
    torch.save({"x": torch.zeros(1)}, copied / "unet" / "diffusion_pytorch_model.bin")
    (copied / "model.safetensors").write_bytes(weights(copied).read_bytes())
    (copied / "README.md").write_text("words")
    reports: list[tuple[str, int, int]] = []
    folder = pull(AUDIOLDM, lambda *told: reports.append(told))
    assert find(AUDIOLDM, WeightOptions(download=False)) == folder == home / "cvssp" / "audioldm"
    names = {name for name, _ in hub.asked}
    assert not names & {"README.md", "model.safetensors", "unet/diffusion_pytorch_model.bin"}
    assert weights(folder).read_bytes() == weights(copied).read_bytes()
    assert ("unet/diffusion_pytorch_model.safetensors", size := weights(copied).stat().st_size, size) in reports
    asked = len(hub.asked)
    pull(AUDIOLDM)
    assert len(hub.asked) == asked


def test_a_lost_connection_is_taken_up_where_it_broke(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployments.weights.hub.time.sleep", lambda _: None)
    hub.cut_after = 200_000
    folder = find(AUDIOLDM)
    assert hub.cuts > 3
    name = "unet/diffusion_pytorch_model.safetensors"
    ranges = [wanted for file, wanted in hub.asked if file == name]
    assert ranges[:2] == [None, "bytes=200000-"]
    assert weights(folder).read_bytes() == weights(hub.repositories["cvssp/audioldm"]).read_bytes()


def test_a_download_that_was_killed_is_resumed_by_the_next_process(hub: Hub, home: Path) -> None:
    whole = weights(hub.repositories["cvssp/audioldm"]).read_bytes()
    part = weights(home / "cvssp" / "audioldm").with_name("diffusion_pytorch_model.safetensors.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(whole[:300_000])
    with pytest.raises(LoadFailed, match="half a download"):
        find(AUDIOLDM, WeightOptions(download=False))
    folder = find(AUDIOLDM)
    assert ("unet/diffusion_pytorch_model.safetensors", "bytes=300000-") in hub.asked
    assert weights(folder).read_bytes() == whole
    assert not part.exists()


def test_a_partial_file_of_something_else_is_thrown_away(hub: Hub, home: Path) -> None:
    part = weights(home / "cvssp" / "audioldm").with_name("diffusion_pytorch_model.safetensors.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"?" * 1000)
    assert find(AUDIOLDM)
    assert [wanted for name, wanted in hub.asked if name.startswith("unet/diff")] == ["bytes=1000-", None]


def test_bytes_that_are_not_the_published_ones_are_never_kept(hub: Hub, home: Path) -> None:
    hub.damage = "vae/diffusion_pytorch_model.safetensors"
    with pytest.raises(LoadFailed, match="another hash"):
        find(AUDIOLDM)
    assert not (home / "cvssp" / "audioldm" / hub.damage).exists()
    hub.damage = None
    assert find(AUDIOLDM)


@pytest.mark.parametrize(("status", "told"), [(401, "HF_TOKEN"), (403, "accept its licence"), (503, "answered 503")])
def test_a_hub_that_refuses_is_told_with_what_to_do(hub: Hub, status: int, told: str) -> None:
    hub.refuse = status
    with pytest.raises(LoadFailed, match=told) as failed:
        find(AUDIOLDM)
    assert str(AUDIOLDM.folder) in str(failed.value)


def test_the_caller_is_told_to_the_hub(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    find(AUDIOLDM)
    assert hub.tokens == {"Bearer hf_secret"}


def test_no_network_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(LoadFailed, match="could not be reached"):
        find(AUDIOLDM)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(LoadFailed, match="HF_HUB_OFFLINE"):
        find(AUDIOLDM)


def test_a_pinned_revision_is_the_one_that_is_served(hub: Hub) -> None:
    find(AUDIOLDM)
    pinned = AUDIOLDM.model_copy(update={"revision": COMMIT})
    asked = len(hub.asked)
    assert find(pinned)
    assert len(hub.asked) == asked
    hub.commit = "f" * 40
    newer = WeightOptions(revision="f" * 40, download=False)
    with pytest.raises(LoadFailed, match="revision 0123456789ab is there, ffffffffffff is wanted"):
        find(AUDIOLDM, newer)
    assert find(AUDIOLDM, newer.model_copy(update={"download": True}))
    with pytest.raises(LoadFailed, match="no cvssp/audioldm at revision absent"):
        find(
            AUDIOLDM.model_copy(update={"repository": "cvssp/audioldm", "files": ("x",)}),
            WeightOptions(revision="absent"),
        )


def test_another_repository_is_looked_for_in_its_own_folder(home: Path) -> None:
    other = WeightOptions(repository="me/mine").of(AUDIOLDM.model_copy(update={"revision": COMMIT}))
    assert (other.folder, other.revision) == (home / "me" / "mine", "main")


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return open, (str(self.mark), "w")


def test_a_pickle_gives_weights_or_nothing(copied: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    state = load_file(weights(copied))
    pickled = weights(copied).with_suffix(".bin")
    torch.save(state, pickled)
    weights(copied).unlink()
    assert find(AUDIOLDM, at(copied)) == copied
    module = load_component(UNet2DConditionModel, copied / "unet")
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
    torch.save({**state, "evil": Evil(tmp_path / "ran")}, pickled)
    for load in (lambda: read_state(pickled), lambda: load_component(UNet2DConditionModel, copied / "unet")):
        with pytest.raises(LoadFailed, match="more than weights"):
            load()
    assert not (tmp_path / "ran").exists()


def test_safetensors_are_taken_before_a_pickle(copied: Path, tmp_path: Path) -> None:
    from diffusers import UNet2DConditionModel

    torch.save({"evil": Evil(tmp_path / "ran")}, weights(copied).with_suffix(".bin"))
    assert load_component(UNet2DConditionModel, copied / "unet") is not None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda state: state.pop("conv_in.bias"), "conv_in.bias is missing"),
        (lambda state: state.update({"conv_in.bias": torch.zeros(3)}), "conv_in.bias"),
    ],
)
def test_weights_of_another_network_are_refused(copied: Path, change: Any, told: str) -> None:
    from diffusers import UNet2DConditionModel

    state = load_file(weights(copied))
    change(state)
    save_file(state, weights(copied))
    with pytest.raises(LoadFailed, match=told) as failed:
        load_component(UNet2DConditionModel, copied / "unet")
    assert str(copied / "unet") in str(failed.value)


def test_a_module_of_our_own_is_filled_without_being_initialised(tmp_path: Path) -> None:
    with torch.device("meta"):
        module = torch.nn.Linear(2, 3)
    state = {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}
    made = fill(module, state, tmp_path, torch.bfloat16)
    assert made.weight.dtype == torch.bfloat16
    assert not made.weight.requires_grad
    assert made(torch.ones(2, dtype=torch.bfloat16)).tolist() == [2, 2, 2]
    for wrong, told in (
        ({"weight": torch.ones(3, 2)}, "bias is missing"),
        ({**state, "more": torch.ones(1)}, "more is not of this model"),
        ({**state, "bias": torch.ones(4)}, r"bias has shape \(4,\) where \(3,\) is needed"),
    ):
        with pytest.raises(LoadFailed, match=told):
            fill(torch.nn.Linear(2, 3), wrong, tmp_path)
