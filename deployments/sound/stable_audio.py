"""Stable Audio Open (Evans et al. 2024, arXiv 2407.14358): a diffusion transformer over latents of 44.1 kHz stereo.

The network was trained on windows of 47.6 s whose start and end it is told in seconds, so it always denoises the whole
window; only the latents that the asked sound depends on are decoded.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from deployments.contract import Capability, InvalidInput, Licence, ModelInfo, SoundInfo, SoundRequest
from deployments.denoise.denoiser import Denoiser, Plan, Row
from deployments.denoise.placed import PlacedDenoiser, PlacedModel, PlacedOptions
from deployments.denoise.samplers import LinearSampler
from deployments.sound import oobleck
from deployments.weights.checkpoint import Checkpoint
from deployments.weights.find import find
from deployments.weights.memory import first_that_fits, peak_bytes
from deployments.weights.modules import load_component, load_tokenizer
from deployments.weights.placement import Placement

if TYPE_CHECKING:
    import torch

MAX_DURATION_S = 47.0


class StableAudioRequest(SoundRequest):
    """A sound from words, 44.1 kHz stereo."""

    duration_s: float = Field(default=10.0, gt=0, le=MAX_DURATION_S, description="Length of the sound in seconds.")
    negative_prompt: str | None = Field(default=None, max_length=4000, description="What should not be heard.")
    steps: int | None = Field(default=None, ge=1, le=500, description="Denoising steps; more is slower and cleaner.")
    guidance_scale: float = Field(
        default=7.0,
        ge=0,
        le=30,
        description="How closely the words are followed; 1 and below: not guided, half the cost.",
    )


class StableAudioOptions(PlacedOptions):
    """Options of Stable Audio."""

    diffusion_steps: int = Field(default=100, ge=1, le=500, description="Steps of a request that does not say.")


@dataclass(frozen=True)
class StableAudioPlan(Plan):
    """A request in numbers, with the second at which its sound ends."""

    end_s: float = 0.0


class StableAudio(PlacedModel[StableAudioRequest, StableAudioOptions, "_Denoiser"]):
    """stabilityai/stable-audio-open-1.0 (1.06 B parameters in the transformer); 44.1 kHz stereo, at most 47 s."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=frozenset(
            {Capability.SEED, Capability.NEGATIVE_PROMPT, Capability.STEPS, Capability.GUIDANCE, Capability.BATCH}
        ),
        sound=SoundInfo(sample_rate_hz=44_100, channels=2, max_duration_s=MAX_DURATION_S),
        licence=Licence(
            weights="Stability AI Community License; show: Powered by Stability AI",
            commercial=False,
            url="https://huggingface.co/stabilityai/stable-audio-open-1.0",
        ),
        revision="stable-audio-1",
        memory_gib=5.0,
    )
    Request: ClassVar[type[StableAudioRequest]] = StableAudioRequest
    Options: ClassVar[type[StableAudioOptions]] = StableAudioOptions
    published = Checkpoint(
        repository="stabilityai/stable-audio-open-1.0",
        revision="f21265c1e2710b3bd2386596943f0007f55f802e",
        components=("transformer", "vae", "text_encoder", "projection_model"),
        files=("scheduler/scheduler_config.json", "tokenizer/tokenizer_config.json"),
    )

    def __init__(self, options: StableAudioOptions | None = None) -> None:
        super().__init__(options or StableAudioOptions())

    def open(self) -> Denoiser:
        """Find, read and place the weights. Raises LoadFailed saying what was looked for and where."""
        self.denoiser = _Denoiser(find(self.published, self.options), self.options)
        return self.denoiser

    def plan(self, request: StableAudioRequest) -> Plan:
        """The request in numbers. Raises InvalidInput beyond the checkpoint's window, OutOfMemory with the figures."""
        assert self.denoiser is not None
        return self.denoiser.plan(request, self.options.diffusion_steps)


