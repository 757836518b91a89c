"""A prompt becomes layers: each thing that it mentions finds the preset that fits all words around it.

Things that the lexicon knows are sought among the presets of their kind; any other words are sought by meaning
alone and kept when something fits well. Words beside a thing that no table knows are judged by axes.py. A
prompt in which nothing is known still gives music: what comes nearest to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from deployments.synth import lexicon
from deployments.synth.axes import axes
from deployments.synth.exclusion import banned_by, is_of, is_taken_back, named
from deployments.synth.lexicon import FILLERS, GENERIC, HOURS, NATURE, NOISE, SCENES, SOUNDS, Scene
from deployments.synth.modifiers import CHANGES, Change, total
from deployments.synth.musical import Terms, read_terms
from deployments.synth.names import called_by, is_heard, is_natural
from deployments.synth.nearest import nearest
from deployments.synth.notes import of_left_out, of_nothing_found
from deployments.synth.presets import Preset, library
from deployments.synth.reading import Mention, Reading, read
from deployments.synth.scenery import add_scenery
from deployments.synth.search import Hit, preset_search, words
from deployments.synth.spelling import plain

_FITS = 0.42  # a search without a kind: less is no understanding
_KIND_FITS = 0.3  # of a kind's presets the best, if it is at least this; else the one that the kind is named after
_STANDS_OUT = 0.05  # by how much another preset fits better than those of a kind that says little
_MEANT = 0.15  # by how much more of what is said fits a preset of another kind
_NAMED = 0.1  # the same, where its name is said
_MEANT_FITS = 0.4
_APART_FITS = 0.5
_NAMESAKES = 8  # how far down a preset of the very name is preferred
_COLOUR = 0.4  # the weight of what is said of a thing, beside the thing with it
_LIKE = frozenset({"like", "as"})  # what comes after is no thing that is heard
_MOST_LAYERS = 6
_USUAL_BPM = 90.0
_PACED = 0.3  # octaves of the tempo: less is a mood
_SPACE = 1.2  # octaves of the shared reverb for a wholly distant mix


@dataclass(frozen=True)
class Layer:
    """One sound of the mix: a preset's id, the words that asked for it, how well it fits them, what they change."""

    sound: str
    words: str = ""
    change: Change = field(default_factory=Change)
    score: float = 1.0

    def facts(self) -> dict[str, Any]:
        """What the job shows of it; changes that are zero are left out."""
        changes = {name: round(value, 2) for name, value in vars(self.change).items() if value}
        role = library()[self.sound].role
        return {"preset": self.sound, "role": role, "words": self.words, "score": round(self.score, 3), **changes}


@dataclass(frozen=True)
class Interpretation:
    """Everything that a prompt says about the sound; None where it says nothing."""

    layers: tuple[Layer, ...]
    tempo_bpm: float | None = None
    paced: bool = False  # the words ask for a tempo, not a style that has one
    key: str | None = None
    scale: str | None = None
    beats: int = 4
    swing: float = 0.0
    space: float = 0.0  # octaves of the shared reverb's length
    excluded: tuple[str, ...] = ()
    not_understood: tuple[str, ...] = ()
    understood: bool = True
    notes: tuple[str, ...] = ()  # where what is played is not what was asked for, in plain words

    def facts(self) -> dict[str, Any]:
        """The interpretation as JSON."""
        return {
            "layers": [layer.facts() for layer in self.layers],
            "tempo_bpm": self.tempo_bpm,
            "key": self.key,
            "scale": self.scale,
            "beats_per_bar": self.beats,
            "excluded": list(self.excluded),
            "not_understood": list(self.not_understood),
            "understood": self.understood,
            "notes": list(self.notes),
        }


