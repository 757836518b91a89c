"""What our engine is measured against: the upstream way, one request after another, in half precision on a GPU."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from deployments.sound.tangoflux.weights import Config, decoder, duration
from deployments.weights.modules import read_state


def load(name: str, folder: Path, device: str, dtype: torch.dtype) -> Any:
    """A function of (seconds, steps, seed) that makes one guided sound and returns its samples on the CPU."""
    if name == "tangoflux":
        return _tangoflux(folder, device, dtype)
    import diffusers

    kind = {"audioldm2": diffusers.AudioLDM2Pipeline, "stable_audio": diffusers.StableAudioPipeline}[name]
    pipeline = kind.from_pretrained(folder, torch_dtype=dtype).to(device)
    pipeline.set_progress_bar_config(disable=True)
    length = "audio_length_in_s" if name == "audioldm2" else "audio_end_in_s"

    def make(seconds: float, steps: int, seed: int) -> Any:
        generator = torch.Generator(device).manual_seed(seed)
        options = {length: seconds, "num_inference_steps": steps, "guidance_scale": 3.5, "output_type": "np"}
        return pipeline("rain on a tin roof", generator=generator, **options).audios

    return make


def _tangoflux(folder: Path, device: str, dtype: torch.dtype) -> Any:
    """TangoFlux has no pipeline in diffusers; upstream runs these modules of diffusers so, and always all latents."""
    from diffusers import FluxTransformer2DModel
    from transformers import AutoTokenizer, T5EncoderModel

    tokenizer = AutoTokenizer.from_pretrained(folder / "t5")
    encoder = T5EncoderModel.from_pretrained(folder / "t5", dtype=dtype).to(device)
    config = Config.read(folder / "config.json", encoder.config.d_model)
    sizes, source = config.network, folder / "tangoflux.safetensors"
    state = read_state(source)
    part = sizes.head_width // 8
    transformer = FluxTransformer2DModel(
        in_channels=sizes.channels,
        num_layers=sizes.double_blocks,
        num_single_layers=sizes.single_blocks,
        attention_head_dim=sizes.head_width,
        num_attention_heads=sizes.heads,
        joint_attention_dim=sizes.text,
        pooled_projection_dim=sizes.text,
        guidance_embeds=False,
        axes_dims_rope=(2 * part, 3 * part, 3 * part),
    )
    prefix = "transformer."
    transformer.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    transformer = transformer.to(device, dtype).eval()
    fc = torch.nn.Sequential(torch.nn.Linear(encoder.config.d_model, sizes.text), torch.nn.ReLU())
    fc.load_state_dict({k.removeprefix("fc."): v for k, v in state.items() if k.startswith("fc.")})
    fc = fc.to(device, dtype)
    seconds_in = duration(
        {k.removeprefix("duration_emebdder."): v for k, v in state.items() if k.startswith("duration_emebdder.")},
        source,
        config.max_duration_s,
    ).to(device)
    vae = decoder(read_state(folder / "vae.safetensors"), folder / "vae.safetensors", dtype).to(device)

    @torch.inference_mode()
    def make(seconds: float, steps: int, seed: int) -> Any:
        words = [encoder(**tokenizer(text, return_tensors="pt").to(device))[0] for text in ("", "rain on a tin roof")]
        longest = max(item.shape[1] for item in words)
        text = torch.cat([torch.nn.functional.pad(item, (0, 0, 0, longest - item.shape[1])) for item in words])
        told = seconds_in(torch.tensor([seconds, seconds], device=device)).to(dtype).view(2, 1, -1)
        text = torch.cat([text, told], dim=1)
        pooled = fc(text.mean(dim=1))
        shape = (1, config.latents, sizes.channels)
        latent = torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)
        places = torch.arange(config.latents, device=device, dtype=dtype)[:, None].repeat(1, 3)
        sigmas = torch.linspace(1, 0, steps + 1, device=device)
        for sigma, following in pairwise(sigmas):
            negative, positive = transformer(
                hidden_states=latent.to(dtype).expand(2, -1, -1),
                encoder_hidden_states=text,
                pooled_projections=pooled,
                timestep=sigma.expand(2).to(dtype),
                img_ids=places,
                txt_ids=torch.zeros(text.shape[1], 3, device=device, dtype=dtype),
                return_dict=False,
            )[0].float()
            latent = latent + (following - sigma) * (negative + 3.5 * (positive - negative))
        sound = vae(latent.to(dtype).transpose(1, 2))
        return sound[..., : round(seconds * 44_100)].float().cpu()

    return make
