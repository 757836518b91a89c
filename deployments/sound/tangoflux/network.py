"""TangoFlux's transformer: 6 blocks with a stream each for words and sound, then 18 with both in one.

Hung et al. 2024 (arXiv 2412.21037) took the architecture of FLUX.1; names of modules and parameters are those of the
published checkpoint (declare-lab/TangoFlux, `tangoflux.safetensors`, prefix `transformer.`). A row has its own time.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm, scaled_dot_product_attention, silu


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the transformer: `channels` of a latent, `text` and `pooled` widths of what it is told."""

    channels: int = 64
    double_blocks: int = 6
    single_blocks: int = 18
    heads: int = 8
    head_width: int = 128
    text: int = 1024
    pooled: int = 1024

    @property
    def width(self) -> int:
        """Width of both streams."""
        return self.heads * self.head_width


@dataclass
class Told:
    """What a set of rows is told and what stays the same for it over the steps."""

    words: Tensor  # (rows, words, text)
    pooled: Tensor  # (rows, pooled)
    mask: Tensor | None  # (rows, 1, 1, words + latents), False at padding; None when nothing is padded
    rotary: Tensor  # rotation() of the latents


class Network(nn.Module):
    """Velocity of the flow at latents (rows, latents, channels), times (rows,) in [0, 1]."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.time_text_embed = Conditioning(width, config.pooled)
        self.context_embedder = nn.Linear(config.text, width)
        self.x_embedder = nn.Linear(config.channels, width)
        self.transformer_blocks = nn.ModuleList(DoubleBlock(config) for _ in range(config.double_blocks))
        self.single_transformer_blocks = nn.ModuleList(SingleBlock(config) for _ in range(config.single_blocks))
        self.norm_out = Modulation(width, 2)
        self.proj_out = nn.Linear(width, config.channels)

    def forward(self, latents: Tensor, times: Tensor, told: Told) -> Tensor:
        """The velocity, in the latents' shape."""
        condition = silu(self.time_text_embed(times, told.pooled))
        words, sound = self.context_embedder(told.words), self.x_embedder(latents)
        for block in self.transformer_blocks:
            words, sound = block(words, sound, condition, told)
        both = torch.cat([words, sound], dim=1)
        for block in self.single_transformer_blocks:
            both = block(both, condition, told)
        scale, shift = self.norm_out(condition)
        return self.proj_out(normed(both[:, words.shape[1] :], scale, shift))  # type: ignore[no-any-return]


class Conditioning(nn.Module):
    """Time and pooled words as one vector for the modulations."""

    def __init__(self, width: int, pooled: int) -> None:
        super().__init__()
        self.timestep_embedder = TwoLayers(256, width)
        self.text_embedder = TwoLayers(pooled, width)

    def forward(self, times: Tensor, pooled: Tensor) -> Tensor:
        frequencies = torch.exp(torch.arange(128, device=times.device) * (-math.log(10_000) / 128))
        angles = 1000 * times[:, None] * frequencies
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1).to(pooled.dtype)
        return self.timestep_embedder(waves) + self.text_embedder(pooled)  # type: ignore[no-any-return]


