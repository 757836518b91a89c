"""The shipped model: words -> layers -> graph and score -> samples of the C++ engine. No weights."""

import difflib
import functools
import json
import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import synth_native
from pydantic import Field

from deployments.contract import (
    Audio,
    Capability,
    Context,
    Frozen,
    InvalidInput,
    Licence,
    ModelInfo,
    Request,
    Samples,
)
from deployments.synth.compose import Song
from deployments.synth.graph import Limits, build
from deployments.synth.lexicon import NATURE, NOISE, ROLES
from deployments.synth.presets import library
from deployments.synth.theory import Tonality, scale_name
from deployments.synth.understand import Interpretation, Layer, understand

SAMPLE_RATE_HZ = 44_100
MAX_DURATION_S = 600.0
FULL_SCALE = 0.97
DEFAULT_BLOCK = 128  # 2.9 ms; a finer control rate cannot be heard and costs pads a fifth more
_STEP_S = 0.25  # a cancelled job stops within this much sound
_KEYS = ("C", "D", "Eb", "F", "G", "A", "Bb")


class SynthRequest(Request):
    """A sound from words, made by the C++ synthesizer. A field beats what the prompt says."""

    duration_s: float = Field(default=10.0, ge=0.05, le=MAX_DURATION_S, description="Length of the sound in seconds.")
    negative_prompt: str | None = Field(default=None, max_length=4000, description="Sounds that must not be there.")
    tempo_bpm: float | None = Field(default=None, ge=20, le=300, description="Beats per minute.")
    key: str | None = Field(default=None, max_length=8, description="A letter from A to G with # or b: C, F#, Bb.")
    scale: str | None = Field(default=None, max_length=40, description="major, minor, dorian, major_pentatonic, ...")
    role: str | None = Field(default=None, max_length=20, description=f"One of {', '.join(ROLES)}, UNKNOWN.")
    preset: str | None = Field(default=None, max_length=64, description="A sound that must be part of it, by name.")


class SynthOptions(Frozen):
    """How the engine renders."""

    block: int = Field(default=DEFAULT_BLOCK, ge=16, le=512, description="Frames from one control value to the next.")


