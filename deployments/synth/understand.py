"""A prompt becomes layers: which sounds, how loud, how bright, and at what tempo and in which key.

No model is asked: phrases are looked up in lexicon.py. Modifiers belong to the sound that they stand
before; what stands alone is for all. A prompt without a known word still gives music, chosen by its hash.
"""

import itertools
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployments.synth import lexicon
from deployments.synth.lexicon import (
    CHANGES,
    GROUPS,
    NATURE,
    NOISE,
    RHYTHM,
    SCENES,
    SOUNDS,
    STOPS,
    Change,
    Scene,
)
from deployments.synth.theory import SCALES, scale_name

_TOKEN = re.compile(r"[a-z0-9#♯♭'\-]+|[,.;:]")
_TEMPO = re.compile(r"\b(\d{2,3}(?:\.\d+)?)\s*-?\s*(?:bpm|beats per minute)\b")
_TEMPO_WORD = re.compile(r"\btempo\s*(?:of|:|=)?\s*(\d{2,3}(?:\.\d+)?)\b")
_KEY = re.compile(
    r"(?:\b(?:in|key of|key:)\s+(?:the key of\s+)?)?"
    r"\b([A-Ga-g])(?:\s?(#|♯|♭|b)|[\s-]?(sharp|flat))?(?![a-zA-Z])[\s-]+"
    r"((?:major|minor|harmonic|natural)[\s-]pentatonic|harmonic[\s-]minor|natural[\s-]minor|"
    r"major|minor|dorian|phrygian|lydian|mixolydian|locrian|aeolian|ionian|pentatonic)\b",
)
_KEY_ALONE = re.compile(r"\b(?:key of|in the key of)\s+([A-G])\s?(#|♯|♭|b)?(?![a-zA-Z])")
_DEFAULTS = ("bell", "keys", "electric_piano", "arp", "pluck", "mallet", "strings", "drone")
_FILLERS = frozenset({"very", "really", "quite", "so", "too", "more", "please", "sounding", "sound", "it", "and"})
_BEATS = frozenset({"lofi", "lo fi", "lo-fi"})  # "lofi beats" is music, "techno drums" are drums
_LONGEST = 4  # words in a phrase


@dataclass(frozen=True)
class Layer:
    """One sound of the mix. `change` is the sum of its modifiers."""

    sound: str
    words: str = ""
    change: Change = field(default_factory=Change)

    def facts(self) -> dict[str, Any]:
        """What the job shows of it: the sound, the words that named it and the changes that are not zero."""
        changes = {name: round(value, 2) for name, value in vars(self.change).items() if value}
        return {"sound": self.sound, "words": self.words, **changes}


@dataclass(frozen=True)
class Interpretation:
    """Everything that a prompt says about the sound; None where it says nothing."""

    layers: tuple[Layer, ...]
    tempo_bpm: float | None = None
    key: str | None = None
    scale: str | None = None
    excluded: tuple[str, ...] = ()
    understood: bool = True
    space: float = 0.0  # octaves of the shared reverb's length

    def facts(self) -> dict[str, Any]:
        """The interpretation as JSON."""
        return {
            "layers": [layer.facts() for layer in self.layers],
            "tempo_bpm": self.tempo_bpm,
            "key": self.key,
            "scale": self.scale,
            "excluded": list(self.excluded),
            "understood": self.understood,
        }


