"""What each role may do in a mix, as data: its register, its movement, its room, its loudness.

A layer takes its policy from the role of its preset. Presets are calibrated to `layer_lufs`, so that the layers
of a mix stand to each other as these numbers do until a word says otherwise; a sound of one role alone is
delivered at `alone_lufs`.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from deployments.contract import InvalidInput

Role = Literal[
    "PAD", "BASS", "LEAD", "ARP", "KEYS", "PLUCK", "BELL", "STRINGS", "DRONE", "PERCUSSION", "FX", "AMBIENCE"
]


@dataclass(frozen=True)
class RolePolicy:
    """The limits of one role. Pitches are MIDI notes; `onsets_hz` are note onsets per second."""

    notes: tuple[int, int]  # no note outside; other octaves are folded in
    onsets_hz: tuple[float, float]  # sparse to dense: the score keeps its pace within
    polyphony: int  # notes at once, tails not counted
    cutoff_hz: tuple[float, float]  # how far words may move an instrument's low-pass
    low_cut_hz: float  # what lies under it belongs to others, when there are others
    reverb_db: tuple[float, float]  # send into the shared reverb, nearest to farthest
    layer_lufs: float  # of one layer at 0 dB
    alone_lufs: float  # of the delivered sound when there is nothing else
    window_lu: float = 2.0  # how far a preset may be from `layer_lufs`
    place: float = 0.0  # how far from the middle two of this role stand, 0 to 1
    width: float = 1.0  # 0 mono, 1 as the preset is
    single: bool = False  # two of them would fight: the first one asked for stays


ROLES: Mapping[Role, RolePolicy] = {
    "PAD": RolePolicy((40, 84), (0.05, 1.0), 6, (250, 9_000), 140, (-16, 0), -24, -18, place=0.25, width=1.15),
    "BASS": RolePolicy((26, 55), (0.1, 6.0), 1, (80, 4_000), 25, (-60, -14), -23, -17, width=0.5, single=True),
    "LEAD": RolePolicy((55, 96), (0.2, 8.0), 1, (600, 14_000), 180, (-24, 0), -23, -16, place=0.2, width=0.8),
    "ARP": RolePolicy((48, 96), (0.5, 14.0), 2, (400, 12_000), 160, (-26, 0), -25, -16, place=0.4),
    "KEYS": RolePolicy((33, 96), (0.2, 8.0), 6, (500, 12_000), 90, (-26, 0), -24, -17, place=0.3),
    "PLUCK": RolePolicy((40, 96), (0.2, 10.0), 5, (500, 14_000), 110, (-26, 0), -24, -17, place=0.4),
    "BELL": RolePolicy((48, 103), (0.03, 4.0), 4, (600, 16_000), 150, (-20, 2), -26, -19, place=0.5, window_lu=3),
    "STRINGS": RolePolicy((36, 91), (0.05, 4.0), 6, (400, 11_000), 120, (-18, 0), -24, -17, place=0.35, width=1.1),
    "DRONE": RolePolicy((24, 64), (0.01, 0.3), 4, (220, 6_000), 35, (-20, 0), -25, -19, width=1.1),
    "PERCUSSION": RolePolicy((24, 72), (0.2, 16.0), 6, (200, 16_000), 25, (-40, -6), -23, -16, width=0.9, window_lu=3),
    "FX": RolePolicy((24, 108), (0.02, 8.0), 4, (150, 16_000), 80, (-40, 2), -27, -19, place=0.5, window_lu=4),
    "AMBIENCE": RolePolicy((24, 115), (0.0, 8.0), 4, (200, 18_000), 60, (-60, -4), -26, -20, width=1.2, window_lu=3),
}

# What people say instead.
_OTHER_NAMES: Mapping[str, Role] = {
    "DRUM": "PERCUSSION", "DRUMS": "PERCUSSION", "BEAT": "PERCUSSION", "RHYTHM": "PERCUSSION", "PERC": "PERCUSSION",
    "MELODY": "LEAD", "SOLO": "LEAD", "BRASS": "LEAD", "WIND": "LEAD", "PIANO": "KEYS", "ORGAN": "KEYS",
    "GUITAR": "PLUCK", "HARP": "PLUCK", "BELLS": "BELL", "MALLET": "BELL", "STRING": "STRINGS", "CHOIR": "PAD",
    "TEXTURE": "FX", "NOISE": "FX", "EFFECT": "FX", "NATURE": "AMBIENCE", "AMBIENT": "AMBIENCE", "FIELD": "AMBIENCE",
    "SUB": "BASS", "ARPEGGIO": "ARP", "CHORDS": "PAD",
}  # fmt: skip


def role_name(role: str, pointer: str = "/role") -> Role | None:
    """Return the role as in ROLES whatever the spelling, None for UNKNOWN. Raises InvalidInput with the nearest."""
    name = role.strip().upper()
    if name in {"", "UNKNOWN"}:
        return None
    for known in get_args(Role):
        if _OTHER_NAMES.get(name, name) == known:
            found: Role = known
            return found
    near = difflib.get_close_matches(name, ROLES, 3, 0.4) or list(ROLES)
    raise InvalidInput(f"'{role}' is no role; nearest: {', '.join(near)}, or UNKNOWN", pointer)
