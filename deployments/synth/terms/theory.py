"""Keys, scales, chords and voice leading as MIDI numbers."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
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
    "melodic_minor": (0, 2, 3, 5, 7, 9, 11),
    "harmonic_major": (0, 2, 4, 5, 7, 8, 11),
    "phrygian_dominant": (0, 1, 4, 5, 7, 8, 10),
    "double_harmonic": (0, 1, 4, 5, 7, 8, 11),
    "hungarian_minor": (0, 2, 3, 6, 7, 8, 11),
    "major_pentatonic": (0, 2, 4, 7, 9),
    "minor_pentatonic": (0, 3, 5, 7, 10),
    "hirajoshi": (0, 2, 3, 7, 8),
    "in_sen": (0, 1, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "major_blues": (0, 2, 3, 4, 7, 9),
    "whole_tone": (0, 2, 4, 6, 8, 10),
    "diminished": (0, 2, 3, 5, 6, 8, 9, 11),
    "chromatic": tuple(range(12)),
}
OTHER_SCALE_NAMES: Mapping[str, str] = {
    "ionian": "major",
    "aeolian": "minor",
    "natural_minor": "minor",
    "natural_major": "major",
    "pentatonic": "major_pentatonic",
    "pentatonic_major": "major_pentatonic",
    "pentatonic_minor": "minor_pentatonic",
    "minor_blues": "blues",
    "octatonic": "diminished",
    "byzantine": "double_harmonic",
    "gypsy": "hungarian_minor",
    "gypsy_minor": "hungarian_minor",
    "spanish": "phrygian_dominant",
    "japanese": "hirajoshi",
    "hijaz": "phrygian_dominant",
    "freygish": "phrygian_dominant",
    "hijaz_kar": "double_harmonic",
    "arabic": "double_harmonic",
    "bhairav": "double_harmonic",
    "kurd": "phrygian",
    "nahawand": "harmonic_minor",
    "wholetone": "whole_tone",
    "hicaz": "phrygian_dominant",
    "ajam": "major",
    "insen": "in_sen",
    "bhairavi": "phrygian",
    "yaman": "lydian",
    "kalyan": "lydian",
    "kafi": "dorian",
    "khamaj": "mixolydian",
    "bilawal": "major",
    "asavari": "minor",
    "bhupali": "major_pentatonic",
    "maj": "major",
    "min": "minor",
}
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
_TRIAD_AND_MORE = (3.5, 7.0, 10.5, 14.0)  # where chord tones lie above the root, in semitones


def pitch_class(key: str, pointer: str = "/key") -> int:
    """Return 0..11 for "C", "F#", "Bb", "E♭", "g sharp". Raises InvalidInput for anything else."""
    match = re.fullmatch(r"\s*([A-Ga-g])\s*(#|♯|b|♭|[Ss]harp|[Ff]lat)?\s*", key)
    if match is None:
        raise InvalidInput(f"'{key}' is no key; give a letter from A to G with # or b, like C, F# or Bb", pointer)
    return (_LETTERS[match[1].upper()] + _ACCIDENTALS[(match[2] or "").lower()]) % 12


def scale_name(scale: str, pointer: str = "/scale") -> str:
    """Return the name as in SCALES, whatever the spelling. Raises InvalidInput with the nearest names."""
    name = re.sub(r"_(scale|mode)$", "", scale.strip().lower().replace(" ", "_").replace("-", "_"))
    name = OTHER_SCALE_NAMES.get(name, name)
    if name not in SCALES:
        near = difflib.get_close_matches(name, SCALES, 3, 0.4) or sorted(SCALES)
        raise InvalidInput(f"'{scale}' is no scale that the synth knows; nearest: {', '.join(near)}", pointer)
    return name


class Tonality:
    """A key and a scale: degrees to MIDI notes."""

    def __init__(self, key: str, scale: str) -> None:
        self.tonic, self.scale = pitch_class(key), scale_name(scale)
        self.steps = SCALES[self.scale]

    def note(self, degree: int, octave: int) -> int:
        """Degree 0 is the tonic in that octave (4 holds middle C); degrees go on above and below."""
        turns, step = divmod(degree, len(self.steps))
        return 12 * (octave + 1 + turns) + self.tonic + self.steps[step]

    def chord(self, degree: int, size: int = 3) -> list[int]:
        """Pitch classes of the chord on `degree`: in seven steps every second one, else what lies nearest to thirds."""
        if len(self.steps) == 7:
            return [self.note(degree + 2 * i, 0) % 12 for i in range(size)]
        root = self.note(degree, 0)
        tones = [root]
        for target in _TRIAD_AND_MORE[: size - 1]:
            above = [self.note(degree + i, 0) for i in range(1, 2 * len(self.steps))]
            left = [note for note in above if all((note - tone) % 12 for tone in tones)]
            tones.append(min(left or above, key=lambda note: abs(note - root - target)))
        return [tone % 12 for tone in tones]

    @property
    def third(self) -> int:
        """The degree over the tonic that tells major from minor, or what stands for it in the scale."""
        tone = self.chord(0)[1]
        return next(degree for degree in range(len(self.steps)) if self.note(degree, 0) % 12 == tone)

    def within(self, degree: int, octave: int, low: int, high: int) -> int:
        """The note of a degree, moved by octaves into [low, high]."""
        note = self.note(degree, octave)
        while note > high and note - 12 >= low:
            note -= 12
        while note < low and note + 12 <= high:
            note += 12
        return note


@lru_cache(maxsize=4096)
def lead_voices(chord: tuple[int, ...], before: tuple[int, ...], low: int, high: int) -> tuple[int, ...]:
    """Place pitch classes within [low, high] so that the voices move as little as possible from `before`.

    Close seconds, gaps over a tenth and drifting away from the middle count against a placing.
    """
    places = [[n for n in range(low, high + 1) if n % 12 == pc] for pc in chord]
    centre = (low + high) / 2

    def cost(notes: Iterable[int]) -> float:
        voices = sorted(notes)
        steps = [b - a for a, b in pairwise(voices)]
        crowded = sum(4.0 for step in steps if step < 3) + sum(0.5 * (step - 10) for step in steps if step > 10)
        moved = _moved(voices, before)
        return moved + crowded + 0.3 * abs(sum(voices) / len(voices) - centre)

    return tuple(sorted(min(product(*places), key=cost)))


def _moved(voices: Sequence[int], before: Sequence[int]) -> float:
    """How far the voices went, voice by voice; a voice too many goes to its nearest."""
    if len(voices) == len(before):
        return float(sum(abs(a - b) for a, b in zip(voices, sorted(before), strict=True)))
    return float(sum(min((abs(voice - b) for b in before), default=0) for voice in voices))
