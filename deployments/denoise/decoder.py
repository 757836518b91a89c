"""Finished latents become samples: only what is needed of them, those of equal length together."""

from collections.abc import Sequence

import numpy as np

from deployments.denoise.denoiser import Denoiser
from deployments.denoise.stepper import Job


def decode_together(denoiser: Denoiser, jobs: Sequence[Job]) -> None:
    """Decode these requests, those whose needed latents are of equal shape in one call; sets their futures."""
    alike: dict[tuple[int, ...], list[Job]] = {}
    for job in jobs:
        assert job.latent is not None
        job.latent = denoiser.needed(job.plan, job.latent)
        alike.setdefault(tuple(job.latent.shape), []).append(job)
    for group in alike.values():
        _decode(denoiser, group)


def _decode(denoiser: Denoiser, jobs: Sequence[Job]) -> None:
    import torch

    try:
        sound = denoiser.decode(torch.stack([job.latent for job in jobs if job.latent is not None]))
        made = sound.float().cpu().numpy()
    except Exception as error:  # noqa: BLE001  (the edge between a model's code and the loop that must go on)
        for job in jobs:
            job.done.set_exception(error)
        return
    for job, samples in zip(jobs, made, strict=True):
        job.done.set_result(np.ascontiguousarray(samples[:, : job.plan.frames], dtype=np.float32))
