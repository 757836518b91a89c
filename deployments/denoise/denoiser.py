"""What a diffusion model hands to the engine, and what a sampler is.

The life of a request, with the thread that calls each method of the model's `Denoiser`:

    plan = model.plan(request)                        caller      numbers only; refuses what cannot be served
    condition = encode(plan.prompt)                   side        once per distinct prompt, then from a bounded cache
    latent, sampler = begin(plan, generator)          denoiser    the first noise, and a sampler of the request's own
    repeat:
        packed = pack(rows)                           denoiser    only when the running set has changed
        predictions = forward(latents, times, packed) denoiser    one batched forward; the engine applies guidance
        latent = sampler.advance(latent, prediction)  denoiser
    samples = decode([needed(plan, latent), ...])     side        latents of equal shape together

The two threads never run the same method at once, but `encode` and `decode` run beside `forward`: they must not share
buffers with it. All of them run under `torch.inference_mode`.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Plan:
    """One request in the numbers that the engine schedules by. A model may derive a class with fields of its own.

    `prompt` is whatever `encode` needs, for instance (prompt, negative prompt): equal prompts share one condition.
    `shape` is that of one latent without a batch axis. `guidance_scale` <= 1 means one row per forward, else two.
    `tokens` is the work of one row in one step in any unit that is linear in it (latent frames, usually).
    `frames` are the samples per channel that the request gets, at the model's own rate.
    `key`: only requests of equal key share a forward. A network that packs any lengths leaves it None; one that stacks
    its rows (a UNet) sets it to what must be equal, usually the shape.
    """

    prompt: Hashable
    shape: tuple[int, ...]
    steps: int
    guidance_scale: float
    tokens: int
    frames: int
    key: Hashable = None

    @property
    def rows(self) -> int:
        """Rows of the batch that this request takes: a guided one needs the unconditional prediction too."""
        return 2 if self.guidance_scale > 1 else 1


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a forward. With guidance a request has two, first the negative (unconditional) one."""

    plan: Plan
    condition: Any
    negative: bool

    @property
    def branch(self) -> int:
        """Where a condition of one or two parts, the negative one first, has the part of this row."""
        return 0 if self.negative else -1


class Sampler(Protocol):
    """The schedule and the history of one request; see samplers.py. `step` counts the steps done, up to `steps`."""

    step: int
    steps: int

    @property
    def timestep(self) -> float:
        """What the network is told about the noise level of the next step, in the network's own unit."""

    def scaled(self, latent: "torch.Tensor") -> "torch.Tensor":
        """The latent as the network wants to see it at this step; most samplers return it as it is."""

    def advance(self, latent: "torch.Tensor", prediction: "torch.Tensor") -> "torch.Tensor":
        """The latent one step further, from the guided prediction; both float32 of the request's shape."""


class Denoiser(Protocol):
    """A loaded model as the engine sees it: five methods on tensors and one example.

    Latents and predictions are float32 on the model's device; a network in bf16 converts inside `forward`.
    """

    def example(self) -> Plan:
        """A typical request: the engine warms up with it and measures the cost of a step."""

    def encode(self, prompt: Hashable) -> Any:
        """The condition of a prompt: everything that depends on the words alone and is constant over the steps."""

    def begin(self, plan: Plan, generator: "torch.Generator") -> "tuple[torch.Tensor, Sampler]":
        """The initial latent and the request's own sampler.

        Every random number of the request comes from `generator`, a CPU generator seeded with the request's seed:
        draw on the CPU at the request's own shape, then move. A stochastic sampler keeps the generator.
        """

    def pack(self, rows: Sequence[Row]) -> Any:
        """What stays the same for these rows until the running set changes: stacked embeddings, masks, buffers.

        Rows of equal shape are neighbours. With `Settings.fixed_rows` their number is always the same.
        """

    def forward(
        self, latents: "Sequence[torch.Tensor]", timesteps: Sequence[float], packed: Any
    ) -> "Sequence[torch.Tensor]":
        """Predictions for the rows that `pack` saw, in that order; `latents` are already scaled by the samplers."""

    def needed(self, plan: Plan, latent: "torch.Tensor") -> "torch.Tensor":
        """The part of a finished latent that `plan.frames` samples depend on: those latents and the decoder's halo."""

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        """Samples (n, channels, frames) of latents (n, *shape); the engine cuts each to its `plan.frames`."""