class _Denoiser(PlacedDenoiser):
    """Conditions are the projected words (rows, words, width): (negative, positive), or (positive,).

    A guided request without a negative prompt has the latter; its unconditional row is zeros, the times included.
    """

    network = "transformer"

    def __init__(self, folder: Path, options: StableAudioOptions) -> None:
        from diffusers import AutoencoderOobleck, StableAudioDiTModel, StableAudioProjectionModel
        from transformers import T5EncoderModel

        place = Placement.choose(options)
        self.tokenizer = load_tokenizer(folder / "tokenizer")
        modules = {
            "transformer": load_component(StableAudioDiTModel, folder / "transformer", place.network),
            "text_encoder": load_component(T5EncoderModel, folder / "text_encoder", place.text),
            "projection_model": load_component(StableAudioProjectionModel, folder / "projection_model", place.text),
            "vae": load_component(AutoencoderOobleck, folder / "vae", place.codec),
        }
        self.schedule: dict[str, Any] = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
        self.place(modules, ["transformer", "text_encoder"], place, options)
        config = modules["transformer"].config
        self.ratios: list[int] = modules["vae"].config.downsampling_ratios
        self.rate_hz = int(modules["vae"].config.sampling_rate)
        self.shape = (int(config.in_channels), int(config.sample_size))
        self.rotary = self._rotary(config.attention_head_dim // 2)
        self.bytes = self._bytes()

    @property
    def window_s(self) -> float:
        """The longest sound that the checkpoint knows."""
        return self.shape[1] * oobleck.hop(self.ratios) / self.rate_hz

    def example(self) -> Plan:
        """Ten guided seconds, or what the window or memory hold."""
        lengths = (min(length, self.window_s) for length in (10.0, 1.0))
        return first_that_fits(lambda s: self.plan(StableAudioRequest(prompt="rain", duration_s=s), 10), lengths)

    def plan(self, request: StableAudioRequest, steps: int) -> StableAudioPlan:
        """The request in numbers."""
        if request.duration_s > self.window_s:
            raise InvalidInput(f"this checkpoint makes at most {self.window_s:.2f} s of sound", "/duration_s")
        guided = request.guidance_scale > 1
        step, latent = self.bytes
        frames = max(1, round(request.duration_s * self.rate_hz))
        decoded = frames / oobleck.hop(self.ratios) + oobleck.halo(self.ratios)
        self.budget.require(round(max(step, latent * decoded)), f"{request.duration_s:g} s of sound")
        return StableAudioPlan(
            prompt=(request.prompt, request.negative_prompt if guided else None),
            shape=self.shape,
            steps=request.steps or steps,
            guidance_scale=request.guidance_scale,
            tokens=self.shape[1],
            frames=frames,
            end_s=request.duration_s,
        )

    def encode(self, prompt: Any) -> "torch.Tensor":
        """Both texts through T5 and its projection; padding counts as nothing."""
        import torch

        positive, negative = prompt
        found = [self._text(positive)]
        if negative is not None:
            states, mask = self._text(negative)
            found.insert(0, (states * mask, mask))
        with self.modules.using("projection_model") as projection:
            words: torch.Tensor = projection(
                text_hidden_states=torch.cat([states for states, _ in found])
            ).text_hidden_states
        return (words * torch.cat([mask for _, mask in found])).to(self.placement.network)

    def _text(self, text: str) -> "tuple[torch.Tensor, torch.Tensor]":
        """T5's states (1, words, width) and which of the words are there (1, words, 1)."""
        words = self.tokenizer(
            text, padding="max_length", max_length=self.tokenizer.model_max_length, truncation=True, return_tensors="pt"
        ).to(self.placement.device)
        with self.modules.using("text_encoder") as encoder:
            states = encoder(words.input_ids, attention_mask=words.attention_mask)[0]
        return states, words.attention_mask[:, :, None].to(states.dtype)

    def begin(self, plan: Plan, generator: "torch.Generator") -> "tuple[torch.Tensor, LinearSampler]":
        """Noise of the schedule's first level, and the checkpoint's solver; its noise is a path of Brownian motion."""
        latent, sampler = self.start(self.schedule, plan, generator)
        if self.schedule["_class_name"] == "CosineDPMSolverMultistepScheduler":
            sampler.noise = brownian(self.schedule, plan, generator.initial_seed())
        return latent, sampler

    def pack(self, rows: Sequence[Row]) -> "tuple[torch.Tensor, torch.Tensor]":
        """Words and times for the cross-attention (rows, words + 2, width), times again as (rows, 1, 2 width)."""
        import torch

        network, device = self.placement.network, self.placement.device
        ends = torch.tensor([row.plan.end_s for row in rows], device=device)  # type: ignore[attr-defined]
        with self.modules.using("projection_model") as projection:
            times = projection(start_seconds=torch.zeros_like(ends), end_seconds=ends)
        start, end = times.seconds_start_hidden_states.to(network), times.seconds_end_hidden_states.to(network)
        words = torch.stack([row.condition[row.branch] for row in rows])
        told = torch.cat([words, start, end], dim=1)
        for index, row in enumerate(rows):
            if row.negative and len(row.condition) == 1:
                told[index] = 0
        return told, torch.cat([start, end], dim=2)

    def run(self, network: Any, latents: "torch.Tensor", times: "torch.Tensor", *told: Any) -> "torch.Tensor":
        """The transformer, told the words and the times."""
        words, clock = told
        rotary = tuple(part.to(latents.device) for part in self.rotary)
        return network(  # type: ignore[no-any-return]
            latents,
            times,
            encoder_hidden_states=words,
            global_hidden_states=clock,
            rotary_embedding=rotary,
            return_dict=False,
        )[0]

    def needed(self, plan: Plan, latent: "torch.Tensor") -> "torch.Tensor":
        """The latents that the asked sound depends on."""
        return oobleck.needed(latent, plan.frames, self.ratios)

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        """Samples (n, 2, frames)."""
        with self.modules.using("vae") as vae:
            return vae.decode(latents.to(self.placement.codec)).sample  # type: ignore[no-any-return]

    def _rotary(self, width: int) -> "tuple[torch.Tensor, torch.Tensor]":
        """Angles of the positions: one for the times, then the latents."""
        from diffusers.models.embeddings import get_1d_rotary_pos_embed

        cosines, sines = get_1d_rotary_pos_embed(width, self.shape[1] + 1, use_real=True, repeat_interleave_real=False)
        return cosines.to(self.placement.device), sines.to(self.placement.device)

    def _bytes(self) -> tuple[int, float]:
        """Bytes of activations: of a guided step, and of decoding one latent."""
        import torch

        words, width = self.tokenizer.model_max_length + 2, self.modules["transformer"].config.cross_attention_input_dim
        blank = torch.empty(0, device="meta", dtype=self.placement.network).new_empty
        packed = blank(2, words, width), blank(2, 1, 2 * width)
        latents, times = blank(2, *self.shape), torch.empty(2, device="meta")
        step = peak_bytes(self.modules["transformer"], lambda run: self.run(run, latents, times, *packed))
        latent = torch.empty(1, self.shape[0], 64, device="meta", dtype=self.placement.codec)
        return step, peak_bytes(self.modules["vae"].decoder, lambda run: run(latent)) / 64


def brownian(config: dict[str, Any], plan: Plan, seed: int) -> "Callable[[torch.Tensor, int], torch.Tensor]":
    """Unit noise of a step from one path of Brownian motion over the noise levels, so that the seed fixes the path.

    torchsde's tree is asked at the float32 levels that upstream asks it at: a path differs at any other.
    """
    import torch
    from torchsde import BrownianInterval

    low, high = float(config["sigma_min"]), float(config["sigma_max"])
    levels = torch.linspace(math.log(low), math.log(high), plan.steps).exp().flip(0)
    tree = BrownianInterval(
        t0=torch.as_tensor(low),
        t1=torch.as_tensor(high),
        size=plan.shape,
        dtype=torch.float32,
        device="cpu",
        entropy=seed,
        tol=1e-6,
        pool_size=24,
        halfway_tree=True,
    )

    def noise(like: "torch.Tensor", step: int) -> "torch.Tensor":
        above, below = levels[step], levels[step + 1]
        path: torch.Tensor = tree(below.clamp(min=low), above.clamp(max=high))  # rounding must not leave the interval
        return (path / -(above - below).sqrt()).to(like.device)  # the levels fall, the path is asked upwards

    return noise
