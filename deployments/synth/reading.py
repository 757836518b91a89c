"""A prompt taken apart: which things it mentions, what it says about each of them, about all, and what it rules out.

Words are looked up, the longest phrase first; nothing is guessed here. A modifier belongs to the thing that it
stands before, or behind in its clause; a clause of modifiers alone belongs to what follows, or to everything.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from deployments.synth import lexicon
from deployments.synth.lexicon import (
    EFFECTS,
    FILLERS,
    GROUPS,
    NEGATIONS,
    PREPOSITIONS,
    SCENES,
    SOUNDS,
    STOPS,
    VAGUE,
    Scene,
)
from deployments.synth.modifiers import CHANGES, TRAILING, Change, total
from deployments.synth.spelling import corrected

_TOKEN = re.compile(r"[a-z0-9#♯♭'/]+|[,.;:!?()]")
_LONGEST = 4  # words in a phrase
_PUNCTUATION = frozenset(",.;:!?()")
_ARTICLES = frozenset({"a", "an", "the", "some"})
_SOFT = frozenset({",", "and", "(", ""})  # what may stand between a modifier and its thing


@dataclass
class Mention:
    """A thing that is asked for. `kind` is the lexicon's name for it, None where only a search can tell.

    `query` is all that was said around it; `strange` are words beside it that no table knows; `apart` are those of
    them that may be a thing of their own, as "frogs" in "frogs in the rain".
    """

    words: str
    kind: str | None
    query: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)

    @property
    def change(self) -> Change:
        """What the known words do to it."""
        return total(self.changes)


@dataclass
class Reading:
    """Everything found, in the order of the words."""

    mentions: list[Mention] = field(default_factory=list)
    scenes: list[tuple[str, Scene, bool]] = field(default_factory=list)  # words, scene, whether it stands for itself
    everywhere: list[Change] = field(default_factory=list)
    excluded: dict[str, str] = field(default_factory=dict)  # kinds and roles, and the phrase that names one sound
    denied: set[str] = field(default_factory=set)  # the words for what is excluded
    refused: list[str] = field(default_factory=list)  # words after a negation that no table knows
    phrases: list[str] = field(default_factory=list)


@dataclass
class _Clause:
    """The phrases between two stops: (phrase as in the tables, words as written)."""

    phrases: list[tuple[str, str]]
    joint: str  # the stop before it
    next_joint: str = "."


def read(text: str) -> Reading:
    """Take a prompt apart. Any text can be read."""
    tokens = " ".join(map(corrected, _TOKEN.findall(text.lower().replace("-", " ")))).split()
    phrases = list(_phrases(tokens))
    reading = Reading(phrases=[phrase for phrase, _ in phrases])
    carried: list[Change] = []
    negation = ""
    for clause in _clauses(phrases):
        if negation and not _goes_on(clause):
            negation = ""
        carried, negation = _Reader(reading, clause, carried, negation).read()
    reading.everywhere += carried
    return reading


def singular(word: str) -> str:
    """The word without a plural ending; the tables hold singulars."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("s", "")):
        if len(word) > 3 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word


