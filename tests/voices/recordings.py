"""Recordings of nobody: pulses through formants, in syllables with pauses, so that levels are like those of speech."""

import io

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]

LOW = (110.0, (600.0, 1040.0, 2250.0, 3300.0))  # pitch, formants, in Hz
HIGH = (230.0, (900.0, 1700.0, 3100.0, 4500.0))


def speech(
    seconds: float = 6.0,
    rate_hz: int = 24_000,
    voice: tuple[float, tuple[float, ...]] = LOW,
    *,
    level: float = 0.3,
    noise_db: float | None = -70.0,
    seed: int = 0,
) -> Floats:
    """Mono, (frames,): syllables of 0.2 s, after every fifth a pause of 0.2 s; noise relative to full scale."""
    draw = np.random.default_rng(seed)
    frames = round(seconds * rate_hz)
    pitch_hz, formants = voice
    wander = 1 + 0.06 * np.sin(2 * np.pi * 0.7 * np.arange(frames) / rate_hz + draw.uniform(0, 6))
    phase = np.cumsum(pitch_hz * wander / rate_hz) % 1
    sound = np.diff(phase, prepend=0.0) < 0
    made: Floats = sound.astype(float)
    for formant_hz in formants:
        if formant_hz < 0.45 * rate_hz:
            radius = np.exp(-np.pi * 90 / rate_hz)
            made = lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * formant_hz / rate_hz), radius**2], made)
    place = np.arange(frames) / rate_hz % 1.2
    made *= np.where(place < 1.0, 0.2 + np.sin(np.pi * (place % 0.2) / 0.2) ** 2, 0.0)
    made *= level / np.max(np.abs(made))
    return made if noise_db is None else made + 10 ** (noise_db / 20) * draw.standard_normal(frames)


def file(
    samples: Floats, rate_hz: int = 24_000, format: str = "WAV", subtype: str | None = None, channels: int = 1
) -> bytes:
    """These samples as a file, the same in each channel."""
    made = io.BytesIO()
    soundfile.write(made, np.repeat(samples[:, None], channels, axis=1), rate_hz, format=format, subtype=subtype)
    return made.getvalue()
