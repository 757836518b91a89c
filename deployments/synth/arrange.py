"""From layers to places in a mix: the policies of their roles (roles.py) applied, conflicts between them solved."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.synth.modifiers import Change
from deployments.synth.presets import Preset, library
from deployments.synth.roles import ROLES, RolePolicy
from deployments.synth.understand import Layer

NOTHING_DB = -60.0
MUSICAL = frozenset({"PAD", "BASS", "LEAD", "ARP", "KEYS", "PLUCK", "BELL", "STRINGS", "DRONE"})
# Who plays the roots, so that the others leave them and the low end alone.
GROUND = frozenset({"BASS", "DRONE"})
_REVERB_PER_DISTANCE_DB = 14.0
_CLOSE_DB = 30.0  # what a step nearer takes from the reverb


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
        policy, change = ROLES[preset.role], layer.change
        low_cut = policy.low_cut_hz if grounded and preset.role in MUSICAL - GROUND else 0.0
        if change.register < 0:
            low_cut *= 0.5
        width = min(2.0, max(0.0, policy.width + change.width)) if len(layers) > 1 else 1.0 + change.width
        send = _send_db(preset.reverb_db, policy, change)
        gain = _gain_db(preset, change)
        places.append(Place(name, layer, preset, policy, gain, send, low_cut, pan * (1 - abs(change.width) / 2), width))
    return tuple(places)


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
    return max(nearest, usual_db + _CLOSE_DB * change.distance)
