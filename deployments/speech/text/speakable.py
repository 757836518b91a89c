"""Which characters of a text a model can speak, and what is told of those that it cannot.

    unspoken = Unspoken()
    for piece in pieces(text, language):
        words = speakable(piece.text, known, unspoken)
        ...
    facts |= unspoken.facts()

An English voice has no sounds for `日本語` or for an emoji: `speakable` leaves them out of what it is given, and the
facts of the output name them. Where a whole text has nothing to speak, the model refuses it: `words` is empty.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

MOST_NAMED = 50  # different characters that facts name; all are counted
SILENT = ("C", "Z", "P", "Mn", "Me")  # nobody misses their sound


@dataclass
class Unspoken:
    """Characters that were left out, in the order of their first appearance."""

    counts: Counter[str] = field(default_factory=Counter)

    def facts(self) -> dict[str, Any]:
        """For an output's facts: `{"unspoken": {"characters": "日本", "count": 3}}`, `{}` when all was spoken."""
        if not self.counts:
            return {}
        return {"unspoken": {"characters": "".join(list(self.counts)[:MOST_NAMED]), "count": self.counts.total()}}


def unspeakable(text: str, known: Callable[[str], bool]) -> Unspoken:
    """What `speakable` leaves out of `text`."""
    unspoken = Unspoken()
    speakable(text, known, unspoken)
    return unspoken


def speakable(text: str, known: Callable[[str], bool], unspoken: Unspoken) -> str:
    """`text` in characters for which `known` holds; empty where there is nothing to speak.

    `known` is asked for one character at a time. What is not known is replaced by what Unicode says it is made of
    (`é` by `e`, `ﬁ` by `fi`, full-width letters by usual ones) where that is known. Punctuation and marks without a
    sound are left out, everything else is left out and counted in `unspoken`. A space stays in place of each run.
    """
    said: list[str] = []
    spoken = False
    for char in text:
        replacement = _known_form(char, known)
        spoken = spoken or (replacement is not None and any(part.isalnum() for part in replacement))
        if replacement is not None:
            said.append(replacement)
            continue
        if not unicodedata.category(char).startswith(SILENT):
            unspoken.counts[char] += 1
        if unicodedata.category(char) not in {"Cf", "Mn", "Me"}:
            said.append(" ")
    return " ".join("".join(said).split()) if spoken else ""


def _known_form(char: str, known: Callable[[str], bool]) -> str | None:
    """The character, or what it is made of, in known ones; None where there is nothing."""
    if char.isspace():
        return " "
    if known(char):
        return char
    made_of = [part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part)]
    return "".join(made_of) if made_of and "".join(made_of) != char and all(map(known, made_of)) else None
