"""Layers and their scores become one graph and its events for synth_native."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.synth.compose import Event, Note, Song, compose
from deployments.synth.lexicon import RHYTHM, TONAL, Change
from deployments.synth.presets import Preset, Value, library
from deployments.synth.understand import Layer

Graph = dict[str, Any]
NOTHING_DB = -60.0
REVERB: Mapping[str, Value] = {"rt60_s": 2.4, "mix": 1.0, "damping_hz": 5000, "pre_delay_s": 0.015}

# How far each rate may go, and by how many octaves one step of intensity moves it.
_RATES: Mapping[str, tuple[float, float, float]] = {
    "density_hz": (20, 1500, 1.0),
    "crackle_hz": (2, 60, 1.0),
    "rate": (15, 350, 1.0),
    "gust_hz": (0.05, 0.8, 0.6),
    "period_s": (4, 14, -0.5),
}
_CUTOFF_HZ = (60.0, 18_000.0)


@dataclass(frozen=True)
class Limits:
    """What the caller allows for one layer's instruments."""

    voices: int = 16
    unison: int = 7


def build(layers: Sequence[Layer], song: Song, limits: Limits) -> tuple[Graph, list[dict[str, Any]]]:
    """Return the graph of all layers with one shared reverb, and the events in frames at `rate`."""
    nodes: list[dict[str, Any]] = []
    dry: list[str] = []
    sends: list[str] = []
    events: list[dict[str, Any]] = []
    for layer in layers:
        preset = library()[layer.sound]
        end = _layer(nodes, layer, preset, song, limits)
        dry.append(end)
        send_db = _send_db(preset, layer.change)
        if send_db > NOTHING_DB:
            sends.append(f"{layer.sound}.send")
            nodes.append(_node(sends[-1], "gain", {"gain_db": send_db}, [end]))
        events += _events(layer, compose(song, layer, preset.score, preset.octave))
    if sends:
        nodes.append(_node("reverb", "reverb", dict(REVERB), sends))
        dry.append("reverb")
    nodes.append(_node("out", "mix", {}, dry))
    return {"nodes": nodes, "output": "out"}, sorted(events, key=lambda event: float(event["time_s"]))


def _layer(nodes: list[dict[str, Any]], layer: Layer, preset: Preset, song: Song, limits: Limits) -> str:
    """Add the nodes of one layer, their ids behind the layer's name, and return the id of its last."""
    name, change = layer.sound, layer.change
    for node in preset.graph.nodes:
        inputs = [f"{name}.{source}" for source in node.inputs.get("in", ())]
        nodes.append(_node(f"{name}.{node.id}", node.type, _shaped(node.params, change, song, limits), inputs))
    chain: list[tuple[str, str, dict[str, Value]]] = []
    if name not in TONAL:
        chain += [
            (f"{name}.{mode}", "svf", p)
            for mode, p in _air(change, preset.air_hz)
            if mode == "dark" or name not in RHYTHM
        ]
    if change.width:
        chain.append((f"{name}.pan", "pan", {"pan": 0.0, "width": 1.0 + change.width}))
    chain.append((f"{name}.level", "gain", {"gain_db": _level_db(preset, name, change)}))
    before = f"{name}.{preset.graph.output}"
    for id_, kind, params in chain:
        nodes.append(_node(id_, kind, params, [before]))
        before = id_
    return before


def _level_db(preset: Preset, name: str, change: Change) -> float:
    """Return the layer's gain: what filters, reverb and width do to loudness is taken back (measured means)."""
    side_effects = -2.0 * max(0.0, change.width)
    if name in TONAL:
        side_effects -= 2.0 * max(0.0, change.distance)
    else:
        side_effects -= 2.0 * min(0.0, change.brightness)
    return _clamp(preset.level_db + change.level_db + side_effects, -60, 24)