@lru_cache(maxsize=1024)
def understand(prompt: str, negative_prompt: str = "") -> Interpretation:
    """Return what the prompt asks for; `negative_prompt` names sounds that must not be there."""
    terms = read_terms(plain(prompt))
    reading = read(terms.rest)
    banned = banned_by(reading, negative_prompt)
    scene_bpm, scene_scale = add_scenery(reading)
    taken_back = [mention.words for mention in reading.mentions if is_taken_back(mention, reading)]
    asked = [mention for mention in reading.mentions if mention.words not in taken_back]
    mentions = _merged([part for mention in asked for part in _less(mention, banned)])
    layers, missing = _found(mentions, banned)
    if missing and all(mention.kind is None for mention in mentions) and not any(map(_is_called, layers)):
        layers = []  # a scene in many words: no part of it says more than the whole
    understood = bool(layers)
    everything = [*reading.everywhere, *(mention.change for mention in reading.mentions)]
    if layers:
        common = total(reading.everywhere)
        layers = [replace(layer, change=total([layer.change, common])) for layer in layers]
        notes = tuple(of_left_out([layer.sound for layer in layers], _MOST_LAYERS))
    else:
        wanted = " ".join(words for words in reading.wanted if words not in taken_back)
        told = [_told(mention) for mention in asked[1:] if _tells(mention) and not any(vars(mention.change).values())]
        change = total([*everything, *told])
        layers = [Layer(hit.preset.id, "", change, hit.score) for hit in nearest([wanted, *missing[:1]], banned)]
        notes = (of_nothing_found([layer.sound for layer in layers], taken_back, bool(banned), missing),)
    pace = _strongest_tempo(total(everything).tempo, layers)
    return Interpretation(
        layers=tuple(layers[:_MOST_LAYERS]),
        tempo_bpm=_tempo(terms, scene_bpm, pace),
        paced=terms.tempo_bpm is not None or abs(pace) >= _PACED,
        key=terms.key,
        scale=terms.scale or _scale(reading, scene_scale, total(everything)),
        beats=terms.beats,
        swing=terms.swing or (0.35 if scene_bpm in {76, 86, 112} else 0.0),
        space=_SPACE * min((layer.change.distance for layer in layers), default=0.0),
        excluded=tuple(sorted(banned)),
        not_understood=tuple(missing),
        understood=understood,
        notes=notes,
    )


def _strongest_tempo(known: float, layers: Sequence[Layer]) -> float:
    """The pace in octaves that the words say; what is judged of strange words stands in their layers."""
    return max([known, *(layer.change.tempo for layer in layers)], key=abs)


def _tempo(terms: Terms, scene_bpm: float | None, octaves: float) -> float | None:
    """The tempo that is given, else that of the style, else what the pace of the words makes of the usual one."""
    if terms.tempo_bpm is not None:
        return terms.tempo_bpm
    if scene_bpm is None and not octaves:
        return None
    return round((scene_bpm or _USUAL_BPM) * 2 ** (octaves * (0.3 if scene_bpm else 1.0)), 1)


def _scale(reading: Reading, scene_scale: str | None, change: Change) -> str | None:
    """The scale that a mood asks for, else that of the scene, else minor for sad and major for happy words."""
    mood = next((lexicon.MOOD_SCALES[p] for p in reading.phrases if p in lexicon.MOOD_SCALES), None)
    if mood is None and abs(change.valence) >= 0.5:
        mood = "major" if change.valence > 0 else "minor"
    return mood or scene_scale


def _merged(mentions: Sequence[Mention]) -> list[Mention]:
    """One weather is one thing, however many words describe it: "a fireplace, crackling"."""
    merged: list[Mention] = []
    for mention in mentions:
        alike = [other for other in merged if other.kind == mention.kind and mention.kind in NATURE]
        same = next(
            (other for other in alike if _name(other) == _name(mention) or None in map(_name, (other, mention))), None
        )
        if same is None:
            merged.append(mention)
        else:
            same.words = mention.words if mention.words == mention.kind else same.words  # a crackling fire is a fire
            same.query += mention.query
            same.changes += mention.changes
    return merged


def _found(mentions: Sequence[Mention], banned: set[str]) -> tuple[list[Layer], list[str]]:
    """A layer for each mention that something fits, and the words that nothing fits."""
    mentions = _parted(mentions, banned)
    layers: dict[str, Layer] = {}
    missing, told = [], []
    for mention, hits in zip(mentions, _hits(mentions), strict=True):
        hit = _best(mention, [hit for hit in hits if hit.preset.id not in banned], banned)
        if hit is None:
            missing += [] if mention.kind is not None else [mention.words]
            told += [(next(reversed(layers), ""), mention)] if _tells(mention) else []
            continue
        id_, change = hit.preset.id, total([mention.change, *_judged(mention, hit.preset)])
        rougher = _rougher(hit.preset, mentions, layers) if mention.kind is None else None
        if rougher is not None:
            change = total([layers.pop(rougher).change, change])
        if id_ in layers:
            change = total([layers[id_].change, change])
        layers[id_] = Layer(id_, mention.words, change, min(1.0, hit.score))
    for id_, mention in told if layers else ():
        layer = layers.get(id_) or next(iter(layers.values()))
        layers[layer.sound] = replace(layer, change=total([layer.change, _told(mention)]))
    return list(layers.values()), missing


def _tells(mention: Mention) -> bool:
    """Whether words in which no sound is found say how another sounds: "bells, too many to count"."""
    said = mention.clause.split()
    return mention.kind is None and bool(said) and (mention.article != "a" or said[0] in _LIKE) and len(said) > 1


