"""Which preset a mention means: the one that bears its name, else of its kind the one that all its words fit best."""

from collections.abc import Sequence

from deployments.synth.choice.exclusion import is_of, named
from deployments.synth.library.presets import Preset, library
from deployments.synth.library.search import Hit, preset_search, words
from deployments.synth.reading.names import called_by, is_natural
from deployments.synth.terms.change import Change
from deployments.synth.words.lexicon import GENERIC, HOURS, NATURE, NOISE, SCENES, SOUNDS, Scene
from deployments.synth.words.mentions import Mention
from deployments.synth.words.modifiers import CHANGES

_KIND_FITS = 0.3  # of a kind's presets the best, if it is at least this; else the one that the kind is named after
_FITS = 0.42  # a search without a kind: less is no understanding
_STANDS_OUT = 0.05  # by how much another preset fits better than those of a kind that says little
_MEANT = 0.15  # by how much more of what is said fits a preset of another kind
_NAMED = 0.1  # the same, where its name is said
_MEANT_FITS = 0.4
_NAMESAKES = 8  # how far down a preset of the very name is preferred
_COLOUR = 0.4  # the weight of what is said of a thing, beside the thing with it


def hits_of(mentions: Sequence[Mention]) -> list[list[Hit]]:
    """The presets that fit each mention, best first.

    What is said of a thing is sought alone as well: all drums fit "brushed drums", and "brushed" tells which.
    """
    whole = [" ".join(mention.query) or mention.words for mention in mentions]
    said = [_said(mention) for mention in mentions]
    alone = [text for text in said if words(text)]
    if not whole:
        return []
    results = preset_search().search_many([*whole, *alone], len(library()))
    coloured = iter(results[len(whole) :])
    return [
        _blended(hits, next(coloured)) if words(text) else hits
        for hits, text in zip(results[: len(whole)], said, strict=True)
    ]


def _said(mention: Mention) -> str:
    """What is said of a thing whose own word could be any of its kind, less what changes its sound."""
    if mention.kind is None or mention.kind in NATURE | NOISE or mention.words in SCENES:
        return ""
    if not set(words(mention.words)) <= named(mention.kind):
        return ""
    return " ".join(word for word in mention.query if word != mention.words and word not in CHANGES)


def _blended(hits: Sequence[Hit], coloured: Sequence[Hit]) -> list[Hit]:
    """The hits in the order that what is said of the thing gives them as well."""
    share = {hit.preset.id: hit.score for hit in coloured}
    scored = [Hit(hit.preset, (1 - _COLOUR) * hit.score + _COLOUR * share[hit.preset.id]) for hit in hits]
    return sorted(scored, key=lambda hit: -hit.score)


def best_of(mention: Mention, hits: Sequence[Hit], banned: set[str]) -> Hit | None:
    """The one of a mention's hits that is meant; None where nothing fits or all that may be meant is ruled out."""
    name = own_name(mention)
    if name is not None and name not in banned:
        return Hit(library()[name], 1.0)
    if mention.kind is None:
        called = [hit for hit in hits[:_NAMESAKES] if hit.score >= _KIND_FITS and _is_named(hit.preset, mention)]
        called = called or [hit for hit in hits[:_NAMESAKES] if _is_tagged(hit.preset, mention)]
        return next(iter(called or [hit for hit in hits[:1] if hit.score >= _FITS]), None)
    known = (hit for hit in hits if hit.score >= _KIND_FITS and suits(hit.preset, mention))
    best, hits = hits[:1], [*[hit for hit in known if _is_known_for(hit.preset, mention)][:1], *hits]
    generic = mention.words in GENERIC and [mention.words] != mention.query
    for hit in hits:
        if suits(hit.preset, mention):
            if (generic and hit.score + _STANDS_OUT < best[0].score) or _is_meant(best[0], hit, mention):
                return best[0]
            if hit.score >= _KIND_FITS:
                return hit
            break
    usual = library()[mention.kind]
    return None if usual.id in banned else Hit(usual, 1.0)


def _is_meant(best: Hit, own: Hit, mention: Mention) -> bool:
    """Whether all that is said of a thing fits a preset that is not of its kind, but that its word is used for.

    Newsroom keys hammering are a typewriter's, a blues harp is a harmonica.
    """
    ahead = best.score - own.score
    if mention.words not in SCENES and all(word == mention.words or word in CHANGES for word in mention.query):
        return False  # "hushed strings" are strings
    if best.score < _MEANT_FITS or (mention.words in SCENES and not _is_one(best.preset, SCENES[mention.words])):
        return False
    colours = {word for phrase in mention.query if phrase in SOUNDS for word in words(phrase)}
    both = _is_named(own.preset, mention)
    if _is_named(best.preset, mention) and not both and not colours & set(words(best.preset.id.replace("_", " "))):
        return ahead >= _NAMED  # a bell pad is no bell
    used = (
        mention.words in HOURS
        or mention.words.endswith("ing")
        or set(words(mention.words)[-1:]) <= set(words(best.preset.text()))
    )
    return used and ahead >= _MEANT


def _is_one(preset: Preset, scene: Scene) -> bool:
    """Whether a preset may be all that is heard of a scene."""
    return is_natural(preset.id) and len(scene.nature) == 1


def own_name(mention: Mention) -> str | None:
    """The preset whose own name is said."""
    return called_by(" ".join(mention.query) or mention.words, mention.words) or _exactly(mention)


def _exactly(mention: Mention) -> str | None:
    """The id that a word is, where nothing is said of it but how loud and how far it is."""
    said = [word for word in mention.query if word not in CHANGES or CHANGES[word] != _placed(CHANGES[word])]
    id_ = mention.words.replace(" ", "_")
    return id_ if id_ in library() and said == [mention.words] else None


def _placed(change: Change) -> Change:
    """What of it only places a sound."""
    return Change(level_db=change.level_db, distance=change.distance, width=change.width)


def _is_named(preset: Preset, mention: Mention) -> bool:
    """Whether all words of a preset's id were said: a spooky theremin is a theremin."""
    return set(words(preset.id.replace("_", " "))) <= set(words(" ".join(mention.query)))


def _is_tagged(preset: Preset, mention: Mention) -> bool:
    """Whether what was said, less what changes a sound, is one of a preset's tags: a mournful duduk."""
    said = words(" ".join(word for word in mention.query if word not in CHANGES))
    return bool(said) and any(words(tag) == said for tag in preset.tags)


def _is_known_for(preset: Preset, mention: Mention) -> bool:
    """Whether a preset bears the very words as its id or a tag, where they are more exact than its kind's own."""
    if mention.kind is None or (mention.words in SCENES and mention.kind in NATURE | NOISE):
        return False
    said = words(mention.words)
    if mention.words not in SCENES and set(said) <= named(mention.kind):
        return False
    return words(preset.id.replace("_", " ")) == said or any(words(tag) == said for tag in preset.tags)


def suits(preset: Preset, mention: Mention) -> bool:
    """Whether a preset is of the mention's kind, or called by its word: a distorted guitar is a guitar that leads."""
    if mention.kind is None or is_of(preset, mention.kind):
        return mention.kind is not None
    head = set(words(mention.words)[-1:])
    if preset.role == "BASS":
        return False  # a bass guitar is no guitar
    instrument = (
        mention.kind not in NATURE | NOISE and mention.words not in SCENES and not head <= set(words(mention.kind))
    )
    return instrument and head <= set(words(preset.name))
