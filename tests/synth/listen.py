"""How the tests listen: spectra, onsets and pitch classes, independent of the engine's own meters."""

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from deployments.contract import Audio, Context
from deployments.synth import Synth, SynthRequest
from serve_app.replica.replica import whole

RATE_HZ = 44_100
Signal = NDArray[np.float64]


def make(prompt: str, seed: int = 1, **fields: object) -> Audio:
    request = SynthRequest.model_validate({"prompt": prompt, **fields})
    return whole(Synth().generate(request, Context(seed=seed)))


def mono(audio: Audio) -> Signal:
    mixed: Signal = audio.samples.mean(axis=0, dtype=np.float64)
    return mixed


def sounds(audio: Audio) -> list[str]:
    return [layer["preset"] for layer in audio.facts["interpretation"]["layers"]]


def spectrum(signal: Signal, size: int = 32_768) -> tuple[Signal, Signal]:
    frequency_hz, power = scipy.signal.welch(signal, RATE_HZ, nperseg=min(size, len(signal)))
    return frequency_hz, power


def level_db(signal: Signal, low_hz: float, high_hz: float) -> float:
    frequency_hz, power = spectrum(signal)
    return float(10 * np.log10(power[(frequency_hz >= low_hz) & (frequency_hz < high_hz)].sum() + 1e-30))


def flatness(signal: Signal, low_hz: float, high_hz: float) -> float:
    """Geometric over arithmetic mean of the power spectrum: near 1 for noise, near 0 for tones."""
    frequency_hz, power = spectrum(signal)
    band = power[(frequency_hz >= low_hz) & (frequency_hz < high_hz)]
    return float(np.exp(np.log(band + 1e-30).mean()) / band.mean())


def band(signal: Signal, low_hz: float, high_hz: float) -> Signal:
    sections = scipy.signal.butter(4, [low_hz, high_hz], "bandpass", fs=RATE_HZ, output="sos")
    filtered: Signal = scipy.signal.sosfiltfilt(sections, signal)
    return filtered


def centroid_hz(signal: Signal) -> float:
    frequency_hz, power = spectrum(signal)
    return float((frequency_hz * power).sum() / power.sum())


def pitch_classes(signal: Signal) -> Signal:
    """Share of the peaks' power per pitch class, C first, from 60 to 1200 Hz."""
    size = len(signal)
    power = np.abs(np.fft.rfft(signal * np.hanning(size))) ** 2
    frequency_hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    inside = (frequency_hz > 60) & (frequency_hz < 1200)
    note = np.round(69 + 12 * np.log2(frequency_hz[inside] / 440)).astype(int) % 12
    share = np.bincount(note, power[inside], 12).astype(np.float64)
    share /= share.sum()
    return share


def onset_period_s(signal: Signal, shortest_s: float, longest_s: float) -> float:
    """The lag at which the rises of the envelope repeat best."""
    hop = 256
    frames = signal[: len(signal) // hop * hop].reshape(-1, hop)
    rise = np.maximum(0, np.diff(np.log(np.sqrt((frames**2).mean(axis=1)) + 1e-4)))
    rise -= rise.mean()
    likeness = np.correlate(rise, rise, "full")[len(rise) - 1 :]
    low, high = round(shortest_s * RATE_HZ / hop), round(longest_s * RATE_HZ / hop)
    return float((low + np.argmax(likeness[low:high])) * hop / RATE_HZ)
