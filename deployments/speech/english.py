"""English text to phonemes by hibari's reader, which needs neither espeak nor spaCy, and what it cannot read."""

import re
import threading
import unicodedata
from functools import cache
from typing import Any

from deployments.contract import LoadFailed
from deployments.speech.text import pieces

_LETTERS = re.compile(r"[^\W\d_]+")
_JOINERS = frozenset("\ufe0e\ufe0f\u200d\u20e3")  # within emoji
_door = threading.Lock()


def phonemes(text: str, *, british: bool) -> str:
    """Misaki's English phonemes of a text, with its punctuation; safe from several threads. Raises LoadFailed."""
    with _door:  # reading takes a millisecond of one thread at a time anyway
        return str(_reader(british)(text))


def readable(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with a space for each character that is not English to the reader, and those characters once each.

    Punctuation is never told: it is heard as a pause or not at all. Of other scripts only a Greek letter that stands
    alone is read. Raises LoadFailed.
    """
    if text.isascii():
        return text, ()
    text = unicodedata.normalize("NFC", text)
    kept = _LETTERS.sub(lambda run: _latin(run.group()), text)
    kept = "".join(" " if c in _JOINERS or not _read(c) else c for c in kept)
    return kept, tuple(dict.fromkeys(was for was, now in zip(text, kept, strict=True) if now == " " and _counts(was)))


def prepare(*, british: bool) -> None:
    """Load what reading needs, unknown words included. Raises LoadFailed."""
    phonemes("Zzyzx.", british=british)


def _latin(letters: str) -> str:
    """A run of letters with spaces for those of other scripts."""
    if len(letters) == 1 and "GREEK" in unicodedata.name(letters, ""):
        return letters
    return "".join(c if not c.isalpha() or "LATIN" in _name(c) else " " for c in letters)


def _name(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", letter)
    return unicodedata.name(plain[0], "")


@cache
def _read(character: str) -> bool:
    """Whether a character is heard: alone, or before or behind a number (a currency, a unit)."""
    if character.isascii() or character.isalpha() or unicodedata.category(character)[0] in "PZCM":
        return True
    return any(_spoken(around.format(character)) != _spoken(around.format("")) for around in ("{}", "{}5", "5{}"))


def _spoken(text: str) -> str:
    return " ".join(phonemes(piece.text, british=False) for piece in pieces(text, "en")).strip()


def _counts(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character)[0] in "LNS" and character not in _SKIN_TONES


_SKIN_TONES = frozenset("\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


@cache
def _reader(british: bool) -> Any:
    try:
        from hibari.g2p import G2P

        return G2P(british=british)
    except (ImportError, OSError, ValueError) as error:
        raise LoadFailed(f"the reader of hibari-tts cannot be loaded: {error}; run scripts/setup") from error
