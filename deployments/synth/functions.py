"""The synthesizer as plain Python functions, without service, job or file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import synth_native
from pydantic import ValidationError

from deployments.contract import Context, InvalidInput, Samples
from deployments.synth.library.presets import library
from deployments.synth.model import Synth, piece
from deployments.synth.request import MAX_DURATION_S, SynthRequest
from deployments.synth.score.interpret import Usual, interpret
from deployments.synth.sound.instrument import instrument, number
from deployments.synth.sound.perform import DEFAULT_BLOCK, SAMPLE_RATE_HZ, Piece, perform, whole
from deployments.synth.terms.roles import ROLES
from deployments.synth.terms.theory import SCALES


class _Number(float):
    """A default that the words of a prompt may replace; the same number given by hand is none."""


class _Text(str):
    """The same for a word."""

    __slots__ = ()


_TEMPO, _KEY, _SCALE, _DURATION = _Number(120.0), _Text("C"), _Text("major"), _Number(10.0)
_LEAST_CPU, _LEAST_LATENCY_MS = 1e-4, 0.37  # the engine's limits: 16 frames are its shortest block
_MOST_LATENCY_MS = 10_000.0
_SHOWN = 60  # characters of a wrong value


def generate_audio(  # noqa: PLR0913 - the published signature
    prompt: str,
    role: str = "UNKNOWN",
    tempo: float = _TEMPO,
    key: str = _KEY,
    scale: str = _SCALE,
    max_cpu: float = 0.8,
    max_latency: float = 10.0,
    duration: float = _DURATION,
    seed: int | None = None,
) -> Samples:
    """Return float32 (2, frames) at 44.1 kHz for words; a tempo in BPM, a length in seconds.

    What the prompt says of tempo, key, scale and length holds where the argument is left out; where neither says, it
    is 120 BPM, C major, ten seconds.
    `max_cpu` is a share of one core: where it is too little, the engine gives up quality, then voices.
    `max_latency` in ms bounds the engine's block. Without a seed one is drawn. Raises InvalidInput, which names the
    argument.
    """
    max_cpu = max(_LEAST_CPU, number("max_cpu", max_cpu, 0, 1, "of a core", over=True))
    max_latency = max(_LEAST_LATENCY_MS, number("max_latency", max_latency, 0, _MOST_LATENCY_MS, "ms", over=True))
    given = {"tempo_bpm": tempo, "key": key, "scale": scale, "duration_s": duration}
    fields = {name: value for name, value in given.items() if not isinstance(value, _Number | _Text)}
    request = _request({"prompt": prompt, "role": role, "seed": seed, **fields})
    drawn = int(np.random.default_rng().integers(2**32)) if request.seed is None else request.seed
    score = replace(
        piece(interpret(request, drawn, Usual(_TEMPO, _KEY, _SCALE)), DEFAULT_BLOCK),
        max_cpu=max_cpu,
        max_latency_ms=max_latency,
    )
    return whole(perform(score, Context(seed=drawn)), score.frames)


def generate_from_preset(
    preset_params: Mapping[str, Any], duration: float = 2.0, sample_rate: float = 44100.0
) -> Samples:
    """Return float32 (2, frames) of a preset, of a graph, or of one instrument, that hold middle C.

    A preset is an object as in native/presets/, of which "graph" and "level_db" are read, in any unit. A graph is
    {"nodes", "output"}, such as a preset's "graph", in any unit as well, with optional "events" (times in frames) that
    play it. Anything else is taken as the parameters of node
    type `poly`, flat; their times may also be given as *_ms, frequencies as *_khz. Presets and instruments take an
    optional "note" (MIDI, or a list for a chord) and "velocity", all three "seed". Raises InvalidInput, which names
    the field.
    """
    seconds = number("duration", duration, 0, MAX_DURATION_S, "s", over=True)
    rate_hz = number("sample_rate", sample_rate, 8_000, 192_000, "Hz")
    frames = round(seconds * rate_hz)
    if not isinstance(preset_params, Mapping):
        what = type(preset_params).__name__
        raise InvalidInput(f"preset_params is of type {what}; give an object", "/preset_params")
    if not frames:
        raise InvalidInput(f"duration is {seconds:g} s, shorter than one frame", "/duration")
    params = dict(preset_params)
    seed = int(number("seed", params.pop("seed", 0), 0, 2**32 - 1))
    graph, timed = instrument(params, seconds, rate_hz)
    score = [(event["time_s"], (event,)) for event in sorted(timed, key=lambda event: float(event["time_s"]))]
    held = Piece(graph, score, frames, min(0.05, 0.25 * seconds), rate_hz)
    try:
        return whole(perform(held, Context(seed=seed)), frames)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidInput(str(error), "/preset_params") from error


def get_status() -> dict[str, Any]:
    """Return what the engine can do and what it has done: sounds, scales, roles, build, counters."""
    return {
        "ready": True,
        "model_revision": Synth.info.revision,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "max_duration_s": MAX_DURATION_S,
        "sounds": sorted(library()),
        "roles": [*ROLES, "UNKNOWN"],
        "scales": list(SCALES),
        "engine": synth_native.status(),
    }


def _request(fields: dict[str, Any]) -> SynthRequest:
    """Validate; the first fault becomes an InvalidInput under the name that the caller used."""
    try:
        return SynthRequest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = {"tempo_bpm": "tempo", "duration_s": "duration"}.get(str(first["loc"][0]), str(first["loc"][0]))
        given = repr(first["input"])
        shown = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}... ({len(first['input'])} characters)"
        raise InvalidInput(f"{field}: {first['msg']}, got {shown}", f"/{field}") from error
