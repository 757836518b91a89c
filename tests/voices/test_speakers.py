"""The speaker encoder in numpy: the published weights, the numbers of torch, one voice told from two."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import resample_poly

from serve_app.voices import speakers
from serve_app.voices.speakers import RATE_HZ, WINDOW, encoder, likeness_of_groups, mel, weights_file
from tests.voices.recordings import HIGH, LOW, speech


@pytest.fixture(scope="module")
def file() -> Path:
    found = weights_file()
    assert found is not None, "the extra `voices` is a part of development"
    return found


def test_the_weights_are_read_as_torch_reads_them(file: Path) -> None:
    theirs = torch.load(file, weights_only=True, map_location="cpu")["model_state"]
    ours = encoder(file)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name].numpy()) for name in theirs)


def test_windows_are_encoded_as_torch_encodes_them(file: Path) -> None:
    weights = {name: torch.from_numpy(np.array(values)) for name, values in encoder(file).items()}
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({name[5:]: values for name, values in weights.items() if name.startswith("lstm.")})
    windows = np.random.default_rng(0).gamma(1.0, size=(3, WINDOW, 40)).astype(np.float32)
    with torch.no_grad():
        _, (state, _) = lstm(torch.from_numpy(windows))
        raw = torch.relu(state[-1] @ weights["linear.weight"].T + weights["linear.bias"])
        theirs = (raw / raw.norm(dim=1, keepdim=True)).numpy()
    ours = speakers._encoded(windows, encoder(file))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("frequency_hz", [200, 1000, 3000, 6000])
def test_a_sine_is_in_the_band_of_its_frequency(frequency_hz: float) -> None:
    bands = mel(np.sin(2 * np.pi * frequency_hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32))
    assert bands.shape == (101, 40)
    mels = 15 + 27 * np.log(frequency_hz / 1000) / np.log(6.4) if frequency_hz >= 1000 else frequency_hz * 3 / 200
    expected = mels / (15 + 27 * np.log(8) / np.log(6.4)) * 41 - 1
    assert abs(int(bands[50].argmax()) - expected) <= 1


def test_one_voice_is_told_from_two() -> None:
    low, high = (speech(8, RATE_HZ, voice).astype(np.float32) for voice in (LOW, HIGH))
    assert speakers.speakers(low) == speakers.speakers(high) == 1
    assert speakers.speakers(np.concatenate([low, high])) == 2
    assert speakers.speakers(resample_poly(low, 1, 1)[: 2 * RATE_HZ]) is None  # too short to tell


def test_without_the_package_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speakers, "find_spec", lambda _name: None)
    assert weights_file() is None
    assert speakers.speakers(speech(8, RATE_HZ).astype(np.float32)) is None


def test_groups_need_more_than_an_outlier() -> None:
    draw = np.random.default_rng(0)
    near = np.abs(np.array([1.0, 0, 0, 0]) + 0.1 * draw.standard_normal((8, 4)))
    far = np.abs(np.array([0, 1.0, 0, 0]) + 0.1 * draw.standard_normal((4, 4)))

    def unit(vectors: np.ndarray) -> np.ndarray:
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    assert likeness_of_groups(unit(near)) > 0.9
    assert likeness_of_groups(unit(np.vstack([near, far]))) < 0.3
    assert likeness_of_groups(unit(np.vstack([near, far[:1]]))) == 1


def test_another_file_is_refused_and_a_pickle_runs_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "pretrained.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="not what Resemblyzer"):
        encoder(tmp_path / "pretrained.pt")
    with (tmp_path / "pretrained.pt").open("rb") as opened, pytest.raises(pickle.UnpicklingError, match="open"):
        speakers._Names(opened).load()
    assert not (tmp_path / "ran").exists()
