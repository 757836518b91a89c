"""The presets' own names in a prompt: "rain in the forest" is one thing, "acid arp" is not any arp."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from deployments.synth.library.presets import Preset, library
from deployments.synth.library.search import words
from deployments.synth.words.lexicon import NATURE, NOISE, ROLE_SOUNDS, SCENES, SOUNDS
from deployments.synth.words.mentions import singular
from deployments.synth.words.modifiers import CHANGES

_SCENERY = frozenset({"AMBIENCE", "FX"})
_SAME: Mapping[str, str] = {
    "arpeggio": "arp",
    "arpeggiator": "arp",
    "arpeggiat": "arp",
    "basslin": "bass",
    "kit": "drum",
}
LONGEST = 6  # words of a name, with articles
ARTICLES = frozenset({"a", "an", "the", "some"})


def is_natural(kind: str | None) -> bool:
    """Whether a kind, or a preset that stands for itself, is no music."""
    return kind is not None and (kind in NATURE | NOISE or (kind in library() and library()[kind].role in _SCENERY))


@lru_cache(maxsize=4096)
def is_heard(word: str) -> bool:
    """Whether a word, or its singular, is one for a sound: in the lexicon, or a preset's id or name."""
    forms = {word, singular(word)}
    return not forms.isdisjoint(SOUNDS) or not forms.isdisjoint(_called())


@cache
def _called() -> frozenset[str]:
    """The presets' ids and names, and their singulars."""
    names = [name for preset in library().values() for name in _names(preset)]
    return frozenset([*names, *map(singular, names)])


def without_articles(tokens: Sequence[str]) -> str:
    """The phrase as `compounds` has it."""
    return " ".join(token for token in tokens if token not in ARTICLES)


@cache
def compounds() -> Mapping[str, str]:
    """Names that the lexicon would take apart or for a scene: phrase without articles -> kind."""
    found = {}
    for preset in library().values():
        for name in (*_kinds(preset), *_names(preset)):
            parts = name.replace("-", " ").replace("'", "").split()
            things = [part for part in parts if part in SOUNDS or singular(part) in SOUNDS]
            scenic = any(part in SCENES for part in parts)
            if len(things) + scenic >= 2 or (scenic and (len(parts) > 1 or preset.role in _SCENERY)):
                found[without_articles(parts)] = _kind(preset, things)
    return found


def _kind(preset: Preset, things: Sequence[str]) -> str:
    """What the lexicon would call it: the last of its words for things that are of its role."""
    kinds = [SOUNDS.get(thing) or SOUNDS[singular(thing)] for thing in reversed(things)]
    fitting = [kind for kind in kinds if library()[kind].role == preset.role]
    return next(iter(fitting), preset.id if preset.role in _SCENERY else ROLE_SOUNDS[preset.role])


@lru_cache(maxsize=4096)
def called_by(said: str, head: str) -> str | None:
    """The id of the preset whose whole name is in the words and has the head in it; the longest name wins."""
    stems, heads = _alike(said), set(_alike(head))
    found = [
        names
        for name, names in _by_stems().items()
        if heads & set(name) and any(tuple(sorted(part)) == name for part in _parts(stems, len(name)))
    ]
    longest = max(found, key=lambda names: len(words(next(iter(names)))), default={})
    written = f" {said.lower()} "
    return next((id_ for name, id_ in longest.items() if f" {name} " in written), next(iter(longest.values()), None))


def _parts(stems: Sequence[str], size: int) -> list[Sequence[str]]:
    return [stems[at : at + size] for at in range(len(stems) - size + 1)]


@cache
def _by_stems() -> Mapping[tuple[str, ...], Mapping[str, str]]:
    """The stems of all names of two words or more, sorted, to the names as written and their presets' ids."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    names = [(_names(preset)[0], preset.id) for preset in library().values()]  # an id goes before another's name
    names += [(_names(preset)[1], preset.id) for preset in library().values()]
    names += [(tag, preset.id) for preset in library().values() for tag in _kinds(preset)]
    for name, id_ in names:
        stems = tuple(sorted(_alike(name)))
        if len(stems) > 1:
            found.setdefault(stems, {}).setdefault(name, id_)
    return found


def _kinds(preset: Preset) -> list[str]:
    """The tags that say what sort of its kind a preset alone is: "bamboo flute", but not "soft piano"."""
    return [tag for tag in preset.tags if _tagged()[tag] == 1 and _is_sort(tag.split(), preset)]


def _is_sort(parts: Sequence[str], preset: Preset) -> bool:
    kind = SOUNDS.get(parts[-1]) or SOUNDS.get(singular(parts[-1]))
    if len(parts) < 2 or kind is None or " ".join(parts) in SOUNDS or any(part in SCENES for part in parts):
        return False
    return library()[kind].role == preset.role and not all(part in CHANGES for part in parts[:-1])


@cache
def _tagged() -> Mapping[str, int]:
    """By how many presets a tag is borne."""
    return Counter(tag for preset in library().values() for tag in preset.tags)


def _alike(text: str) -> list[str]:
    """The stems of the words, one for those that mean the same part."""
    return [_SAME.get(word, word) for word in words(text)]


def _names(preset: Preset) -> tuple[str, str]:
    return preset.id.replace("_", " "), preset.name.lower()