@dataclass
class _Reading:
    """What has been found while going through the words."""

    layers: dict[str, Layer] = field(default_factory=dict)
    scenes: list[tuple[str, Scene]] = field(default_factory=list)
    excluded: set[str] = field(default_factory=set)
    pending: list[Change] = field(default_factory=list)  # modifiers that wait for their sound
    everywhere: list[Change] = field(default_factory=list)
    loose: list[Change] = field(default_factory=list)  # modifiers of words that are not known
    strayed: bool = False  # whether an unknown word came after the last modifier
    negation: str = ""  # the word that excludes what follows
    taken: bool = False  # whether it has excluded something yet
    last: tuple[str, ...] = ()  # the sounds that a trailing modifier belongs to
    beside: str | None = None  # the phrase of a sound that stands directly before

    def sound(self, name: str, words: str) -> None:
        """Add a sound with the modifiers that wait for it, or exclude it."""
        if self.negation:
            self.exclude(GROUPS.get(singular(words), frozenset()) | {name})
            return
        if self.beside is not None and self.last and {name, *self.last} <= lexicon.TONAL:
            if words in lexicon.VAGUE or singular(words) in lexicon.VAGUE:
                return
            self._compound(name)
        self.add((name,), words)

    def add(self, names: tuple[str, ...], words: str) -> None:
        """Enter sounds that share the modifiers that wait."""
        change = total(self.pending)
        self.pending.clear()
        self.strayed = False
        for name in names:
            known = self.layers.get(name, Layer(name, words))
            self.layers[name] = replace(known, change=total([known.change, change]))
        self.last = names

    def _compound(self, name: str) -> None:
        """In "bass drone" and "synth pad" the last word is the sound; the first only colours it."""
        first = self.layers.pop(self.last[0], None)
        if first is not None:
            self.pending.append(first.change)
            self.pending += [Change(register=-1)] if self.last[0] == "bass" and name != "bass" else []

    def exclude(self, sounds: frozenset[str]) -> None:
        """Note what must not be heard."""
        self.excluded |= sounds
        self.taken = True

    def modifier(self, phrase: str) -> None:
        """Keep it for the next sound; some stand behind theirs. A negated modifier means nothing."""
        if self.negation:
            if self.negation in {"not", "never"}:
                self.negation = ""  # "not too loud, with bells"
            return
        self.strayed = False
        if phrase in lexicon.TRAILING and self.last:
            self._trail([CHANGES[phrase]])
        else:
            self.pending.append(CHANGES[phrase])

    def _trail(self, changes: Sequence[Change]) -> None:
        for name in self.last:
            self.layers[name] = replace(self.layers[name], change=total([self.layers[name].change, *changes]))

    def stop(self) -> None:
        """End a clause: what still waits belongs to the clause's last sound, else to the next one."""
        self.negation, self.taken = "", False
        if self.strayed:  # "a distant owl" says nothing about the campfire
            self.loose += self.pending
            self.pending.clear()
            self.strayed = False
        if self.last:
            self._trail(self.pending)
            self.pending.clear()
        self.last = ()

    def finish(self) -> None:
        """Apply what found no sound to all."""
        self.stop()
        self.everywhere += self.pending


def understand(prompt: str, negative_prompt: str = "") -> Interpretation:
    """Return what the prompt asks for; `negative_prompt` names sounds that must not be there."""
    text = prompt.lower()
    reading = _read(_TEMPO.sub(" ", _KEY.sub(" ", prompt)).lower())
    refused = (
        _read("no " + re.sub(r"[,.;:]", " or ", negative_prompt.lower())) if negative_prompt.strip() else _Reading()
    )
    excluded = reading.excluded | refused.excluded
    tempo_bpm, scale = _scenery(reading)
    key, named_scale = _key(prompt)
    words = [phrase for phrase, _ in _phrases(_TOKEN.findall(text))]
    mood = next((lexicon.MOOD_SCALES[w] for w in words if w in lexicon.MOOD_SCALES), None)
    pace = next((lexicon.MOOD_TEMPI[w] for w in words if w in lexicon.MOOD_TEMPI), None)
    layers = [layer for layer in reading.layers.values() if layer.sound not in excluded]
    understood = bool(layers)
    if not layers:
        layers = _default(text, excluded, total([*reading.pending, *reading.loose]))
    everywhere = total(reading.everywhere) if understood else Change()
    return Interpretation(
        layers=tuple(replace(layer, change=total([layer.change, everywhere])) for layer in layers),
        tempo_bpm=_tempo(text) or tempo_bpm or pace,
        key=key,
        scale=named_scale or mood or scale,
        excluded=tuple(sorted(excluded)),
        understood=understood,
    )


def singular(word: str) -> str:
    """The word without a plural ending; the lexicon holds singulars."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("s", "")):
        if len(word) > 3 and word.endswith(ending) and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word


def total(changes: Sequence[Change]) -> Change:
    """Sum modifiers; repeating them does not go on for ever."""
    sums = {name: sum(getattr(c, name) for c in changes) for name in vars(Change())}
    limits = {
        "level_db": 15,
        "brightness": 2.5,
        "intensity": 2,
        "register": 2,
        "distance": 1,
        "width": 1,
        "attack": 2,
    }
    return Change(**{name: max(-limit, min(limit, sums[name])) for name, limit in limits.items()})


def _phrases(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (phrase as in the lexicon, words as written), the longest that is known at each place."""
    at = 0
    while at < len(tokens):
        for size in range(min(_LONGEST, len(tokens) - at), 0, -1):
            words = " ".join(tokens[at : at + size]).replace("-", " ")
            stem = " ".join((*words.split(" ")[:-1], singular(words.split(" ")[-1]))) if words else words
            known = next((p for p in (words, stem) if _known(p)), None)
            if known is not None or size == 1:
                yield known or words, words
                at += size
                break


def _known(phrase: str) -> bool:
    return any(phrase in table for table in (SOUNDS, CHANGES, SCENES, GROUPS, lexicon.MOOD_SCALES))


