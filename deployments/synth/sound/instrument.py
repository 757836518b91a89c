"""Preset parameters, in any of three forms, as a graph and the events that play it."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import synth_native
from pydantic import ValidationError

from deployments.contract import InvalidInput
from deployments.synth.library.presets import PresetError, PresetGraph, normalized
from deployments.synth.terms.units import UnitError, to_unit

Played = list[dict[str, Any]]  # events with "time_s"
_MIDDLE_C, _VELOCITY, _RELEASE_S = 60, 0.8, 0.3


def instrument(params: dict[str, Any], duration: float, sample_rate: float) -> tuple[dict[str, Any], Played]:
    """Return the graph of preset parameters and what it plays. Raises InvalidInput, which names the field.

    A preset of the library's form has "graph"; a graph has "nodes"; else they are those of one `poly` node.
    """
    if "nodes" in params:
        params = {**params, "nodes": _in_engine_units(params["nodes"])}
        return params, list(_timed(params.pop("events", None) or [], sample_rate))
    notes, velocity = params.pop("note", _MIDDLE_C), params.pop("velocity", _VELOCITY)
    if "graph" in params:
        graph, release_s = _of_a_preset(params), _RELEASE_S
    else:
        graph = _of_one_voice(params)
        release_s = float(graph["nodes"][0]["params"].get("release_s", _RELEASE_S))
    kinds = synth_native.describe()
    players = [node["id"] for node in graph["nodes"] if kinds[node["type"]]["takes_notes"]]
    return graph, list(_held(players, notes, velocity, duration, min(release_s, 0.4 * duration)))


def number(name: str, value: Any, low: float, high: float, unit: str = "", over: bool = False) -> float:
    """Return the value as a float. Raises InvalidInput, which names it, where it is no number within."""
    limits = f"{'over ' if over else ''}{low:.10g} to {high:.10g} {unit}".rstrip()
    try:
        given = float(value)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name} is {_shown(value)}; give a number from {limits}", f"/{name}") from error
    if not low <= given <= high or (over and given == low):
        raise InvalidInput(f"{name} is {f'{given:g} {unit}'.rstrip()}; give {limits}", f"/{name}")
    return given


def _of_a_preset(params: Mapping[str, Any]) -> dict[str, Any]:
    """The graph of a preset file in the engine's units, at the preset's level."""
    try:
        graph = PresetGraph.model_validate(params["graph"])
        level_db = to_unit(params.get("level_db", 0.0), "dB")
        nodes = [
            node.model_copy(update={"params": normalized(node.type, node.params, f"graph.nodes[{at}]")})
            for at, node in enumerate(graph.nodes)
        ]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("graph", *first["loc"])))
        raise InvalidInput(f"{where}: {first['msg']}", f"/{where.replace('.', '/')}") from error
    except (PresetError, UnitError) as error:
        raise InvalidInput(str(error), "/graph") from error
    whole = graph.model_copy(update={"nodes": tuple(nodes)}).as_dict()
    level = {"id": "preset_level", "type": "gain", "params": {"gain_db": level_db}, "inputs": {"in": [whole["output"]]}}
    return {**whole, "nodes": [*whole["nodes"], level], "output": "preset_level"}


def _of_one_voice(params: Mapping[str, Any]) -> dict[str, Any]:
    """Flat parameters as one poly node."""
    normal = dict(_normalised(str(name), value) for name, value in params.items())
    known = [param["name"] for param in synth_native.describe()["poly"]["params"]]
    for name in normal:
        if name not in known:
            near = difflib.get_close_matches(name, known, 3, 0.5)
            which = f"nearest: {', '.join(near)}" if near else f"it has {', '.join(sorted(known))}"
            raise InvalidInput(f"a preset has no {_shown(name)}; {which}", f"/{name}")
    return {"nodes": [{"id": "voice", "type": "poly", "params": normal}], "output": "voice"}


def _in_engine_units(nodes: Any) -> Any:
    """The nodes of a graph with numbers for quantities; what else is wrong the engine names. Raises InvalidInput."""
    if not isinstance(nodes, list | tuple):
        return nodes
    kinds, result = synth_native.describe(), []
    for at, node in enumerate(nodes):
        params = node.get("params") if isinstance(node, Mapping) else None
        kind = kinds.get(str(node.get("type"))) if isinstance(node, Mapping) else None
        if kind is None or not isinstance(params, Mapping):
            result.append(node)
            continue
        units = {param["name"]: param["unit"] for param in kind["params"] if "choices" not in param}
        result.append({**node, "params": {
            name: _quantity(value, units[name], f"nodes/{at}/params/{name}") if name in units else value
            for name, value in params.items()
        }})  # fmt: skip
    return result


def _quantity(value: Any, unit: str, where: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return to_unit(value, unit)
    except UnitError as error:
        raise InvalidInput(f"{where.replace('/', '.')}: {error}", f"/{where}") from error


def _held(
    players: Sequence[str], notes: Any, velocity: Any, duration: float, release_s: float
) -> Iterator[dict[str, Any]]:
    """Hold a chord nearly to the end."""
    loudness = number("velocity", velocity, 0, 1)
    for note in notes if isinstance(notes, list | tuple) else [notes]:
        pitch = number("note", note, 0, 127, "MIDI")
        for node in players:
            yield {"time_s": 0.0, "type": "note_on", "node": node, "note": pitch, "velocity": loudness}
            yield {"time_s": duration - release_s, "type": "note_off", "node": node, "note": pitch}


def _timed(events: Any, sample_rate: float) -> Iterator[dict[str, Any]]:
    """Events with times in seconds instead of frames."""
    if not isinstance(events, list | tuple):
        raise InvalidInput(f"events is {_shown(events)}; give a list of objects", "/events")
    for at, event in enumerate(events):
        frame = event.get("frame") if isinstance(event, Mapping) else None
        if isinstance(frame, bool) or not isinstance(frame, int | float) or not (0 <= frame < math.inf):
            raise InvalidInput(f"events[{at}].frame is {_shown(frame)}; give a frame from 0 on", f"/events/{at}/frame")
        yield {**{key: value for key, value in event.items() if key != "frame"}, "time_s": frame / sample_rate}


def _normalised(name: str, value: Any) -> tuple[str, Any]:
    """Return name and value in SI units: attack_ms -> attack_s, cutoff_khz -> cutoff_hz."""
    for unit, instead, factor in (("_ms", "_s", 1e-3), ("_khz", "_hz", 1e3)):
        if name.endswith(unit) and isinstance(value, int | float):
            return name.removesuffix(unit) + instead, value * factor
    return name, value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
