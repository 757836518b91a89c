"""The same sound as the upstream pipelines from the same checkpoint, seed and settings, in float32."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from deployments.contract import Context
from deployments.sound.audioldm import AudioLDM
from deployments.sound.audioldm2 import AudioLDM2

Maker = Callable[[str], Path]
TOLERANCE = 1e-4
PROMPTS = ("rain on a tin roof", "a dog barks twice, far away")
CASES = [
    {},
    {"guidance_scale": 1.0},
    {"duration_s": 0.64, "guidance_scale": 6.0},
    {"duration_s": 1.37, "steps": 7},
    {"negative_prompt": "hiss and hum"},
    {"negative_prompt": "low quality, " * 12, "duration_s": 0.9},
]


def options(folder: Path) -> dict[str, Any]:
    """Options of a model in float32 on the CPU that spends no time on measuring its steps."""
    return {
        "model_path": str(folder),
        "device": "cpu",
        "use_half_precision": False,
        "engine": {"measure_s": 0},
    }


@pytest.fixture(scope="module", params=[AudioLDM, AudioLDM2])
def pair(request: pytest.FixtureRequest, checkpoint: Maker) -> tuple[Any, Any]:
    """Our model and the upstream pipeline over one checkpoint."""
    kind = request.param
    folder = checkpoint(kind.__name__.lower())
    ours = kind(kind.Options.model_validate(options(folder)))
    ours.load()
    upstream = getattr(diffusers, f"{kind.__name__}Pipeline").from_pretrained(folder)
    upstream.set_progress_bar_config(disable=True)
    return ours, upstream


def difference(ours: Any, upstream: Any) -> float:
    """Largest difference of two sounds as a share of the second one's peak."""
    assert ours.shape == upstream.shape
    return float(np.abs(ours - upstream).max() / np.abs(upstream).max())


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("case", CASES, ids=["plain", "unguided", "short", "odd length", "negative", "long negative"])
def test_the_sound_is_that_of_upstream(pair: tuple[Any, Any], case: dict[str, Any], prompt: str) -> None:
    ours, upstream = pair
    fields = {"duration_s": 1.0, "steps": 4, "guidance_scale": 3.5, **case}
    made = ours.generate(ours.Request(prompt=prompt, **fields), Context(seed=11))
    expected = upstream(
        prompt,
        negative_prompt=fields.get("negative_prompt"),
        audio_length_in_s=fields["duration_s"],
        num_inference_steps=fields["steps"],
        guidance_scale=fields["guidance_scale"],
        generator=torch.Generator().manual_seed(11),
    ).audios
    assert difference(made.samples, expected) <= TOLERANCE


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    ("scheduler", "upstreams"),
    [("ddim", {}), ("dpm++", {"algorithm_type": "dpmsolver++"})],
)
def test_another_solver_is_that_of_upstream(pair: tuple[Any, Any], scheduler: str, upstreams: dict[str, str]) -> None:
    ours, upstream = pair
    request = ours.Request(prompt="rain", duration_s=1, steps=6, guidance_scale=3.5, scheduler=scheduler)
    kept = upstream.scheduler
    kind = diffusers.DPMSolverMultistepScheduler if upstreams else diffusers.DDIMScheduler
    upstream.scheduler = kind.from_config(kept.config, **upstreams)
    expected = upstream(
        "rain",
        audio_length_in_s=1.0,
        num_inference_steps=6,
        guidance_scale=3.5,
        generator=torch.Generator().manual_seed(3),
    ).audios
    upstream.scheduler = kept
    assert difference(ours.generate(request, Context(seed=3)).samples, expected) <= TOLERANCE


@pytest.mark.anyio
async def test_company_changes_nothing(pair: tuple[Any, Any]) -> None:
    ours, _ = pair
    requests = [
        ours.Request(prompt=f"{prompt} {i}", duration_s=duration_s, steps=3 + i, guidance_scale=scale)
        for i, (prompt, duration_s, scale) in enumerate(
            (prompt, duration_s, scale) for prompt in PROMPTS for duration_s in (0.64, 1.0) for scale in (1.0, 3.5)
        )
    ]
    alone = [ours.generate(request, Context(seed=i)).samples for i, request in enumerate(requests)]
    together = await asyncio.gather(*(ours.submit(request, Context(seed=i)) for i, request in enumerate(requests)))
    for one, other in zip(alone, together, strict=True):
        assert np.linalg.norm(one - other.samples) <= 1e-5 * np.linalg.norm(one)
