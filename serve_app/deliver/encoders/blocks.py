"""A sound in pieces of a second: floats for codecs that take them, dithered integers for the others."""

from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import synth_native
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Integers = NDArray[np.int16] | NDArray[np.int32]


def floats(samples: Samples, block: int) -> Iterator[Samples]:
    """Blocks of shape (channels, frames)."""
    for start in range(0, samples.shape[-1], block):
        yield samples[:, start : start + block]


def integers(blocks: Iterable[Samples], bits: Literal[16, 24]) -> Iterator[Integers]:
    """Blocks of shape (frames, channels), those of 24 bits in the upper bits of int32; the same noise every time.

    Before rounding two independent uniform values are added, each 1 LSB wide: triangular dither (Lipshitz, Wannamaker
    and Vanderkooy, "Quantization and Dither", JAES 1992), which makes the error independent of the signal.
    """
    noise = np.random.SFC64(0)
    for part in blocks:
        words = noise.random_raw((part.size + 1) // 2).view(np.int32)
        yield synth_native.quantise(part, words, bits)
