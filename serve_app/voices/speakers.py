"""How many people speak in a recording: a hint, by the speaker encoder that the package Resemblyzer carries.

The encoder of generalized end-to-end loss (Wan et al., ICASSP 2018): 40 mel bands, three LSTM layers of 256, a vector
of unit length for each window of 1.6 s. Here it is numpy alone, as a few windows take less time than torch to import.
Without the package nothing is said.
"""

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE_HZ = 16_000
_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"  # pretrained.pt of 0.1.4
_FFT, _HOP, _BANDS = 400, 160, 40  # 25 ms, 10 ms
WINDOW = 160  # frames that the encoder was trained on: 1.6 s
_STEP = 80
_LEVEL_DBFS = -30.0  # what is quieter is brought to it, as in training
# How alike the two most unlike groups of windows are: 0.85 to 0.97 of one voice (ten of Kokoro's, 10 to 25 s, some with
# noise at 15 dB), 0.47 to 0.81 of 44 pairs of these, 15 s of one and 4 s of the other included.
_ONE_PERSON = 0.82
_LEAST_WINDOWS = 2  # of the smaller group: a cough is nobody


def weights_file() -> Path | None:
    """The encoder's weights on this machine, if the package is installed."""
    found = find_spec("resemblyzer")  # which imports nothing of it
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (file := Path(folder) / "pretrained.pt").is_file():
            return file
    return None


def speakers(samples: Floats) -> int | None:
    """1, or 2 where the windows of a sound (mono, 16 kHz) fall into groups unlike one another.

    None where the weights are not installed or there are too few windows to tell.
    """
    file = weights_file()
    if file is None:
        return None
    found = embeddings(samples, encoder(file))
    if len(found) < 2 * _LEAST_WINDOWS:
        return None
    return 1 if likeness_of_groups(found) >= _ONE_PERSON else 2


def likeness_of_groups(vectors: Floats) -> float:
    """The cosine between the means of the two most unlike groups; 1 where the smaller one has too few windows."""
    alike = vectors @ vectors.T
    first, second = np.unravel_index(int(np.argmin(alike)), alike.shape)
    means = vectors[[first, second]]
    for _ in range(20):
        mine = (vectors @ means.T).argmax(axis=1)
        if min(sizes := np.bincount(mine, minlength=2)) < _LEAST_WINDOWS:
            return 1.0
        moved = np.stack([vectors[mine == group].sum(axis=0) for group in range(len(sizes))])
        moved /= np.linalg.norm(moved, axis=1, keepdims=True)
        if np.allclose(moved, means):
            break
        means = moved
    return float(means[0] @ means[1])


def embeddings(samples: Floats, weights: Mapping[str, Floats]) -> Floats:
    """A vector of unit length (256) for each window of 1.6 s, 0.8 s apart, but for those that are mostly silent."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) or 1.0
    samples = samples * np.float32(max(1.0, 10 ** (_LEVEL_DBFS / 20) / rms))
    bands = mel(samples)
    starts = range(0, len(bands) - WINDOW + 1, _STEP)
    loud = bands.sum(axis=1) > 1e-3 * np.percentile(bands.sum(axis=1), 95)
    windows = [bands[at : at + WINDOW] for at in starts if loud[at : at + WINDOW].mean() > 0.6]
    return _encoded(np.stack(windows), weights) if windows else np.zeros((0, 256), np.float32)


def mel(samples: Floats) -> Floats:
    """Power of 40 mel bands (frames, bands), every 10 ms, as librosa's melspectrogram has them: not in dB."""
    padded = np.pad(samples, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.asarray(power @ _filters().T, np.float32)


@cache
def _filters() -> Floats:
    """Triangles of equal area between 0 and 8 kHz on Slaney's mel scale: linear to 1 kHz, then logarithmic."""
    top = 15 + 27 * np.log(8) / np.log(6.4)
    mels = np.linspace(0, top, _BANDS + 2)
    edges_hz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)))
    bins_hz = np.fft.rfftfreq(_FFT, 1 / RATE_HZ)
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    shapes = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return np.asarray(shapes, np.float32)


def _encoded(windows: Floats, weights: Mapping[str, Floats]) -> Floats:
    """The last state of three LSTM layers over (windows, frames, bands), through a rectified layer, of unit length."""
    layer = windows
    for index in range(3):
        inner, outer = weights[f"lstm.weight_hh_l{index}"].T, weights[f"lstm.weight_ih_l{index}"].T
        gates_of = layer @ outer + (weights[f"lstm.bias_ih_l{index}"] + weights[f"lstm.bias_hh_l{index}"])
        state = cell = np.zeros((len(windows), inner.shape[0]), np.float32)
        states = np.empty((*layer.shape[:2], inner.shape[0]), np.float32)
        for frame in range(layer.shape[1]):
            into, forget, new, out = np.split(gates_of[:, frame] + state @ inner, 4, axis=1)
            cell = _sigmoid(forget) * cell + _sigmoid(into) * np.tanh(new)
            state = states[:, frame] = _sigmoid(out) * np.tanh(cell)
        layer = states
    vectors = np.maximum(0, layer[:, -1] @ weights["linear.weight"].T + weights["linear.bias"])
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(0.5 * np.tanh(0.5 * x) + 0.5, np.float32)


def encoder(file: Path) -> Mapping[str, Floats]:
    """The encoder's tensors by name. Raises ValueError for another file than the published one."""
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != _SHA256:
            raise ValueError(f"{file} is not what Resemblyzer 0.1.4 has")
        opened.seek(0)
        return _tensors(opened)


def _tensors(file: BinaryIO) -> Mapping[str, Floats]:
    """Tensors from torch's format before version 1.6: five pickles, then each storage as its length and its numbers."""
    for _ in range(3):
        _Names(file).load()  # a magic number, the format's version, facts of the machine
    told = _Names(file).load()["model_state"]
    storages = {}
    for key in _Names(file).load():
        length = int.from_bytes(file.read(8), "little")
        storages[key] = np.frombuffer(file.read(4 * length), "<f4")
    found = {}
    for name, (key, offset, shape) in told.items():
        found[name] = storages[key][offset : offset + int(np.prod(shape))].reshape(shape)
    return found


class _Names(pickle.Unpickler):
    """Reads names, numbers and where tensors lie. Whatever else a pickle asks for is refused, not run."""

    _KNOWN: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch", "FloatStorage"): "<f4",
        ("torch._utils", "_rebuild_tensor_v2"): lambda storage, offset, shape, *_: (storage, offset, shape),
    }

    def find_class(self, module: str, name: str) -> Any:
        """One of three names. Raises UnpicklingError."""
        try:
            return self._KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"the file asks for {module}.{name}") from None

    def persistent_load(self, saved: Any) -> str:
        """The key of a storage."""
        kind, numbers, key, *_ = saved
        if (kind, numbers) != ("storage", "<f4"):
            raise pickle.UnpicklingError(f"the file holds a {kind} of {numbers}")
        return str(key)
