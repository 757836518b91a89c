"""The score: what each layer plays, drawn from the seed. Times in seconds, pitches as MIDI notes.

Chords move by voice leading; every layer has a random stream of its own, so that leaving one out changes no
other.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deployments.synth.theory import Tonality, lead_voices
from deployments.synth.understand import Layer

# Degrees of the scale, one per chord; the first chord is always the tonic, so that any length ends well.
_MAJOR = ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 5, 4), (0, 2, 3, 4), (0, 3, 0, 4))
_MINOR = ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 6), (0, 2, 6, 3), (0, 5, 3, 4))


@dataclass(frozen=True)
class Note:
    """One note of a layer; `part` names the node within the layer's patch."""

    start_s: float
    length_s: float
    pitch: int
    velocity: float
    part: str = "voice"


@dataclass(frozen=True)
class Move:
    """A parameter of a layer's node glides to a value."""

    start_s: float
    part: str
    param: str
    value: float
    ramp_s: float


Event = Note | Move


@dataclass(frozen=True)
class Song:
    """What all layers share: key, tempo, length, and the seed that their choices come from."""

    tonality: Tonality
    tempo_bpm: float
    duration_s: float
    release_s: float  # how long before the end held notes are let go
    seed: int

    @property
    def beat_s(self) -> float:
        """Length of a quarter note."""
        return 60 / self.tempo_bpm

    @cached_property
    def degrees(self) -> tuple[int, ...]:
        """The chord progression."""
        choices = _MINOR if self.tonality.minor else _MAJOR
        return choices[int(self.random("progression").integers(len(choices)))]

    @property
    def bar_s(self) -> float:
        """Length of one chord: the number of bars that comes nearest to three seconds or more."""
        bar = 4 * self.beat_s
        return bar if bar >= 2.4 else 2 * bar

    def chord_at(self, time_s: float) -> int:
        """The degree of the chord that sounds then."""
        return self.degrees[int(time_s / self.bar_s + 1e-6) % len(self.degrees)]

    def random(self, name: str) -> np.random.Generator:
        """A random stream that depends on the seed and the name only."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def grid(self, step_s: float) -> Iterator[tuple[int, float]]:
        """Yield (index, time) of every step that leaves time to sound before the end; at least the first."""
        last = max(0.0, self.duration_s - max(0.12, 0.5 * self.release_s))
        for index in range(int(last / step_s + 1e-9) + 1):
            yield index, index * step_s


def compose(song: Song, layer: Layer, score: str, octave: int) -> list[Event]:
    """Return the events of one layer by the name of its score; a layer that plays by itself has none."""
    play = _SCORES.get(score)
    return [] if play is None else list(play(song, layer, max(1, octave + layer.change.register)))


def _held(song: Song, start_s: float, length_s: float) -> float:
    """The length of a held note, ending where the release of the last one begins."""
    return max(0.03, min(length_s, song.duration_s - song.release_s - start_s))


def _pace(layer: Layer) -> float:
    """How many times faster than usual the layer moves: a power of two, so that it stays on the beat."""
    return float(2.0 ** int(np.clip(round(layer.change.intensity), -1, 1)))


def _chords(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Held chords, each voice going to the nearest note of the next; common notes are held over."""
    random = song.random(layer.sound)
    low = 12 * (octave + 1)
    voices = [low + 2, low + 8, low + 14, low + 19]
    size = 3 if len(song.tonality.steps) == 5 else 3 + int(random.integers(2))
    length = song.bar_s / min(1.0, _pace(layer))
    held: dict[int, float] = {}
    for _, start in [*song.grid(length), (-1, song.duration_s)]:
        last = start >= song.duration_s
        voices = [] if last else lead_voices(song.tonality.chord(song.chord_at(start), size), voices, low, low + 19)
        for pitch in [p for p in held if p not in voices]:
            since = held.pop(pitch)
            yield Note(since, _held(song, since, start - since), pitch, 0.7 + 0.1 * float(random.random()))
        for pitch in voices:
            held.setdefault(pitch, start)


