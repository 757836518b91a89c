"""Update rules. A sampler belongs to one request: it counts its steps, keeps its history and draws its own noise.

Every rule here is linear in what it combines, so a run is a table of coefficients made once from its schedule:

    data   = skip * latent + out * prediction
    latent = keep * latent + towards * data + trend * (data - data one step before) + spread * noise
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deployments.denoise.schedules import Schedule, discrete_schedule, edm_schedule, flow_schedule

if TYPE_CHECKING:
    import torch

LEVELS_FOR_ORDER_2 = 15  # below this many steps the last step of 2M is of first order, as published


@dataclass(frozen=True)
class Step:
    """Coefficients of one step; see the module's text."""

    timestep: float
    scale: float
    skip: float
    out: float
    keep: float
    towards: float
    trend: float = 0.0
    spread: float = 0.0


class LinearSampler:
    """Runs a table of steps for one request. `initial_scale` multiplies unit noise to give its first latent.

    `noise` gives the unit noise of a step for a latent like the given one; a model may put its own there.
    """

    def __init__(
        self, table: list[Step], initial_scale: float = 1.0, generator: "torch.Generator | None" = None
    ) -> None:
        self.table, self.initial_scale, self.generator = table, initial_scale, generator
        self.noise: Callable[[torch.Tensor, int], torch.Tensor] = self._drawn
        self.step, self.steps = 0, len(table)
        self.before: torch.Tensor | None = None

    @property
    def timestep(self) -> float:
        """What the network is told at the next step."""
        return self.table[self.step].timestep

    def scaled(self, latent: "torch.Tensor") -> "torch.Tensor":
        """The latent as the network wants to see it."""
        scale = self.table[self.step].scale
        return latent if scale == 1 else latent * scale

    def advance(self, latent: "torch.Tensor", prediction: "torch.Tensor") -> "torch.Tensor":
        """The latent one step further."""
        now = self.table[self.step]
        follows = self.step + 1 < self.steps and self.table[self.step + 1].trend != 0
        self.step += 1
        if now.trend or follows:
            data = (now.skip * latent).add_(prediction, alpha=now.out)
            moved = (now.keep * latent).add_(data, alpha=now.towards)
            if now.trend:
                assert self.before is not None
                moved.add_(data - self.before, alpha=now.trend)
            self.before = data
        else:
            moved = (now.keep + now.towards * now.skip) * latent
            moved.add_(prediction, alpha=now.towards * now.out)
        if now.spread:
            moved.add_(self.noise(latent, self.step - 1), alpha=now.spread)
        return moved

    def _drawn(self, like: "torch.Tensor", _step: int) -> "torch.Tensor":
        import torch

        return torch.randn(like.shape, generator=self.generator).to(like.device)


def euler_flow(steps: int) -> LinearSampler:
    """Equal Euler steps along a rectified flow (Liu et al. 2022, arXiv 2209.03003)."""
    return first_order(flow_schedule(steps))


def first_order(schedule: Schedule, eta: float = 0.0, generator: "torch.Generator | None" = None) -> LinearSampler:
    """DDIM (Song et al. 2020, arXiv 2010.02502, eq. 12); on a flow the same rule is an Euler step.

    `eta` 0 is deterministic, 1 is DDPM; above 0 it draws from `generator`.
    """
    table = []
    for k in range(schedule.steps):
        alpha, sigma, alpha_next, sigma_next = _pair(schedule, k)
        spread = 0.0
        if eta and sigma_next:
            spread = eta * sigma_next / sigma * math.sqrt(max(0.0, 1 - (alpha / alpha_next) ** 2))
        keep = math.sqrt(max(0.0, sigma_next**2 - spread**2)) / sigma
        table.append(_step(schedule, k, keep, alpha_next - keep * alpha, spread=spread))
    return LinearSampler(table, schedule.initial_scale, generator)


def multistep(
    schedule: Schedule, generator: "torch.Generator | None" = None, *, euler_at_final: bool = False
) -> LinearSampler:
    """DPM-Solver++ 2M, midpoint (Lu et al. 2022, arXiv 2211.01095); with a generator its SDE form.

    The first step is of first order, and so is the last when it ends at sigma 0 or the run is short.
    """
    table: list[Step] = []
    h_before = 0.0
    for k in range(schedule.steps):
        alpha, sigma, alpha_next, sigma_next = _pair(schedule, k)
        h = math.log(alpha_next / sigma_next) - math.log(alpha / sigma) if sigma_next else math.inf
        decay = math.exp(-h)
        gain = 1 - decay**2 if generator is not None else 1 - decay
        keep = sigma_next / sigma * (decay if generator is not None else 1)
        spread = sigma_next * math.sqrt(1 - decay**2) if generator is not None else 0.0
        last = k == schedule.steps - 1
        plain = last and (euler_at_final or not sigma_next or schedule.steps < LEVELS_FOR_ORDER_2)
        trend = 0.0 if k == 0 or plain else 0.5 * alpha_next * gain * h / h_before
        table.append(_step(schedule, k, keep, alpha_next * gain, trend, spread))
        h_before = h
    return LinearSampler(table, schedule.initial_scale, generator)


def from_config(config: Mapping[str, Any], steps: int, generator: "torch.Generator") -> LinearSampler:
    """The sampler that a checkpoint's `scheduler_config.json` names. Raises ValueError for one that is not known."""
    name = str(config.get("_class_name"))
    if name == "DDIMScheduler":
        return first_order(discrete_schedule(config, steps))
    noise = generator if config.get("algorithm_type") == "sde-dpmsolver++" else None
    last = bool(config.get("euler_at_final", False))
    if name == "DPMSolverMultistepScheduler":
        return multistep(discrete_schedule(config, steps, multistep=True), noise, euler_at_final=last)
    if name == "EDMDPMSolverMultistepScheduler":
        return multistep(edm_schedule(config, steps), noise, euler_at_final=last)
    if name == "CosineDPMSolverMultistepScheduler":
        return multistep(edm_schedule(config, steps), generator, euler_at_final=last)
    raise ValueError(
        f"scheduler '{name}' is not known here; known are DDIMScheduler, DPMSolverMultistepScheduler,"
        " EDMDPMSolverMultistepScheduler and CosineDPMSolverMultistepScheduler"
    )


def _pair(schedule: Schedule, k: int) -> tuple[float, float, float, float]:
    """(alpha, sigma) of this level and of the next."""
    return (
        float(schedule.alphas[k]),
        float(schedule.sigmas[k]),
        float(schedule.alphas[k + 1]),
        float(schedule.sigmas[k + 1]),
    )


def _step(schedule: Schedule, k: int, keep: float, towards: float, trend: float = 0.0, spread: float = 0.0) -> Step:
    skip, out = schedule.data_of(k)
    return Step(float(schedule.timesteps[k]), schedule.input_scale(k), skip, out, keep, towards, trend, spread)
