"""TangoFlux: upstream's latents from its published layout, and what upstream cannot do."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deployments.contract import Context, InvalidInput, LoadFailed
from deployments.denoise.graphs import Graphed
from deployments.denoise.stepper import Job, Stepper
from deployments.sound import oobleck
from deployments.sound.tangoflux import TangoFlux, TangoFluxOptions
from deployments.sound.tangoflux.denoiser import TangoFluxPlan
from tests.denoise.test_graphs import Computing
from tests.sound.test_parity import options
from tests.support.tangoflux_reference import CASES, SIZES, write_checkpoint

Maker = Callable[[str], Path]
STORED = Path(__file__).parents[1] / "data" / "tangoflux.npz"


def opened(folder: Path, **more: Any) -> TangoFlux:
    return TangoFlux(TangoFluxOptions.model_validate({**options(folder), **more}))


@pytest.fixture(scope="module")
def ours(checkpoint: Maker) -> Any:
    model = opened(checkpoint("tangoflux"))
    model.load()
    return model


@pytest.mark.parametrize("size", list(SIZES))
def test_latents_are_those_of_the_upstream_sampler(tmp_path: Path, size: str) -> None:
    denoiser = opened(write_checkpoint(tmp_path, size)).open()
    jobs = []
    for case in CASES:
        plan = TangoFluxPlan(
            prompt=(case["prompt"], True),
            shape=denoiser.shape,  # type: ignore[attr-defined]
            steps=case["steps"],
            guidance_scale=case["guidance_scale"],
            tokens=1,
            frames=1,
            duration_s=case["duration"],
        )
        jobs.append(Job(plan, Context(case["seed"]), 0.0, condition=denoiser.encode(plan.prompt)))
    stepper = Stepper(denoiser)
    while running := [job for job in jobs if job.remaining]:  # both at once, of different steps and words
        stepper.step(running)
    with np.load(STORED) as stored:
        for number, job in enumerate(jobs):
            assert job.latent is not None
            expected = stored[f"{size}.{number}"]
            assert np.abs(job.latent.numpy() - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.anyio
async def test_company_changes_nothing(ours: Any) -> None:
    requests = [
        ours.Request(prompt=prompt, duration_s=duration_s, steps=steps, guidance_scale=scale)
        for prompt, duration_s, steps, scale in (
            ("rain", 0.5, 3, 4.5),
            ("a dog barks at a train", 0.7, 9, 7.0),
            ("a dog", 0.5, 6, 1.0),
            ("wind in the trees and far bells", 0.3, 4, 2.0),
        )
    ]
    alone = [ours.generate(request, Context(seed=i)).samples for i, request in enumerate(requests)]
    together = await asyncio.gather(*(ours.submit(request, Context(seed=i)) for i, request in enumerate(requests)))
    for request, one, other in zip(requests, alone, together, strict=True):
        assert one.shape == (2, round(request.duration_s * 44_100))
        assert np.linalg.norm(one - other.samples) <= 1e-5 * np.linalg.norm(one)


def test_guidance_of_one_is_the_conditional_prediction_alone(ours: Any) -> None:
    """Upstream raises TypeError here. Just above 1 both rows are computed and the unconditional one hardly counts."""
    alone, both = (
        ours.generate(ours.Request(prompt="rain", duration_s=0.5, steps=5, guidance_scale=scale), Context(seed=1))
        for scale in (1.0, 1.000001)
    )
    assert np.abs(alone.samples - both.samples).max() <= 1e-4 * np.abs(alone.samples).max()


def test_only_what_is_needed_is_decoded(ours: Any) -> None:
    denoiser = ours.denoiser
    latent = torch.randn(denoiser.shape, generator=torch.Generator().manual_seed(0))
    plan = denoiser.plan(ours.Request(prompt="x", duration_s=0.1), 3)
    part = denoiser.needed(plan, latent)
    assert part.shape[1] == -(-4410 // 2048) + oobleck.halo(denoiser.ratios) < len(latent)
    short, whole = (denoiser.decode(item[None])[0, :, : plan.frames] for item in (part, latent.T))
    assert (short - whole).abs().max() <= 1e-6 * whole.abs().max()


def test_beyond_the_window_is_refused(ours: Any) -> None:
    with pytest.raises(InvalidInput, match=r"at most 0.74 s"):
        ours.generate(ours.Request(prompt="x", duration_s=3), Context(seed=1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "vae.safetensors").unlink(), "vae.safetensors is missing"),
        (lambda folder: shutil.rmtree(folder / "t5"), "text encoder 't5', which is no folder there"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json is no configuration"),
        (lambda folder: rewrite(folder, num_layers=2), "transformer_blocks.1"),
        (lambda folder: shutil.copy(folder / "vae.safetensors", folder / "tangoflux.safetensors"), "is missing"),
        (lambda folder: shutil.copy(folder / "tangoflux.safetensors", folder / "vae.safetensors"), "no Oobleck"),
    ],
)
def test_a_wrong_checkpoint_says_what_is_wrong(
    checkpoint: Maker, tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint("tangoflux"), folder)
    spoil(folder)
    with pytest.raises(LoadFailed, match=message) as failed:
        opened(folder).open()
    assert str(folder) in str(failed.value)


def rewrite(folder: Path, **fields: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_steps_at_fixed_rows_and_padded_words_give_the_same_sound(ours: Any, checkpoint: Maker) -> None:
    """What a CUDA machine does, with captures that compute: rows and words padded, the mask always given."""
    graphed = opened(checkpoint("tangoflux"))
    graphed.load()
    assert graphed.denoiser is not None
    graphed.denoiser.graphed = Graphed(graphed.denoiser.step, Computing)
    for prompt, scale in (("rain on a roof", 4.5), ("a", 1.0)):
        request = ours.Request(prompt=prompt, duration_s=0.5, steps=4, guidance_scale=scale)
        one, other = (model.generate(request, Context(seed=1)).samples for model in (ours, graphed))
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(one)
    assert graphed.denoiser.graphed.captured