def _told(mention: Mention) -> Change:
    """What such words do: those that the tables know, and where these do nothing, what is judged of them all."""
    judge = axes()
    if judge is None or any(vars(mention.change).values()):
        return mention.change
    return judge.told(mention.clause)


def _less(mention: Mention, banned: set[str]) -> list[Mention]:
    """A place whose own preset has in it what is ruled out, by its parts: a forest without birds is wind."""
    if mention.kind not in banned or mention.words not in SCENES:
        return [mention]
    return [replace(mention, kind=kind) for kind in SCENES[mention.words].nature]


def _parted(mentions: Sequence[Mention], banned: set[str]) -> list[Mention]:
    """The mentions, and before them what stood apart from them and is a thing: "frogs" in "frogs in the rain"."""
    for mention in mentions:
        if mention.words in HOURS:
            mention.apart = mention.apart or [word for word in mention.strange if is_heard(word)]  # "night city"
    apart = [m for m in mentions if m.apart and not all(word.endswith("ing") for word in m.apart)]
    found = preset_search().search_many([" ".join(m.apart) for m in apart], 1) if apart else []
    things = {id(m): hits[0] for m, hits in zip(apart, found, strict=True) if hits[0].score >= _APART_FITS}
    parted = []
    for mention in mentions:
        hit = things.get(id(mention))
        if hit is not None and not _suits(hit.preset, mention) and hit.preset.id not in banned:
            parted.append(Mention(" ".join(mention.apart), None, list(mention.apart)))
            mention.query = [word for word in mention.query if word not in mention.apart]
            mention.strange = [word for word in mention.strange if word not in mention.apart]
            if mention.words in HOURS and mention.words in SCENES and is_natural(hit.preset.id):
                continue  # "city at night": the hour says when
        parted.append(mention)
    return parted


def _hits(mentions: Sequence[Mention]) -> list[list[Hit]]:
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


def _rougher(preset: Preset, mentions: Sequence[Mention], layers: Mapping[str, Layer]) -> str | None:
    """The layer that a closer word makes exact: the rain of "rain against the window"."""
    kinds = [mention.kind for mention in mentions if mention.kind in NATURE]
    called = {SOUNDS.get(word) for word in f"{preset.id.replace('_', ' ')} {preset.name}".lower().split()}
    return next((kind for kind in kinds if kind in layers and kind != preset.id and kind in called), None)


def _best(mention: Mention, hits: Sequence[Hit], banned: set[str]) -> Hit | None:
    """The hit that is meant: the best of its kind, or the best at all when it fits well."""
    name = _name(mention)
    if name is not None and name not in banned:
        return Hit(library()[name], 1.0)
    if mention.kind is None:
        called = [hit for hit in hits[:_NAMESAKES] if hit.score >= _KIND_FITS and _is_named(hit.preset, mention)]
        called = called or [hit for hit in hits[:_NAMESAKES] if _is_tagged(hit.preset, mention)]
        return next(iter(called or [hit for hit in hits[:1] if hit.score >= _FITS]), None)
    known = (hit for hit in hits if hit.score >= _KIND_FITS and _suits(hit.preset, mention))
    best, hits = hits[:1], [*[hit for hit in known if _is_known_for(hit.preset, mention)][:1], *hits]
    generic = mention.words in GENERIC and [mention.words] != mention.query
    for hit in hits:
        if _suits(hit.preset, mention):
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


def _name(mention: Mention) -> str | None:
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


def _is_called(layer: Layer) -> bool:
    """Whether what was said names the very preset."""
    return set(words(layer.sound.replace("_", " "))) <= set(words(layer.words))


def _is_known_for(preset: Preset, mention: Mention) -> bool:
    """Whether a preset bears the very words as its id or a tag, where they are more exact than its kind's own."""
    if mention.kind is None or (mention.words in SCENES and mention.kind in NATURE | NOISE):
        return False
    said = words(mention.words)
    if mention.words not in SCENES and set(said) <= named(mention.kind):
        return False
    return words(preset.id.replace("_", " ")) == said or any(words(tag) == said for tag in preset.tags)


def _suits(preset: Preset, mention: Mention) -> bool:
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


def _judged(mention: Mention, preset: Preset) -> list[Change]:
    """What the strange words beside a thing do to it; those that are in the preset's texts have found it already."""
    judge = axes()
    if judge is None or mention.kind is None:
        return []
    known = set(words(preset.text()))
    strange = [word for word in mention.strange if word not in FILLERS and not set(words(word)) <= known]
    return [judge.change(phrase) for phrase in (strange if len(strange) <= 2 else [" ".join(strange)])]
