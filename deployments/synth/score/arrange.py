"""From layers to places in a mix: the policies of their roles (roles.py) applied, conflicts between them solved."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from deployments.synth.choice.understand import Layer
from deployments.synth.library.presets import Preset, library
from deployments.synth.terms.change import Change
from deployments.synth.terms.roles import ROLES, Role, RolePolicy

NOTHING_DB = -60.0
MUSICAL = frozenset({"PAD", "BASS", "LEAD", "ARP", "KEYS", "PLUCK", "BELL", "STRINGS", "DRONE"})
# Who plays the roots, so that the others leave them and the low end alone.
GROUND = frozenset({"BASS", "DRONE"})
_REVERB_PER_DISTANCE_DB = 14.0
_NARROW_DB = 18.0  # the shared reverb is wide: a narrow sound has less of it
_CLOSE_DB = 30.0  # what a step nearer takes from the reverb
_SAID, _FULLY = 0.75, 1.2  # octaves of brightness; a word that says less moves a sound from where it is
_TOWARDS = 1.0  # octaves from its role's usual brightness, for each octave that a word asks for
_AT_LEAST, _AT_MOST = 0.3, 3.2
_SIDES = 1.3  # times the power of the middle: a correlation of -0.13
_WIDER, _NEARLY_MONO = 0.3, 0.75
_DOUBLED = 0.2  # the correlation that a chorus leaves
_SIZE = 2.2  # octaves that only another register gives
_BEYOND = 9  # semitones that words go over a role's limits
_NATURE = 0.5  # how far weather and drums, which differ by what they are, are brought together
# Who plays in time: "slow" is its tempo, hardly its attack.
_IN_TIME = frozenset({"BASS", "LEAD", "ARP", "KEYS", "PLUCK", "BELL", "PERCUSSION"})
_PACE_ATTACK, _BLOWN_ATTACK, _PACE_NOTES = (
    1.4,
    0.6,
    0.7,
)  # octaves of attack and of rate that an octave of tempo already says


@dataclass(frozen=True)
class Place:
    """One layer in the mix: `name` is unique among them; pan is -1 left to 1 right, width 0 mono to 2."""

    name: str
    layer: Layer
    preset: Preset
    policy: RolePolicy
    gain_db: float
    send_db: float  # into the shared reverb
    low_cut_hz: float  # 0 where nobody else is there below
    pan: float
    width: float

    @property
    def change(self) -> Change:
        """What the words do to the sound."""
        return self.layer.change


def without_rivals(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Keep the first of each role that bears one only: two basses are a fight, not a mix."""
    kept: list[Layer] = []
    taken: set[str] = set()
    for layer in layers:
        role = library()[layer.sound].role
        if not (ROLES[role].single and role in taken):
            kept.append(layer)
        taken.add(role)
    return tuple(kept)


def arrange(layers: Sequence[Layer]) -> tuple[Place, ...]:
    """Give each layer its level, its side, its room below and its reverb."""
    presets = [library()[layer.sound] for layer in layers]
    names = _names([preset.id for preset in presets])
    grounded = any(preset.role in GROUND for preset in presets)
    pans = _pans([ROLES[preset.role].place for preset in presets])
    places = []
    for layer, preset, name, pan in zip(layers, presets, names, pans, strict=True):
        change = answered(preset, layer.change)
        policy, layer = ROLES[preset.role], replace(layer, change=change)  # noqa: PLW2901
        low_cut = policy.low_cut_hz if grounded and preset.role in MUSICAL - GROUND else 0.0
        if change.register < 0:
            low_cut *= 0.5
        width = min(widest(preset, change), max(0.0, (policy.width if len(layers) > 1 else 1.0) + change.width))
        send = _send_db(preset.reverb_db, policy, change)
        gain = _gain_db(preset, change)
        places.append(Place(name, layer, preset, policy, gain, send, low_cut, pan * (1 - abs(change.width) / 2), width))
    return tuple(places)


def widest(preset: Preset, change: Change) -> float:
    """How wide a preset may become: until its sides outweigh its middle a little, and mono still has all of it."""
    alike = _DOUBLED if doubled(preset, change) else preset.correlation
    sides = max(1e-3, (1 - alike) / max(1e-3, 1 + alike))  # power beside that of the middle
    return max(1.0, min(2.0, math.sqrt(_SIDES / sides)))


def doubled(preset: Preset, change: Change) -> bool:
    """Whether a chorus makes it wide, since it has no sides that could be raised."""
    return change.width > _WIDER and preset.correlation > _NEARLY_MONO


