"""What words do to the parameters of a preset's nodes: darker is a lower cutoff, denser are more drops."""

import math
from collections.abc import Callable, Iterator, Mapping

from deployments.synth.library.presets import Value
from deployments.synth.score.arrange import MUSICAL, Place, doubled
from deployments.synth.score.song import Song
from deployments.synth.sound import swell
from deployments.synth.terms.change import Change

Params = dict[str, Value]

# How far each rate may go, and by how many octaves one step of intensity moves it.
_RATES: Mapping[str, tuple[float, float, float]] = {
    "density_hz": (20, 1500, 1.0),
    "crackle_hz": (2, 60, 1.0),
    "rate": (15, 350, 1.0),
    "gust_hz": (0.05, 0.8, 0.6),
    "period_s": (4, 14, -0.5),
}
_RATES_MOVED: Mapping[str, float] = {"crackle_hz": 0.7, "gust_hz": 1.0, "period_s": -0.4}  # octaves per step of motion
_SHORTEST_ECHO_S = 0.1  # shorter ones are resonances and doublings
_DYNAMICS = frozenset({"compressor", "limiter", "gate"})  # their attack is no note's
_CUTOFF_HZ = (60.0, 18_000.0)
_SOFT_S, _SOFT = 0.25, 0.2  # a little slower is heard as well: seconds for each octave of attack beyond the second
_RINGS_S = 3.0  # for each octave of attack
_SHORTEST_S, _LONGEST_ATTACK_S, _LONGEST_SHARE = 0.003, 4.0, 0.3
_HELD, _FLATTENING = frozenset({"poly", "wavetable", "fm"}), frozenset({"saturate", "reverb"})
# Octaves of attack; the engine's usual sustain, that of a struck note and its share under what flattens; fall
_SUDDEN, _HELD_AT, _STRUCK_AT, _FLATTENED, _FALL_S = -1.35, 0.7, 0.42, 0.4, 0.25
# A kit is brighter by its hats, not by a filter; decibels per octave of brightness.
_DRUM_TILT_DB: Mapping[str, float] = {"kick": -2.0, "snare": 1.0, "hat": 3.0}
_MUSICAL_AIR_HZ = 5000.0
_BASS_REACH = 1.6  # a bass is closed further than others, and has further to open
_BRIGHT_SHELF_DB, _DARK_SHELF_DB, _BOOM_DB, _SHELF_DB = 6.5, 6.5, 1.5, (-18.0, 15.0)  # for each octave; all
_CHORUS, _CHORUS_ELSE = {"BASS": 0.3, "PERCUSSION": 0.2}, 0.4  # what is low or short bears less
_TILTED = 0.7  # octaves that a filter alone gives
_STEP = 0.3  # changes under this are not worth a node


def shaped(place: Place, kind: str, params: Mapping[str, Value], song: Song) -> Params:
    """Apply a layer's modifiers to the parameters of one node."""
    if params.get("mode") == "highpass" or kind in _DYNAMICS:
        return dict(params)
    moved = {n: v if isinstance(v, str) else _moved(n, v, place, song) for n, v in params.items()}
    if kind in swell.STRUCK and swell.needed(place):
        rings_s = max(float(moved.get("decay_s", 0.0)), _RINGS_S * place.change.attack)  # longer than a pedal opens
        moved["decay_s"] = min(30.0, rings_s)
    if kind in _HELD:
        moved = _accented(moved, place)
    if kind == "poly":
        return _lit(moved, place.change)
    return _tilted(moved, place.change) if kind == "drum" else moved


def _accented(params: Params, place: Place) -> Params:
    """A held note that begins at once is heard to if it falls to less than it began with."""
    flattened = any(node.type in _FLATTENING for node in place.preset.graph.nodes)
    struck = _STRUCK_AT * (_FLATTENED if flattened else 1.0)
    if place.change.attack > _SUDDEN or float(params.get("sustain", _HELD_AT)) <= struck:
        return params
    return {**params, "sustain": struck, "decay_s": min(float(params.get("decay_s", _FALL_S)), _FALL_S)}


def _tilted(params: Params, change: Change) -> Params:
    """A bright kit has more hat, less kick, and all of it tuned a little higher."""
    if not change.brightness:
        return params
    gain = (
        float(params.get("gain_db", 0.0)) + _DRUM_TILT_DB.get(str(params.get("kind", "kick")), 0.0) * change.brightness
    )
    tune = float(params.get("tune", 0.0)) + 1.5 * change.brightness
    return {**params, "gain_db": _clamp(gain, -60, 24), "tune": _clamp(tune, -24, 24)}


def _lit(params: Params, change: Change) -> Params:
    """An open filter cannot be opened: a bright sine gets overtones, and a dark sound a filter that it had not."""
    if change.brightness >= 0.8 and params.get("waveform") == "sine":
        return {**params, "waveform": "triangle"}
    if change.brightness < 0 and "cutoff_hz" not in params:
        return {**params, "cutoff_hz": _clamp(6000.0 * 2**change.brightness, *_CUTOFF_HZ)}
    return params


