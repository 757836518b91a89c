"""Quantities as people write them, in the unit that the engine takes: "250 ms", "A3", "-6 dB", "40 %".

A bare number is taken to be in the engine's unit already. A bare number *as text* is linear where the engine
wants decibels ("0.5" is -6 dB), and in the engine's unit everywhere else. A decimal comma and a typographic minus
mean what they look like; "1,000" may be one or a thousand and is refused.
"""

import math
import re
from collections.abc import Mapping

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-zµ%°/]*)\s*")
_THOUSAND = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}(?!\d)")
_MINUSES = str.maketrans("−–", "--")  # noqa: RUF001 - what word processors make of a minus
_NOTE = re.compile(r"\s*([A-Ga-g])([#♯b♭]?)(-?\d)\s*")
_MIDI = re.compile(r"\s*(?:midi\s*(\d{1,3}(?:\.\d+)?)|(\d{1,3}(?:\.\d+)?)\s*midi)\s*", re.IGNORECASE)
_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

# What may be written for a parameter of each engine unit, and what one of it is worth there.
_FACTORS: Mapping[str, Mapping[str, float]] = {
    "s": {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "min": 60.0},
    "ms": {"ms": 1.0, "s": 1e3, "us": 1e-3, "µs": 1e-3},
    "Hz": {"hz": 1.0, "khz": 1e3, "mhz": 1e-3, "bpm": 1 / 60, "/s": 1.0, "/min": 1 / 60},
    "cent": {"cent": 1.0, "cents": 1.0, "ct": 1.0, "semitone": 100.0, "semitones": 100.0, "st": 100.0,
             "octave": 1200.0, "octaves": 1200.0},
    "semitone": {"semitone": 1.0, "semitones": 1.0, "st": 1.0, "cent": 0.01, "cents": 0.01, "ct": 0.01,
                 "octave": 12.0, "octaves": 12.0},
    "octave": {"octave": 1.0, "octaves": 1.0, "oct": 1.0, "semitone": 1 / 12, "semitones": 1 / 12, "st": 1 / 12,
               "cent": 1 / 1200, "cents": 1 / 1200},
    "dB": {"db": 1.0},
    "": {"%": 0.01},
    "count": {},
}  # fmt: skip


class UnitError(ValueError):
    """A text is no quantity, or one of another kind than the parameter's; the message says what is possible."""


def to_unit(value: float | str, unit: str) -> float:
    """Return `value` in `unit` (one of synth_native.describe(): s, ms, Hz, dB, cent, semitone, octave, count, "").

    Raises UnitError.
    """
    if not isinstance(value, str):
        return float(value)
    if unit == "Hz" and (hertz := _note_hz(value)) is not None:
        return hertz
    match = _QUANTITY.fullmatch(_plain(value))
    if match is None:
        raise UnitError(f"'{value}' is no quantity; write {_examples(unit)}")
    number, suffix = float(match[1]), match[2].lower()
    if not math.isfinite(number):
        raise UnitError(f"'{value}' is too large a number; write {_examples(unit)}")
    if unit == "dB" and suffix in {"", "linear", "%"}:
        return _decibels(number / 100 if suffix == "%" else number, value)
    if unit == "" and suffix == "db":
        return float(10 ** (number / 20))
    if not suffix:
        return number
    factor = _FACTORS.get(unit, {}).get(suffix)
    if factor is None:
        raise UnitError(f"'{value}' cannot be turned into {unit or 'a ratio'}; write {_examples(unit)}")
    return number * factor


def _plain(text: str) -> str:
    """The text with an ASCII minus and a decimal point; a comma that may part thousands stays."""
    text = text.translate(_MINUSES)
    return text if "." in text or text.count(",") != 1 or _THOUSAND.match(text) else text.replace(",", ".")


def _note_hz(text: str) -> float | None:
    """The frequency of "A3", "F#2" or "midi 57" in equal temperament at A4 = 440 Hz; None for anything else."""
    if match := _MIDI.fullmatch(text):
        midi = float(match[1] or match[2])
    elif match := _NOTE.fullmatch(text):
        sign = {"#": 1, "♯": 1, "b": -1, "♭": -1}.get(match[2], 0)
        midi = 12 * (int(match[3]) + 1) + _LETTERS[match[1].upper()] + sign
    else:
        return None
    return float(440.0 * 2 ** ((midi - 69) / 12))


def _decibels(ratio: float, text: str) -> float:
    if ratio <= 0:
        raise UnitError(f"'{text}' is a linear level, and those are above 0; write {_examples('dB')}")
    return 20 * math.log10(ratio)


def _examples(unit: str) -> str:
    return {
        "s": '0.25, "250 ms" or "2 min"',
        "ms": '4, "4 ms" or "0.004 s"',
        "Hz": '440, "2 kHz", "A3", "midi 57" or "30 /min"',
        "dB": '-6, "-6 dB", or "0.5" for a linear level',
        "": '0.4, "40 %" or "-8 dB"',
        "cent": '12, "12 cents" or "0.5 st"',
        "semitone": '7, "7 st" or "1 octave"',
        "octave": '1.5, "1.5 octaves" or "7 st"',
    }.get(unit, "a number")
