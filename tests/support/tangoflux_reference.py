"""What upstream's sampler makes of random weights, stored in tests/data/tangoflux.npz, and how to make it anew.

    git clone https://github.com/declare-lab/TangoFlux     # at 164420faa2b3, with the packages of constraints.txt
    python -m tests.support.tangoflux_reference TangoFlux tests/data/tangoflux.npz

Upstream imports `datasets`, which its inference does not use: an empty module stands for it.
"""

import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.support.checkpoints import t5_encoder, t5_tokenizer, write_json

LATENTS, CHANNELS = 24, 64  # upstream draws noise of 64 channels whatever the configuration says
# Heads of 128, the only width that upstream's positions fit; "published" has 8 of them, as the published checkpoint.
SIZES = {"narrow": (1, 2, 3), "published": (8, 1, 1)}  # heads, double blocks, single blocks
CASES: list[dict[str, Any]] = [
    {"prompt": "rain on a tin roof", "seed": 3, "steps": 2, "guidance_scale": 4.5, "duration": 0.5},
    {"prompt": "a dog", "seed": 4, "steps": 3, "guidance_scale": 2.0, "duration": 1.0},
]


def write_checkpoint(folder: Path, size: str) -> Path:
    """A checkpoint of this size in the published layout; every number is drawn by NumPy, so it is the same anywhere."""
    from diffusers import AutoencoderOobleck, FluxTransformer2DModel
    from safetensors.torch import save_file

    heads, double, single = SIZES[size]
    tokenizer = t5_tokenizer()
    encoder = t5_encoder(len(tokenizer))
    with torch.device("meta"):
        transformer = FluxTransformer2DModel(
            in_channels=CHANNELS,
            num_layers=double,
            num_single_layers=single,
            attention_head_dim=128,
            num_attention_heads=heads,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            guidance_embeds=False,
        )
    shapes = {f"transformer.{name}": value.shape for name, value in transformer.state_dict().items()}
    shapes |= {f"text_encoder.{name}": value.shape for name, value in encoder.state_dict().items()}
    del shapes["text_encoder.encoder.embed_tokens.weight"]
    shapes |= {"fc.0.weight": torch.Size([32, 32]), "fc.0.bias": torch.Size([32])}
    embedder = "duration_emebdder.time_positional_embedding"
    shapes |= {f"{embedder}.0.weights": torch.Size([128]), f"{embedder}.1.weight": torch.Size([32, 257])}
    shapes[f"{embedder}.1.bias"] = torch.Size([32])
    noise = np.random.default_rng(0).standard_normal(999_983, dtype=np.float32)  # a prime: no rows repeat
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: drawn(np.roll(noise, number), shapes[name]) for number, name in enumerate(sorted(shapes))}
    save_file(state, folder / "tangoflux.safetensors")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vae = AutoencoderOobleck(
            encoder_hidden_size=4,
            downsampling_ratios=[2, 4, 4, 8, 8],
            channel_multiples=[1, 1, 1, 1, 1],
            decoder_channels=4,
            decoder_input_channels=CHANNELS,
        )
    save_file(vae.state_dict(), folder / "vae.safetensors")
    config = {
        "num_layers": double,
        "num_single_layers": single,
        "in_channels": CHANNELS,
        "attention_head_dim": 128,
        "joint_attention_dim": 32,
        "num_attention_heads": heads,
        "audio_seq_len": LATENTS,
        "max_duration": 30,
        "uncondition": False,
        "text_encoder_name": "t5",
    }
    write_json(folder / "config.json", config)
    encoder.save_pretrained(folder / "t5")
    tokenizer.save_pretrained(folder / "t5")
    return folder


def drawn(noise: Any, shape: torch.Size) -> torch.Tensor:
    """Weights of a size that keeps a signal's; gains of norms lie around 1."""
    values = np.resize(noise, shape)
    return torch.from_numpy(values / np.sqrt(shape[-1]) if len(shape) > 1 else 1 + 0.1 * values)


def upstream_latents(upstream: Path, folder: Path, case: dict[str, Any]) -> Any:
    """What the upstream class makes of a checkpoint."""
    import json

    from safetensors.torch import load_file

    stub = types.ModuleType("datasets")
    stub.load_dataset = stub.Audio = None  # type: ignore[attr-defined]
    sys.modules["datasets"] = stub
    sys.path.insert(0, str(upstream / "tangoflux"))
    from model import TangoFlux  # type: ignore[import-not-found]

    model = TangoFlux(json.loads((folder / "config.json").read_text()), text_encoder_dir=str(folder / "t5"))
    found = model.load_state_dict(load_file(folder / "tangoflux.safetensors"), strict=False)
    assert (found.missing_keys, found.unexpected_keys) == (["text_encoder.encoder.embed_tokens.weight"], []), found
    options = {name: value for name, value in case.items() if name not in ("prompt", "steps")}
    return model.eval().inference_flow(
        case["prompt"], num_inference_steps=case["steps"], disable_progress=True, **options
    )


def main() -> None:
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            checkpoint = write_checkpoint(Path(folder) / size, size)
            for number, case in enumerate(CASES):
                made[f"{size}.{number}"] = upstream_latents(Path(sys.argv[1]), checkpoint, case)[0].numpy()
    np.savez_compressed(sys.argv[2], **made)


if __name__ == "__main__":
    main()
