"""Schedules and update rules. One object per request: it counts its steps and keeps its own history."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class EulerFlow:
    """Euler steps along a rectified flow: x moves from noise (sigma 1) to data (sigma 0) by the predicted velocity.

    `sigmas` falls from 1; the end at 0 is added. The network is told the sigma itself.
    Source: Liu et al. 2022, arXiv 2209.03003; same arithmetic as diffusers' FlowMatchEulerDiscreteScheduler.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        self.sigmas = [*(float(np.float32(sigma)) for sigma in sigmas), 0.0]
        self.step, self.steps = 0, len(sigmas)

    @staticmethod
    def linear(steps: int) -> "EulerFlow":
        """`steps` equal steps: sigma = 1, (steps-1)/steps, ..., 1/steps."""
        return EulerFlow(np.linspace(1.0, 1.0 / steps, steps).tolist())

    @property
    def timestep(self) -> float:
        """The sigma of the next step."""
        return self.sigmas[self.step]

    def scaled(self, latent: "torch.Tensor") -> "torch.Tensor":
        """The latent itself."""
        return latent

    def advance(self, latent: "torch.Tensor", prediction: "torch.Tensor") -> "torch.Tensor":
        """One Euler step along the velocity."""
        moved = latent.add(prediction, alpha=self.sigmas[self.step + 1] - self.sigmas[self.step])
        self.step += 1
        return moved
