"""A text as the pieces that a model speaks one after the other."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployments.speech.text import pauses, sentences
from deployments.speech.text.spoken import reader

LEAST_CHARS = 20
MOST_UNASKED_S = 3600.0  # of silence, with which nobody looks how much a text asks for
WHOLE = 1.3  # a first sentence is not parted for what is shorter than this share of `first_chars`
BLANK = re.compile(r"\s+")
LINE_MARKS = re.compile(r"\s*(?:#{1,6}\s+|[*+•‣◦–—-]\s+|>\s+)")  # what a list or a heading begins with
# Anything that a voice could say, or that a listener must be told of: more than punctuation and space.
CONTENT = re.compile(
    r"[^\s!-#%-*,-/:;<>?@\[-`{-~\u00a1\u00ab\u00b7\u00bb\u00bf\u2010-\u2027\u2030-\u205e\u3000-\u301f\u30fb\uff01-\uff0f]"
)


@dataclass(frozen=True)
class Piece:
    """What is spoken in one go, never empty, and the seconds of silence after it (0: the voice goes on).

    The short rest after a sentence is the voice's own and not part of `pause_s`.
    """

    text: str
    pause_s: float


def pieces(
    text: str, language: str = "en", *, normalize: bool = False, most_chars: int = 400, first_chars: int = 60
) -> Iterator[Piece]:
    """The pieces of a text, made one by one: a sentence each, of at most `most_chars`, longer ones parted at clauses.

    The first one ends after about `first_chars`, so that its sound is there soon. A pause before the first word is
    not kept, silence that is only punctuation neither; a text without a word has no pieces. Raises ValueError if
    `most_chars` is below 20 or `first_chars` below 1, MissingExtra when read as `spoken` does.
    """
    if most_chars < LEAST_CHARS or first_chars < 1:
        raise ValueError(f"most_chars {most_chars}, first_chars {first_chars}; at least {LEAST_CHARS} and 1 are needed")
    return _pieces(text, reader(text, language, normalize=normalize), most_chars, first_chars)


def asked_pauses_s(text: str, most_chars: int = 400) -> float:
    """The seconds of silence that a text asks for between and after its words, found without reading it; 0.0 where it
    is too short to ask for MOST_UNASKED_S.
    """
    if len(text) + text.count("[") * pauses.MOST_PAUSE_S < MOST_UNASKED_S:  # no other pause has 1 s for a character
        return 0.0
    return sum(piece.pause_s for piece in _pieces(text, str, most_chars, 1))


def _pieces(text: str, read: Callable[[str], str], most_chars: int, first_chars: int) -> Iterator[Piece]:
    held = ""  # what is yielded as soon as the pause after it is known
    natural_s = marked_s = 0.0
    first = True
    for span in sentences.spans(text, most_chars):
        line = _line(text[span.start : span.end])
        if CONTENT.search(line):
            if held:
                yield Piece(held, _pause_s(natural_s, marked_s))
            natural_s = marked_s = 0.0
            held = ""
            for part in _parts(read(line), most_chars, first_chars if first else None):
                if held:
                    yield Piece(held, 0.0)
                held, first = part, False
        natural_s, marked_s = max(natural_s, span.pause_s), marked_s + span.marked_s
    if held:
        yield Piece(held, _pause_s(0.0, marked_s))


def _pause_s(natural_s: float, marked_s: float) -> float:
    """The silence where several things ask for one."""
    return min(max(natural_s, marked_s), pauses.MOST_PAUSE_S)


def _line(raw: str) -> str:
    """A span as one line, without the marks of lists and headings."""
    marks = LINE_MARKS.match(raw)
    return BLANK.sub(" ", raw[marks.end() if marks else 0 :]).strip()


def _parts(said: str, most_chars: int, first_chars: int | None) -> Iterator[str]:
    """A spoken sentence in parts that fit; the first one is shorter if `first_chars` is given."""
    start = 0
    if first_chars is not None and len(said) > first_chars * WHOLE:
        start = sentences.cut(said, min(first_chars, most_chars), least_chars=min(first_chars, most_chars) // 4)
        yield from filter(CONTENT.search, [said[:start].strip()])
    while start < len(said):
        end = len(said) if len(said) - start <= most_chars else sentences.cut(said, most_chars, start)
        yield from filter(CONTENT.search, [said[start:end].strip()])
        start = end
