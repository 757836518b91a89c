"""One denoising step for a running set of requests: gather, forward, guide, advance."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from deployments.contract import Context, Samples
from deployments.denoise.denoiser import Denoiser, Plan, Row, Sampler
from deployments.faults import device_lost

if TYPE_CHECKING:
    import torch


@dataclass(eq=False)
class Job:
    """A request inside the engine: what it asked for and how far it is."""

    plan: Plan
    context: Context
    arrived_s: float
    done: "Future[Samples]" = field(default_factory=Future)
    condition: Any = None
    latent: "torch.Tensor | None" = None
    sampler: Sampler | None = None

    @property
    def remaining(self) -> int:
        """Steps to go."""
        return self.plan.steps if self.sampler is None else self.sampler.steps - self.sampler.step

    def succeed(self, samples: Samples) -> None:
        """Answer the request, unless it has its answer: an engine that ends answers what its other thread holds."""
        with suppress(InvalidStateError):
            self.done.set_result(samples)

    def fail(self, error: Exception) -> None:
        """Answer the request with an error, unless it has its answer."""
        with suppress(InvalidStateError):
            self.done.set_exception(error)


@contextmanager
def answering(jobs: Sequence[Job]) -> Iterator[None]:
    """An error in the block is the answer of these requests; the loss of the device goes on, as it concerns all."""
    try:
        yield
    except Exception as error:
        if device_lost(error):
            raise
        for job in jobs:
            job.fail(error)


class Stepper:
    """Runs steps; keeps what a running set has in common until the set changes."""

    def __init__(self, denoiser: Denoiser, fixed_rows: int | None = None) -> None:
        self.denoiser, self.fixed_rows = denoiser, fixed_rows
        self.members: tuple[Job, ...] = ()
        self.packed: Any = None
        self.ends: list[Any] = []  # CUDA events at the ends of steps that may still be under way

    def step(self, jobs: Sequence[Job]) -> None:
        """Bring every one of these requests one step further; if it fails, none of them has moved."""
        try:
            self._step(sorted(jobs, key=lambda job: job.plan.shape))
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Drop the running set, which has changed: it holds its requests, and they their sounds."""
        self.members, self.packed = (), None

    def settle(self, ahead: int = 0) -> None:
        """Wait until all steps but the last `ahead` are done on the device. A CPU is never behind."""
        while len(self.ends) > ahead:
            self.ends.pop(0).synchronize()

    def _step(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.sampler is None:
                self._begin(job)
        if tuple(jobs) != self.members:
            self.packed = None  # free the old one first
            self.packed = self.denoiser.pack(self._filled([row for job in jobs for row in rows_of(job)]))
            self.members = tuple(jobs)
        latents, times = [], []
        for job in jobs:
            assert job.sampler is not None
            assert job.latent is not None
            seen = job.sampler.scaled(job.latent)
            latents += [seen] * job.plan.rows
            times += [job.sampler.timestep] * job.plan.rows
        predictions = self.denoiser.forward(self._filled(latents), self._filled(times), self.packed)
        at = 0
        for job in jobs:
            assert job.sampler is not None
            assert job.latent is not None
            job.latent = job.sampler.advance(job.latent, guided(job.plan, predictions, at))
            at += job.plan.rows
        if predictions[0].is_cuda:
            import torch

            self.ends.append(torch.cuda.Event())  # type: ignore[no-untyped-call]
            self.ends[-1].record()

    def _begin(self, job: Job) -> None:
        import torch

        generator = torch.Generator().manual_seed(job.context.seed)
        job.latent, job.sampler = self.denoiser.begin(job.plan, generator)

    def _filled(self, rows: list[Any]) -> list[Any]:
        """The rows, in fixed-shape mode followed by copies of the first until their number is the fixed one."""
        missing = 0 if self.fixed_rows is None else self.fixed_rows - len(rows)
        return rows + rows[:1] * missing


def rows_of(job: Job) -> list[Row]:
    """The rows of a request: the unconditional one first when it is guided."""
    branches = (True, False) if job.plan.rows == 2 else (False,)
    return [Row(job.plan, job.condition, negative) for negative in branches]


def guided(plan: Plan, predictions: "Sequence[torch.Tensor]", at: int) -> "torch.Tensor":
    """Classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598) over the rows of one request."""
    if plan.rows == 1:
        return predictions[at].float()
    negative, positive = predictions[at].float(), predictions[at + 1].float()
    return negative + plan.guidance_scale * (positive - negative)
