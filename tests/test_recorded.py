"""Recordings instead of a model, from the entry of the configuration to the file that leaves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from deployments.contract import Audio, Cancelled, Context, LoadFailed, SoundRequest
from deployments.recorded import Recorded, RecordedOptions
from deployments.tone import sine
from serve_app.config import parse_args
from serve_app.errors import Invalid
from serve_app.jobs.catalogue import Catalogue
from tests.support.service import args_in, entry, running

RATES_HZ = {"low.wav": 22_050, "middle.flac": 44_100, "high.ogg": 48_000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three recordings of a second, of 200, 400 and 800 Hz, each at its own rate."""
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for place, (name, rate_hz) in enumerate(RATES_HZ.items()):
        samples = sine(200 * 2**place * 44_100 / rate_hz, rate_hz, seed=1)
        soundfile.write(sounds / name, samples.T, rate_hz)
    (sounds / "notes.txt").write_text("no sound")
    return sounds


def loaded(folder: Path) -> Recorded:
    model = Recorded(RecordedOptions(folder=str(folder)))
    model.load()
    return model


def played(model: Recorded, prompt: str = "rain", duration_s: float = 0.5, seed: int = 1) -> Audio:
    return model.generate(SoundRequest(prompt=prompt, duration_s=duration_s), Context(seed=seed))


def test_the_prompt_chooses_the_file_and_the_file_its_rate(folder: Path) -> None:
    model = loaded(folder)
    found = {}
    for at in range(40):
        audio = played(model, f"prompt {at}")
        name = audio.facts["recording"]
        found[name] = audio.sample_rate_hz
        recording, _ = soundfile.read(folder / name, dtype="float32")
        assert np.array_equal(audio.samples, recording[: audio.samples.shape[1]].T)
        assert audio.duration_s == 0.5
        again = played(model, f"prompt {at}", seed=99)
        assert np.array_equal(audio.samples, again.samples)
    assert found == RATES_HZ


def test_a_short_recording_begins_again(folder: Path) -> None:
    audio = played(loaded(folder), duration_s=2.5)
    assert audio.duration_s == 2.5
    second = audio.sample_rate_hz
    assert np.array_equal(audio.samples[:, :second], audio.samples[:, second : 2 * second])
    assert np.array_equal(audio.samples[:, : second // 2], audio.samples[:, 2 * second :])


def test_a_folder_that_cannot_be_played_is_told_by_name(tmp_path: Path) -> None:
    nowhere = Recorded(RecordedOptions(folder=str(tmp_path / "nowhere")))
    assert nowhere.missing() == [f"{tmp_path / 'nowhere'}: no folder"]
    with pytest.raises(LoadFailed, match=f"there is no folder {tmp_path / 'nowhere'}"):
        nowhere.load()
    with pytest.raises(LoadFailed, match=f"{tmp_path} holds no sound file"):
        loaded(tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(LoadFailed, match=f"{tmp_path / 'broken.wav'} cannot be read"):
        loaded(tmp_path)
    soundfile.write(tmp_path / "broken.wav", np.zeros((0, 1)), 8000)
    with pytest.raises(LoadFailed, match=f"{tmp_path / 'broken.wav'} is empty"):
        loaded(tmp_path)


def test_a_cancel_ends_it(folder: Path) -> None:
    context = Context(seed=1)
    context.cancelled.set()
    with pytest.raises(Cancelled):
        loaded(folder).generate(SoundRequest(prompt="rain"), context)


def recorded_entry(folder: Path) -> dict[str, Any]:
    return entry("recorded", "deployments.recorded:Recorded", options={"folder": str(folder)})


def test_one_entry_is_all_that_the_catalogue_needs(folder: Path) -> None:
    catalogue = Catalogue(parse_args({"models": [recorded_entry(folder)]}).models)
    plan = catalogue.plan("auto", {"prompt": "rain"}, prefix="", tasks=("text-to-audio",))
    assert (plan.model, plan.task) == ("recorded", "text-to-audio")
    with pytest.raises(Invalid, match="600 s is the longest"):
        catalogue.plan("recorded", {"prompt": "rain", "duration_s": 601}, prefix="")


@pytest.mark.anyio
async def test_a_recording_leaves_as_any_sound_does(folder: Path, tmp_path: Path) -> None:
    async with running(args_in(tmp_path, recorded_entry(folder))) as service:
        body = {"prompt": "rain", "duration_s": 2, "sample_rate_hz": 32_000, "format": "wav"}
        job = (await service.http.post("/v1/audio/generations", json=body)).json()
        [output] = job["outputs"]
        assert (job["model_used"], output["duration_s"], output["sample_rate_hz"]) == ("recorded", 2, 32_000)
        assert output["quality"]["ok"]
        assert (await service.http.get(output["url"])).content[:4] == b"RIFF"
