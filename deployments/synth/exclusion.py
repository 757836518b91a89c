"""Which presets a prompt rules out, and which presets are of a kind."""

from functools import cache

from deployments.synth.lexicon import SOUNDS
from deployments.synth.presets import Preset, library
from deployments.synth.reading import Reading, read
from deployments.synth.roles import ROLES
from deployments.synth.search import preset_search, words
from deployments.synth.spelling import plain

_REFUSED_FITS = 0.5


def banned_by(reading: Reading, negative_prompt: str) -> set[str]:
    """Ids of presets that must not be heard, from kinds, roles, and words that only a search knows."""
    kinds, refused = dict(reading.excluded), list(reading.refused)
    if negative_prompt.strip():
        negative = read("no " + plain(negative_prompt).translate(str.maketrans(".;:!?", ",,,,,")).replace(",", ", no "))
        kinds |= negative.excluded
        refused += negative.refused
    asked = {
        mention.kind for mention in reading.mentions if mention.words not in {said for said, _, _ in reading.scenes}
    }
    ids = {
        preset.id
        for preset in library().values()
        for kind, phrase in kinds.items()
        if is_of(preset, kind) and (kind not in asked or not phrase or _is_called(preset, phrase, kind))
    }
    for hits in preset_search().search_many(refused, 3) if refused else []:
        ids |= {hit.preset.id for hit in hits if hit.score >= _REFUSED_FITS}
    return ids


def is_of(preset: Preset, kind: str) -> bool:
    """Whether a preset is of a kind, or of a role where the kind is one's name."""
    if kind in ROLES:
        return preset.role == kind
    if preset.id == kind:
        return True
    return preset.role == library()[kind].role and bool(_stems(kind) & named(preset.id))


def _is_called(preset: Preset, phrase: str, kind: str) -> bool:
    """Whether it is of what is ruled out of its kind: of "crickets but no cicadas" only the cicadas."""
    head = set(words(phrase)[-1:])
    return head <= named(kind) or head <= named(preset.id)


@cache
def _stems(kind: str) -> frozenset[str]:
    """The stems of all words for a kind."""
    return frozenset(stem for phrase, name in SOUNDS.items() if name == kind for stem in words(phrase)[-1:])


@cache
def named(id_: str) -> frozenset[str]:
    """The stems of a preset's id and name and of its tags of one word."""
    preset = library()[id_]
    tags = (tag for tag in preset.tags if " " not in tag)
    return frozenset(words(" ".join((preset.id.replace("_", " "), preset.name, *tags))))