def answered(preset: Preset, change: Change) -> Change:
    """What the words do to this very preset; a bell's colour is its size, and no filter gives a gong's to a tingsha."""
    octaves = brightness(preset, change.brightness)
    far = preset.role == "BELL" and abs(octaves) > _SIZE and not change.register
    register = math.copysign(1.0, octaves) if far else change.register
    attack, intensity = change.attack, change.intensity
    if preset.role in _IN_TIME:
        explained = _BLOWN_ATTACK if preset.role == "LEAD" else _PACE_ATTACK
        attack = _less(attack, -explained * change.tempo)
    if preset.role in _IN_TIME and preset.score not in {"sparse", "bowls"}:
        intensity = _less(intensity, _PACE_NOTES * change.tempo)
    return replace(change, brightness=octaves, register=register, attack=attack, intensity=intensity)


def _less(value: float, explained: float) -> float:
    """What is left of a value of the same sign."""
    if value * explained <= 0:
        return value
    return math.copysign(max(0.0, abs(value) - abs(explained)), value)


def brightness(preset: Preset, said: float) -> float:
    """Octaves that bring this preset to what a word means in its role: bright is bright, whatever it was before."""
    if not said:
        return 0.0
    stands = math.log2(preset.centroid_hz / usual_centroid_hz(preset.role))
    stands *= 1.0 if preset.role in MUSICAL else _NATURE
    needed = _TOWARDS * said - stands
    share = min(1.0, max(0.0, (abs(said) - _SAID) / (_FULLY - _SAID)))
    moved = (1 - share) * said + share * needed
    sign = math.copysign(1.0, said)
    return sign * min(_AT_MOST, max(_AT_LEAST * abs(said), sign * moved))


def register(place: Place) -> tuple[int, RolePolicy]:
    """The octave that a layer plays in, and its role's limits: low words go below what is usual in the role."""
    asked = round(place.change.register)
    if not asked:
        return place.preset.octave, place.policy
    low, high = place.policy.notes
    if asked < 0:
        octave, notes = min(place.preset.octave, usual_octave(place.preset.role)), (max(21, low - _BEYOND), high)
    else:
        octave, notes = max(place.preset.octave, usual_octave(place.preset.role)), (low, min(108, high + _BEYOND))
    return max(1, octave + asked), replace(place.policy, notes=notes)


@cache
def usual_octave(role: Role) -> int:
    """The median of a role's presets that play notes."""
    octaves = [p.octave for p in library().values() if p.role == role and p.score != "none"]
    return round(statistics.median(octaves or [4]))


@cache
def usual_centroid_hz(role: Role) -> float:
    """The median of a role's presets."""
    return statistics.median(preset.centroid_hz for preset in library().values() if preset.role == role)


def _names(ids: Sequence[str]) -> list[str]:
    """Ids, the second of the same one with a number, so that its random streams differ."""
    return [id_ if id_ not in ids[:at] else f"{id_}_{at}" for at, id_ in enumerate(ids)]


def _pans(reaches: Sequence[float]) -> list[float]:
    """Those that may leave the middle stand left and right in turn, further out when there are more of them."""
    movable = [at for at, reach in enumerate(reaches) if reach > 0]
    pans = [0.0] * len(reaches)
    if len(reaches) < 2 or len(movable) < 2:
        return pans
    for turn, at in enumerate(movable):
        pans[at] = reaches[at] * (-1 if turn % 2 else 1) * (0.7 if len(movable) == 2 else 1.0)
    return pans


def _gain_db(preset: Preset, change: Change) -> float:
    """The layer's gain: what filters, reverb and width do to loudness is taken back (measured means)."""
    side_effects = -2.0 * max(0.0, change.width)
    if preset.role in MUSICAL:
        side_effects -= 2.0 * max(0.0, change.distance)
    else:
        side_effects -= 2.0 * min(0.0, change.brightness)
    return min(24.0, max(-60.0, preset.level_db + change.level_db + side_effects))


def _send_db(usual_db: float, policy: RolePolicy, change: Change) -> float:
    """A distant sound has more reverb than its own, within what its role bears; a near one has less."""
    if change.distance > 0:
        farthest = max(usual_db, policy.reverb_db[1])
        return min(farthest, max(usual_db, -20.0) + _REVERB_PER_DISTANCE_DB * change.distance)
    nearest = min(usual_db, policy.reverb_db[0])
    return max(NOTHING_DB, max(nearest, usual_db + _CLOSE_DB * change.distance) + _NARROW_DB * min(0.0, change.width))