def _phrases(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (phrase as in the tables, words as written), the longest that is known at each place."""
    at = 0
    while at < len(tokens):
        for size in range(min(_LONGEST, len(tokens) - at), 0, -1):
            words = " ".join(tokens[at : at + size])
            first, _, last = words.rpartition(" ")
            stem = f"{first} {singular(last)}".strip()
            known = next((phrase for phrase in (words, stem) if _known(phrase)), None)
            if known is not None or size == 1:
                yield known or words, words
                at += size
                break


_TABLES = (SOUNDS, CHANGES, SCENES, GROUPS, lexicon.MOOD_SCALES, NEGATIONS, STOPS)


def _known(phrase: str) -> bool:
    return any(phrase in table for table in _TABLES)


def _clauses(phrases: Sequence[tuple[str, str]]) -> Iterator[_Clause]:
    """Split at stops and at "and"; "no bass a pad" is split at "a"."""
    clause = _Clause([], "")
    for phrase, words in phrases:
        article = phrase in {"a", "an", "the", "only", "just"} and any(p in NEGATIONS for p, _ in clause.phrases[:-1])
        if phrase in STOPS or phrase in _PUNCTUATION or phrase == "and" or article:
            clause.next_joint = phrase
            if clause.phrases or phrase in NEGATIONS:
                yield clause
                clause = _Clause([], phrase)
            else:
                clause.joint = clause.joint if clause.joint and phrase == "," else phrase
        else:
            clause.phrases.append((phrase, words))
    if clause.phrases:
        yield clause


def _goes_on(clause: _Clause) -> bool:
    """Whether a negation reaches into this clause: "no bass, drums or bells", "no drums and bass"."""
    if clause.joint == "and":
        return True
    return clause.joint == "," and any(phrase in {"or", "nor"} for phrase, _ in clause.phrases)


class _Reader:
    """Reads one clause into the reading."""

    def __init__(self, reading: Reading, clause: _Clause, carried: list[Change], negation: str) -> None:
        self.reading, self.clause, self.negation = reading, clause, negation
        self.pending = list(carried)
        self.run: list[str] = []  # words that no table knows
        self.apart: list[str] = []  # the part of them before a preposition
        self.query: list[str] = []
        self.mentions: list[Mention] = []
        self.refused = False
        self.scenes: list[tuple[str, Scene]] = []
        self.beside: str | None = None  # the phrase of a thing that stands directly before

    def read(self) -> tuple[list[Change], str]:
        """Return the modifiers that wait for the next clause, and the negation that reaches into it."""
        for phrase, words in self.clause.phrases:
            if phrase in NEGATIONS:
                self._close()
                self.negation, self.refused = phrase, False
            else:
                self._take(phrase, words)
            self.beside = phrase if phrase in SOUNDS else None
        carried = self._close()
        coloured = any(
            mention.kind is not None and mention.words != words for mention in self.mentions for words, _ in self.scenes
        )
        self.reading.scenes += [(words, scene, not coloured) for words, scene in self.scenes]
        return carried, self.negation

    def _take(self, phrase: str, words: str) -> None:
        group = GROUPS.get(phrase) or GROUPS.get(singular(phrase))
        if self.negation and group is not None:
            self._exclude(words, {kind: "" for kind in (*group, *([SOUNDS[phrase]] if phrase in SOUNDS else []))})
        elif phrase in SOUNDS:
            self._thing(phrase, words)
        elif phrase in CHANGES:
            self._modifier(phrase, words)
        elif phrase in PREPOSITIONS:
            self.apart = list(self.run)
        elif phrase not in FILLERS and phrase not in SCENES and len(phrase) > 1:
            self.query.append(words)
            if not any(letter.isdigit() for letter in phrase):
                self.run.append(words)
        if phrase in SCENES and phrase not in SOUNDS and not self.negation:
            self._scene(phrase, words)

    def _thing(self, phrase: str, words: str) -> None:
        kind = SOUNDS[phrase]
        if self.negation:
            self._exclude(words, {kind: words})
            return
        if self.beside is not None and self.mentions and {kind, self.mentions[-1].kind} <= lexicon.TONAL:
            if phrase in VAGUE or singular(phrase) in VAGUE:
                return  # "piano chords" are a piano
            self._compound(kind)
        elif self.beside is not None and self.mentions and self._absorbed(phrase, words, kind):
            return
        mention = Mention(words, kind, [*self.query, words], self.pending, self.run, self.apart)
        self.pending, self.run, self.query, self.apart = [], [], [], []
        self.mentions.append(mention)
        self.reading.mentions.append(mention)

    def _absorbed(self, phrase: str, words: str, kind: str) -> bool:
        """Read "the hum of a fan" in "fan hum", and a colour in "noise drums"."""
        last = self.mentions[-1]
        natural = lexicon.NATURE | lexicon.NOISE
        if last.kind in natural and phrase in lexicon.GENERIC and kind not in natural:
            last.query.append(words)
            return True
        if last.words in lexicon.GENERIC and last.kind in lexicon.NOISE and kind not in natural:
            self._compound(kind)
        return False

    def _compound(self, kind: str) -> None:
        """In "bass drone" and "synth pad" the last word is the thing; the first only colours it."""
        first = self.mentions.pop()
        self.reading.mentions.remove(first)
        self.pending += first.changes
        self.run = first.strange + self.run
        self.query = first.query + self.query
        if first.kind == "bass" and kind != "bass":
            self.pending.append(Change(register=-1))

    def _exclude(self, words: str, sounds: Mapping[str, str]) -> None:
        self.reading.denied.add(words)
        self.reading.excluded |= sounds
        self.refused = True
        self.pending, self.run, self.query = [], [], []

    def _modifier(self, phrase: str, words: str) -> None:
        """Keep it for the next thing; some stand behind theirs. A negated modifier means nothing."""
        if self.negation:
            if self.negation in {"not", "never"}:
                self.negation = ""  # "not too loud, with bells"
            return
        self.query.append(words)
        if (phrase in TRAILING or " " in phrase) and self.mentions and not self.run:
            self.mentions[-1].changes.append(CHANGES[phrase])
        else:
            self.pending.append(CHANGES[phrase])

    def _scene(self, phrase: str, words: str) -> None:
        scene = SCENES[phrase]
        self.scenes.append((words, scene))
        self.query.append(words)
        for kind in scene.nature:
            mention = Mention(words, kind, [words], list(self.pending), [], self.apart)
            self.mentions.append(mention)
            self.reading.mentions.append(mention)
            if self.apart:
                self.run, self.query, self.apart = [], [], []
        if scene.nature:
            self.pending = []

    def _close(self) -> list[Change]:
        """End the clause, or the part of it before a negation; return what waits for the next one."""
        run, pending, query = self.run, self.pending, self.query
        self.run, self.pending, self.query = [], [], []
        if self.negation:
            if run and not self.refused:
                self.reading.refused.append(" ".join(run))
            return []
        if self.mentions:
            last = self.mentions[-1]
            last.changes += pending
            last.strange += run
            last.query += query
            return []
        if self._goes_back(run, query, pending):
            return []
        if run:
            mention = Mention(" ".join(run), None, query, pending, run)
            self.mentions.append(mention)
            self.reading.mentions.append(mention)
            return []
        begun = any(phrase in _ARTICLES for phrase, _ in self.clause.phrases)  # "with a low, dark pad"
        if (begun or self.clause.joint in _SOFT) and self.clause.next_joint in _SOFT:
            return pending
        self.reading.everywhere += pending
        return []

    def _goes_back(self, run: Sequence[str], query: Sequence[str], pending: Sequence[Change]) -> bool:
        """Give the last thing what belongs to it: "piano (loud)", "a guitar with heavy distortion"."""
        bracket = not run and self.clause.joint == "("
        effect = bool(run) and EFFECTS.issuperset(map(singular, run))
        if not self.reading.mentions or not (bracket or effect):
            return False
        self.reading.mentions[-1].query += query
        self.reading.mentions[-1].changes += pending
        return True