def _air(change: Change, air_hz: float) -> Iterable[tuple[str, dict[str, Value]]]:
    """Filters that make noise dark or bright: for an instrument its own cutoff does that."""
    if change.brightness < 0 or change.register < 0:
        octaves = 1.2 * change.brightness + 0.7 * min(0, change.register)
        yield "dark", {"mode": "lowpass", "cutoff_hz": _clamp(air_hz * 2**octaves, *_CUTOFF_HZ)}
    if change.brightness > 0 or change.register > 0:
        octaves = 1.5 * change.brightness + max(0, change.register)
        yield "bright", {"mode": "highpass", "cutoff_hz": _clamp(60.0 * 2**octaves, *_CUTOFF_HZ)}


def _shaped(params: Mapping[str, Value], change: Change, song: Song, limits: Limits) -> dict[str, Value]:
    """Apply a layer's modifiers to the parameters of one node."""
    highpass = params.get("mode") == "highpass"
    return {
        name: value if isinstance(value, str) or highpass else _moved(name, value, change, song, limits)
        for name, value in params.items()
    }


def _moved(name: str, value: float, change: Change, song: Song, limits: Limits) -> float:
    """Return the value of one parameter after the modifiers."""
    if name in _RATES:
        low, high, octaves = _RATES[name]
        return _clamp(value * 2 ** (octaves * change.intensity), low, high)
    moved: Mapping[str, Callable[[], float]] = {
        "cutoff_hz": lambda: _clamp(value * 2 ** (change.brightness + 0.5 * change.register), *_CUTOFF_HZ),
        "drop_hz": lambda: _clamp(value * 2 ** (0.4 * change.brightness), 2000, 9000),
        "brightness": lambda: _clamp(value + 0.25 * change.brightness, 0.02, 1),
        "speed": lambda: _clamp(value + 0.25 * change.intensity, 0.05, 1),
        "body": lambda: _clamp(value + 0.12 * change.intensity, 0.1, 0.9),
        # A short sound must still be heard, so that its attack takes no more than a part of it.
        "attack_s": lambda: _clamp(value * 2**change.attack, 0.003, max(0.003, 0.15 * song.duration_s)),
        "release_s": lambda: _clamp(value * 2**change.attack, 0.003, max(0.003, 0.15 * song.duration_s)),
        "voices": lambda: min(value, limits.voices),
        "unison": lambda: min(value, limits.unison),
        "time_s": lambda: _clamp(0.75 * song.beat_s, 0.1, 1.2),  # an echo on every dotted eighth
    }
    return moved[name]() if name in moved else value


def _send_db(preset: Preset, change: Change) -> float:
    """A distant sound has more reverb than its own, even one that has none."""
    if change.distance > 0:
        return min(0.0, max(preset.reverb_db, -20.0) + 14.0 * change.distance)
    return max(NOTHING_DB, preset.reverb_db + 30.0 * change.distance)


def _events(layer: Layer, score: Iterable[Event]) -> Iterable[dict[str, Any]]:
    for event in score:
        node = f"{layer.sound}.{event.part}"
        if isinstance(event, Note):
            note = min(127, max(0, event.pitch))
            yield {
                "time_s": event.start_s,
                "type": "note_on",
                "node": node,
                "note": note,
                "velocity": event.velocity,
            }
            yield {"time_s": event.start_s + event.length_s, "type": "note_off", "node": node, "note": note}
        else:
            glide = {"param": event.param, "value": event.value, "ramp_s": event.ramp_s}
            yield {"time_s": event.start_s, "type": "set", "node": node, **glide}


def _node(id_: str, kind: str, params: Mapping[str, Value], inputs: Sequence[str] = ()) -> dict[str, Any]:
    node: dict[str, Any] = {"id": id_, "type": kind, "params": dict(params)}
    if inputs:
        node["inputs"] = {"in": list(inputs)}
    return node


def _clamp(value: float, low: float, high: float) -> float:
    return float(min(high, max(low, value)))
