"""What a prompt mentions, and which of its words mean the same thing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deployments.synth.terms.change import Change, total
from deployments.synth.words.lexicon import Scene
from deployments.synth.words.modifiers import CHANGES


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
    article: str = ""
    clause: str = ""  # all words of it, where no table knows what is meant

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
    wanted: list[str] = field(default_factory=list)  # the words outside of negations


def singular(word: str) -> str:
    """The word without a plural ending; the tables hold singulars."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("s", "")):
        if len(word) > 3 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word


def referred(mentions: Sequence[Mention]) -> list[Mention]:
    """Give what is said of "the bell" to the church bell that was mentioned before."""
    kept: list[Mention] = []
    for mention in mentions:
        named = {mention.words, *(mention.words.split() if mention.kind is None else ())}
        bare = named.issuperset(mention.strange) and all(word in CHANGES or word in named for word in mention.query)
        again = mention.article == "the" or (mention.article != "a" and mention.change.level_db)
        earlier = next((other for other in reversed(kept) if is_same(mention, other)), None) if bare and again else None
        if earlier is None:
            kept.append(mention)
        else:
            earlier.changes += mention.changes
    return kept


def is_same(mention: Mention, earlier: Mention) -> bool:
    """Whether a later word may stand for what was mentioned: the same word, its last one, or that for its kind."""
    head, before = singular(mention.words), singular(earlier.words)
    general = mention.kind is not None and mention.kind == earlier.kind and mention.kind in {mention.words, head}
    return head == before or before.endswith(f" {head}") or general
