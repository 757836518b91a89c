"""Slow change over minutes: levels breathe, filters open and close, weather comes and goes. Never the same twice."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deployments.synth.score.arrange import MUSICAL, Place
from deployments.synth.score.song import Move, Song

# How far a parameter wanders around where it stands: octaves for those with a unit, else shares; and its limits.
_OCTAVES: Mapping[str, tuple[float, float, float]] = {
    "cutoff_hz": (0.45, 40, 18_000), "density_hz": (0.6, 2, 1800), "crackle_hz": (0.5, 0.6, 90), "rate": (0.3, 2, 390),
    "gust_hz": (0.3, 0.02, 4), "period_s": (0.15, 2.5, 50),
}  # fmt: skip
_SHARES: Mapping[str, float] = {"brightness": 0.1, "speed": 0.12, "body": 0.08}
_LEVEL_DB, _WEATHER_DB, _EVEN_DB = 1.2, 2.0, 0.7
_SWELLING = frozenset({"wind", "surf"})  # nodes that come and go by themselves
_EVEN_SHARE, _EVEN_STEPS = 0.4, 2.0  # rain and machines wander less, and more slowly
_DYNAMICS_DB = 6.0  # from the quietest section to the fullest
_STEP_S = (4.0, 9.0)  # between turning points
_FIRST_S = 6.0  # a short sound stays as the words made it


def evolve(song: Song, place: Place, nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[Move]:
    """Yield moves of the layer's level and of its nodes' parameters, each wandering around where it begins."""
    random = song.random(place.name + " evolve")
    musical = place.preset.role in MUSICAL
    even = not musical and _even(place)
    depth_db = _LEVEL_DB if musical else _EVEN_DB if even else _WEATHER_DB
    targets = list(_targets(place, nodes))
    start = _FIRST_S
    while start < song.end_s:
        step = float(random.uniform(*_STEP_S)) * (_EVEN_STEPS if even else 1.0)
        swing_db = _DYNAMICS_DB * (song.chord_at(start + step).section.energy - 0.5) if musical else 0.0
        level_db = place.gain_db + swing_db + depth_db * float(random.uniform(-1, 1))
        yield Move(start, "out.level", "gain_db", level_db, step)
        for part, param, value in targets:
            by = float(random.uniform(-1, 1)) * (_EVEN_SHARE if even else 1.0)
            yield Move(start, part, param, _wandered(param, value, by), step)
        start += step


def _even(place: Place) -> bool:
    """Whether nothing in a noise swells: rain, fire, streams, machines. Words for quick motion make wind so, too."""
    swelling = any(node.type in _SWELLING for node in place.preset.graph.nodes)
    return place.change.motion > 0 or not (swelling or place.change.motion < 0)


def _targets(place: Place, nodes: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str, float]]:
    """What can wander: the parameters of the preset's own nodes that are written there."""
    for node in place.preset.graph.nodes:
        params = nodes[f"{place.name}.{node.id}"]
        for param, value in params.items():
            movable = param in _SHARES or (param in _OCTAVES and params.get("mode", "lowpass") == "lowpass")
            if movable and not isinstance(value, str):  # a bell's body is a word
                yield node.id, param, float(value)


def _wandered(param: str, value: float, by: float) -> float:
    if param in _SHARES:
        return float(np.clip(value + _SHARES[param] * by, 0, 1))
    octaves, low, high = _OCTAVES[param]
    return float(np.clip(value * 2 ** (octaves * by), low, high))