class Synth:
    """Nature, pads, basses, bells, drums and more, mixed as the prompt says; same seed, same samples."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=frozenset(
            {Capability.SEED, Capability.TEMPO, Capability.KEY, Capability.NEGATIVE_PROMPT, Capability.PRESET}
        ),
        sample_rate_hz=SAMPLE_RATE_HZ,
        channels=2,
        max_duration_s=MAX_DURATION_S,
        licence=Licence(weights="Apache-2.0", commercial=True),
        revision="synth-1",
    )
    Request: ClassVar[type[SynthRequest]] = SynthRequest
    Options: ClassVar[type[SynthOptions]] = SynthOptions

    def __init__(self, options: SynthOptions | None = None) -> None:
        self.options = options or SynthOptions()

    def load(self) -> None:
        """Render a moment of every sound, so that a fault shows now and memory is warm."""
        for name in library():
            self.generate(SynthRequest(prompt=name.replace("_", " "), duration_s=0.1, preset=name), Context(seed=0))

    def generate(self, request: SynthRequest, context: Context) -> Audio:
        """Return float32 (2, frames) at 44.1 kHz. Raises Cancelled within a quarter second of sound."""
        return perform(request, context, Limits(), self.options.block)


def perform(request: SynthRequest, context: Context, limits: Limits, block: int = DEFAULT_BLOCK) -> Audio:
    """Understand, compose and render one request."""
    meaning, song = interpret(request, context.seed)
    graph, events = build(meaning.layers, song, limits)
    frames = round(request.duration_s * SAMPLE_RATE_HZ)
    samples = render(graph, events, frames, SAMPLE_RATE_HZ, context, block)
    fade_out(samples, round(song.release_s * SAMPLE_RATE_HZ))
    within_full_scale(samples)
    return Audio(samples, SAMPLE_RATE_HZ, facts={"interpretation": meaning.facts()})


def interpret(request: SynthRequest, seed: int) -> tuple[Interpretation, Song]:
    """Return what the request means, nothing left open: fields beat the prompt, the seed fills the rest."""
    meaning = understand(request.prompt, request.negative_prompt or "")
    random = np.random.default_rng([seed, 1])
    drawn_key, drawn_scale = (
        _KEYS[int(random.integers(len(_KEYS)))],
        ("major", "minor")[int(random.integers(2))],
    )
    key = request.key.strip().capitalize() if request.key is not None else meaning.key or drawn_key
    scale = scale_name(request.scale) if request.scale is not None else meaning.scale or drawn_scale
    tempo_bpm = float(request.tempo_bpm or meaning.tempo_bpm or 90)
    tail_s = min(1.0, 0.25 * request.duration_s)
    song = Song(Tonality(key, scale), tempo_bpm, request.duration_s, tail_s, seed)
    layers = _demanded(meaning, request)
    return replace(meaning, layers=layers, tempo_bpm=tempo_bpm, key=key, scale=scale), song


def _demanded(meaning: Interpretation, request: SynthRequest) -> tuple[Layer, ...]:
    """The prompt's layers and what role and preset demand; those replace a default that was only guessed."""
    role = (request.role or "UNKNOWN").strip().upper()
    if role != "UNKNOWN" and role not in ROLES:
        raise InvalidInput(f"'{request.role}' is no role; give one of {', '.join(ROLES)} or UNKNOWN", "/role")
    if request.preset is not None and request.preset not in library():
        near = difflib.get_close_matches(request.preset, library(), 3, 0.3) or sorted(library())
        raise InvalidInput(f"There is no preset '{request.preset}'; nearest: {', '.join(near)}", "/preset")
    wanted = [request.preset] if request.preset is not None else []
    musical = [layer for layer in meaning.layers if layer.sound not in NATURE | NOISE]
    if role != "UNKNOWN" and not wanted and not (meaning.understood and musical):
        wanted.append(ROLES[role])
    if not wanted:
        return meaning.layers
    kept = meaning.layers if meaning.understood else ()
    named = {layer.sound for layer in kept}
    return (*kept, *(Layer(sound) for sound in wanted if sound not in named))


@functools.lru_cache(maxsize=256)
def _compiled(graph: str) -> synth_native.Plan:
    return synth_native.compile(json.loads(graph))


def render(
    graph: dict[str, Any],
    events: list[dict[str, Any]],
    frames: int,
    sample_rate_hz: float,
    context: Context,
    block: int = DEFAULT_BLOCK,
) -> Samples:
    """Render a graph to float32 (2, frames). Events carry `time_s`. Checks the context every 0.25 s."""
    renderer = synth_native.Renderer(
        _compiled(json.dumps(graph)), sample_rate_hz=sample_rate_hz, seed=context.seed, block=block
    )
    renderer.schedule([_at_frame(event, sample_rate_hz) for event in events])
    step = round(_STEP_S * sample_rate_hz)
    steps = math.ceil(frames / step)
    samples = np.empty((2, frames), np.float32)
    for index in range(steps):
        start = index * step
        samples[:, start : start + step] = renderer.render(min(step, frames - start))
        context.step(index + 1, steps)
    return samples


def _at_frame(event: dict[str, Any], sample_rate_hz: float) -> dict[str, Any]:
    return {"frame": round(event["time_s"] * sample_rate_hz)} | {k: v for k, v in event.items() if k != "time_s"}


def within_full_scale(samples: Samples) -> None:
    """Turn a mix of many loud layers down to the nominal range, in place; anything else stays as it is."""
    peak = max(float(samples.max()), -float(samples.min()))
    if peak > FULL_SCALE:
        samples *= np.float32(FULL_SCALE / peak)


def fade_out(samples: Samples, frames: int) -> None:
    """Let the end die away over `frames`, in place, after a raised cosine; and 2 ms at the start."""
    ramp = (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, frames, dtype=np.float32))) if frames else np.empty(0)
    samples[:, samples.shape[1] - frames :] *= ramp.astype(np.float32)
    edge = min(88, samples.shape[1])
    samples[:, :edge] *= np.linspace(0, 1, edge, dtype=np.float32)
