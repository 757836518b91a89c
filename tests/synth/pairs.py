"""Pairs of prompts that differ in one word, and what must differ in the sound; listed in tests/data/word_pairs.json."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from deployments.contract import Audio
from deployments.synth.terms.theory import Tonality
from deployments.synth.words.musical import read_terms
from tests.synth.listen import RATE_HZ, centroid_hz, make, mono, pitch_classes

Signal = NDArray[np.float64]
HOP = 256


@dataclass(frozen=True)
class Pair:
    measure: str
    less: str
    more: str
    seed: int


def load_pairs() -> list[Pair]:
    path = Path(__file__).parents[1] / "data" / "word_pairs.json"
    return [Pair(**row) for row in json.loads(path.read_text())]


def envelope(signal: Signal, smooth_s: float = 0.01) -> Signal:
    frames = signal[: len(signal) // HOP * HOP].reshape(-1, HOP)
    level: Signal = np.sqrt((frames**2).mean(axis=1))
    return scipy.ndimage.gaussian_filter1d(level, max(0.5, smooth_s * RATE_HZ / HOP))


def attack_s(signal: Signal) -> float:
    """How long the first sound takes from a tenth to three quarters of the level that it keeps."""
    level = envelope(signal[: 4 * RATE_HZ], 0.04)
    kept = np.percentile(level, 80)
    reached = int(np.argmax(level >= 0.75 * kept))
    began = int(np.argmax(level >= 0.1 * kept))
    return (reached - began) * HOP / RATE_HZ


def slow_modulation(signal: Signal) -> float:
    """Share of the envelope's changes that are slower than half a hertz: waves against drops."""
    level = envelope(signal)
    level = level / level.mean() - 1
    frequency_hz, power = scipy.signal.periodogram(level, RATE_HZ / HOP)
    slow = power[(frequency_hz > 0.03) & (frequency_hz < 0.5)].sum()
    return float(slow / power[frequency_hz > 0.03].sum())


def fundamental_hz(signal: Signal) -> float:
    """The lowest strong partial."""
    frequency_hz, power = scipy.signal.welch(signal, RATE_HZ, nperseg=32_768)
    strong = (power > 0.05 * power[frequency_hz > 25].max()) & (frequency_hz > 25)
    return float(frequency_hz[np.argmax(strong)])


def onset_rate_hz(signal: Signal) -> float:
    """Peaks of the spectral flux per second."""
    _, _, spectrum = scipy.signal.stft(signal, RATE_HZ, nperseg=1024, noverlap=1024 - HOP)
    loud = np.log1p(1000 * np.abs(spectrum))
    flux = np.maximum(0, np.diff(loud, axis=1)).sum(axis=0)
    flux = scipy.ndimage.gaussian_filter1d(flux, 1.5)
    floor = scipy.ndimage.median_filter(flux, 101)
    peaks, _ = scipy.signal.find_peaks(flux - floor, height=0.12 * (flux - floor).max(), distance=8)
    return len(peaks) * RATE_HZ / len(signal)


def sameness(audio: Audio) -> float:
    """Correlation of left and right; 1 is mono."""
    left, right = audio.samples.astype(np.float64)
    return float(np.corrcoef(left, right)[0, 1])


def in_key(signal: Signal, prompt: str) -> float:
    """Share of the pitch classes within the key that a prompt names."""
    terms = read_terms(prompt)
    assert terms.key is not None
    assert terms.scale is not None
    tonality = Tonality(terms.key, terms.scale)
    share = pitch_classes(signal)
    return float(sum(share[(tonality.tonic + step) % 12] for step in tonality.steps))


_MEASURES: dict[str, Callable[[Audio], float]] = {
    "centroid": lambda audio: centroid_hz(mono(audio)),
    "attack": lambda audio: attack_s(mono(audio)),
    "modulation": lambda audio: slow_modulation(mono(audio)),
    "fundamental": lambda audio: fundamental_hz(mono(audio)),
    "density": lambda audio: onset_rate_hz(mono(audio)),
    "tempo": lambda audio: onset_rate_hz(mono(audio)),
    "width": lambda audio: -sameness(audio),
}
_DURATIONS_S = {"modulation": 24.0, "density": 24.0, "tempo": 12.0, "key": 12.0}


def measured(pair: Pair) -> tuple[float, float]:
    """The feature of both sounds; the second must be more. For a key: how much of the second's key is in each."""
    fields: dict[str, object] = {"duration_s": _DURATIONS_S.get(pair.measure, 6.0)}
    if pair.measure != "key":
        fields |= {"key": "C", "scale": "minor"}
    less, more = (make(prompt, pair.seed, **fields) for prompt in (pair.less, pair.more))
    if pair.measure == "key":
        return in_key(mono(less), pair.more), in_key(mono(more), pair.more)
    measure = _MEASURES[pair.measure]
    return measure(less), measure(more)


def heard(pair: Pair) -> bool:
    """Whether the sound went the way that the words say."""
    less, more = measured(pair)
    return more > less
