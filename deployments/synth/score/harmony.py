"""Chord progressions as degrees of the scale, per scale, so that each mode shows the step that makes it one."""

from collections.abc import Mapping

import numpy as np

Degrees = tuple[int, ...]

# Four chords each, tonic first. A mode's own colour comes early: the fourth of dorian, the second of phrygian.
_PROGRESSIONS: Mapping[str, tuple[Degrees, ...]] = {
    "major": ((0, 4, 5, 3), (0, 5, 3, 4), (0, 3, 5, 4), (0, 2, 3, 4), (0, 3, 0, 4), (0, 5, 1, 4), (0, 2, 5, 3)),
    "minor": ((0, 5, 2, 6), (0, 3, 5, 4), (0, 6, 5, 6), (0, 2, 6, 3), (0, 5, 3, 4), (0, 3, 6, 2), (0, 5, 0, 6)),
    "dorian": ((0, 3, 0, 3), (0, 3, 6, 3), (0, 1, 3, 0), (0, 3, 2, 6), (0, 6, 3, 3)),
    "phrygian": ((0, 1, 0, 1), (0, 1, 2, 1), (0, 6, 1, 0), (0, 5, 1, 1)),
    "lydian": ((0, 1, 0, 1), (0, 1, 4, 1), (0, 4, 1, 5), (0, 1, 6, 5)),
    "mixolydian": ((0, 6, 3, 0), (0, 6, 0, 3), (0, 3, 6, 3), (0, 4, 6, 3)),
    "locrian": ((0, 1, 4, 0), (0, 4, 1, 5), (0, 1, 5, 4)),
    "harmonic_minor": ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 4), (0, 6, 0, 4)),
    "melodic_minor": ((0, 3, 4, 0), (0, 1, 4, 0), (0, 3, 0, 4), (0, 4, 3, 0)),
    "harmonic_major": ((0, 3, 0, 4), (0, 3, 4, 0), (0, 4, 3, 0)),
    "phrygian_dominant": ((0, 1, 0, 1), (0, 3, 1, 0), (0, 6, 1, 0)),
    "double_harmonic": ((0, 1, 0, 1), (0, 3, 1, 0)),
    "hungarian_minor": ((0, 4, 0, 5), (0, 5, 4, 0)),
    "major_pentatonic": ((0, 3, 4, 3), (0, 4, 3, 0), (0, 4, 1, 3), (0, 3, 1, 4), (0, 2, 4, 3)),
    "minor_pentatonic": ((0, 4, 2, 0), (0, 1, 4, 2), (0, 2, 3, 0), (0, 3, 1, 4), (0, 1, 2, 4)),
    "hirajoshi": ((0, 4, 3, 0), (0, 2, 4, 3), (0, 3, 0, 4)),
    "in_sen": ((0, 1, 0, 3), (0, 2, 1, 0), (0, 4, 1, 3)),
    "blues": ((0, 0, 2, 0), (0, 2, 0, 4), (0, 0, 2, 4), (0, 5, 2, 0)),
    "major_blues": ((0, 4, 5, 0), (0, 5, 4, 0), (0, 0, 5, 4)),
    "whole_tone": ((0, 1, 0, 2), (0, 2, 1, 3), (0, 5, 0, 1)),
}
_ANY: tuple[Degrees, ...] = ((0, 2, 4, 3), (0, 3, 1, 4), (0, 4, 3, 1))
# The degree that leads home, where it is not the fifth.
_LEADING: Mapping[str, int] = {
    "dorian": 3, "phrygian": 1, "lydian": 1, "mixolydian": 6, "locrian": 1, "major_pentatonic": 3,
    "minor_pentatonic": 3, "blues": 4, "whole_tone": 5, "hirajoshi": 3, "in_sen": 1, "phrygian_dominant": 1,
    "double_harmonic": 1,
}  # fmt: skip


def progression(scale: str, random: np.random.Generator) -> Degrees:
    """Draw eight chords: a progression and either the same again, with another end, or a second one."""
    choices = _PROGRESSIONS.get(scale, _ANY)
    first = choices[int(random.integers(len(choices)))]
    second = choices[int(random.integers(len(choices)))]
    answer = (*first[:2], *second[2:]) if random.random() < 0.6 else second
    return first + answer


def cadence(scale: str, degrees: Degrees, alone: bool = False) -> Degrees:
    """The last section with an ending: the chord that leads home, then home. A song of one chord is the tonic."""
    if alone or len(degrees) == 1:
        return (*degrees[:-1], 0)
    leading = _LEADING.get(scale, 4)
    return (*degrees[:-2], degrees[-2] if len(degrees) == 2 else leading, 0)
