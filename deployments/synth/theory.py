"""Keys, scales and chords as MIDI numbers."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, product

from deployments.contract import InvalidInput

SCALES: Mapping[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "harmonic_minor": (0, 2, 3, 5, 7, 8, 11),
    "major_pentatonic": (0, 2, 4, 7, 9),
    "minor_pentatonic": (0, 3, 5, 7, 10),
}
_OTHER_NAMES = {
    "ionian": "major",
    "aeolian": "minor",
    "natural_minor": "minor",
    "pentatonic": "major_pentatonic",
    "maj": "major",
    "min": "minor",
}
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "s": 1, "b": -1, "♭": -1}


def pitch_class(key: str, pointer: str = "/key") -> int:
    """Return 0..11 for "C", "F#", "Bb", "E♭". Raises InvalidInput for anything else."""
    match = re.fullmatch(r"\s*([A-Ga-g])\s*(#|♯|b|♭)?\s*", key)
    if match is None:
        raise InvalidInput(f"'{key}' is no key; give a letter from A to G with # or b, like C, F# or Bb", pointer)
    return (_LETTERS[match[1].upper()] + _ACCIDENTALS[match[2] or ""]) % 12


def scale_name(scale: str, pointer: str = "/scale") -> str:
    """Return the name as in SCALES, whatever the spelling. Raises InvalidInput with the nearest names."""
    name = scale.strip().lower().replace(" ", "_").replace("-", "_")
    name = _OTHER_NAMES.get(name, name)
    if name not in SCALES:
        near = difflib.get_close_matches(name, SCALES, 3, 0.4) or sorted(SCALES)
        raise InvalidInput(f"'{scale}' is no scale that the synth knows; nearest: {', '.join(near)}", pointer)
    return name


class Tonality:
    """A key and a scale: degrees to MIDI notes."""

    def __init__(self, key: str, scale: str) -> None:
        self.tonic, self.steps = pitch_class(key), SCALES[scale_name(scale)]
        self.minor = 3 in self.steps

    def note(self, degree: int, octave: int) -> int:
        """Degree 0 is the tonic in that octave (4 holds middle C); degrees go on above and below."""
        turns, step = divmod(degree, len(self.steps))
        return 12 * (octave + 1 + turns) + self.tonic + self.steps[step]

    def chord(self, degree: int, size: int = 3) -> list[int]:
        """Every second step of the scale from `degree`, as pitch classes."""
        return [self.note(degree + 2 * i, 0) % 12 for i in range(size)]


def lead_voices(chord: Iterable[int], before: Sequence[int], low: int, high: int) -> list[int]:
    """Place pitch classes within [low, high] so that the voices move as little as possible from `before`."""
    places = [[n for n in range(low, high + 1) if n % 12 == pc] for pc in chord]
    centre = (low + high) / 2

    def cost(notes: Iterable[int]) -> float:
        voices = sorted(notes)
        crowded = sum(4.0 for a, b in pairwise(voices) if b - a < 3)
        wide = max(0, voices[-1] - voices[0] - 16)
        moved = sum(abs(a - b) for a, b in zip(voices, sorted(before), strict=False))
        return moved + crowded + wide + 0.3 * abs(sum(voices) / len(voices) - centre)

    return sorted(min(product(*places), key=cost))