def _drone(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Tonic, fifth and octave for the whole length."""
    root = song.tonality.note(0, octave)
    for interval, velocity in ((0, 0.8), (7, 0.5), (12, 0.45)):
        if interval != 7 or (root + 7 - song.tonality.tonic) % 12 in song.tonality.steps:
            yield Note(0.0, _held(song, 0.0, song.duration_s), root + interval, velocity)


def _bass(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """The chord's root on the beat that a seeded pattern gives, now and then the fifth before a change."""
    random = song.random(layer.sound)
    patterns = ((0.0, 1.5, 2.0), (0.0, 2.0), (0.0, 1.0, 2.0, 3.0), (0.0, 1.5, 2.5), (0.0, 0.75, 2.0, 3.5))
    pattern = patterns[int(random.integers(len(patterns)))] if _pace(layer) >= 1 else (0.0,)
    for _, bar in song.grid(4 * song.beat_s):
        for i, beat in enumerate(pattern):
            start = bar + beat * song.beat_s
            if start > song.duration_s - 0.12 and start > 0:
                return
            degree = song.chord_at(start)
            pitch = song.tonality.note(degree, octave) - (12 if degree > 3 else 0)
            if i == len(pattern) - 1 and i > 0 and random.random() < 0.3:
                pitch += 12
            until = (pattern[i + 1] if i + 1 < len(pattern) else 4.0) - beat
            yield Note(start, _held(song, start, 0.9 * until * song.beat_s), pitch, 0.8 if i == 0 else 0.65)


def _arp(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Eighth notes up and down the chord; the pattern comes from the seed."""
    random = song.random(layer.sound)
    shapes = ((0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 2, 3, 2, 1), (3, 2, 1, 0), (0, 2, 3, 1), (0, 3, 2, 3))
    shape = shapes[int(random.integers(len(shapes)))]
    step = 0.5 * song.beat_s / _pace(layer)
    for index, start in song.grid(step):
        chord = song.tonality.chord(song.chord_at(start))
        rising = sorted(song.tonality.tonic + 12 * (octave + 1) + (pc - song.tonality.tonic) % 12 for pc in chord)
        pitch = [*rising, rising[0] + 12][shape[index % len(shape)]]
        accent = 0.85 if index % 4 == 0 else 0.55 + 0.1 * float(random.random())
        yield Note(start, _held(song, start, 0.8 * step), pitch, accent)


def _melody(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """A walk on the scale that starts each bar on a note of the chord; rests let it breathe."""
    random = song.random(layer.sound)
    rhythms = ((1.0, 1.0, 2.0), (1.5, 0.5, 1.0, 1.0), (2.0, 1.0, 1.0), (0.5, 0.5, 1.0, 2.0), (3.0, 1.0))
    start, degree, size = 0.0, int(random.choice([0, 2, 4])), len(song.tonality.steps)
    while start == 0 or start < song.duration_s - max(0.15, 0.6 * song.release_s):
        on_chord = True
        for beats in rhythms[int(random.integers(len(rhythms)))]:
            length = beats * song.beat_s / _pace(layer)
            if on_chord:
                root = song.chord_at(start)
                degree = min((root + d for d in (-size, -size + 2, 0, 2, 4, size)), key=lambda d: abs(d - degree))
            else:
                degree += int(random.choice([-2, -1, -1, 1, 1, 2]))
            degree = int(np.clip(degree, -2, size + 4))
            on_chord = False
            if (start == 0 or random.random() > 0.12) and (start == 0 or start < song.duration_s - 0.15):
                held = _held(song, start, 0.92 * length)
                yield Note(start, held, song.tonality.note(degree, octave), 0.65 + 0.2 * float(random.random()))
            start += length


def _broken(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Chords played one note after another and left to ring, a bass note first: keys, guitar, harp."""
    random = song.random(layer.sound)
    low = 12 * (octave + 1)
    voices = [low + 4, low + 9, low + 14]
    order = random.permutation(4)
    step = 0.5 * song.beat_s / _pace(layer)
    before = -1
    for index, start in song.grid(step):
        degree = song.chord_at(start)
        if degree != before or index == 0:
            voices = lead_voices(song.tonality.chord(degree), voices, low, low + 16)
            root = song.tonality.note(degree, octave - 1)
            before = degree
            yield Note(start, _held(song, start, song.bar_s), root, 0.7)
        elif random.random() < 0.75:
            pitch = [*voices, voices[0] + 12][order[index % 4]]
            yield Note(start, _held(song, start, 2 * step), pitch, 0.45 + 0.25 * float(random.random()))


def _sparse(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Single strikes from the pentatonic core of the scale, with long pauses."""
    random = song.random(layer.sound)
    degrees = (0, 1, 2, 4, 5) if len(song.tonality.steps) == 7 else tuple(range(5))
    gap = (4.0 if layer.sound == "bowl" else 1.1) / _pace(layer)
    start = 0.0
    while start == 0 or start < song.duration_s - min(1.5, 0.4 * song.duration_s):
        degree = 0 if start == 0 else degrees[int(random.integers(len(degrees)))]
        yield Note(start, gap, song.tonality.note(degree, octave), 0.5 + 0.4 * float(random.random()))
        start += gap * float(random.uniform(0.5, 1.5))


def _drums(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Kick on one and three, snare on two and four, hats on eighths, and seeded ghost notes between."""
    random = song.random(layer.sound)
    extra = {int(i) for i in random.choice([3, 6, 7, 10, 11, 14], 2, replace=False)}
    for index, start in song.grid(song.beat_s / 4):
        place = index % 16
        if place in (0, 8) or (place in extra and random.random() < 0.7):
            yield Note(start, 0.1, 36, 0.9 if place in (0, 8) else 0.55, "kick")
        if place in (4, 12):
            yield Note(start, 0.1, 38, 0.8, "snare")
        if place % 2 == 0 or random.random() < 0.15:
            yield Note(start, 0.05, 42, 0.6 if place % 4 == 0 else 0.35 + 0.15 * float(random.random()), "hat")


def _beats(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """One stroke on every beat."""
    for index, start in song.grid(song.beat_s / _pace(layer)):
        yield Note(start, 0.1, 36, 0.9 if index % 4 == 0 else 0.8)


def _offbeats(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Eighths, louder between the beats."""
    random = song.random(layer.sound)
    for index, start in song.grid(0.5 * song.beat_s / _pace(layer)):
        yield Note(start, 0.05, 42, (0.7 if index % 2 else 0.4) + 0.1 * float(random.random()))


def _birds(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Two or three birds, each with its own pitch and phrase."""
    random = song.random(layer.sound)
    pitches = random.uniform(91, 103, 3)
    start = 0.0
    while start == 0 or start < song.duration_s - 0.4:
        pitch, calls, length = (
            pitches[int(random.integers(3))],
            int(random.integers(2, 7)),
            random.uniform(0.05, 0.12),
        )
        loud = float(random.uniform(0.3, 0.9))
        for call in range(calls):
            if start > 0 and start > song.duration_s - 0.2:
                return
            note = round(float(pitch) + float(random.normal(0, 1.2)) - 0.4 * call)
            yield Note(start, float(length), note, loud)
            start += float(length) * 1.9
        start += float(random.uniform(0.2, 1.4)) / _pace(layer)


def _crickets(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """One held tone; the patch turns it into chirps."""
    yield Note(0.0, _held(song, 0.0, song.duration_s), 104 + int(song.random(layer.sound).integers(4)), 0.7)


def _thunder(song: Song, layer: Layer, octave: int) -> Iterator[Event]:
    """Strikes: a quick rise and a long uneven roll, on the level of a rumbling noise."""
    random = song.random(layer.sound)
    start = min(float(random.uniform(0.1, 0.5)), 0.1 * song.duration_s)
    while start < max(0.8 * song.duration_s, 0.2):
        loud, time = float(random.uniform(-4, 0)), start
        yield Move(time, "strike", "gain_db", loud, 0.06)
        for roll in range(int(random.integers(3, 6))):
            time += float(random.uniform(0.25, 0.7))
            yield Move(time, "strike", "gain_db", loud - 5 * (roll + 1) - float(random.uniform(0, 5)), 0.25)
        yield Move(time + 0.5, "strike", "gain_db", -50.0, 1.5)
        start = time + float(random.uniform(2.5, 6)) / _pace(layer)


_SCORES: Mapping[str, Callable[[Song, Layer, int], Iterator[Event]]] = {
    "chords": _chords,
    "drone": _drone,
    "bass": _bass,
    "arp": _arp,
    "melody": _melody,
    "broken": _broken,
    "sparse": _sparse,
    "drums": _drums,
    "beats": _beats,
    "offbeats": _offbeats,
    "birds": _birds,
    "crickets": _crickets,
    "thunder": _thunder,
}
