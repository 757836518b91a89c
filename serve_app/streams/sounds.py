"""The stored items as the renderer reads them: stereo at 44.1 kHz, any slice of it, measured once."""

from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

import numpy as np
import synth_native

from deployments.contract import Samples
from serve_app.streams.gains import Fade, crossfade, floats
from serve_app.streams.grid import RATE_HZ, samples
from serve_app.streams.timeline import MusicItem, SpokenText

_LOOP_FADE = samples(3.0)


class Facts(NamedTuple):
    """What is measured once, when an item is stored. None: too short or too quiet for a loudness."""

    frames: int
    loudness_lufs: float | None
    true_peak_dbtp: float


class Sound(Protocol):
    """A stored item: stereo at 44.1 kHz."""

    @property
    def facts(self) -> Facts:
        """Its length and levels."""
        ...

    def read(self, start: int, end: int) -> Samples:
        """The frames [start, end), of those that it has; the same each time, and not changed by the reader."""
        ...


class Items(Protocol):
    """Where the renderer gets its items; None: not there. What is there must stay the same as long as it is heard."""

    def music(self, item: MusicItem) -> Sound | None:
        """The sound of an item. One that is shorter than the item is looped."""
        ...

    def speech(self, text: SpokenText) -> Sound | None:
        """The sound of a text; without one the bed stays up."""
        ...

    def correlation(self, before: MusicItem, after: MusicItem) -> float:
        """What `seam_correlation` said of two neighbours when both were there; asked only if they are."""
        ...


def measured(sound: Samples) -> Facts:
    """Facts of a sound at 44.1 kHz. Raises synth_native.NotFinite for NaN and infinity."""
    report = synth_native.measure(sound, RATE_HZ)
    return Facts(sound.shape[-1], report["loudness_lufs"], report["true_peak_dbtp"])


class ArraySound:
    """A sound in memory, mono or stereo."""

    def __init__(self, sound: Samples, facts: Facts | None = None) -> None:
        self._sound: Samples = np.broadcast_to(sound, (2, sound.shape[-1]))
        self.facts = facts or measured(np.ascontiguousarray(self._sound))

    def read(self, start: int, end: int) -> Samples:
        """A view."""
        return self._sound[:, start:end]


class FileSound:
    """A WAV or FLAC file at 44.1 kHz, mono or stereo, of which only what is asked for is decoded.

    `facts` are those stored beside it. Raises ValueError for another rate or length.
    """

    def __init__(self, file: str | Path, facts: Facts) -> None:
        self._file, self.facts = file, facts

    def read(self, start: int, end: int) -> Samples:
        """Opens the file; OSError if it cannot be read."""
        return decoded(self._file, self.facts.frames, start, end)


def decoded(file: str | Path | BinaryIO, frames: int, start: int, end: int) -> Samples:
    """Frames [start, end) of a file that has `frames`. Raises OSError, or ValueError if it is not what was stored."""
    import soundfile

    try:
        with soundfile.SoundFile(file) as opened:
            if (opened.samplerate, opened.frames) != (RATE_HZ, frames):
                raise ValueError(f"expected {frames} frames at 44100 Hz, got {opened.frames} at {opened.samplerate} Hz")
            opened.seek(start)
            read = opened.read(end - start, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise OSError(str(error)) from error
    return np.broadcast_to(read.T, (2, len(read)))


class Looped:
    """A sound that goes on as long as needed: it is cross-faded into its own beginning."""

    def __init__(self, sound: Sound, frames: int) -> None:
        self._sound = sound
        self._fade = min(_LOOP_FADE, sound.facts.frames // 3)
        self._period = sound.facts.frames - self._fade
        peak_dbtp = sound.facts.true_peak_dbtp + 3.02  # of two times over each other
        self.facts = Facts(frames, sound.facts.loudness_lufs, peak_dbtp)

    def read(self, start: int, end: int) -> Samples:
        """The same however it is split."""
        out = np.zeros((2, end - start), np.float32)
        whole = self._sound.facts.frames
        for time in range(max(0, (start - self._fade) // self._period), -(-end // self._period)):
            first = time * self._period
            low, high = max(start, first), min(end, first + whole)
            if low >= high:
                continue
            part = self._sound.read(low - first, high - first)
            again = first + self._period
            level = crossfade(Fade(again, again + self._fade).over(low, high), 0)[0]
            if time:
                level = level * crossfade(Fade(first, first + self._fade).over(low, high), 0)[1]
            out[:, low - start : high - start] += part * floats(level)
        return out


def as_long_as(sound: Sound, frames: int) -> Sound:
    """The sound itself, or looped if it is too short."""
    return sound if sound.facts.frames >= frames else Looped(sound, frames)


def seam_correlation(before: MusicItem, first: Sound, after: MusicItem, second: Sound) -> float:
    """How alike two neighbours are where they sound together: 0 to 1, in thousandths. Measured once and stored."""
    a, b = after.start, after.start + after.fade_in
    low, high = a - before.start + before.offset, b - before.start + before.offset
    tail = as_long_as(first, before.frames).read(low, high).astype(np.float64).ravel()
    head = as_long_as(second, after.frames).read(after.offset, after.offset + b - a).astype(np.float64).ravel()
    power = float(np.sqrt(np.dot(tail, tail) * np.dot(head, head)))
    alike = float(np.dot(tail, head)) / power if power > 0 else 0.0
    return round(min(1.0, max(0.0, alike)), 3)
