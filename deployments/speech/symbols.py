"""The phonemes of Kokoro and of the voices distilled from it: 114 symbols and their numbers.

Kokoro-82M's config.json (hexgrad, Apache-2.0) gives each character of its alphabet a number; upper case letters are
diphthongs (A as in "day", I "my", O "so", Q the British "so", W "now", Y "boy"), T is the American flap.
"""

import re
from collections.abc import Iterator

SYMBOLS = {
    **dict(zip(";:,.!?", range(1, 7), strict=True)),
    **dict(zip('—…"()“” ̃ʣʥʦʨᵝꭧAI', range(9, 26), strict=True)),
    **{"O": 31, "Q": 33, "S": 35, "T": 36, "W": 39, "Y": 41, "ᵊ": 42},
    **dict(zip("abcdef", range(43, 49), strict=True)),
    **dict(zip("hijklmnopqrstuvwxyzɑɐɒæ", range(50, 73), strict=True)),
    **{"β": 75, "ɔ": 76, "ɕ": 77, "ç": 78, "ɖ": 80, "ð": 81, "ʤ": 82, "ə": 83, "ɚ": 85, "ɛ": 86, "ɜ": 87, "ɟ": 90},
    **{"ɡ": 92, "ɥ": 99, "ɨ": 101, "ɪ": 102, "ʝ": 103},
    **dict(zip("ɯɰŋɳɲɴø", range(110, 117), strict=True)),
    **{"ɸ": 118, "θ": 119, "œ": 120, "ɹ": 123, "ɾ": 125, "ɻ": 126},
    **dict(zip("ʁɽʂʃʈʧ", range(128, 134), strict=True)),
    **{"ʊ": 135, "ʋ": 136, "ʌ": 138, "ɣ": 139, "ɤ": 140, "χ": 142, "ʎ": 143, "ʒ": 147, "ʔ": 148},
    **{"ˈ": 156, "ˌ": 157, "ː": 158, "ʰ": 162, "ʲ": 164, "↓": 169, "→": 171, "↗": 172, "↘": 173, "ᵻ": 177},
}
_SOUNDLESS = frozenset(';:,.!?—…"()“” ˈˌː↓→↗↘̃')
_CLAUSE, _WORD = re.compile(r"[;:,.!?—…]\s+"), re.compile(r"\s+")


def numbers(phonemes: str) -> list[int]:
    """What a model takes: the number of each symbol between two zeros; empty where none of them sounds."""
    if all(symbol in _SOUNDLESS or symbol not in SYMBOLS for symbol in phonemes):
        return []
    return [0, *(SYMBOLS[symbol] for symbol in phonemes if symbol in SYMBOLS), 0]


def parts(phonemes: str, most: int) -> Iterator[str]:
    """The phonemes in parts of at most `most` symbols: cut behind a clause, else between words, else anywhere."""
    rest = phonemes
    while len(rest) > most:
        cut = next((ends[-1] for mark in (_CLAUSE, _WORD) if (ends := _ends(mark, rest, most))), most)
        yield rest[:cut].strip()
        rest = rest[cut:]
    yield rest.strip()


def _ends(mark: re.Pattern[str], text: str, most: int) -> list[int]:
    """Where a mark ends in the later half of what may be taken."""
    return [found.end() for found in mark.finditer(text, 0, most) if found.end() >= most // 2]
