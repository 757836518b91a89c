"""Levels that move as the words say: slow swells as of breath and surf, or a quick flutter as of drops and sparks.

What is held gets a tremolo. Weather and noise move unevenly: two slow cycles that never meet, or random steps, on a
gain of their own.
"""

from collections.abc import Iterator
from typing import Any

from deployments.synth.score.arrange import Place

GAIN, _CYCLE, _DRIFT = "out.motion", "out.cycle", "out.drift"
_LEAST = 0.3  # less is not worth a node
_HELD = frozenset({"PAD", "STRINGS", "DRONE"})
_NOISES = frozenset({"AMBIENCE", "FX"})
_SLOW_HZ, _FAST_HZ, _TREMOLO_HZ = 0.13, 14.0, 6.5
_SLOW_DB, _FAST_DB, _DEPTH = 6.0, 5.0, 0.55
_ROOM_DB = -3.0  # swells reach higher than they stood


def moves(place: Place) -> bool:
    """Whether the words ask for it, and the role can."""
    return abs(place.change.motion) >= _LEAST and place.preset.role in _HELD | _NOISES


def level(place: Place) -> Iterator[tuple[str, str, dict[str, float | str]]]:
    """Yield the node in the layer's row that moves the level."""
    if moves(place):
        share = place.change.motion
        if place.preset.role in _HELD:
            rate_hz = 2 * _SLOW_HZ if share < 0 else _TREMOLO_HZ
            yield GAIN, "tremolo", {"rate_hz": rate_hz, "depth": min(0.9, _DEPTH * abs(share))}
        else:
            yield GAIN, "gain", {"gain_db": _ROOM_DB * abs(share)}


def drivers(place: Place) -> Iterator[tuple[str, str, dict[str, float | str], float]]:
    """Yield the control nodes beside the row, and by how many decibels each moves the level."""
    if moves(place) and place.preset.role in _NOISES:
        share = abs(place.change.motion)
        if place.change.motion < 0:
            yield _CYCLE, "lfo", {"shape": "sine", "rate_hz": _SLOW_HZ, "phase": 0.6}, _SLOW_DB * share
            yield _DRIFT, "random", {"kind": "smooth", "rate_hz": 1.7 * _SLOW_HZ}, 0.6 * _SLOW_DB * share
        else:
            yield _DRIFT, "random", {"kind": "hold", "rate_hz": _FAST_HZ}, _FAST_DB * share


def modulations(place: Place) -> Iterator[dict[str, Any]]:
    """Yield what the drivers move, as the engine takes it."""
    for part, _, _, amount_db in drivers(place):
        name = place.name
        yield {"from": f"{name}.{part}", "to": f"{name}.{GAIN}", "param": "gain_db", "amount": amount_db, "unit": ""}
