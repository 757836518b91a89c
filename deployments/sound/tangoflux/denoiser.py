"""TangoFlux's loaded checkpoint as the engine sees it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployments.contract import InvalidInput
from deployments.denoise.denoiser import Plan, Row
from deployments.denoise.placed import PlacedDenoiser
from deployments.denoise.samplers import LinearSampler, euler_flow
from deployments.sound import oobleck
from deployments.sound.tangoflux.request import SAMPLE_RATE_HZ, TangoFluxOptions, TangoFluxRequest
from deployments.weights.memory import first_that_fits, peak_bytes
from deployments.weights.modules import load_tokenizer
from deployments.weights.placement import Placement

if TYPE_CHECKING:
    import torch

WORDS = 16  # with CUDA graphs, words are padded to a multiple of so many, so that few graphs serve all prompts


@dataclass(frozen=True)
class TangoFluxPlan(Plan):
    """A request in numbers, with the seconds that the network is told."""

    duration_s: float = 0.0


@dataclass(frozen=True, eq=False)
class Condition:
    """A prompt as T5 sees it, unconditional first if guided: words (rows, words, text) and pooled (rows, pooled)."""

    words: "torch.Tensor"
    pooled: "torch.Tensor"


class TangoFluxDenoiser(PlacedDenoiser):
    """The loaded checkpoint. Latents are (latents, channels), a whole window of them for every request."""

    network = "transformer"

    def __init__(self, folder: Path, text_folder: Path, options: TangoFluxOptions) -> None:
        from deployments.sound.tangoflux.network import rotation
        from deployments.sound.tangoflux.weights import Config, load

        place = Placement.choose(options)
        self.tokenizer = load_tokenizer(text_folder)
        text_width = int(json.loads((text_folder / "config.json").read_text())["d_model"])
        self.config = Config.read(folder / "config.json", text_width)
        modules = load(folder, text_folder, self.config, place)
        self.place(modules, ["transformer", "text_encoder"], place, options)
        self.ratios: list[int] = modules["vae"].ratios
        self.shape = (self.config.latents, self.config.network.channels)
        self.rotary = rotation(self.config.latents, self.config.network.head_width, place.device)
        self.one_length = options.engine.fixed_rows is not None
        self.bytes = self._bytes()

    @property
    def window_s(self) -> float:
        """The longest sound that the checkpoint knows."""
        held = self.config.latents * oobleck.hop(self.ratios) / SAMPLE_RATE_HZ
        return min(self.config.max_duration_s, held)

    def example(self) -> Plan:
        """Ten guided seconds, or what the window or memory hold."""
        lengths = (min(length, self.window_s) for length in (10.0, 1.0))
        return first_that_fits(
            lambda s: self.plan(TangoFluxRequest(prompt="rain on a roof", duration_s=s), 10), lengths
        )

    def plan(self, request: TangoFluxRequest, steps: int) -> TangoFluxPlan:
        """The request in numbers."""
        if request.duration_s > self.window_s:
            raise InvalidInput(f"this checkpoint makes at most {self.window_s:.2f} s of sound", "/duration_s")
        step, latent = self.bytes
        frames = max(1, round(request.duration_s * SAMPLE_RATE_HZ))
        decoded = frames / oobleck.hop(self.ratios) + oobleck.halo(self.ratios)
        self.budget.require(round(max(step, latent * decoded)), f"{request.duration_s:g} s of sound")
        words = len(self._words(request.prompt)) + 1
        return TangoFluxPlan(
            prompt=(request.prompt, request.guidance_scale > 1),
            shape=self.shape,
            steps=request.steps or steps,
            guidance_scale=request.guidance_scale,
            tokens=words + self.config.latents,
            frames=frames,
            key=words if self.one_length else None,
            duration_s=request.duration_s,
        )

    def _words(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer(text, max_length=self.tokenizer.model_max_length, truncation=True).input_ids
        return found

    def encode(self, prompt: Any) -> Condition:
        """T5's states of the prompt, before them those of no words at all, padded to the prompt's length, if guided."""
        import torch

        text, guided = prompt
        words = self._words(text)
        found = [self._states(words, len(words))]
        if guided:
            empty = self._words("")
            found.insert(0, self._states(empty[: len(words)], len(words)))
        return Condition(*(torch.cat(part) for part in zip(*found, strict=True)))

    def _states(self, words: list[int], length: int) -> "tuple[torch.Tensor, torch.Tensor]":
        """States (1, length, text) of these words and the projected mean (1, pooled) of those that are no padding."""
        import torch

        device = self.placement.device
        padded = words + [self.tokenizer.pad_token_id] * (length - len(words))
        mask = torch.arange(length, device=device)[None] < len(words)
        with self.modules.using("text_encoder") as encoder:
            states = encoder(input_ids=torch.tensor([padded], device=device), attention_mask=mask.long())[0]
        with self.modules.using("fc") as fc:
            return states, fc(states[:, : len(words)].float().mean(dim=1))

    def begin(self, plan: Plan, generator: "torch.Generator") -> "tuple[torch.Tensor, LinearSampler]":
        """Unit noise over the window and Euler's steps along the flow."""
        import torch

        return torch.randn(plan.shape, generator=generator).to(self.placement.device), euler_flow(plan.steps)

    def pack(self, rows: Sequence[Row]) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]":
        """Words of all rows, each with its duration as the last, at the right of padding where lengths differ."""
        import torch

        place = self.placement
        seconds = torch.tensor([row.plan.duration_s for row in rows], device=place.device)  # type: ignore[attr-defined]
        with self.modules.using("duration") as duration:
            last = duration(seconds).to(place.network)
        told = [(row.condition, row.branch) for row in rows]
        lengths = torch.tensor([condition.words.shape[1] for condition, _ in told], device=place.device)
        longest = int(lengths.max())
        if self.graphed is not None:
            longest = -(-longest // WORDS) * WORDS
        words = last.new_zeros(len(rows), longest, last.shape[-1])
        for index, (condition, part) in enumerate(told):
            words[index, longest - condition.words.shape[1] :] = condition.words[part]
        pooled = torch.stack([condition.pooled[part] for condition, part in told]).to(place.network)
        return torch.cat([words, last], dim=1), pooled, self._mask(lengths, longest)

    def _mask(self, lengths: "torch.Tensor", longest: int) -> "torch.Tensor | None":
        import torch

        if self.graphed is None and bool((lengths == longest).all()):
            return None
        places = torch.arange(longest + 1 + self.config.latents, device=lengths.device)
        return (places[None] >= longest - lengths[:, None])[:, None, None]

    def run(self, network: Any, latents: "torch.Tensor", times: "torch.Tensor", *told: Any) -> "torch.Tensor":
        """The transformer, told words, pooled words and mask."""
        from deployments.sound.tangoflux.network import Told

        words, pooled, mask = told
        return network(latents, times, Told(words, pooled, mask, self.rotary))  # type: ignore[no-any-return]

    def needed(self, plan: Plan, latent: "torch.Tensor") -> "torch.Tensor":
        """The latents (channels, n) that the asked sound depends on."""
        return oobleck.needed(latent.T, plan.frames, self.ratios)

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        """Samples (n, 2, frames)."""
        with self.modules.using("vae") as vae:
            return vae(latents.to(self.placement.codec))  # type: ignore[no-any-return]

    def _bytes(self) -> tuple[int, float]:
        """Bytes of activations: of a guided step with 64 words, and of decoding one latent."""
        import torch

        from deployments.sound.tangoflux.network import Told

        config = self.config.network
        blank = torch.empty(0, device="meta", dtype=self.placement.network).new_empty
        rotary = torch.empty(2, self.config.latents, config.head_width, device="meta")
        told = Told(blank(2, 64, config.text), blank(2, config.pooled), None, rotary)
        latents, times = blank(2, *self.shape), torch.empty(2, device="meta")
        step = peak_bytes(self.modules["transformer"], lambda run: run(latents, times, told))
        latent = torch.empty(1, config.channels, 64, device="meta", dtype=self.placement.codec)
        return step, peak_bytes(self.modules["vae"], lambda run: run(latent)) / 64
