"""The synthesizer as plain Python functions, without service, job or file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import synth_native
from pydantic import ValidationError

from deployments.contract import Context, InvalidInput, Samples
from deployments.synth.interpret import Usual, interpret
from deployments.synth.model import Synth, piece
from deployments.synth.perform import DEFAULT_BLOCK, SAMPLE_RATE_HZ, Piece, perform, whole
from deployments.synth.presets import library
from deployments.synth.request import MAX_DURATION_S, SynthRequest
from deployments.synth.roles import ROLES
from deployments.synth.theory import SCALES


class _Number(float):
    """A default that the words of a prompt may replace; the same number given by hand is none."""


class _Text(str):
    """The same for a word."""

    __slots__ = ()


_TEMPO, _KEY, _SCALE, _DURATION = _Number(120.0), _Text("C"), _Text("major"), _Number(10.0)
_LEAST_CPU, _LEAST_LATENCY_MS = 1e-4, 0.37  # the engine's limits: 16 frames are its shortest block


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
    if not 0 < max_cpu <= 1:
        raise InvalidInput(f"max_cpu is {max_cpu}; give a share of one core over 0 and up to 1", "/max_cpu")
    if not max_latency > 0:
        raise InvalidInput(f"max_latency is {max_latency} ms; give more than 0", "/max_latency")
    given = {"tempo_bpm": tempo, "key": key, "scale": scale, "duration_s": duration}
    fields = {name: value for name, value in given.items() if not isinstance(value, _Number | _Text)}
    request = _request({"prompt": prompt, "role": role, "seed": seed, **fields})
    drawn = int(np.random.default_rng().integers(2**32)) if request.seed is None else request.seed
    score = replace(
        piece(interpret(request, drawn, Usual(_TEMPO, _KEY, _SCALE)), DEFAULT_BLOCK),
        max_cpu=max(_LEAST_CPU, max_cpu),
        max_latency_ms=max(_LEAST_LATENCY_MS, max_latency),
    )
    return whole(perform(score, Context(seed=drawn)), score.frames)


def generate_from_preset(
    preset_params: Mapping[str, Any], duration: float = 2.0, sample_rate: float = 44100.0
) -> Samples:
    """Return float32 (2, frames) of a graph, or of one instrument that holds middle C.

    A graph is {"nodes", "output"} with optional "events" (times in frames) and "seed". Anything else is
    taken as the parameters of node type `poly`, flat, with optional "note" (MIDI, or a list for a chord)
    and "velocity". Times may also be given as *_ms, frequencies as *_khz. Raises InvalidInput, which names
    the field.
    """
    if not 0 < duration <= MAX_DURATION_S:
        raise InvalidInput(f"duration is {duration} s; give more than 0 and at most {MAX_DURATION_S:g}", "/duration")
    if not 8_000 <= sample_rate <= 192_000:
        raise InvalidInput(f"sample_rate is {sample_rate} Hz; give 8000 to 192000", "/sample_rate")
    params = dict(preset_params)
    seed = int(params.pop("seed", 0))
    frames = round(duration * sample_rate)
    events = params.pop("events", None)
    if "nodes" in params:
        graph = params
        timed = [{"time_s": event["frame"] / sample_rate, **_without(event, "frame")} for event in events or []]
    else:
        graph, timed = _instrument(params, duration)
    score = [(event["time_s"], (event,)) for event in sorted(timed, key=lambda event: float(event["time_s"]))]
    held = Piece(graph, score, frames, min(0.05, 0.25 * duration), sample_rate)
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
        raise InvalidInput(f"{field}: {first['msg']}, got {first['input']!r}", f"/{field}") from error


def _instrument(params: dict[str, Any], duration: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Turn flat parameters into a graph of one poly node and a chord that is held nearly to the end."""
    notes = params.pop("note", 60)
    velocity = float(params.pop("velocity", 0.8))
    normal = dict(_normalised(name, value) for name, value in params.items())
    known = synth_native.describe()["poly"]["params"]
    names = {p["name"] for p in known} if not isinstance(known, Mapping) else set(known)
    for name in normal:
        if name not in names:
            raise InvalidInput(f"a preset has no '{name}'; it has {', '.join(sorted(names))}", f"/{name}")
    graph = {"nodes": [{"id": "voice", "type": "poly", "params": normal}], "output": "voice"}
    release = min(float(normal.get("release_s", 0.3)), 0.4 * duration)
    events: list[dict[str, Any]] = []
    for note in notes if isinstance(notes, list | tuple) else [notes]:
        events.append({"time_s": 0.0, "type": "note_on", "node": "voice", "note": note, "velocity": velocity})
        events.append({"time_s": duration - release, "type": "note_off", "node": "voice", "note": note})
    return graph, events


def _normalised(name: str, value: Any) -> tuple[str, Any]:
    """Return name and value in SI units: attack_ms -> attack_s, cutoff_khz -> cutoff_hz."""
    for unit, instead, factor in (("_ms", "_s", 1e-3), ("_khz", "_hz", 1e3)):
        if name.endswith(unit) and isinstance(value, int | float):
            return name.removesuffix(unit) + instead, value * factor
    return name, value


def _without(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key != name}
