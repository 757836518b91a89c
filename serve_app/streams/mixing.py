"""The sound of any range of samples: items cross-faded at their loudness, texts over them, levels.

Every sample depends on its place alone, so any split gives the same bits, on any processor (`gains.py`). True peak is
held by gains that do not move: each item and each text gets the gain that its loudness asks for, or less where its own
peak could exceed its share of -1 dBTP together with whatever sounds at the same time. No limiter, no state.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np

from deployments.contract import Samples
from serve_app.streams.gains import Fade, Level, crossfade, floats, linear
from serve_app.streams.grid import SHORT
from serve_app.streams.sounds import Facts, Items, Sound, as_long_as
from serve_app.streams.timeline import ATTACK, DUCK_DB, RELEASE, MusicItem, SpokenText, Timeline

VOICE_LU = 8.0  # a voice over the bed that is down for it
_DUCK = linear(DUCK_DB)
_CEILING = linear(-1.02)
# Two items under a cross-fade have at most the root of 2 of one; under a voice they are down.
_BED_PEAK = _CEILING / math.sqrt(2)
_VOICE_PEAK = _CEILING * (1 - _DUCK)
_UNKNOWN_CREST_DB = 14.0  # of what is too short for a loudness
_BLOCK = SHORT  # what does not change within it costs one number


def render(timeline: Timeline, items: Items, a: int, b: int, *, voice: bool = True) -> Samples:
    """Samples [a, b), shape (2, b - a); silence before the start and after the end. `voice=False`: the bed alone."""
    out = np.zeros((2, b - a), np.float32)
    low, high = max(a, 0), b if timeline.end is None else min(b, timeline.end)
    if low >= high:
        return out
    texts = spoken(timeline, items, low, high) if voice else []
    voices = [_voice(text, sound, low, high) for text, sound in texts]
    mix = _Mix(timeline, _bed(timeline, items, low, high), voices)
    for start in range(low, high, _BLOCK):
        end = min(start + _BLOCK, high)
        mix.into(out[:, start - a : end - a], start, end)
    return out


@dataclass(frozen=True)
class _Part:
    """The frames of an item or a text for the samples [start, end) in which it is heard."""

    start: int
    end: int
    sound: Samples
    level: Callable[[float], float]  # of a loudness that is aimed at

    def of(self, a: int, b: int) -> Samples:
        return self.sound[:, a - self.start : b - self.start]


@dataclass(frozen=True)
class _Bed(_Part):
    comes: Fade | None
    goes: Fade
    comes_alike: float = 0.0  # the correlation with the one before, with the next
    goes_alike: float = 0.0

    def share(self, a: int, b: int) -> Level:
        coming = 1.0 if self.comes is None else crossfade(self.comes.over(a, b), self.comes_alike)[1]
        return coming * crossfade(self.goes.over(a, b), self.goes_alike)[0]


@dataclass(frozen=True)
class _Spoken(_Part):
    down: Fade
    up: Fade

    def ducking(self, a: int, b: int) -> Level:
        return 1.0 - (1.0 - _DUCK) * (self.down.over(a, b) * (1.0 - self.up.over(a, b)))


@dataclass(frozen=True)
class _Mix:
    timeline: Timeline
    bed: Sequence[_Bed]
    texts: Sequence[_Spoken]

    def into(self, out: Samples, a: int, b: int) -> None:
        """Fill `out` with samples [a, b)."""
        for part in self.bed:
            self._add(out, a, b, part, part.share)
        for text in self.texts:
            _scale(out, text.ducking(a, b))
        for text in self.texts:
            self._add(out, a, b, text, lambda low, high: 1.0)
        _scale(out, self.timeline.master(a, b))

    def _add(self, out: Samples, a: int, b: int, part: _Part, share: Callable[[int, int], Level]) -> None:
        low, high = max(a, part.start), min(b, part.end)
        if low < high:
            level = self.timeline.of_loudness(low, high, part.level) * share(low, high)
            out[:, low - a : high - a] += part.of(low, high) * floats(level)


def _bed(timeline: Timeline, items: Items, a: int, b: int) -> list[_Bed]:
    found = [(item, sound) for item in timeline.music(a, b) if (sound := items.music(item)) is not None]
    bed = [_music(item, as_long_as(sound, item.frames), a, b) for item, sound in found]
    for n, ((before, _), (after, _)) in enumerate(pairwise(found)):
        if after.start < before.end:
            alike = items.correlation(before, after)
            bed[n], bed[n + 1] = replace(bed[n], goes_alike=alike), replace(bed[n + 1], comes_alike=alike)
    return bed


def _music(item: MusicItem, sound: Sound, a: int, b: int) -> _Bed:
    start, end, shift = max(a, item.start), min(b, item.end), item.offset - item.start
    return _Bed(
        start, end, sound.read(start + shift, end + shift), partial(_level, sound.facts, _BED_PEAK),
        Fade(item.start, item.start + item.fade_in) if item.fade_in else None,
        Fade(item.end - item.fade_out, item.end),
    )  # fmt: skip


def spoken(timeline: Timeline, items: Items, a: int, b: int) -> list[tuple[SpokenText, Sound]]:
    """The texts that are heard, or have the bed down for them, in [a, b), and their sounds."""
    found = [(text, items.speech(text)) for text in timeline.speech_over(a, b)]
    return [
        (text, sound)
        for text, sound in found
        if sound is not None
        and timeline.is_spoken(text, sound.facts.frames)
        and text.start - ATTACK < b
        and text.start + sound.facts.frames + RELEASE > a
    ]


def _voice(text: SpokenText, sound: Sound, a: int, b: int) -> _Spoken:
    begins, ends = text.start, text.start + sound.facts.frames
    start = min(max(a, begins), ends)
    end = max(start, min(b, ends))
    over_lu = DUCK_DB + VOICE_LU + text.speech.gain_db
    return _Spoken(
        start, end, sound.read(start - begins, end - begins),
        lambda lufs: _level(sound.facts, _VOICE_PEAK, lufs + over_lu),
        Fade(begins - ATTACK, begins), Fade(ends, ends + RELEASE),
    )  # fmt: skip


def _level(facts: Facts, most_peak: float, lufs: float) -> float:
    """The gain that brings a sound to a loudness, or less where its peak would pass its share."""
    peak_dbtp = max(facts.true_peak_dbtp, -120.0)
    loudness_lufs = facts.loudness_lufs
    if loudness_lufs is None:
        loudness_lufs = peak_dbtp - _UNKNOWN_CREST_DB
    return min(linear(lufs - loudness_lufs), most_peak / linear(peak_dbtp))


def _scale(out: Samples, level: Level) -> None:
    if not isinstance(level, float) or level != 1.0:
        out *= floats(level)
