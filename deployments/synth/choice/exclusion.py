"""Which presets a prompt rules out, and which presets are of a kind.

What is ruled out takes its kinds with it: no drums are no kick either, no strings no cellos. What is asked for
outright stays, whatever class it is of: "lute and flute, no modern instruments".
"""

from collections.abc import Sequence
from functools import cache

from deployments.synth.library.presets import Preset, library
from deployments.synth.library.search import preset_search, words
from deployments.synth.reading.read import read
from deployments.synth.reading.spelling import plain
from deployments.synth.terms.roles import ROLES
from deployments.synth.words.lexicon import GROUPS, NATURE, SCENES, SOUNDS
from deployments.synth.words.mentions import Mention, Reading, singular

_REFUSED_FITS = 0.5
_SCENERY = frozenset({"AMBIENCE", "FX"})  # of these a tag says what is heard in it, elsewhere also what it is for


def banned_by(reading: Reading, negative_prompt: str) -> set[str]:
    """Ids of presets that must not be heard, from kinds, roles, and words that only a search knows."""
    scenic = {said for said, _, _ in reading.scenes}
    asked = [
        mention
        for mention in reading.mentions
        if mention.words not in scenic
        and mention.words not in SCENES
        and not any(_means(mention, phrase) for phrase in (*reading.denied, *reading.refused))
    ]
    ids = {preset.id for preset in library().values() if _is_ruled_out(preset, reading, asked)}
    ids |= {id_ for id_ in _alike(reading.refused) if not _is_asked(library()[id_], asked)}
    if negative_prompt.strip():
        negative = read("no " + plain(negative_prompt).translate(str.maketrans(".;:!?", ",,,,,")).replace(",", ", no "))
        ids |= {preset.id for preset in library().values() if _is_ruled_out(preset, negative, ())}
        ids |= _alike(negative.refused)
    return ids


def is_taken_back(mention: Mention, reading: Reading) -> bool:
    """Whether the very thing that is mentioned is ruled out elsewhere: "piano, but no piano"."""
    said = _said(mention.words)
    return bool(said) and any(_said(phrase) == said for phrase in (*reading.denied, *reading.refused))


def _alike(refused: Sequence[str]) -> set[str]:
    """What comes near to words that no table knows."""
    found = preset_search().search_many(refused, 3) if refused else []
    return {hit.preset.id for hits in found for hit in hits if hit.score >= _REFUSED_FITS}


def _is_ruled_out(preset: Preset, reading: Reading, asked: Sequence[Mention]) -> bool:
    """Whether it is of what is ruled out, and not asked for itself."""
    for kind, phrase in reading.excluded.items():
        named_alone = phrase and not _said(phrase) <= _general(kind) and _is_answered(phrase, kind)
        if _answers(preset, phrase, kind) if named_alone else _is_kind(preset, kind):
            return not _is_asked(preset, asked)
    return False


def _is_asked(preset: Preset, asked: Sequence[Mention]) -> bool:
    """Whether a thing that is mentioned may be this preset."""
    for mention in asked:
        if mention.kind is None:
            if _said(mention.words) & named(preset.id):
                return True
        elif _said(mention.words.split()[-1]) <= named(preset.id) and is_of(preset, mention.kind):
            return True
    return False


def _means(mention: Mention, phrase: str) -> bool:
    """Whether what is ruled out is just what was mentioned, or a sort of it: "guitar" and "distorted guitar"."""
    return _said(mention.words) <= _said(phrase)


def _is_kind(preset: Preset, kind: str) -> bool:
    """Whether it is of a role, or of a kind and named like one of its sorts: a cello section is of the strings."""
    if kind in ROLES:
        return preset.role == kind
    if preset.id == kind or preset.role in GROUPS.get(singular(kind), ()):  # all drums, in whatever language
        return True
    if preset.role in _SCENERY and kind in NATURE and _said(kind) <= _heard(preset.id):
        return True
    names = named(preset.id) if preset.role in _SCENERY else called(preset.id)
    return preset.role == library()[kind].role and bool(_sorts(kind) & names)


def _answers(preset: Preset, phrase: str, kind: str) -> bool:
    """Whether a preset is what a phrase names: a muted trumpet is a trumpet, soul horns have trumpets among them."""
    said = _said(phrase)
    if said <= called(preset.id):
        return True
    tags = {_said(tag) for tag in preset.tags}
    roles = {library()[kind].role} | {other.role for other in library().values() if said <= called(other.id)}
    return said in tags and preset.role in roles


@cache
def _is_answered(phrase: str, kind: str) -> bool:
    """Whether the library knows the word; else it is another language's for the kind."""
    return any(_answers(preset, phrase, kind) for preset in library().values())


def is_of(preset: Preset, kind: str) -> bool:
    """Whether a preset is of a kind, or of a role where the kind is one's name."""
    if kind in ROLES:
        return preset.role == kind
    if preset.id == kind:
        return True
    return preset.role == library()[kind].role and bool(_stems(kind) & named(preset.id))


@cache
def _general(kind: str) -> frozenset[str]:
    """The stems that mean the whole of a kind: those of its own preset's names."""
    return called(kind) if kind in library() else frozenset()


@cache
def _stems(kind: str) -> frozenset[str]:
    """The stems of all words for a kind."""
    return frozenset(stem for phrase, name in SOUNDS.items() if name == kind for stem in words(phrase)[-1:])


@cache
def _sorts(kind: str) -> frozenset[str]:
    """The stems of the single words for a kind."""
    return _roots(" ".join(phrase for phrase, name in SOUNDS.items() if name == kind and " " not in phrase))


@cache
def called(id_: str) -> frozenset[str]:
    """The stems of a preset's id and name."""
    preset = library()[id_]
    return _roots(f"{preset.id.replace('_', ' ')} {preset.name}")


@cache
def named(id_: str) -> frozenset[str]:
    """The stems of a preset's id and name and of its tags of one word."""
    return called(id_) | _roots(" ".join(tag for tag in library()[id_].tags if " " not in tag))


@cache
def _heard(id_: str) -> frozenset[str]:
    """The stems of what a scenery's description says is heard in it: the far bird of a forest."""
    return _roots(library()[id_].description)


def _said(phrase: str) -> frozenset[str]:
    """The stems of a phrase, all of which must be met."""
    return frozenset(words(" ".join(map(singular, phrase.lower().split()))))


def _roots(text: str) -> frozenset[str]:
    """The stems of the words as they are and of their singulars."""
    return frozenset(words(text)) | _said(text)
