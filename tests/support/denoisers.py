"""A small diffusion transformer with random weights that packs requests of any length, as a model of the engine."""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from deployments.contract import Capability, Licence, ModelInfo, SoundInfo, SoundRequest
from deployments.denoise.denoiser import Denoiser, Plan, Row, Sampler
from deployments.denoise.model import DiffusionModel, DiffusionOptions
from deployments.denoise.samplers import euler_flow

LATENT, WORDS = 64, 16


@dataclass(frozen=True)
class Size:
    """How wide the network is and how many latents a second of sound has."""

    width: int
    heads: int
    layers: int
    latents_per_s: float


LAUNCH = Size(64, 2, 4, 1.1)  # operators cost more than arithmetic, as on a GPU at batch 1
COMPUTE = Size(192, 3, 6, 5.4)  # arithmetic dominates


@dataclass
class Packed:
    """What a running set has in common: where its rows lie, their positions and their text keys and values."""

    groups: list[tuple[int, int, int]]  # first token, rows, length
    row_of: Tensor  # (tokens,)
    position: Tensor  # (tokens, width)
    text: list[Tensor]  # per layer (rows, words, 2 * width)


class Block(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        width = size.width
        self.heads = size.heads
        self.modulation = nn.Linear(width, 6 * width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.query, self.text, self.cross = (
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, time: Tensor, packed: Packed, text: Tensor) -> Tensor:
        shift, scale, gate, shift2, scale2, gate2 = self.modulation(time)[packed.row_of].chunk(6, -1)
        h = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        x = x + gate * self.out(self._attend(self.qkv(h), packed))
        x = x + self.cross(self._look(self.query(F.layer_norm(x, x.shape[-1:])), packed, text))
        h = F.layer_norm(x, x.shape[-1:]) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(h)))

    def _attend(self, qkv: Tensor, packed: Packed) -> Tensor:
        parts = []
        for at, rows, length in packed.groups:
            heads = qkv[at : at + rows * length].view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            parts.append(F.scaled_dot_product_attention(*heads).transpose(1, 2).reshape(rows * length, -1))
        return torch.cat(parts)

    def _look(self, query: Tensor, packed: Packed, text: Tensor) -> Tensor:
        parts, row = [], 0
        for at, rows, length in packed.groups:
            key, value = text[row : row + rows].view(rows, WORDS, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
            heads = query[at : at + rows * length].view(rows, length, self.heads, -1).transpose(1, 2)
            found = F.scaled_dot_product_attention(heads, key, value)
            parts.append(found.transpose(1, 2).reshape(rows * length, -1))
            row += rows
        return torch.cat(parts)


class SmallDiT(nn.Module):
    """The network and, as a Denoiser, what the engine asks of a model."""

    def __init__(self, size: Size = LAUNCH, seed: int = 0) -> None:
        super().__init__()
        self.size = size
        torch.manual_seed(seed)
        self.read, self.write = nn.Linear(LATENT, size.width), nn.Linear(size.width, LATENT)
        self.time = nn.Sequential(nn.Linear(size.width, size.width), nn.SiLU(), nn.Linear(size.width, size.width))
        self.blocks = nn.ModuleList(Block(size) for _ in range(size.layers))
        half = size.width // 2
        self.register_buffer("frequencies", 1000 * torch.exp(-math.log(1e4) * torch.arange(half) / half))
        self.register_buffer("positions", 0.1 * torch.randn(4096, size.width))
        self.register_buffer("speaker", 0.1 * torch.randn(2, LATENT, 64))
        self.sampler: Callable[[int, torch.Generator], Sampler] = lambda steps, _generator: euler_flow(steps)
        self.encoded: list[Hashable] = []
        self.forwards: list[int] = []
        self.decoded: list[int] = []
        self.eval().requires_grad_(False)

    def plan(self, prompt: str, duration_s: float, steps: int = 10, guidance_scale: float = 3.5) -> Plan:
        length = max(4, round(duration_s * self.size.latents_per_s))
        return Plan(prompt, (length, LATENT), steps, guidance_scale, tokens=length, frames=length * 64)

    def example(self) -> Plan:
        return self.plan("", 10)

    def encode(self, prompt: Hashable) -> list[tuple[Tensor, Tensor]]:
        self.encoded.append(prompt)
        generator = torch.Generator().manual_seed(sum(map(ord, str(prompt))))
        words = torch.randn(2, WORDS, self.size.width, generator=generator)
        return [tuple(block.text(words)) for block in self.blocks]

    def begin(self, plan: Plan, generator: torch.Generator) -> tuple[Tensor, Sampler]:
        return torch.randn(plan.shape, generator=generator), self.sampler(plan.steps, generator)

    def pack(self, rows: Sequence[Row]) -> Packed:
        groups: list[tuple[int, int, int]] = []
        at = 0
        lengths = [row.plan.shape[0] for row in rows]
        for length in lengths:
            if groups and groups[-1][2] == length:
                groups[-1] = (groups[-1][0], groups[-1][1] + 1, length)
            else:
                groups.append((at, 1, length))
            at += length
        row_of = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(lengths))
        position = torch.cat([self.positions[:length] for length in lengths])
        text = [torch.stack([row.condition[i][row.negative] for row in rows]) for i in range(len(self.blocks))]
        return Packed(groups, row_of, position, text)

    def forward(  # type: ignore[override]
        self, latents: Sequence[Tensor], timesteps: Sequence[float], packed: Packed
    ) -> Sequence[Tensor]:
        self.forwards.append(len(latents))
        angle = torch.tensor(timesteps)[:, None] * self.frequencies
        time = F.silu(self.time(torch.cat([angle.cos(), angle.sin()], -1)))
        x = self.read(torch.cat(list(latents))) + packed.position
        for block, text in zip(self.blocks, packed.text, strict=True):
            x = block(x, time, packed, text)
        return self.write(F.layer_norm(x, x.shape[-1:])).split([latent.shape[0] for latent in latents])

    def needed(self, plan: Plan, latent: Tensor) -> Tensor:
        return latent

    def decode(self, latents: Tensor) -> Any:
        self.decoded.append(len(latents))
        return torch.einsum("nlc,kcf->nklf", latents, self.speaker).flatten(2)