class TwoLayers(nn.Module):
    """A perceptron with SiLU between its two layers."""

    def __init__(self, given: int, width: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(given, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_2(silu(self.linear_1(x)))  # type: ignore[no-any-return]


class Modulation(nn.Module):
    """Shifts, scales and gates (rows, 1, width) from the condition."""

    def __init__(self, width: int, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.linear = nn.Linear(width, parts * width)

    def forward(self, condition: Tensor) -> tuple[Tensor, ...]:
        return self.linear(condition)[:, None].chunk(self.parts, dim=-1)  # type: ignore[no-any-return]


class Gelu(nn.Module):
    """The first layer of a feed-forward part, with its activation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 4 * width)

    def forward(self, x: Tensor) -> Tensor:
        return gelu(self.proj(x), approximate="tanh")


class FeedForward(nn.Module):
    """Two layers, four times as wide between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.ModuleList([Gelu(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))  # type: ignore[no-any-return]


class SingleAttention(nn.Module):
    """Attention over words and sound in one stream; queries and keys are normalized per head."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.head_width = config.head_width
        self.norm_q, self.norm_k = (nn.RMSNorm(config.head_width, eps=1e-6) for _ in range(2))
        self.to_q, self.to_k, self.to_v = (nn.Linear(config.width, config.width) for _ in range(3))

    def heads(self, x: Tensor) -> Tensor:
        """(rows, tokens, width) as (rows, heads, tokens, head width)."""
        return x.view(*x.shape[:-1], -1, self.head_width).transpose(1, 2)

    def forward(self, x: Tensor, told: Told) -> Tensor:
        query = self.norm_q(self.heads(self.to_q(x)))
        key = self.norm_k(self.heads(self.to_k(x)))
        return attended(query, key, self.heads(self.to_v(x)), told)


class DoubleAttention(SingleAttention):
    """Attention over both streams at once, each with projections of its own."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        width = config.width
        self.norm_added_q, self.norm_added_k = (nn.RMSNorm(config.head_width, eps=1e-6) for _ in range(2))
        self.add_q_proj, self.add_k_proj, self.add_v_proj = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self.to_add_out = nn.Linear(width, width)

    def both(self, words: Tensor, sound: Tensor, told: Told) -> tuple[Tensor, Tensor]:
        """What the attention adds to words and to sound."""
        words_query = self.norm_added_q(self.heads(self.add_q_proj(words)))
        words_key = self.norm_added_k(self.heads(self.add_k_proj(words)))
        query = torch.cat([words_query, self.norm_q(self.heads(self.to_q(sound)))], dim=2)
        key = torch.cat([words_key, self.norm_k(self.heads(self.to_k(sound)))], dim=2)
        value = self.heads(torch.cat([self.add_v_proj(words), self.to_v(sound)], dim=1))
        count = words.shape[1]
        found = attended(query, key, value, told)
        return self.to_add_out(found[:, :count]), self.to_out[0](found[:, count:])


class DoubleBlock(nn.Module):
    """Words and sound attend to each other, then each goes through a feed-forward part of its own."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.norm1, self.norm1_context = Modulation(config.width, 6), Modulation(config.width, 6)
        self.attn = DoubleAttention(config)
        self.ff, self.ff_context = FeedForward(config.width), FeedForward(config.width)

    def forward(self, words: Tensor, sound: Tensor, condition: Tensor, told: Told) -> tuple[Tensor, Tensor]:
        shift, scale, gate, shift2, scale2, gate2 = self.norm1(condition)
        t_shift, t_scale, t_gate, t_shift2, t_scale2, t_gate2 = self.norm1_context(condition)
        to_words, to_sound = self.attn.both(normed(words, t_scale, t_shift), normed(sound, scale, shift), told)
        sound = sound + gate * to_sound
        sound = sound + gate2 * self.ff(normed(sound, scale2, shift2))
        words = words + t_gate * to_words
        words = words + t_gate2 * self.ff_context(normed(words, t_scale2, t_shift2))
        return words, sound


class SingleBlock(nn.Module):
    """Attention and perceptron side by side over one stream."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.norm = Modulation(width, 3)
        self.attn = SingleAttention(config)
        self.proj_mlp, self.proj_out = nn.Linear(width, 4 * width), nn.Linear(5 * width, width)

    def forward(self, both: Tensor, condition: Tensor, told: Told) -> Tensor:
        shift, scale, gate = self.norm(condition)
        seen = normed(both, scale, shift)
        sides = torch.cat([self.attn(seen, told), gelu(self.proj_mlp(seen), approximate="tanh")], dim=2)
        return both + gate * self.proj_out(sides)  # type: ignore[no-any-return]


def normed(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Layer norm, then scale and shift."""
    return layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale) + shift


def attended(query: Tensor, key: Tensor, value: Tensor, told: Told) -> Tensor:
    """Attention over heads (rows, heads, words + latents, head width), with positions for the latents only."""
    words = told.words.shape[1]
    query, key = rotated(query, words, told.rotary), rotated(key, words, told.rotary)
    found: Tensor = scaled_dot_product_attention(query, key, value, attn_mask=told.mask)
    merged: Tensor = found.transpose(1, 2).flatten(2)
    return merged


def rotated(heads: Tensor, words: int, rotary: Tensor) -> Tensor:
    """Rotary position embedding (Su et al. 2021, arXiv 2104.09864); words have position 0, so they stay as they are."""
    sound = heads[:, :, words:].float()
    turned = torch.stack([-sound[..., 1::2], sound[..., ::2]], dim=-1).flatten(-2)
    turned = (sound * rotary[0] + turned * rotary[1]).to(heads.dtype)
    return torch.cat([heads[:, :, :words], turned], dim=2)


def rotation(length: int, head_width: int, device: torch.device) -> Tensor:
    """Cosines and sines (2, length, head width) of the positions.

    FLUX has three axes for images, of an eighth and twice seven sixteenths of a head's width; sound gives all three the
    same position. Checkpoints with other heads than the published 128 wide ones divide them as even numbers allow.
    """
    first = head_width // 8 if head_width % 16 == 0 and head_width >= 128 else head_width // 4
    axes = (first, (head_width - first) // 2, (head_width - first) // 2)
    frequencies = [1 / 10_000 ** (torch.arange(0, axis, 2, dtype=torch.float64, device=device) / axis) for axis in axes]
    angles = torch.arange(length, dtype=torch.float64, device=device)[:, None] * torch.cat(frequencies)
    angles = angles.repeat_interleave(2, dim=1)
    return torch.stack([angles.cos(), angles.sin()]).to(torch.float32)
