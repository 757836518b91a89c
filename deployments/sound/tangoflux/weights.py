"""TangoFlux's published files as modules: `tangoflux.safetensors`, `vae.safetensors`, `config.json`, and FLAN-T5.

The first holds the transformer, the text encoder (but for its table of embeddings, which is that of `shared`), `fc`
and `duration_emebdder`, misspelt as published. The second has no configuration: it is read off the shapes.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderOobleck
from torch import Tensor, nn
from transformers import AutoConfig, T5EncoderModel

from deployments.contract import LoadFailed
from deployments.sound.tangoflux.network import Network, NetworkConfig
from deployments.weights.modules import fill, load_component, read_state
from deployments.weights.placement import Placement

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Config:
    """What `config.json` tells: the transformer's sizes, latents of a window, the longest sound it knows in seconds."""

    network: NetworkConfig
    latents: int
    max_duration_s: float
    text_encoder: str

    @staticmethod
    def read(file: Path, text_width: int | None = None) -> "Config":
        """The configuration in a file; a field that is absent has upstream's default. Raises LoadFailed."""
        try:
            given: dict[str, Any] = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise LoadFailed(f"{file} is no configuration: {error}") from error
        joint = int(given.get("joint_attention_dim", 1024))
        network = NetworkConfig(
            channels=int(given.get("in_channels", 64)),
            double_blocks=int(given.get("num_layers", 6)),
            single_blocks=int(given.get("num_single_layers", 18)),
            heads=int(given.get("num_attention_heads", 8)),
            head_width=int(given.get("attention_head_dim", 128)),
            text=joint,
            pooled=text_width or joint,
        )
        return Config(
            network,
            latents=int(given.get("audio_seq_len", 645)),
            max_duration_s=float(given.get("max_duration", 30)),
            text_encoder=str(given.get("text_encoder_name", "google/flan-t5-large")),
        )


class Duration(nn.Module):
    """Seconds as one more word: Fourier features with learnt frequencies, then a linear layer (as in Stable Audio)."""

    def __init__(self, width: int, features: int, max_s: float) -> None:
        super().__init__()
        self.max_s = max_s
        frequencies = nn.Module()
        frequencies.weights = nn.Parameter(torch.empty(features // 2))
        self.time_positional_embedding = nn.ModuleList([frequencies, nn.Linear(features + 1, width)])

    def forward(self, seconds: Tensor) -> Tensor:
        """(rows,) seconds to (rows, 1, width)."""
        share = seconds.clamp(0, self.max_s)[:, None] / self.max_s
        frequencies: Any = self.time_positional_embedding[0]
        angles = 2 * math.pi * share * frequencies.weights
        features = torch.cat([share, angles.sin(), angles.cos()], dim=-1)
        return self.time_positional_embedding[1](features)[:, None]  # type: ignore[no-any-return]


def load(folder: Path, text_folder: Path, config: Config, placement: Placement) -> dict[str, Any]:
    """The modules by name: transformer, text_encoder, fc, duration, vae (its decoder). Raises LoadFailed."""
    source = folder / "tangoflux.safetensors"
    state = read_state(source)
    with torch.device("meta"):
        network = Network(config.network)
        fc = nn.Sequential(nn.Linear(config.network.pooled, config.network.text), nn.ReLU())
    return {
        "transformer": fill(network, below(state, "transformer."), source, placement.network),
        "text_encoder": text_encoder(below(state, "text_encoder."), source, text_folder, placement.text),
        "fc": fill(fc, below(state, "fc."), source, torch.float32),
        "duration": duration(below(state, "duration_emebdder."), source, config.max_duration_s),
        "vae": decoder(read_state(folder / "vae.safetensors"), folder / "vae.safetensors", placement.codec),
    }


def below(state: State, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def text_encoder(state: dict[str, Tensor], source: Path, folder: Path, dtype: torch.dtype) -> Any:
    """FLAN-T5's encoder with the checkpoint's weights, or with its own if the checkpoint has none."""
    if not state:
        return load_component(T5EncoderModel, folder, dtype)
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        module = T5EncoderModel(config)
    if "shared.weight" in state:
        state.setdefault("encoder.embed_tokens.weight", state["shared.weight"])
    return fill(module, state, source, dtype)


def duration(state: dict[str, Tensor], source: Path, max_s: float) -> Duration:
    """The duration's embedding, its sizes read off the weights."""
    layer = state.get("time_positional_embedding.1.weight")
    if layer is None:
        raise LoadFailed(f"{source} is no checkpoint of TangoFlux: duration_emebdder is missing")
    with torch.device("meta"):
        module = Duration(layer.shape[0], layer.shape[1] - 1, max_s)
    return fill(module, state, source, torch.float32)


def decoder(state: State, source: Path, dtype: torch.dtype) -> Any:
    """The autoencoder's decoder; the encoder is not kept. Its `ratios` are the samples that each stage makes of one."""
    if "decoder.conv1.weight_v" not in state:
        raise LoadFailed(f"{source} is no Oobleck autoencoder: decoder.conv1 is missing")
    first, last = state["decoder.conv1.weight_v"], state["decoder.conv2.weight_v"]
    stages = [state[f"decoder.block.{k}.conv_t1.weight_v"] for k in range(_stages(state))]
    channels = stages[-1].shape[1]
    ratios = [stage.shape[2] // 2 for stage in reversed(stages)]
    with torch.device("meta"):
        module = AutoencoderOobleck(
            encoder_hidden_size=channels,
            downsampling_ratios=ratios,
            channel_multiples=[stage.shape[0] // channels for stage in reversed(stages)],
            decoder_channels=channels,
            decoder_input_channels=first.shape[1],
            audio_channels=last.shape[0],
        ).decoder
    module.ratios = ratios
    return fill(module, below(state, "decoder."), source, dtype)


def _stages(state: State) -> int:
    return sum(name.startswith("decoder.block.") and name.endswith(".conv_t1.weight_v") for name in state)
