"""A prompt taken apart: which things it mentions, what it says about each of them, about all, and what it rules out.

Words are looked up, the longest phrase first; nothing is guessed here. A modifier belongs to the thing that it
stands before, or behind in its clause; a clause of modifiers alone belongs to what follows, or to everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from deployments.synth import lexicon
from deployments.synth.lexicon import (
    DETERMINERS,
    EFFECTS,
    FILLERS,
    GROUPS,
    NEGATIONS,
    OBJECTS,
    PREPOSITIONS,
    SCENES,
    SOUNDS,
    STOPS,
    VAGUE,
    Scene,
)
from deployments.synth.mentions import Mention, Reading, is_same, referred, singular
from deployments.synth.modifiers import CHANGES, TRAILING, Change, is_of_an_onset, total
from deployments.synth.names import ARTICLES, compounds, is_natural
from deployments.synth.phrases import EXCEPTIONS, PUNCTUATION, THAN, split
from deployments.synth.quantities import QUANTITIES, of_quality

__all__ = ["Mention", "Reading", "read", "singular"]

_SOFT = frozenset({",", "and", "(", ""})  # what may stand between a modifier and its thing
_ENDS = frozenset({".", ";", ":", "!", "?", ")"})
_KEPT_BESIDE = frozenset({"besides"})
# "Everything in mono" and "narrow stereo, please" are said of the whole.
_WHOLE = frozenset(
    {"everything", "overall", "whole", "entire", "mix", "stereo", "image", "altogether", "throughout", "panorama"}
)
# "No sudden noises" refuses what is sudden, not the noises; "no other instruments" all of them.
_ANY_SOUND = frozenset({"noise", "sound", "tone", "note", "music", "instrument"})
_OTHERS = frozenset(
    {"additional", "extra", "further", "accompanying", "backing", "background", "musical", "actual", "other"}
)
_RELATIVES = frozenset({"that", "which", "who"})
_TURNED_AROUND = -0.8


@dataclass
class _Clause:
    """The phrases between two stops: (phrase as in the tables, words as written)."""

    phrases: list[tuple[str, str]]
    joint: str  # the stop before it
    bracket: bool = False  # within brackets
    next_joint: str = "."
    next_phrase: str = ""


def read(text: str) -> Reading:
    """Take a prompt apart. Any text can be read."""
    phrases = list(split(text))
    reading = Reading(phrases=[phrase for phrase, _ in phrases])
    carried: list[Change] = []
    negation = ""
    for clause in _clauses(phrases):
        if negation and not _goes_on(clause):
            negation = ""
        carried, negation = _Reader(reading, clause, carried, negation).read()
    reading.everywhere += carried
    reading.mentions = referred(reading.mentions)
    return reading


def _clauses(phrases: Sequence[tuple[str, str]]) -> list[_Clause]:
    """Split at stops and at "and"; "no bass a pad" is split at "a"."""
    clauses: list[_Clause] = []
    clause, bracket = _Clause([], ""), False
    for phrase, words in phrases:
        article = phrase in {"a", "an", "the", "only", "just"} and any(p in NEGATIONS for p, _ in clause.phrases[:-1])
        if phrase in STOPS or phrase in PUNCTUATION or phrase == "and" or article:
            bracket = phrase == "(" or (bracket and phrase != ")")
            if clause.phrases or phrase in NEGATIONS:
                clauses.append(clause)
                clause = _Clause([], phrase, bracket)
            else:
                clause.joint = clause.joint if clause.joint and phrase == "," else phrase
                clause.bracket = bracket
        else:
            clause.phrases.append((phrase, words))
    clauses += [clause] if clause.phrases else []
    for one, after in pairwise(clauses):
        one.next_joint, one.next_phrase = after.joint, after.phrases[0][0] if after.phrases else ""
    return clauses


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
        self.turned: list[Change] = []  # qualities after a negation
        self.previous = ""
        self.purpose = False  # after "for": no thing that is heard
        self.whole = self.compared = self.placed = False
        self.article = ""
        self.scenes: list[tuple[str, Scene]] = []
        self.beside: str | None = None  # the phrase of a thing that stands directly before

    def read(self) -> tuple[list[Change], str]:
        """Return the modifiers that wait for the next clause, and the negation that reaches into it."""
        for at, (phrase, words) in enumerate(self.clause.phrases):
            self.placed = self._is_object(at)
            if phrase in EXCEPTIONS and (phrase in _KEPT_BESIDE or (self.negation and (self.refused or self.turned))):
                self._close()
                self.negation = ""
            elif phrase in NEGATIONS:
                self._close()
                self.negation, self.refused = phrase, False
            elif phrase.startswith(("no ", "without ")) and phrase in CHANGES and self._is_before_a_thing(at + 1):
                self._close()  # "without reverb drenched drums" is without drums
                self.negation, self.refused = phrase.split(" ")[0], False
            elif phrase in THAN:
                self._compare()
            elif phrase in _WHOLE and any(change.width for change in self.pending):
                self.whole = True  # "narrow stereo" is not stereo
            elif phrase in QUANTITIES and not self.negation and self._is_before_a_thing(at + 1):
                self.pending.append(QUANTITIES[phrase])
            else:
                self._take(phrase, words)
            if not self.negation:
                self.reading.wanted.append(words)
            if phrase in ARTICLES:
                self.article = "the" if phrase == "the" else "a"
            self.previous = phrase
            self.purpose = phrase == "for" or (self.purpose and phrase not in SOUNDS and phrase not in PREPOSITIONS)
            self.beside = phrase if phrase in SOUNDS or phrase in compounds() else None
        carried = self._close()
        coloured = any(
            mention.kind is not None and mention.words != words for mention in self.mentions for words, _ in self.scenes
        )
        self.reading.scenes += [(words, scene, not coloured) for words, scene in self.scenes]
        return carried, self.negation

    def _take(self, phrase: str, words: str) -> None:
        group = GROUPS.get(phrase) or GROUPS.get(singular(phrase))
        if self.negation and group is not None:
            if self._only_turned(phrase, words):
                return
            self._exclude(words, {kind: "" for kind in (*group, *([SOUNDS[phrase]] if phrase in SOUNDS else []))})
        else:
            self._take_word(phrase, words)

    def _take_word(self, phrase: str, words: str) -> None:
        scenic = phrase in SCENES and not self.placed
        if self._is_name(phrase):
            self._named(phrase, words)
        elif phrase in SOUNDS and phrase != words and self.previous in _RELATIVES and self.mentions:
            self.query.append(words)  # "a bass that kicks"
        elif phrase in SOUNDS:
            self._thing(phrase, words, SOUNDS[phrase])
        elif phrase in CHANGES:
            self._modifier(phrase, words)
        elif phrase in _WHOLE and not self.negation:
            self.whole = True
        elif phrase in PREPOSITIONS:
            self.apart = list(self.run)
        elif phrase not in FILLERS and not scenic and len(phrase) > 1:
            self.query.append(words)
            if not self.placed and not self.purpose and not any(letter.isdigit() for letter in phrase):
                self.run.append(words)
        if scenic and phrase not in SOUNDS and not self.negation and not self._is_name(phrase):
            self._scene(phrase, words)

    def _is_name(self, phrase: str) -> bool:
        return phrase in compounds() and not self.negation

    def _named(self, phrase: str, words: str) -> None:
        """Take a preset's name as one thing, with what its words change."""
        self.pending += [CHANGES[part] for part in phrase.split() if part in CHANGES]
        self._thing(phrase, words, compounds()[phrase])
        self.query += [words] if phrase in SCENES else []  # a place colours what else is there
        if not is_natural(compounds()[phrase]):  # "dnb drums" are as fast as the style
            self.scenes += [(part, SCENES[part]) for part in phrase.split() if part in SCENES]

    def _thing(self, phrase: str, words: str, kind: str) -> None:
        if self.negation:
            if not self._only_turned(phrase, words):
                self._exclude(words, {kind: words})
            return
        if self.compared and self._is_mentioned(Mention(words, kind)):
            return
        if self.beside is not None and self.mentions and {kind, self.mentions[-1].kind} <= lexicon.TONAL:
            if phrase in VAGUE or singular(phrase) in VAGUE:
                return  # "piano chords" are a piano
            self._compound(kind)
        elif self.beside is not None and self.mentions and kind == "drums" and self.mentions[-1].kind in lexicon.RHYTHM:
            if self.mentions[-1].kind != kind:
                self.mentions[-1].query.append(words)  # "taiko percussion"
                return
            first = self.mentions[-1].words
            self._compound(kind)  # "gated snare drums"
            self.query.remove(first)
        elif self.mentions and self._absorbed(phrase, words, kind):
            return
        mention = Mention(words, kind, [*self.query, words], self.pending, self.run, self.apart, self.article)
        self.pending, self.run, self.query, self.apart, self.article = [], [], [], [], ""
        self.mentions.append(mention)
        self.reading.mentions.append(mention)

    def _absorbed(self, phrase: str, words: str, kind: str) -> bool:
        """Read "the hum of a fan" in "fan hum", and a colour in "noise drums"."""
        last = self.mentions[-1]
        absorbing = lexicon.GENERIC if self.beside is not None else lexicon.GENERIC & VAGUE
        noisy = self.beside is not None and kind in lexicon.NOISE  # "vinyl noise"
        if is_natural(last.kind) and phrase in absorbing and (noisy or not is_natural(kind)):
            last.query.append(words)
            return True
        if self.beside is None:
            return False
        if last.words in lexicon.GENERIC and last.kind in lexicon.NOISE and not is_natural(kind):
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
        """Keep it for the next thing; some stand behind theirs. What is refused turns around."""
        if self.negation:
            if self.negation in {"not", "never"}:
                self.negation = ""  # "must not be loud, with bells"
                self.pending.append(CHANGES[phrase].times(_TURNED_AROUND))
            else:
                self.turned.append(CHANGES[phrase])
            return
        self.query.append(words)
        behind = self.mentions or (self.reading.mentions if self.clause.joint == "with" and of_quality(phrase) else [])
        if (phrase in TRAILING or " " in phrase) and behind and (not self.run or is_of_an_onset(phrase)):
            behind[-1].changes.append(CHANGES[phrase])
        else:
            self.pending.append(CHANGES[phrase])

    def _only_turned(self, phrase: str, words: str) -> bool:
        """Whether a way of sounding is refused, not the thing: "no sudden noises", "rain, but no heavy rain"."""
        last = singular(phrase.rsplit(" ", maxsplit=1)[-1])
        asked = [mention for mention in self.reading.mentions if is_same(Mention(words, SOUNDS.get(phrase)), mention)]
        if self.turned and asked:
            asked[-1].changes.append(total(self.turned).times(_TURNED_AROUND))
        elif self.turned and last in _ANY_SOUND:
            self.reading.everywhere.append(total(self.turned).times(_TURNED_AROUND / 2))
        elif last in _ANY_SOUND and self.run and not _OTHERS.issuperset(self.run):
            self.reading.refused.append(" ".join([*self.run, words]))
        else:
            return False
        self.refused, self.turned, self.run = True, [], []
        return True

    def _compare(self) -> None:
        """End what is compared: in "rain louder than the pad" all before is said of the rain, nothing of the pad."""
        before = self.mentions or self.reading.mentions
        if before:
            before[-1].changes += self.pending
            self.pending = []
        self.compared, self.run, self.query = True, [], []

    def _is_before_a_thing(self, at: int) -> bool:
        """Whether a thing or a scene is next, whatever is said of it: "a bit of the rain", "more soft bells"."""
        following = (phrase for phrase, _ in self.clause.phrases[at:])
        next_ = next((phrase for phrase in following if phrase not in {*ARTICLES, "of"} and phrase not in CHANGES), "")
        return next_ in SOUNDS or next_ in SCENES or next_ in compounds()

    def _is_object(self, at: int) -> bool:
        """Whether a word for a style is a thing here: "in an old house", "waves on the rocks"."""
        phrase, words = self.clause.phrases[at]
        following = next(iter(self.clause.phrases[at + 1 :]), ("", ""))[0]
        if phrase not in OBJECTS or (following not in PREPOSITIONS and following not in {"", "of"}):
            return False
        before = [other for other, _ in self.clause.phrases[:at]]
        near = max((i for i, other in enumerate(before) if other in PREPOSITIONS or other in SOUNDS), default=-1)
        return words != phrase or not DETERMINERS.isdisjoint(before[near + 1 :])

    def _is_mentioned(self, thing: Mention) -> bool:
        return any(is_same(thing, mention) for mention in self.reading.mentions)

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
            turned, self.turned = self.turned, []
            if turned and not self.refused and not run:
                refused = total(turned).times(_TURNED_AROUND)
                (self.mentions[-1].changes if self.mentions else self.reading.everywhere).append(refused)
            elif run and not self.refused:
                self.reading.refused.append(" ".join(run))
            return []
        if self.compared:
            run = []
        if self.mentions:
            last = self.mentions[-1]
            last.changes += pending
            last.strange += run
            last.query += query
            return []
        if self._goes_back(run, query, pending):
            return []
        if run and not self.whole:
            mention = Mention(" ".join(run), None, query, pending, run)
            self.mentions.append(mention)
            self.reading.mentions.append(mention)
            return []
        begun = any(phrase in ARTICLES for phrase, _ in self.clause.phrases)  # "with a low, dark pad"
        if not self.whole and (begun or self.clause.joint in _SOFT) and self.clause.next_joint in _SOFT:
            return pending
        self.reading.everywhere += pending
        return []

    def _goes_back(self, run: Sequence[str], query: Sequence[str], pending: Sequence[Change]) -> bool:
        """Give the last thing what belongs to it: "piano (loud)", "a guitar with heavy distortion"."""
        bracket = not run and self.clause.bracket
        effect = bool(run) and EFFECTS.issuperset(map(singular, run))
        if not self.reading.mentions or not (
            bracket or effect or (not run and not self.whole and self._stands_behind())
        ):
            return False
        self.reading.mentions[-1].query += query
        self.reading.mentions[-1].changes += pending
        return True

    def _stands_behind(self) -> bool:
        """Whether a clause of modifiers alone ends what was said of a thing: "rain, very far away, and a piano"."""
        if any(phrase in {"it", "them"} for phrase, _ in self.clause.phrases):
            return True
        if self.clause.joint == "with" and self.clause.next_joint in _ENDS:
            return True
        if self.clause.joint not in {",", "and"} or any(phrase in ARTICLES for phrase, _ in self.clause.phrases):
            return False
        if self.clause.next_joint in _SOFT:
            return self.clause.next_phrase in ARTICLES
        return self.clause.next_joint not in _ENDS