def _moved(name: str, value: float, place: Place, song: Song) -> float:
    """Return the value of one parameter after the modifiers."""
    change = place.change
    if name in _RATES:
        low, high, octaves = _RATES[name]
        moved_by = octaves * change.intensity + _RATES_MOVED.get(name, 0.0) * change.motion
        return _clamp(value * 2**moved_by, min(low, value), max(high, value))
    longest_s = max(_SHORTEST_S, _LONGEST_SHARE * song.duration_s)  # a short sound must still be heard
    moved: Mapping[str, Callable[[], float]] = {
        "cutoff_hz": lambda: _cutoff_hz(value, place),
        "drop_hz": lambda: _clamp(value * 2 ** (0.4 * change.brightness), min(2000, value), 9000),
        "brightness": lambda: _clamp(value + 0.3 * change.brightness, 0.02, 1),
        "speed": lambda: _clamp(value + 0.25 * change.intensity, 0.05, 1),
        "body": lambda: _clamp(value + 0.12 * change.intensity, 0.1, 0.9),
        "attack_s": lambda: _clamp(_attack_s(value, change.attack), _SHORTEST_S, min(_LONGEST_ATTACK_S, longest_s)),
        "decay_s": lambda: _clamp(value * 2 ** (0.4 * change.attack), min(0.05, value), max(30.0, value)),
        "release_s": lambda: _clamp(value * 2**change.attack, _SHORTEST_S, longest_s),
        "time_s": lambda: _echo_s(value, song.beat_s),
    }
    return moved[name]() if name in moved else value


def _attack_s(value: float, octaves: float) -> float:
    """Slow is slow whatever it was before, and so is sudden."""
    moved = value * 2 ** (1.8 * octaves)
    if octaves > 0:
        return max(moved, 0.35 * octaves if octaves > 1 else _SOFT_S * (octaves - _SOFT))
    return min(moved, 0.03) if octaves < -1 else moved


def _echo_s(value: float, beat_s: float) -> float:
    """The echo on the beat or on a half, a quarter, a double of it that is nearest; a resonance stays as it is."""
    if value < _SHORTEST_ECHO_S:
        return value
    return beat_s * 2.0 ** round(math.log2(_clamp(value, 0.15, 1.0) / beat_s))


def _cutoff_hz(value: float, place: Place) -> float:
    """Words move a cutoff within what the role allows, or a preset beyond it no further."""
    change = place.change
    if not change.brightness and not change.register:
        return value
    low, high = place.policy.cutoff_hz
    octaves = change.brightness * (_BASS_REACH if place.preset.role == "BASS" else 1.0) + 0.5 * change.register
    return _clamp(value * 2**octaves, min(low, value), max(high, value))


def colour(place: Place) -> Iterator[tuple[str, str, Params]]:
    """Yield (name, node type, parameters) of what follows the preset's own nodes: filters, room below, width."""
    change, musical = place.change, place.preset.role in MUSICAL
    filtered = any(node.type == "poly" for node in place.preset.graph.nodes)  # makes itself dark
    octaves = 1.2 * change.brightness + 0.7 * min(0, change.register)
    if not (musical and filtered) and octaves < -_STEP / 2:
        air_hz = min(place.preset.air_hz, _MUSICAL_AIR_HZ if musical else place.preset.air_hz)
        cutoff = _clamp(air_hz * 2**octaves, *_CUTOFF_HZ)
        yield "dark", "svf", {"mode": "lowpass", "cutoff_hz": cutoff}
    low_cut = place.low_cut_hz
    if not musical and place.preset.role != "PERCUSSION" and (change.brightness > 0 or change.register > 0):
        low_cut = max(low_cut, 60.0 * 2 ** (1.5 * change.brightness + max(0, change.register)))
    elif musical and change.brightness > _STEP:
        low_cut = max(low_cut, place.policy.low_cut_hz * 2 ** (0.4 * change.brightness))
    if low_cut > 0:
        yield "room", "svf", {"mode": "highpass", "cutoff_hz": _clamp(low_cut, *_CUTOFF_HZ)}
    if abs(change.brightness) > _TILTED:
        beyond = math.copysign(abs(change.brightness) - _TILTED, change.brightness)
        yield "tilt", "eq", _tilt(place.preset.centroid_hz, beyond)
    if doubled(place.preset, change):
        mix = _CHORUS.get(place.preset.role, _CHORUS_ELSE) * change.width
        yield "wide", "chorus", {"rate_hz": 0.35, "depth_ms": 3.0, "mix": mix}
    if abs(place.width - 1) > 0.05 or place.pan:
        yield "pan", "pan", {"pan": place.pan, "width": place.width}


def _tilt(pivot_hz: float, octaves: float) -> Params:
    """Shelves on both sides of where a sound has its middle; a dark sound gains little below, or it booms."""
    low_db = (_BRIGHT_SHELF_DB if octaves > 0 else _BOOM_DB) * -octaves
    high_db = (_BRIGHT_SHELF_DB if octaves > 0 else _DARK_SHELF_DB) * octaves
    return {
        "low_shelf_hz": _clamp(0.8 * pivot_hz, 60, 2000), "low_shelf_db": _clamp(low_db, *_SHELF_DB),
        "high_shelf_hz": _clamp(1.6 * pivot_hz, 500, 12_000), "high_shelf_db": _clamp(high_db, *_SHELF_DB),
    }  # fmt: skip


def _clamp(value: float, low: float, high: float) -> float:
    return float(min(high, max(low, value)))
