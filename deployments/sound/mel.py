"""What AudioLDM and AudioLDM2 have in common: a UNet over mel spectrograms in latent form, a VAE and a vocoder.

One latent row stands for `vae` x `vocoder` samples (640 at 16 kHz in the published checkpoints: a mel frame is 10 ms,
the VAE joins four). The length is free; latents of equal length are denoised and decoded together.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from deployments.contract import Capability, SoundRequest
from deployments.denoise.denoiser import Plan, Row
from deployments.denoise.placed import PlacedDenoiser, PlacedModel, PlacedOptions
from deployments.denoise.samplers import LinearSampler
from deployments.weights.memory import first_that_fits, peak_bytes
from deployments.weights.modules import load_component
from deployments.weights.placement import Placement

if TYPE_CHECKING:
    import torch

Scheduler = Literal["ddim", "dpm++", "dpm++-sde"]
CAPABILITIES = frozenset(
    {
        Capability.SEED,
        Capability.NEGATIVE_PROMPT,
        Capability.STEPS,
        Capability.GUIDANCE,
        Capability.SCHEDULER,
        Capability.BATCH,
    }
)
MAX_DURATION_S = 30.0
_SOLVERS: dict[str, dict[str, str]] = {
    "ddim": {"_class_name": "DDIMScheduler"},
    "dpm++": {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++"},
    "dpm++-sde": {"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "sde-dpmsolver++"},
}


class MelRequest(SoundRequest):
    """A sound from words by diffusion over mel spectrograms, 16 kHz mono."""

    duration_s: float = Field(default=10.0, gt=0, le=MAX_DURATION_S, description="Length of the sound in seconds.")
    negative_prompt: str | None = Field(default=None, max_length=4000, description="What should not be heard.")
    steps: int | None = Field(default=None, ge=1, le=1000, description="Denoising steps; more is slower and cleaner.")
    guidance_scale: float | None = Field(
        default=None,
        ge=0,
        le=30,
        description="How closely the words are followed; 1 and below: not guided, half the cost.",
    )
    scheduler: Scheduler | None = Field(default=None, description="The solver; the checkpoint's own if absent.")


class MelOptions(PlacedOptions):
    """Options of AudioLDM and AudioLDM2."""

    diffusion_steps: int = Field(default=200, ge=1, le=1000, description="Steps of a request that does not say.")


@dataclass(frozen=True)
class MelPlan(Plan):
    """A request in numbers, with the solver it chose."""

    scheduler: str | None = None


class MelDenoiser(PlacedDenoiser):
    """The engine's view of a loaded checkpoint; a model brings `load_text`, `encode`, `pack`, `blank` and `run`."""

    network = "unet"

    def __init__(self, folder: Path, unet_class: type[Any], options: MelOptions) -> None:
        import diffusers
        import transformers

        place = Placement.choose(options)
        unet = load_component(unet_class, folder / "unet", place.network)
        modules: dict[str, Any] = {
            "unet": unet,
            "vae": load_component(diffusers.AutoencoderKL, folder / "vae", place.codec),
            "vocoder": load_component(transformers.SpeechT5HifiGan, folder / "vocoder", place.codec),
        }
        texts = self.load_text(folder, place.text)
        self.schedule: dict[str, Any] = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        self.place(modules | texts, ["unet", *texts], place, options)
        vae, vocoder = modules["vae"].config, modules["vocoder"].config
        self.vae_scale: int = 2 ** (len(vae.block_out_channels) - 1)
        self.hop: int = math.prod(vocoder.upsample_rates)
        self.rate_hz = int(vocoder.sampling_rate)
        self.channels = int(unet.config.in_channels)
        self.bins = vocoder.model_in_dim // self.vae_scale
        self.deepest: int = 2 ** (len(unet.config.block_out_channels) - 1)
        self.working_set = self._line()

    def load_text(self, folder: Path, dtype: "torch.dtype") -> dict[str, Any]:
        """The modules that `encode` uses, by name."""
        raise NotImplementedError

    def encode(self, prompt: Any) -> Any:
        """The condition of (prompt, negative prompt); the negative one is None when there is no guidance."""
        raise NotImplementedError

    def pack(self, rows: Sequence[Row]) -> "tuple[torch.Tensor, ...]":
        """The conditions of these rows, stacked: tensors (rows, ...)."""
        raise NotImplementedError

    def blank(self, rows: int, device: str) -> "tuple[torch.Tensor, ...]":
        """What `pack` returns for `rows` rows of the longest text, in shape only."""
        raise NotImplementedError

    def rows_for(self, duration_s: float) -> int:
        """Latent rows of a sound: whole mel frames, joined by the VAE; at least what the UNet's deepest level needs."""
        frames = math.ceil(duration_s * self.rate_hz / self.hop - 1e-6)
        return max(self.deepest, math.ceil(frames / self.vae_scale))

    def example(self) -> Plan:
        """Ten guided seconds, or less where memory is short; on a CPU one: a step of ten takes seconds there."""
        lengths = (1,) if self.placement.device.type == "cpu" else (10, 5, 2, 1)
        return first_that_fits(lambda s: self.plan(MelRequest(prompt="rain", duration_s=s), 10, 3.5), lengths)

    def plan(self, request: MelRequest, steps: int, guidance_scale: float) -> MelPlan:
        """The request in numbers. Raises OutOfMemory with the figures when it cannot fit."""
        length = self.rows_for(request.duration_s)
        fixed, slope = self.working_set
        self.budget.require(round(fixed + slope * length), f"{request.duration_s:g} s of sound")
        negative = (request.negative_prompt or "") if guidance_scale > 1 else None
        shape = (self.channels, length, self.bins)
        return MelPlan(
            prompt=(request.prompt, negative),
            shape=shape,
            steps=request.steps or steps,
            guidance_scale=guidance_scale,
            tokens=length,
            frames=max(1, round(request.duration_s * self.rate_hz)),
            key=shape,
            scheduler=request.scheduler,
        )

    def begin(self, plan: Plan, generator: "torch.Generator") -> "tuple[torch.Tensor, LinearSampler]":
        """Unit noise and the checkpoint's solver, or the one that the request chose."""
        assert isinstance(plan, MelPlan)
        return self.start(self.schedule | _SOLVERS.get(plan.scheduler or "", {}), plan, generator)

    def needed(self, plan: Plan, latent: "torch.Tensor") -> "torch.Tensor":
        """All of it: the VAE attends over the whole length."""
        return latent

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        """Samples (n, 1, frames): latents to mel by the VAE, mel to sound by the vocoder."""
        with self.modules.using("vae") as vae:
            mel = vae.decode(latents.to(self.placement.codec) / vae.config.scaling_factor).sample
        with self.modules.using("vocoder") as vocoder:
            return vocoder(mel.squeeze(1)).unsqueeze(1)  # type: ignore[no-any-return]

    def _line(self) -> tuple[float, float]:
        """Bytes of activations of a guided request over its latent rows: a line through the longest and a quarter."""
        long = self.rows_for(MAX_DURATION_S)
        short = max(self.deepest, long // 4)
        at = {length: self._peak(length) for length in (short, long)}
        slope = (at[long] - at[short]) / max(1, long - short)
        return at[short] - slope * short, slope

    def _peak(self, length: int) -> int:
        import torch

        blank = self.blank(2, "meta")
        latents = torch.empty(2, self.channels, length, self.bins, device="meta", dtype=self.placement.network)
        times = torch.empty(2, device="meta")
        step = peak_bytes(self.modules["unet"], lambda run: self.run(run, latents, times, *blank))
        latent = torch.empty(1, self.channels, length, self.bins, device="meta", dtype=self.placement.codec)
        vae, vocoder = self.modules["vae"], self.modules["vocoder"]
        mel = peak_bytes(vae.decoder, lambda run: run(latent))
        frames = torch.empty(1, length * self.vae_scale, vocoder.config.model_in_dim, device="meta")
        return max(step, mel, peak_bytes(vocoder, lambda run: run(frames)))


class MelModel(PlacedModel[MelRequest, MelOptions, MelDenoiser]):
    """The part of the model classes that AudioLDM and AudioLDM2 share."""

    default_guidance: ClassVar[float]

    def __init__(self, options: MelOptions | None = None) -> None:
        super().__init__(options or MelOptions())

    def plan(self, request: MelRequest) -> Plan:
        """The request in numbers. Raises OutOfMemory with the figures when it cannot fit."""
        assert self.denoiser is not None
        scale = self.default_guidance if request.guidance_scale is None else request.guidance_scale
        return self.denoiser.plan(request, self.options.diffusion_steps, scale)
