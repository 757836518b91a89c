"""Where sentences end, and where a sentence may be cut when it is too long to be spoken at once."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.speech.text import pauses

# Characters at which a sentence, a line or a marked pause may end what stands before.
TRIGGER = re.compile(r"[.!?…。．！？｡।॥؟۔።\n\r\x0b\x0c\u2028\u2029\[]")
NEWLINES = re.compile(r"[\n\r\x0b\x0c\u2028\u2029]\s*")
ENDS = re.compile(r"[.!?…。．！？｡।॥؟۔።]+(?:\s\.(?=\s\.|[\s)\"”'’\]]|$)){0,9}")
ALWAYS = frozenset("。！？｡।॥؟۔።")  # no abbreviation and no number holds one of these
CLOSERS = re.compile(r"[\"'”’»›)\]}」』）】》〉*_]*")
WORD_BEFORE = re.compile(r"[^\W_](?:[\w.'’&-]*[^\W_])?$")
WORD_AFTER = re.compile(r"[\s\"'“‘«‹(\[{¿¡*_]{0,9}(?P<word>[^\W_][\w'’]{0,20})?")
LIST_ITEM = re.compile(r"(?:[-*+•‣◦–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])[ \t]+\S")
HEADING = re.compile(r"#{1,6}[ \t]+")
SCENE = re.compile(r"[\s*#_=~•·.◦+-]*")
HAN = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")

SHORT_LINE = 55  # a line that is not longer, with a capital after it, was not wrapped by a text's width


def words(text: str) -> frozenset[str]:
    """The words of a list."""
    return frozenset(text.split())


# A name or number follows: never the end of a sentence.
TITLES = words(
    "mr mrs ms mx dr prof rev hon pres gov sen rep gen col maj capt cmdr lt sgt cpl adm supt msgr fr messrs mmes vs "
    "cf eg e.g i.e ie approx ca viz fig figs pp vol vols ch sec eq ref refs al"
)
BEFORE_NUMBERS = words("no nos p art jan feb mar apr jun jul aug sep sept oct nov dec op para ext tel nr pt")
# May end a sentence: it does where the next word is one that sentences begin with.
MAYBE = words(
    "jr sr st mt ft inc ltd corp co bros dept univ assn est ave blvd rd ln hwy pkwy apt bldg ste u.s u.k u.n e.u "
    "d.c a.m p.m ph.d m.d b.a m.a b.c a.d a.k.a p.s esq mon tue tues wed thu thurs fri sat sun min max ed eds"
)
STARTERS = words(
    "the a an this that these those there here he she it we they you i his her its our their your my in on at by "
    "for from with as if when while after before since because but and or so yet then now how why what who where "
    "which is are was were do does did can could will would should may might must not no yes all some many most "
    "both each every one two three however although though despite during until once later today yesterday tomorrow "
    "meanwhile finally instead still even just let please thanks nobody everyone everything nothing another other "
    "such only also perhaps maybe"
)

CLAUSE = re.compile(
    r"[,;:][\"'”’)\]]*(?=\s)|[)\]”»][,;:]?(?=\s)|[—][\"”’]?\s?|\s[–-](?=\s)|\.{3}[\"”’)]*(?=\s)|…[\"”’)]*\s?|[.!?][\"”’)]*(?=\s)|"
    r"[，、；：）」』》。！？]+[”’」』]*|\s(?=[(\[“«])"
)
BEFORE_WORDS = re.compile(
    r"\s(?=(?:and|or|but|nor|because|that|which|who|whose|where|when|while|if|unless|until|although|though|since|as|than|with|"
    r"without|for|from|to|in|on|at|by|of|into|over|under|through|between|before|after|about|against|like)\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Span:
    """A sentence or a part of one: `text[start:end]`, and the silence that its end and that a mark ask for."""

    start: int
    end: int
    pause_s: float = 0.0
    marked_s: float = 0.0


@dataclass(frozen=True)
class _End:
    """Where a span ends (None: it goes on), where to look next, the silence."""

    at: int | None
    following: int
    pause_s: float = 0.0
    marked_s: float = 0.0


def spans(text: str, most_chars: int) -> Iterator[Span]:
    """Consecutive spans that cover `text` but for marked pauses, lazily; each of at most `most_chars`.

    A pause that stands in front of everything is a span of no characters.
    """
    start = at = 0
    while start < len(text):
        found = TRIGGER.search(text, at, min(start + most_chars, len(text)))
        end = None if found is None else _end(text, start, found.start())
        if end is not None and end.at is not None and end.at - start <= most_chars:
            yield Span(start, end.at, end.pause_s, end.marked_s)
            start = at = end.following
        elif end is not None and end.at is None and end.following - start < most_chars:
            at = end.following
        else:
            last = len(text) if len(text) - start <= most_chars else cut(text, most_chars, start)
            yield Span(start, last)
            start = at = last


def _end(text: str, start: int, at: int) -> _End:
    if text[at] == "[":
        mark = pauses.MARK.match(text, at)
        return _End(None, at + 1) if mark is None else _End(at, mark.end(), marked_s=pauses.marked_s(mark))
    lines = NEWLINES.match(text, at)
    return _sentence_end(text, start, at) if lines is None else _line_end(text, lines)


def _line_end(text: str, lines: re.Match[str]) -> _End:
    """Whether a line's end ends what is said; wrapped lines go on."""
    at, end = lines.span()
    breaks = lines.group().replace("\r\n", "\n")
    line = text[max(text.rfind("\n", max(at - 200, 0), at) + 1, at - 200, 0) : at].strip()
    if len(breaks) - breaks.count(" ") - breaks.count("\t") > 1:
        scene = SCENE.fullmatch(line) is not None
        return _End(end, end, pauses.SCENE_S if scene and line else pauses.PARAGRAPH_S)
    if HEADING.match(line):
        return _End(end, end, pauses.PARAGRAPH_S)
    following = text[end : end + 1]
    if LIST_ITEM.match(text, end) or LIST_ITEM.match(line) or HEADING.match(text, end):
        return _End(end, end, pauses.LINE_S)
    if HAN.match(line[-1:]) or line[-1:] in ALWAYS or HAN.match(following):
        return _End(end, end, pauses.LINE_S)
    alone = len(line) <= SHORT_LINE and not line.endswith((",", ";", "-", "—"))
    if line and alone and (following.isupper() or following.isdecimal() or line.endswith(":")):
        return _End(end, end, pauses.LINE_S)
    return _End(None, end)


