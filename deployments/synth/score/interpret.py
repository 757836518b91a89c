"""What a request means, with nothing left open: fields beat the prompt, the seed fills the rest."""

import difflib
from dataclasses import dataclass, replace

import numpy as np

from deployments.contract import InvalidInput
from deployments.synth.choice.notes import of_fields, of_rivals, of_words_alone
from deployments.synth.choice.understand import Interpretation, Layer, understand
from deployments.synth.library.presets import library
from deployments.synth.reading.spelling import plain
from deployments.synth.request import SynthRequest
from deployments.synth.score.arrange import GROUND, MUSICAL, Place, arrange, without_rivals
from deployments.synth.score.song import Song
from deployments.synth.terms.change import Change, total
from deployments.synth.terms.roles import ROLES, role_name
from deployments.synth.terms.theory import Tonality, scale_name
from deployments.synth.words.lexicon import ROLE_SOUNDS
from deployments.synth.words.musical import read_terms

_KEYS = ("C", "D", "Eb", "F", "G", "A", "Bb")
_USUAL_BPM = 90.0
_TAIL_SHARE, _LONG_TAIL_SHARE, _LONGEST_TAIL_S, _SHORT_TAIL_S = 0.25, 0.05, 2.5, 1.2
_SHORT = frozenset({"BASS", "PERCUSSION", "ARP", "PLUCK", "LEAD"})  # nothing of these is left after a second


@dataclass(frozen=True)
class Usual:
    """What is played where neither a field nor the words say."""

    tempo_bpm: float
    key: str
    scale: str


@dataclass(frozen=True)
class Decision:
    """A request decided: what is heard, where each layer stands, and what they play together."""

    meaning: Interpretation
    places: tuple[Place, ...]
    song: Song

    @property
    def loudness_lufs(self) -> float | None:
        """The delivered sound's target where it is of one role alone; a mix has the usual one."""
        roles = {place.preset.role for place in self.places}
        return ROLES[roles.pop()].alone_lufs if len(roles) == 1 else None


def interpret(request: SynthRequest, seed: int, usual: Usual | None = None) -> Decision:
    """Decide layers, key, scale and tempo. Raises InvalidInput, which names the field.

    Without `usual` the seed draws key and scale where nothing says them.
    """
    meaning = understand(request.prompt, request.negative_prompt or "")
    usual = usual or _drawn(seed)
    key = request.key.strip().capitalize() if request.key is not None else meaning.key or usual.key
    scale = scale_name(request.scale) if request.scale is not None else meaning.scale or usual.scale
    tempo_bpm = float(request.tempo_bpm or meaning.tempo_bpm or usual.tempo_bpm)
    demanded = _demanded(meaning, request)
    layers = without_rivals(demanded)
    sounds = [[layer.sound for layer in each] for each in (demanded, layers)]
    kept = meaning.notes if meaning.layers[:1] == demanded[:1] else ()  # what a field demands is no guess
    against = of_fields(request, read_terms(plain(request.prompt)))
    notes = (*kept, *of_rivals(*sounds), *against, *of_words_alone())
    meaning = replace(meaning, layers=layers, tempo_bpm=tempo_bpm, key=key, scale=scale, notes=notes)
    places = arrange(layers)
    song = Song(
        tonality=Tonality(key, scale),
        tempo_bpm=tempo_bpm,
        duration_s=request.duration_s,
        release_s=_tail_s(request.duration_s, ringing=any(place.preset.role not in _SHORT for place in places)),
        seed=seed,
        swing=meaning.swing,
        beats=meaning.beats,
        pulse=request.tempo_bpm is not None or meaning.paced,
        grounded=any(place.preset.role in GROUND for place in places),
    )
    return Decision(meaning, places, song)


def _drawn(seed: int) -> Usual:
    random = np.random.default_rng([seed, 1])
    key, scale = _KEYS[int(random.integers(len(_KEYS)))], ("major", "minor")[int(random.integers(2))]
    return Usual(_USUAL_BPM, key, scale)


def _tail_s(duration_s: float, ringing: bool) -> float:
    """How long the end takes: a quarter of a short sound, some seconds of a long one in which something rings on."""
    longest_s = _LONGEST_TAIL_S if ringing else _SHORT_TAIL_S
    return min(_TAIL_SHARE * duration_s, max(1.0, min(longest_s, _LONG_TAIL_SHARE * duration_s)))


def _demanded(meaning: Interpretation, request: SynthRequest) -> tuple[Layer, ...]:
    """The prompt's layers and what role and preset demand; those replace a default that was only guessed."""
    role = role_name(request.role or "")
    if request.preset is not None and request.preset not in library():
        near = difflib.get_close_matches(request.preset, library(), 3, 0.3) or sorted(library())[:20]
        raise InvalidInput(f"There is no preset '{request.preset}'; nearest: {', '.join(near)}", "/preset")
    wanted = [request.preset] if request.preset is not None else []
    musical = [layer for layer in meaning.layers if library()[layer.sound].role in MUSICAL | {"PERCUSSION"}]
    if role is not None and not wanted and not (meaning.understood and musical):
        wanted.append(ROLE_SOUNDS[role])
    if not wanted:
        return meaning.layers
    kept = meaning.layers if meaning.understood else ()
    said = Change() if kept else total([layer.change for layer in meaning.layers[:1]])  # "very dark" and a preset
    named = {layer.sound for layer in kept}
    return (*kept, *(Layer(sound, change=said) for sound in wanted if sound not in named))
