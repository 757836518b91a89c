"""What the diffusion models of published checkpoints share: weights that can be pulled, a network on its device."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from deployments.contract import Request
from deployments.denoise.denoiser import Plan
from deployments.denoise.graphs import Graphed
from deployments.denoise.model import DiffusionModel, DiffusionOptions
from deployments.denoise.samplers import LinearSampler, from_config
from deployments.weights.checkpoint import Checkpoint, WeightOptions
from deployments.weights.find import Pulled
from deployments.weights.memory import Budget, weight_bytes
from deployments.weights.placement import Modules, Placement, PlacementOptions
from deployments.weights.quantization import quantized

if TYPE_CHECKING:
    import torch


class PlacedOptions(DiffusionOptions, WeightOptions, PlacementOptions):
    """Options of a diffusion model with weights."""


class PlacedDenoiser:
    """The part of a `Denoiser` that is alike for all networks: where the modules are, and the batched forward."""

    network: ClassVar[str]  # the module that denoises

    def place(
        self, modules: Mapping[str, Any], quantize: Sequence[str], place: Placement, options: PlacedOptions
    ) -> None:
        """Move the modules to where they belong, those of `quantize` in fewer bits if the options say so."""
        kept = {name: quantized(m, place.quantization) if name in quantize else m for name, m in modules.items()}
        self.placement = place
        self.budget = Budget(place.device, weight_bytes(kept.values()), options.max_memory)
        self.modules = Modules(kept, place, options.offload_modules)
        graphs = place.device.type == "cuda" and options.engine.cuda_graphs and not options.offload_modules
        self.graphed = Graphed(self.step) if graphs else None

    def run(self, network: Any, latents: "torch.Tensor", times: "torch.Tensor", *told: Any) -> "torch.Tensor":
        """One forward of `network`, told what `pack` has made."""
        raise NotImplementedError

    def step(self, latents: "torch.Tensor", times: "torch.Tensor", *told: Any) -> "torch.Tensor":
        """One forward as a function of tensors alone, for CUDA graphs."""
        return self.run(self.modules[self.network], latents, times, *told)

    def start(
        self, schedule: Mapping[str, Any], plan: Plan, generator: "torch.Generator"
    ) -> "tuple[torch.Tensor, LinearSampler]":
        """Noise of the schedule's first level, and the solver that the schedule names."""
        import torch

        sampler = from_config(schedule, plan.steps, generator)
        noise = torch.randn(plan.shape, generator=generator)
        return noise.to(self.placement.device) * sampler.initial_scale, sampler

    def forward(
        self, latents: "Sequence[torch.Tensor]", timesteps: Sequence[float], packed: Any
    ) -> "Sequence[torch.Tensor]":
        """Predictions for rows of equal length, each at a time of its own."""
        import torch

        stacked = torch.stack(list(latents)).to(self.placement.network)
        times = torch.tensor(timesteps, device=stacked.device)
        if self.graphed is not None:
            return self.graphed(stacked, times, *packed).float().unbind()
        with self.modules.using(self.network) as network:
            return self.run(network, stacked, times, *packed).float().unbind()


R = TypeVar("R", bound=Request)
P = TypeVar("P", bound=PlacedOptions)
D = TypeVar("D", bound=PlacedDenoiser)


class PlacedModel(DiffusionModel[R], Pulled, Generic[R, P, D]):
    """A model of a published checkpoint, with its options and, once `open` has made it, its denoiser."""

    published: ClassVar[Checkpoint]

    def __init__(self, options: P) -> None:
        super().__init__(options)
        self.options: P = options
        self.denoiser: D | None = None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """What is published for it, as the options change it."""
        return (self.options.of(self.published),)

    def memory(self) -> dict[str, int]:
        """Bytes in use on its device, and of these its weights."""
        if self.denoiser is None:
            return {}
        return {"in_use": self.denoiser.budget.in_use(), "weights": self.denoiser.budget.weights}