def _sentence_end(text: str, start: int, at: int) -> _End:
    """Whether the marks at `at` end a sentence."""
    marks = ENDS.match(text, at)
    assert marks is not None
    closed = _closed(text, marks.end())
    after = text[closed : closed + 1]
    ellipsis = "…" in marks.group() or marks.group().count(".") > 1
    if ellipsis:
        inside = text[at - 1 : at].isdecimal() and after.isdecimal()  # a range: 1...10
        return _End(None, closed) if inside else _End(closed, closed, pauses.ELLIPSIS_S)
    if not ALWAYS.isdisjoint(marks.group()):
        return _End(closed, closed)
    if after and not after.isspace() and HAN.match(after) is None:
        return _End(None, marks.end())
    following = WORD_AFTER.match(text, closed)
    word = following["word"] or "" if following else ""
    if marks.group() == "." and not _full_stop(text, start, at, word):
        return _End(None, closed)
    if word[:1].islower() and (marks.group() == "." or closed > marks.end()):  # "Why?" she asked.
        return _End(None, closed)
    return _End(closed, closed)


def _closed(text: str, at: int) -> int:
    """Where quotes and brackets that close right after a mark end."""
    closers = CLOSERS.match(text, at)
    return at if closers is None else closers.end()


def _full_stop(text: str, start: int, at: int, following: str) -> bool:
    """Whether the period at `at` ends a sentence, `following` being the next word (empty: none)."""
    found = WORD_BEFORE.search(text, max(start, at - 24), at)
    if found is None or not following:
        return True
    word = found.group().rpartition("-")[2]
    lower = word.lower()
    first = not text[start : found.start()].strip()
    starts = following[0].isupper() and following.lower() in STARTERS
    if word.isdecimal() or word == "I":  # not after the number of a list, nor the initial of a name
        return not first or (word == "I" and starts)
    if lower in BEFORE_NUMBERS and following[0].isdecimal():
        return False
    if lower in MAYBE or (len(word) == 1 and word.isupper()):
        return starts
    dotted = "." in word and len(max(word.split("."), key=len)) < 3
    return starts if dotted else lower not in TITLES


def cut(text: str, most_chars: int, start: int = 0, least_chars: int | None = None) -> int:
    """Where a text that is too long from `start` on is cut, `most_chars` later at the latest.

    After the last clause there, before a word that joins parts of a sentence, between words; inside one only where it
    is longer than all that. Clauses shorter than `least_chars` (a third of `most_chars` if None) are not cut off.
    """
    least = start + (most_chars // 3 if least_chars is None else least_chars)
    limit = start + most_chars
    window = min(limit + 1, len(text))  # a space right after the limit ends a word, too
    for pattern in (CLAUSE, BEFORE_WORDS):
        last = max((found.end() for found in pattern.finditer(text, least, window) if found.end() <= limit), default=0)
        if last > start:
            return last
    for at in range(min(limit, len(text) - 1), start, -1):
        if text[at].isspace():
            return at
    return _between_characters(text, start, limit)


def _between_characters(text: str, start: int, at: int) -> int:
    """The nearest place before `at` that does not part a letter from its accents or an emoji from its joiner."""
    for place in range(at, max(start, at - 16), -1):
        joined = unicodedata.combining(text[place]) or text[place] in "\u200d\ufe0f" or text[place - 1] == "\u200d"
        if not joined:
            return place
    return at
