"""Finished latents become samples: only what is needed of them, those of equal length together."""

from collections.abc import Sequence

import numpy as np

from deployments.denoise.denoiser import Denoiser
from deployments.denoise.stepper import Job, answering


def decode_together(denoiser: Denoiser, jobs: Sequence[Job]) -> None:
    """Decode these requests, those whose needed latents are of equal shape in one call; sets their futures."""
    alike: dict[tuple[int, ...], list[Job]] = {}
    for job in jobs:
        assert job.latent is not None
        with answering([job]):
            job.latent = denoiser.needed(job.plan, job.latent)
            alike.setdefault(tuple(job.latent.shape), []).append(job)
    for group in alike.values():
        with answering(group):
            _decode(denoiser, group)


def _decode(denoiser: Denoiser, jobs: Sequence[Job]) -> None:
    import torch

    sound = denoiser.decode(torch.stack([job.latent for job in jobs if job.latent is not None]))
    made = sound.float().cpu().numpy()
    for job, samples in zip(jobs, made, strict=True):
        job.succeed(np.ascontiguousarray(samples[:, : job.plan.frames], dtype=np.float32))
