"""Stable Audio: the sound of the upstream pipeline, and no more decoded than is needed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from deployments.contract import Context, InvalidInput
from deployments.sound import oobleck
from deployments.sound.stable_audio import StableAudio
from tests.sound.test_parity import PROMPTS, TOLERANCE, difference, options

Maker = Callable[[str], Path]
CASES = [
    {},
    {"guidance_scale": 1.0},
    {"negative_prompt": "hiss and hum"},
    {"duration_s": 0.31, "steps": 16},
    {"duration_s": 2.9, "guidance_scale": 3.0, "steps": 3},
]


@pytest.fixture(scope="module")
def ours(checkpoint: Maker) -> Any:
    model = StableAudio(StableAudio.Options.model_validate(options(checkpoint("stable_audio"))))
    model.load()
    return model


@pytest.fixture(scope="module")
def upstream(checkpoint: Maker) -> Any:
    pipeline = diffusers.StableAudioPipeline.from_pretrained(checkpoint("stable_audio"))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.filterwarnings("ignore:Should have t[ab]:UserWarning")  # upstream asks outside its levels
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("case", CASES, ids=["plain", "unguided", "negative", "short", "long"])
def test_the_sound_is_that_of_upstream(ours: Any, upstream: Any, case: dict[str, Any], prompt: str) -> None:
    fields = {"duration_s": 0.75, "steps": 5, "guidance_scale": 7.0, **case}
    made = ours.generate(ours.Request(prompt=prompt, **fields), Context(seed=11))
    expected = upstream(
        prompt,
        negative_prompt=fields.get("negative_prompt"),
        audio_end_in_s=fields["duration_s"],
        num_inference_steps=fields["steps"],
        guidance_scale=fields["guidance_scale"],
        generator=torch.Generator().manual_seed(11),
        output_type="np",
    ).audios[0]
    assert difference(made.samples[:, : expected.shape[1]], expected) <= TOLERANCE


@pytest.mark.anyio
async def test_company_changes_nothing(ours: Any) -> None:
    requests = [
        ours.Request(
            prompt=f"{prompt}", duration_s=duration_s, steps=steps, guidance_scale=scale, negative_prompt=negative
        )
        for prompt, duration_s, steps, scale, negative in (
            ("rain", 0.5, 3, 7.0, None),
            ("rain", 1.2, 9, 7.0, "hum"),
            ("a dog", 0.5, 6, 1.0, None),
            ("a dog", 0.3, 4, 2.0, None),
        )
    ]
    alone = [ours.generate(request, Context(seed=i)).samples for i, request in enumerate(requests)]
    together = await asyncio.gather(*(ours.submit(request, Context(seed=i)) for i, request in enumerate(requests)))
    for one, other in zip(alone, together, strict=True):
        assert np.linalg.norm(one - other.samples) <= 1e-5 * np.linalg.norm(one)


def test_decoding_what_is_needed_gives_the_same_samples(ours: Any) -> None:
    vae = ours.denoiser.modules["vae"]
    ratios = vae.config.downsampling_ratios
    latent = torch.randn(1, 4, 64, generator=torch.Generator().manual_seed(0))
    frames = 3000
    part = oobleck.needed(latent, frames, ratios)
    assert part.shape[-1] < 20
    whole, cut = (vae.decode(item).sample[..., :frames] for item in (latent, part))
    assert (whole - cut).abs().max() <= 1e-6 * whole.abs().max()
    less = vae.decode(latent[..., : part.shape[-1] - 2]).sample[..., :frames]
    assert (whole - less).abs().max() > 0


def test_beyond_the_window_is_refused(ours: Any) -> None:
    with pytest.raises(InvalidInput, match=r"at most 2.97 s"):
        ours.generate(ours.Request(prompt="x", duration_s=3), Context(seed=1))