def _read(text: str) -> _Reading:
    reading = _Reading()
    phrases = list(_phrases(_TOKEN.findall(text)))
    for at, (phrase, words) in enumerate(phrases):
        if phrase in lexicon.NEGATIONS:
            reading.negation, reading.taken = phrase, False
        elif _ends_clause(reading, phrases, at):
            reading.stop()
        elif phrase == "and":
            reading.last = ()
        else:
            _take(reading, phrase, words)
        reading.beside = phrase if phrase in SOUNDS else None
    reading.finish()
    return reading


def _take(reading: _Reading, phrase: str, words: str) -> None:
    """Enter one phrase: a sound, a modifier, a scene, or a group that is excluded."""
    if reading.negation and phrase in GROUPS:
        reading.exclude(GROUPS[phrase] | ({SOUNDS[phrase]} if phrase in SOUNDS else set()))
    elif phrase in SOUNDS:
        reading.sound(SOUNDS[phrase], words)
    else:
        if phrase in CHANGES:
            reading.modifier(phrase)
        elif phrase not in _FILLERS:
            reading.strayed = bool(reading.pending)
        if phrase in SCENES and not reading.negation:
            reading.scenes.append((words, SCENES[phrase]))
            if SCENES[phrase].nature:
                reading.add(SCENES[phrase].nature, words)


def _ends_clause(reading: _Reading, phrases: Sequence[tuple[str, str]], at: int) -> bool:
    """Whether the clause ends: not at the comma of "no bass, drums or bells", but at "a" in "no bass a pad"."""
    phrase = phrases[at][0]
    if phrase == "," and reading.negation:
        clause = itertools.takewhile(lambda p: p[0] not in STOPS, phrases[at + 1 :])
        return not any(p[0] in {"or", "nor"} for p in clause)
    return phrase in STOPS or (phrase in {"a", "an", "the", "only", "just"} and reading.taken)


def _scenery(reading: _Reading) -> tuple[float | None, str | None]:
    """Add the layers of scenes where the prompt names none; return their tempo and scale."""
    named = {name for name, layer in reading.layers.items() if layer.words not in _scene_words(reading)}
    musical = named - NATURE - NOISE
    for words, scene in sorted(reading.scenes, key=lambda entry: entry[0] in {"music", "musical"}):
        styled = bool({"bass", *RHYTHM} & set(scene.sounds))  # a style brings its band, a mood only fills silence
        wanted = not named or (styled and (not musical or (words in _BEATS and musical <= RHYTHM)))
        sounds = scene.sounds if wanted and set(reading.layers) - NATURE - NOISE <= musical else ()
        for sound in sounds:
            reading.layers.setdefault(sound, Layer(sound, words))
    tempi = [scene.tempo_bpm for _, scene in reading.scenes if scene.tempo_bpm]
    scales = [scene.scale for _, scene in reading.scenes if scene.scale]
    return next(iter(tempi), None), next(iter(scales), None)


def _scene_words(reading: _Reading) -> set[str]:
    return {words for words, _ in reading.scenes}


def _tempo(text: str) -> float | None:
    match = _TEMPO.search(text) or _TEMPO_WORD.search(text)
    return min(300.0, max(20.0, float(match[1]))) if match else None


def _key(prompt: str) -> tuple[str | None, str | None]:
    """Find "D minor", "f# dorian", "E flat major" or "key of G"; else a scale alone."""
    for match in _KEY.finditer(prompt.replace("Minor", "minor").replace("Major", "major")):
        if match[1] == "a" and not re.match(r"(?:in|key of)\b", match[0]):
            continue  # "a minor change" is no key
        sign = {"sharp": "#", "flat": "b", "♯": "#", "♭": "b"}.get(match[2] or match[3] or "", match[2] or "")
        return match[1].upper() + sign, scale_name(match[4])
    alone = _KEY_ALONE.search(prompt)
    scale = next((name for name in SCALES if name in prompt.lower().replace(" ", "_")), None)
    return (alone[1] + (alone[2] or "") if alone else None), scale


def _default(text: str, excluded: set[str], change: Change) -> list[Layer]:
    """A pad and one more sound that the prompt's hash chooses, so that other words give another sound."""
    choices = [sound for sound in _DEFAULTS if sound not in excluded]
    chosen = [choices[zlib.crc32(text.encode()) % len(choices)]] if choices else []
    sounds = [s for s in ("pad", *chosen) if s not in excluded] or [s for s in ("wind", "hiss") if s not in excluded]
    return [Layer(sound, "", change) for sound in sounds[:2] or ["hiss"]]