class SmallRequest(SoundRequest):
    """A sound of the small network."""

    steps: int = Field(default=10, ge=1, le=100_000)
    guidance_scale: float = 3.5


class Small(DiffusionModel[SmallRequest]):
    """The small network as a model: 64 samples for each latent, at 8 kHz."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=frozenset({Capability.SEED, Capability.STEPS, Capability.GUIDANCE, Capability.BATCH}),
        sound=SoundInfo(sample_rate_hz=8000, channels=2, max_duration_s=30),
        licence=Licence(weights="random", commercial=True),
        revision="small-1",
    )
    Request: ClassVar[type[SmallRequest]] = SmallRequest
    Options: ClassVar[type[DiffusionOptions]] = DiffusionOptions

    def __init__(self, options: DiffusionOptions | None = None) -> None:
        super().__init__(options or DiffusionOptions())
        self.net = SmallDiT()

    def open(self) -> Denoiser:
        return self.net

    def plan(self, request: SmallRequest) -> Plan:
        length = max(4, round(request.duration_s * 8000 / 64))
        shape = (length, LATENT)
        return Plan(request.prompt, shape, request.steps, request.guidance_scale, tokens=length, frames=length * 64)


class LosableDiT(SmallDiT):
    """A network whose device is lost, as torch would tell it, by the prompt LOSE."""

    LOSE: ClassVar[str] = "lose the device"

    def encode(self, prompt: Hashable) -> Any:
        if prompt == self.LOSE:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return super().encode(prompt)


class Losable(Small):
    """The small network as a model that can lose its device."""

    info: ClassVar[ModelInfo] = Small.info.model_copy(update={"revision": "losable-1"})

    def open(self) -> Denoiser:
        return LosableDiT()
