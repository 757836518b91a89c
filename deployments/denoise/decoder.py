"""Finished latents become samples: only what is needed of them, those of equal length together."""

from collections.abc import Sequence

import numpy as np

from deployments.denoise.denoiser import Denoiser
from deployments.denoise.stepper import Job


def decode_together(denoiser: Denoiser, jobs: Sequence[Job]) -> None:
    """Decode these requests in one call when their needed latents are of equal shape; sets their futures."""
    import torch

    try:
        latents = [denoiser.needed(job.plan, job.latent) for job in jobs if job.latent is not None]
        if not latents:
            return
        sound = denoiser.decode(torch.stack(latents)).float().cpu().numpy()
    except Exception as error:  # noqa: BLE001  (the edge between a model's code and the loop that must go on)
        for job in jobs:
            job.done.set_exception(error)
        return
    for job, samples in zip(jobs, sound, strict=True):
        job.done.set_result(np.ascontiguousarray(samples[:, : job.plan.frames], dtype=np.float32))
