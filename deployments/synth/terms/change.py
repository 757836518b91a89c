"""What a word does to a sound, as numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Change:
    """What a modifier does to a sound; several add up. `tempo` and `valence` concern the whole piece."""

    level_db: float = 0.0
    brightness: float = 0.0  # octaves of every cutoff
    intensity: float = 0.0  # octaves of rates: drops, gusts, notes
    register: float = 0.0  # octaves of pitch
    distance: float = 0.0  # 0 here, 1 far: more reverb
    width: float = 0.0  # -1 mono, 1 wide
    attack: float = 0.0  # octaves of attack and release times
    tempo: float = 0.0  # octaves of the tempo
    valence: float = 0.0  # -1 sad, 1 happy: minor or major
    motion: float = 0.0  # of the level: -1 slow swells, 1 quick flutter

    def times(self, share: float) -> "Change":
        """The same to another degree, within the limits; a negative share turns it around."""
        return total([Change(**{name: share * value for name, value in vars(self).items()})])


LIMITS = Change(
    level_db=15,
    brightness=2.5,
    intensity=2,
    register=2,
    distance=1,
    width=1,
    attack=2.5,
    tempo=1,
    valence=1,
    motion=1.5,
)
NAMES: Sequence[str] = tuple(field.name for field in fields(Change))


def total(changes: Iterable[Change]) -> Change:
    """Sum modifiers; repeating them does not go on for ever."""
    added = list(changes)
    sums = {name: sum(getattr(change, name) for change in added) for name in NAMES}
    return Change(**{name: max(-limit, min(limit, sums[name])) for name, limit in vars(LIMITS).items()})
