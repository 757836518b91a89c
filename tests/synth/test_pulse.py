"""Who asks for a tempo or a start can measure it: the beat is the strongest period, the front the loudest moment."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from deployments.synth import generate_audio
from tests.synth.listen import RATE_HZ
from tests.synth.pairs import Signal

HOP = 441


def strongest_period_s(signal: Signal) -> float:
    """The greatest autocorrelation of the spectral flux between a quarter and one and a half seconds."""
    _, _, spectrum = scipy.signal.stft(signal, RATE_HZ, nperseg=1024, noverlap=1024 - HOP)
    flux = np.maximum(0, np.diff(np.log1p(1000 * np.abs(spectrum)), axis=1)).mean(axis=0)
    flux -= flux.mean()
    alike = scipy.signal.correlate(flux, flux)[len(flux) - 1 :]
    lags = np.arange(len(alike)) * HOP / RATE_HZ
    within = (lags >= 0.25) & (lags <= 1.5)
    return float(lags[within][np.argmax(alike[within])])


@pytest.mark.parametrize("tempo_bpm", [60, 90, 120, 150])
@pytest.mark.parametrize("prompt", ["drums", "kick drum", "piano", "bass line", "acoustic guitar", "kalimba"])
def test_the_beat_that_is_asked_for_is_the_strongest_period(prompt: str, tempo_bpm: int) -> None:
    made = generate_audio(f"{prompt} at {tempo_bpm} bpm", duration=12.0, seed=5).mean(axis=0, dtype=np.float64)
    assert strongest_period_s(made) == pytest.approx(60 / tempo_bpm, rel=0.04)


def rise_s(signal: Signal) -> float:
    """From a tenth to nine tenths of the greatest level of all."""
    level = np.sqrt(np.maximum(0, scipy.ndimage.uniform_filter1d(signal**2, HOP)))
    return float(np.argmax(level >= 0.9 * level.max()) - np.argmax(level >= 0.1 * level.max())) / RATE_HZ


@pytest.mark.parametrize("sound", ["organ", "flute", "strings", "drone", "choir", "bell", "saxophone"])
def test_a_sudden_start_is_the_loudest_moment(sound: str) -> None:
    sudden, slow = (
        rise_s(generate_audio(f"{sound} with a {way} attack", duration=10.0, seed=3).mean(axis=0, dtype=np.float64))
        for way in ("sudden", "slow")
    )
    assert sudden < 0.25
    assert slow > 2 * sudden
