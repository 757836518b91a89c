"""The Oobleck autoencoder (stereo, 44.1 kHz) as Stable Audio and TangoFlux use it: how much of a latent is decoded.

Its decoder is convolutions only, so a sample depends on the latents within its receptive field and on no others.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_RESIDUAL = 3 * (1 + 3 + 9)  # half the reach of three units of kernel 7 with dilations 1, 3 and 9


def hop(ratios: Sequence[int]) -> int:
    """Samples for each latent, from the configuration's `downsampling_ratios`."""
    return math.prod(ratios)


def halo(ratios: Sequence[int]) -> int:
    """Latents to each side that a latent's samples depend on."""
    reach, rate = 3.0, 1
    for ratio in reversed(ratios):
        reach += 1 / rate  # a transposed convolution of kernel 2 x ratio looks one step to each side
        rate *= ratio
        reach += _RESIDUAL / rate
    return math.ceil(reach + 3 / rate)


def needed(latent: "torch.Tensor", frames: int, ratios: Sequence[int]) -> "torch.Tensor":
    """The first latents (channels, length) that the first `frames` samples depend on."""
    return latent[..., : math.ceil(frames / hop(ratios)) + halo(ratios)]
