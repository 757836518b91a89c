"""Items of streams, computed: pads of sines and noise, texts of buzzing syllables; the same ones each time."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import synth_native

from deployments.contract import Samples
from deployments.synth import generate_audio
from serve_app.streams.grid import RATE_HZ
from serve_app.streams.sounds import ArraySound, Sound, seam_correlation
from serve_app.streams.timeline import MusicItem, SpokenText


@cache
def pad(number: int, seconds: float = 36.0) -> ArraySound:
    """A chord that moves, over noise."""
    rng = np.random.default_rng(number)
    frames = round(seconds * RATE_HZ)
    time = np.arange(frames, dtype=np.float32) / RATE_HZ
    root = 110 * 2 ** (rng.integers(0, 12) / 12)
    sound = (rng.standard_normal((2, frames)) * 0.01).astype(np.float32)
    for semitones in (0, 7, 16):
        level = 0.05 * (1 + np.sin(2 * np.pi * rng.uniform(0.05, 0.2) * time + rng.uniform(0, 6)))
        for harmonic in (1, 3):
            hz = root * 2 ** (semitones / 12) * harmonic
            tone = np.sin(2 * np.pi * hz * time + rng.uniform(0, 6)) * level / harmonic
            sound += rng.uniform(0.3, 1, (2, 1)).astype(np.float32) * tone
    return ArraySound(sound)


@cache
def piano() -> ArraySound:
    """Notes in silence, as a job would store them; encoders give them few bits, and what one saved, another lacks."""
    return ArraySound(
        synth_native.finish(generate_audio("slow soft piano, sparse", key="D", duration=36.0, seed=2), RATE_HZ)[0]
    )


@cache
def buzz(number: int, seconds: float = 4.0) -> ArraySound:
    """Something like a voice, mono."""
    rng = np.random.default_rng(100 + number)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(180 + 20 * np.sin(2 * np.pi * 0.7 * time)) / RATE_HZ
    tones = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 16))
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time), 0, 1)
    noise = 0.1 * rng.standard_normal(len(time)) * np.clip(-np.sin(2 * np.pi * 2.3 * time), 0, 1)
    return ArraySound((0.2 * (tones * syllables + noise))[None].astype(np.float32))


class Pieces:
    """Music by the number of its item and take together; one sound for all texts; correlations measured once."""

    def __init__(self, music: Mapping[int, Sound | None] | None = None, speech: Sound | None = None) -> None:
        self._music, self._speech = music, speech
        self.seams: dict[tuple[int, int, int, int], float] = {}

    def music(self, item: MusicItem) -> Sound | None:
        if self._music is None:
            number = (item.j + item.take) % 3
            return pad(number) if number else piano()
        return self._music.get(item.j + item.take)

    def speech(self, text: SpokenText) -> Sound | None:
        return self._speech

    def correlation(self, before: MusicItem, after: MusicItem) -> float:
        seam = (before.j, before.take, after.j, after.take)
        if seam not in self.seams:
            first, second = self.music(before), self.music(after)
            assert first is not None
            assert second is not None
            self.seams[seam] = seam_correlation(before, first, after, second)
        return self.seams[seam]


def noise(seed: int, seconds: float, level: float = 0.1) -> Samples:
    """White noise whose bits depend on no processor."""
    integers = np.random.default_rng(seed).integers(-(2**20), 2**20, (2, round(seconds * RATE_HZ)))
    return (integers * (level / 2**20)).astype(np.float32)
