"""The clauses of a prompt: the phrases between two stops, and what stands next to what in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from deployments.synth.reading.names import ARTICLES, compounds, is_heard
from deployments.synth.reading.phrases import PUNCTUATION
from deployments.synth.words.lexicon import DETERMINERS, NEGATIONS, OBJECTS, PREPOSITIONS, SCENES, SOUNDS, STOPS
from deployments.synth.words.modifiers import CHANGES

SOFT = frozenset({",", "and", "(", ""})  # what may stand between a modifier and its thing
_BEGINNING = frozenset({"a", "an", "some", "only", "just"})  # "no birds, and a flute" asks for the flute
_ENDS = frozenset({".", ";", ":", "!", "?", ")"})


@dataclass
class Clause:
    """The phrases between two stops: (phrase as in the tables, words as written)."""

    phrases: list[tuple[str, str]]
    joint: str  # the stop before it
    bracket: bool = False  # within brackets
    next_joint: str = "."
    next_phrase: str = ""

    def goes_on(self) -> bool:
        """Whether a negation reaches into this clause: "no bass, drums or bells", "no drums and bass"."""
        if self.joint == "and":
            return not any(phrase in _BEGINNING for phrase, _ in self.phrases[:1])
        return self.joint == "," and any(phrase in {"or", "nor"} for phrase, _ in self.phrases)

    def is_before_a_thing(self, at: int) -> bool:
        """Whether a thing or a scene is next, whatever is said of it: "a bit of the rain", "more soft bells"."""
        following = (phrase for phrase, _ in self.phrases[at:])
        next_ = next((phrase for phrase in following if phrase not in {*ARTICLES, "of"} and phrase not in CHANGES), "")
        return next_ in SCENES or next_ in compounds() or is_heard(next_)

    def is_object(self, at: int) -> bool:
        """Whether a word for a style is a thing here: "in an old house", "waves on the rocks"."""
        phrase, words = self.phrases[at]
        following = next(iter(self.phrases[at + 1 :]), ("", ""))[0]
        if phrase not in OBJECTS or (following not in PREPOSITIONS and following not in {"", "of"}):
            return False
        before = [other for other, _ in self.phrases[:at]]
        near = max((i for i, other in enumerate(before) if other in PREPOSITIONS or other in SOUNDS), default=-1)
        return words != phrase or not DETERMINERS.isdisjoint(before[near + 1 :])

    def stands_behind(self) -> bool:
        """Whether a clause of modifiers alone ends what was said of a thing: "rain, very far away, and a piano"."""
        if any(phrase in {"it", "them"} for phrase, _ in self.phrases):
            return True
        if self.joint == "with" and self.next_joint in _ENDS:
            return True
        if self.joint == "but" and any(_is_compared(phrase) for phrase, _ in self.phrases):
            return True  # "and rain, but quieter"
        if self.joint not in {",", "and"} or any(phrase in ARTICLES for phrase, _ in self.phrases):
            return False
        if self.next_joint in SOFT:
            return self.next_phrase in ARTICLES
        return self.next_joint not in _ENDS


def clauses(phrases: Sequence[tuple[str, str]]) -> list[Clause]:
    """Split at stops and at "and"; "no bass a pad" is split at "a"."""
    found: list[Clause] = []
    clause, bracket = Clause([], ""), False
    for phrase, words in phrases:
        article = phrase in {"a", "an", "the", "only", "just"} and any(p in NEGATIONS for p, _ in clause.phrases[:-1])
        if phrase in STOPS or phrase in PUNCTUATION or phrase == "and" or article:
            bracket = phrase == "(" or (bracket and phrase != ")")
            if clause.phrases or phrase in NEGATIONS:
                found.append(clause)
                clause = Clause([], phrase, bracket)
            else:
                clause.joint = clause.joint if clause.joint and phrase == "," else phrase
                clause.bracket = bracket
        else:
            clause.phrases.append((phrase, words))
    found += [clause] if clause.phrases else []
    for one, after in pairwise(found):
        one.next_joint, one.next_phrase = after.joint, after.phrases[0][0] if after.phrases else ""
    return found


def _is_compared(phrase: str) -> bool:
    """Whether a modifier compares with what was said before."""
    return phrase.endswith("er") or phrase.startswith(("not as ", "less ", "half as ", "twice as "))
