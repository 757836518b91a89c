"""English words to phonemes by hibari's reader, which needs neither espeak nor spaCy, and which characters it reads."""

import re
import threading
import unicodedata
from functools import cache
from typing import Any

from deployments.contract import LoadFailed

_door = threading.Lock()
_NUMBER = re.compile(r"\d[\d,]{14,}")
_MOST_DIGITS = 15  # longer numbers have no name in the reader
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def phonemes(text: str, *, british: bool) -> str:
    """Misaki's English phonemes of a text, with its punctuation; safe from several threads. Raises LoadFailed."""
    with _door:  # reading takes a millisecond, of one thread at a time in any case
        return str(_reader(british)(_NUMBER.sub(_sayable, _BEYOND_ASCII.sub(_plain, text))))


@cache
def known(character: str) -> bool:
    """Whether a character is read: Latin letters, and what is heard alone or beside a number, as a currency is.

    Raises LoadFailed.
    """
    if character.isascii() or unicodedata.category(character)[0] == "P":
        return True
    if character.isalpha():
        return unicodedata.name(character, "").startswith("LATIN")
    return any(
        phonemes(around.format(character), british=False) != phonemes(around.format(""), british=False)
        for around in ("{}", "{}5", "5{}")
    )


def prepare(*, british: bool) -> None:
    """Load what reading needs, the network for unknown words included. Raises LoadFailed."""
    phonemes("Zzyzx.", british=british)


def _plain(character: re.Match[str]) -> str:
    """A digit of any kind (raised, circled, Arabic) as one of 0 to 9, which alone the reader takes for numbers.

    A letter that is two in lower case (the Turkish capital of i), at which it breaks off, without its mark.
    """
    letter = character.group()
    if (digit := unicodedata.digit(letter, None)) is not None:
        return str(digit)
    return letter if len(letter.lower()) == 1 else unicodedata.normalize("NFKD", letter)[0]


def _sayable(number: re.Match[str]) -> str:
    """A number as it is, or digit by digit where it is too long."""
    digits = number.group().replace(",", "")
    return " ".join(digits) if len(digits) > _MOST_DIGITS else number.group()


@cache
def _reader(british: bool) -> Any:
    try:
        from hibari.g2p import G2P

        return G2P(british=british)
    except (ImportError, OSError, ValueError) as error:
        raise LoadFailed(f"the reader of hibari-tts cannot be loaded: {error}; run scripts/setup") from error
