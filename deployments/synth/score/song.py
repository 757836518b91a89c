"""What all layers share: key, tempo, form and harmony, and the seed that every choice comes from.

Times are seconds from the start, pitches MIDI notes. A song is a row of sections, a section a row of chords;
sections of one theme share their progression and the patterns that the layers draw for it.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deployments.synth.score.harmony import cadence, progression
from deployments.synth.terms.theory import Tonality

# Themes in order of appearance, for as long as the song lasts; after them new ones come in turn with old ones.
_FORMS = ((0, 0, 1, 0, 2, 1), (0, 1, 0, 2, 0, 1), (0, 0, 1, 2, 0, 3), (0, 1, 2, 0, 3, 1))
_ON_BEAT = 0.02  # beats
_SHORTEST_CHORD_S = 2.4
_SHORTEST_CHORD = 0.35  # of a chord at the end: less of it belongs to the one before


@dataclass(frozen=True)
class Note:
    """One note of a layer; `part` names the node within the layer's preset."""

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
class Section:
    """Chords that belong together. `energy` is 0.5 on the whole, less in a quiet section, more in a full one."""

    first: int
    degrees: tuple[int, ...]
    theme: int
    energy: float


@dataclass(frozen=True)
class Chord:
    """One chord of the song and where it stands."""

    index: int
    start_s: float
    degree: int
    section: Section
    place: int  # within the section

    @property
    def ends_section(self) -> bool:
        """Whether the next chord begins something else."""
        return self.place == len(self.section.degrees) - 1


@dataclass(frozen=True)
class Song:
    """One piece. `release_s` is how long before the end held notes are let go; `swing` delays every second step."""

    tonality: Tonality
    tempo_bpm: float
    duration_s: float
    release_s: float
    seed: int
    swing: float = 0.0  # 0 straight, 1 triplets
    beats: int = 4  # in a bar
    grounded: bool = False  # whether some layer plays the roots, so that others need not
    pulse: bool = False  # a tempo was asked for: every beat is heard, and what is between is softer

    @property
    def beat_s(self) -> float:
        """Length of a quarter note."""
        return 60 / self.tempo_bpm

    @property
    def bar_s(self) -> float:
        """Length of a bar."""
        return self.beats * self.beat_s

    @property
    def chord_s(self) -> float:
        """Length of a chord: one bar, or two where a bar is short."""
        return self.bar_s if self.bar_s >= _SHORTEST_CHORD_S else 2 * self.bar_s

    @property
    def end_s(self) -> float:
        """Where held notes are let go; nothing new begins after it."""
        return max(0.0, self.duration_s - self.release_s)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The form. The last chord is the tonic, with a cadence before it where there is room."""
        random = self.random("form")
        total = max(1, int(np.ceil(self.end_s / self.chord_s - _SHORTEST_CHORD)))
        form = _FORMS[int(random.integers(len(_FORMS)))]
        themes = {0: progression(self.tonality.scale, self.random("theme 0"))}
        sections: list[Section] = []
        first = 0
        while first < total:
            count = len(sections)
            theme = form[count] if count < len(form) else int(random.integers(0, count // 2 + 1))
            degrees = themes.setdefault(theme, progression(self.tonality.scale, self.random(f"theme {theme}")))
            length = min(len(degrees), total - first)
            energy = (
                0.5 if count == 0 else float(np.clip(0.5 + 0.3 * np.sin(1.1 * count) + random.normal(0, 0.1), 0, 1))
            )
            sections.append(Section(first, degrees[:length], theme, energy))
            first += length
        last = sections[-1]
        ending = cadence(self.tonality.scale, last.degrees, alone=total == 1)
        sections[-1] = Section(last.first, ending, last.theme, last.energy)
        return tuple(sections)

    def chords(self) -> Iterator[Chord]:
        """Every chord in order."""
        for section in self.sections:
            for place, degree in enumerate(section.degrees):
                index = section.first + place
                yield Chord(index, index * self.chord_s, degree, section, place)

    @cached_property
    def _chords(self) -> tuple[Chord, ...]:
        return tuple(self.chords())

    def chord_at(self, time_s: float) -> Chord:
        """The chord that sounds then."""
        return self._chords[min(len(self._chords) - 1, max(0, int(time_s / self.chord_s + 1e-6)))]

    def random(self, name: str) -> np.random.Generator:
        """A random stream that depends on the seed and the name only."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def grid(self, step_s: float, tail_s: float = 0.0) -> Iterator[tuple[int, float]]:
        """Yield (index, time) of every step that has `tail_s` to sound before notes are let go; at least the first."""
        last = max(0.0, self.end_s - max(0.02, tail_s))
        for index in range(int(last / step_s + 1e-9) + 1):
            yield index, index * step_s

    def is_beat(self, start_s: float) -> bool:
        """Whether a quarter note begins then."""
        place = start_s / self.beat_s
        return abs(place - round(place)) < _ON_BEAT

    def held(self, start_s: float, length_s: float) -> float:
        """The length of a held note, ending where held notes are let go."""
        return max(0.03, min(length_s, self.end_s - start_s))

    def rung(self, start_s: float, length_s: float) -> float:
        """The length of a note that is struck and left to ring: up to the very end."""
        return max(0.03, min(length_s, self.duration_s - start_s))
