"""A prompt as the phrases that the tables know: the longest at each place, a preset's own name before its words."""

import re
from collections.abc import Iterator, Sequence

from deployments.synth.reading.names import ARTICLES, LONGEST, compounds, without_articles
from deployments.synth.reading.spelling import corrected
from deployments.synth.reading.wording import plainly
from deployments.synth.words.lexicon import GROUPS, MOOD_SCALES, NEGATIONS, SCENES, SOUNDS, STOPS
from deployments.synth.words.mentions import singular
from deployments.synth.words.modifiers import CHANGES
from deployments.synth.words.quantities import QUANTITIES

_TOKEN = re.compile(r"[a-z0-9#♯♭'/]+|[,.;:!?()]")
_HYPHENED = re.compile(r"([a-z]+)-like")
_IN_TABLES = 4  # words in a phrase of the tables
PUNCTUATION = frozenset(",.;:!?()")
THAN = frozenset({"than", "compared to", "compared with", "relative to"})
# Behind a thing these say what it is like; that is not heard itself.
LIKENING = frozenset({"like", "resembling", "as if", "as though", "reminiscent of", "colour of", "color of"})
# After "nothing percussive" these say what is meant to be there; "besides" alone rules nothing out.
EXCEPTIONS = frozenset({"besides", "except", "except for", "other than", "apart from", "aside from", "save for"})
_TABLES = (SOUNDS, CHANGES, SCENES, GROUPS, MOOD_SCALES, NEGATIONS, STOPS, QUANTITIES, EXCEPTIONS, THAN, LIKENING)


def split(text: str) -> Iterator[tuple[str, str]]:
    """Yield (phrase as in the tables, words as written), the longest that is known at each place."""
    tokens = " ".join(map(corrected, _TOKEN.findall(plainly(text).replace("-", " ")))).split()
    hyphened = {f"{thing} like" for thing in _HYPHENED.findall(text.lower())}
    at, negated = 0, False
    while at < len(tokens):
        for size in range(min(LONGEST, len(tokens) - at), 0, -1):
            words = " ".join(tokens[at : at + size])
            first, _, last = words.rpartition(" ")
            stem = f"{first} {singular(last)}".strip()
            known = next((phrase for phrase in (words, stem) if size <= _IN_TABLES and phrase in SOUNDS), None)
            known = known or (None if negated else _name(tokens[at : at + size]))
            known = known or next((phrase for phrase in (words, stem) if size <= _IN_TABLES and _known(phrase)), None)
            if last == "like" and words not in hyphened and _is_compared(first, tokens[at + size :]):
                known = None
            if known is not None or size == 1:
                yield known or words, words
                at += size
                negated = known in NEGATIONS or (negated and known not in STOPS and words not in PUNCTUATION)
                break


def _is_compared(thing: str, following: Sequence[str]) -> bool:
    """Whether "a bell like falling rain" is a bell; a "bell like pad" is a pad."""
    return thing in SOUNDS and bool(following) and following[0] not in {*SOUNDS, *PUNCTUATION}


def _name(tokens: Sequence[str]) -> str | None:
    """The preset's name that the words are, whatever articles are in it."""
    if tokens[0] in ARTICLES or tokens[-1] in ARTICLES:
        return None
    said = without_articles(tokens)
    stem = f"{said.rpartition(' ')[0]} {singular(tokens[-1])}".strip()
    return next((phrase for phrase in (said, stem) if phrase in compounds()), None)


def _known(phrase: str) -> bool:
    return any(phrase in table for table in _TABLES)
