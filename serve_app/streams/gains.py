"""Levels over time whose bits depend on no processor: integers in, products, quotients and roots of doubles out.

IEEE 754 rounds these exactly, and NumPy's loops keep each operation apart; sines, powers and sums are not used.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Level = float | NDArray[np.float64]  # of one value over a range of samples, or of each sample


def linear(db: float) -> float:
    """Decibels as a factor, to 24 bits: where libraries differ in the last place of a power, this does not."""
    return round(10 ** (db / 20) * 2**24) / 2**24


class Fade(NamedTuple):
    """A share that goes from 0 before `start` to 1 from `end` on, 3u^2 - 2u^3 between them."""

    start: int
    end: int

    def over(self, a: int, b: int) -> Level:
        """The share at samples [a, b)."""
        if b <= self.start or a >= self.end:
            return 0.0 if b <= self.start else 1.0
        at = np.arange(a - self.start, b - self.start, dtype=np.float64)
        share = np.clip(at / float(self.end - self.start), 0.0, 1.0)
        smooth: NDArray[np.float64] = share * share * (3.0 - 2.0 * share)
        return smooth


def toward(before: Level, after: Callable[[], Level], share: Level) -> Level:
    """From one level to another, exactly at both ends; where that is not heard, it is not computed."""
    if isinstance(share, float) and share in (0.0, 1.0):
        return before if share == 0.0 else after()
    return before * (1.0 - share) + after() * share


def crossfade(share: Level, correlation: float) -> tuple[Level, Level]:
    """Levels of what goes and what comes, such that the power of both together stays.

    `correlation` of the two sounds is 0 (unlike: the squares add up to 1) to 1 (alike: the levels do), and anything
    between. Neither level exceeds 1, nor their sum the root of 2.
    """
    if isinstance(share, float):
        return 1.0 - share, share
    rest = 1.0 - share
    power = np.sqrt(rest * rest + share * share + 2.0 * correlation * (rest * share))
    return rest / power, share / power


def floats(level: Level) -> np.float32 | NDArray[np.float32]:
    """A level as samples are multiplied by it."""
    return np.float32(level) if isinstance(level, float) else level.astype(np.float32)
