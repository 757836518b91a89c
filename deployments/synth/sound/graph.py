"""Places in a mix and what they play become one graph and a row of timed events for synth_native."""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deployments.synth.library.presets import Modulation, Value
from deployments.synth.score import stage
from deployments.synth.score.arrange import NOTHING_DB, Place, register
from deployments.synth.score.compose import compose
from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Note, Song
from deployments.synth.score.stage import Part, Presence, presences, staged
from deployments.synth.sound import motion, swell
from deployments.synth.sound.evolve import evolve
from deployments.synth.sound.shape import Params, colour, shaped
from deployments.synth.sound.swell import needed, swelled

_ROOM_PER_DOUBLING_DB = 2.0  # many layers are turned down together; finishing sets the loudness

Graph = dict[str, Any]
Timed = tuple[float, tuple[dict[str, Any], ...]]  # when it begins, and the engine's events with `time_s` for `frame`


def build(places: Sequence[Place], song: Song, space: float) -> Graph:
    """Return the graph of all layers with one shared reverb, longer by `space` octaves."""
    nodes: list[dict[str, Any]] = []
    dry: list[str] = []
    sends: list[str] = []
    modulations: list[dict[str, Any]] = []
    present = _stage(places, song)
    for place in places:
        end = _layer(nodes, place, song, present[place.name])
        dry.append(end)
        modulations += [_renamed(modulation, place.name) for modulation in place.preset.graph.modulations]
        modulations += motion.modulations(place)
        if place.send_db > NOTHING_DB:
            sends.append(f"{place.name}.out.send")
            nodes.append(_node(sends[-1], "gain", {"gain_db": place.send_db}, [end]))
    if sends:
        reverb: dict[str, Value] = {"mix": 1.0, "damping_hz": 5000.0, "pre_delay_s": 0.015}
        nodes.append(_node("reverb", "reverb", {**reverb, "rt60_s": min(12.0, 2.4 * 2**space)}, sends))
        dry.append("reverb")
    if len(dry) > 1:
        room_db = -_ROOM_PER_DOUBLING_DB * math.log2(len(places)) if len(places) > 2 else 0.0
        nodes.append(_node("out", "mix", {"gain_db": room_db}, dry))
    output = dry[0] if len(dry) == 1 else "out"
    return {"nodes": nodes, "modulations": modulations, "tempo_bpm": song.tempo_bpm, "output": output}


def _renamed(modulation: Modulation, name: str) -> dict[str, Any]:
    """A preset's modulation between the nodes of one layer."""
    written = modulation.model_dump(by_alias=True)
    return written | {"from": f"{name}.{modulation.source}", "to": f"{name}.{modulation.to}"}


def _layer(nodes: list[dict[str, Any]], place: Place, song: Song, presence: Presence) -> str:
    """Add the nodes of one layer, their ids behind the layer's name, and return the id of its last."""
    name = place.name
    for node in place.preset.graph.nodes:
        inputs = [f"{name}.{source}" for source in node.inputs.get("in", ())]
        params = shaped(place, node.type, node.params, song)
        nodes.append(_node(f"{name}.{node.id}", node.type, params, inputs))
    before = f"{name}.{place.preset.graph.output}"
    after: list[tuple[str, str, Params]] = [(f"out.{suffix}", kind, params) for suffix, kind, params in colour(place)]
    nodes += [_node(f"{name}.{part}", kind, params) for part, kind, params, _ in motion.drivers(place)]
    after += motion.level(place)
    if needed(place):
        after.append((swell.PART, "gain", {"gain_db": swell.CLOSED_DB}))
    if swell.sudden(place):
        after.append((swell.FRONT, "gain", {"gain_db": swell.front_db(place)}))
    if place.preset.role in stage.WEATHER and not presence.throughout:
        after.append((stage.PART, "gain", {"gain_db": 0.0 if presence.spans_s[0][0] == 0 else stage.AWAY_DB}))
    after.append(("out.level", "gain", {"gain_db": place.gain_db}))
    for part, kind, params in after:
        nodes.append(_node(f"{name}.{part}", kind, params, [before]))
        before = f"{name}.{part}"
    return before


def _node(id_: str, kind: str, params: Mapping[str, Value], inputs: Sequence[str] = ()) -> dict[str, Any]:
    node: dict[str, Any] = {"id": id_, "type": kind, "params": dict(params)}
    if inputs:
        node["inputs"] = {"in": list(inputs)}
    return node


def events(graph: Graph, places: Sequence[Place], song: Song) -> Iterator[Timed]:
    """Yield what all layers play and how they move, the earliest first, composed only as far as one reads."""
    present = _stage(places, song)
    tempo: Timed = (0.0, ({"time_s": 0.0, "type": "tempo", "tempo_bpm": song.tempo_bpm},))
    return heapq.merge(
        [tempo], *(_timed(graph, place, song, present[place.name]) for place in places), key=lambda timed: timed[0]
    )


def _stage(places: Sequence[Place], song: Song) -> dict[str, Presence]:
    return presences(song, [_part(place) for place in places])


def _part(place: Place) -> Part:
    return Part(place.name, place.preset.role, place.preset.score)


def _timed(graph: Graph, place: Place, song: Song, presence: Presence) -> Iterator[Timed]:
    octave, policy = register(place)
    player = Player(place.name, place.preset.score, octave, policy, place.change.intensity)
    known = {node["id"]: node["params"] for node in graph["nodes"] if node["id"].startswith(place.name + ".")}
    played = staged(compose(song, player), _part(place), presence, song)
    if needed(place):
        played = swelled(played, place, song)
    if swell.sudden(place):
        played = swell.fronted(played)
    score: Iterator[Event] = heapq.merge(played, evolve(song, place, known), key=lambda event: event.start_s)
    for event in score:
        node = f"{place.name}.{event.part}"
        if node in known:
            yield event.start_s, tuple(_engine_events(event, node))


def _engine_events(event: Event, node: str) -> Iterator[dict[str, Any]]:
    if isinstance(event, Note):
        note = min(127, max(0, event.pitch))
        yield {"time_s": event.start_s, "type": "note_on", "node": node, "note": note, "velocity": event.velocity}
        yield {"time_s": event.start_s + event.length_s, "type": "note_off", "node": node, "note": note}
    else:
        glide = {"param": event.param, "value": event.value, "ramp_s": event.ramp_s}
        yield {"time_s": event.start_s, "type": "set", "node": node, **glide}
