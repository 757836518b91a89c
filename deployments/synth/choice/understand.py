"""A prompt becomes layers: each thing that it mentions finds the preset that fits all words around it.

Things that the lexicon knows are sought among the presets of their kind; any other words are sought by meaning
alone and kept when something fits well. Words beside a thing that no table knows are judged by axes.py. A
prompt in which nothing is known still gives music: what comes nearest to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from deployments.synth.choice.best import best_of, hits_of, own_name, suits
from deployments.synth.choice.exclusion import banned_by, is_taken_back
from deployments.synth.choice.nearest import nearest
from deployments.synth.choice.notes import of_left_out, of_nothing_found
from deployments.synth.choice.scenery import add_scenery
from deployments.synth.library.axes import axes
from deployments.synth.library.presets import Preset, library
from deployments.synth.library.search import preset_search, words
from deployments.synth.reading.names import is_heard, is_natural
from deployments.synth.reading.read import read
from deployments.synth.reading.spelling import plain
from deployments.synth.terms.change import Change, total
from deployments.synth.words import lexicon
from deployments.synth.words.lexicon import FILLERS, HOURS, NATURE, SCENES, SOUNDS
from deployments.synth.words.mentions import Mention, Reading
from deployments.synth.words.musical import Terms, read_terms

_APART_FITS = 0.5
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
            (
                other
                for other in alike
                if own_name(other) == own_name(mention) or None in map(own_name, (other, mention))
            ),
            None,
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
    for mention, hits in zip(mentions, hits_of(mentions), strict=True):
        hit = best_of(mention, [hit for hit in hits if hit.preset.id not in banned], banned)
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
        if hit is not None and not suits(hit.preset, mention) and hit.preset.id not in banned:
            parted.append(Mention(" ".join(mention.apart), None, list(mention.apart)))
            mention.query = [word for word in mention.query if word not in mention.apart]
            mention.strange = [word for word in mention.strange if word not in mention.apart]
            if mention.words in HOURS and mention.words in SCENES and is_natural(hit.preset.id):
                continue  # "city at night": the hour says when
        parted.append(mention)
    return parted


def _rougher(preset: Preset, mentions: Sequence[Mention], layers: Mapping[str, Layer]) -> str | None:
    """The layer that a closer word makes exact: the rain of "rain against the window"."""
    kinds = [mention.kind for mention in mentions if mention.kind in NATURE]
    called = {SOUNDS.get(word) for word in f"{preset.id.replace('_', ' ')} {preset.name}".lower().split()}
    return next((kind for kind in kinds if kind in layers and kind != preset.id and kind in called), None)


def _is_called(layer: Layer) -> bool:
    """Whether what was said names the very preset."""
    return set(words(layer.sound.replace("_", " "))) <= set(words(layer.words))


def _judged(mention: Mention, preset: Preset) -> list[Change]:
    """What the strange words beside a thing do to it; those that are in the preset's texts have found it already."""
    judge = axes()
    if judge is None or mention.kind is None:
        return []
    known = set(words(preset.text()))
    strange = [word for word in mention.strange if word not in FILLERS and not set(words(word)) <= known]
    return [judge.change(phrase) for phrase in (strange if len(strange) <= 2 else [" ".join(strange)])]
