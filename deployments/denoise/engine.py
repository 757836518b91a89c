"""The loop: submit -> encode (side) -> steps (denoiser) -> decode (side) -> samples.

Two threads per engine. The denoiser thread runs one step after another for a set that it chooses anew each time; the
side thread encodes prompts and decodes finished latents meanwhile, so that neither stalls the steps.

What a model raises is the answer of the requests that it met. What ends a thread (the loss of the device, a defect)
ends the engine: every request gets Unhealthy, those that wait at once and later ones from `submit`.
"""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any

from pydantic import Field

from deployments.contract import Cancelled, Context, Frozen, OutOfMemory, Samples, Unhealthy
from deployments.denoise.decoder import decode_together
from deployments.denoise.denoiser import Denoiser, Plan
from deployments.denoise.policy import Waiting, measured
from deployments.denoise.stepper import Job, Stepper
from deployments.faults import device_lost, memory_ran_out

SWEEP_EVERY_S = 0.1

log = logging.getLogger("continuo")


class Settings(Frozen):
    """How the engine batches; part of the options of every model that runs on it."""

    step_tokens: float | None = Field(
        default=None, gt=0, description="Tokens of a full step; if absent, measured while the model loads."
    )
    measure_s: float = Field(default=2.0, ge=0, description="Time for measuring steps at the load; 0 runs one step.")
    max_rows: int = Field(default=32, ge=2, le=512, description="Most rows of one forward; a guided request has two.")
    fixed_rows: int | None = Field(
        default=None,
        ge=2,
        le=512,
        description="Pad every forward to this many rows of one shape: the same seed then gives the same bits.",
    )
    cuda_graphs: bool = Field(default=True, description="On CUDA, replay steps as graphs where the model can.")
    max_decodes: int = Field(default=4, ge=1, le=64, description="Most latents of equal length decoded together.")
    prompt_cache: int = Field(default=256, ge=0, le=100_000, description="Conditions of distinct prompts kept.")


class PromptCache:
    """Conditions by prompt, the least recently used dropped; used by the side thread only."""

    def __init__(self, encode: Callable[[Hashable], Any], size: int) -> None:
        self.encode, self.size = encode, size
        self.kept: OrderedDict[Hashable, Any] = OrderedDict()

    def condition(self, prompt: Hashable) -> Any:
        """The condition of a prompt, encoded unless it is kept."""
        if prompt in self.kept:
            self.kept.move_to_end(prompt)
            return self.kept[prompt]
        made = self.kept[prompt] = self.encode(prompt)
        while len(self.kept) > self.size:
            self.kept.popitem(last=False)
        return made


class Engine:
    """Runs the requests of one model; `submit` from any thread, `close` at the end.

    Making one warms the model up: it measures the cost of a step, which may take seconds.
    """

    def __init__(self, denoiser: Denoiser, settings: Settings | None = None) -> None:
        import torch

        self.denoiser, self.settings = denoiser, settings or Settings()
        with torch.inference_mode():
            cost = measured(denoiser, time.perf_counter, self.settings.measure_s)
        fixed = self.settings.fixed_rows
        self.stepper = Stepper(denoiser, fixed)
        self.waiting: Waiting[Job] = Waiting(
            cost, fixed or self.settings.max_rows, self.settings.step_tokens, same_shape=fixed is not None
        )
        self.prompts = PromptCache(denoiser.encode, self.settings.prompt_cache)
        self.changed = threading.Condition()
        self.to_encode: deque[Job] = deque()
        self.encoded: deque[Job] = deque()
        self.to_decode: deque[Job] = deque()
        self.unfinished: set[Future[Samples]] = set()
        self.closed = False
        self.failure: str | None = None  # why a thread has ended, once one has
        self.swept_s = 0.0
        self.threads = [
            threading.Thread(target=self._guarded, args=(loop,), name=name, daemon=True)
            for loop, name in ((self._denoise, "denoise"), (self._side, "denoise-side"))
        ]
        for thread in self.threads:
            thread.start()

    def submit(self, plan: Plan, context: Context) -> "Future[Samples]":
        """The samples (channels, frames) to come; ends in Cancelled when the context is cancelled meanwhile.

        Raises Unhealthy, as the future may too, when the engine has failed.
        """
        job = Job(plan, context, time.perf_counter())
        job.done.set_running_or_notify_cancel()  # from here on only the engine ends it
        with self.changed:
            if self.failure is not None:
                raise Unhealthy(self.failure)
            if self.closed:
                raise RuntimeError("the engine is closed")
            self.unfinished.add(job.done)
            self.to_encode.append(job)
            self.changed.notify_all()
        job.done.add_done_callback(self.unfinished.discard)
        return job.done

    def close(self) -> None:
        """Stop both threads; what is unfinished ends in Cancelled."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()
        self._end(Cancelled())

    def _guarded(self, loop: Callable[[], None]) -> None:
        import torch

        try:
            with torch.inference_mode():
                loop()
        except BaseException as error:  # nobody else would see it, and every request would wait for ever
            log.error("a thread of the engine has ended", exc_info=error)
            self._fail(f"the engine has ended: {type(error).__name__}: {error}")

    def _fail(self, reason: str) -> None:
        """End both threads; the first reason is told to everybody."""
        with self.changed:
            self.failure = self.failure or reason
            self.closed = True  # from here on `submit` adds nothing
            self.changed.notify_all()
        self._end(Unhealthy(self.failure))

    def _end(self, error: Exception) -> None:
        """The answer of all that is unfinished."""
        for done in list(self.unfinished):
            with suppress(InvalidStateError):
                done.set_exception(error)

    def _denoise(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.closed or self.encoded or self.waiting)
                if self.closed:
                    return
                while self.encoded:
                    self.waiting.add(self.encoded.popleft())
            self._sweep()
            running = [job for job in self.waiting.take() if not ended(job)]
            if running:
                self._run(running)
            del running  # who waits holds no request, whose answer is a sound

    def _sweep(self) -> None:
        """Let go of the cancelled among those who wait; those who run are looked at before every step."""
        if time.perf_counter() - self.swept_s > SWEEP_EVERY_S:
            self.waiting.drop(ended)
            self.swept_s = time.perf_counter()

    def _run(self, running: list[Job], *, split: bool = True) -> None:
        """One step; without enough memory for all of them, once more in halves."""
        try:
            self.stepper.step(running)
            self.stepper.settle(ahead=1)
        except Exception as error:  # the edge between a model's code and the loop that must go on
            if split and out_of_memory(error):
                half = (len(running) + 1) // 2
                for part in (running[:half], running[half:]):
                    if part:
                        self._run(part, split=False)
                return
            if device_lost(error):
                raise
            for job in running:
                job.fail(told(error, len(running)))
            return
        going_on = [job for job in running if reported(job)]
        for job in going_on:
            if job.remaining:
                self.waiting.add(job)
        finished = [job for job in going_on if not job.remaining]
        if finished:
            self.stepper.settle()
            self.stepper.forget()
            with self.changed:
                self.to_decode.extend(finished)
                self.changed.notify_all()

    def _side(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.closed or self.to_encode or self.to_decode)
                if self.closed:
                    return
                fresh = self.to_encode.popleft() if self.to_encode else None
                ready = [] if fresh else self._alike()
            if fresh is not None:
                self._encode(fresh)
            else:
                decode_together(self.denoiser, [job for job in ready if not ended(job)])
            del fresh, ready  # as above

    def _alike(self) -> list[Job]:
        """Finished requests that can be decoded together, the oldest first; each alone where bits must not change."""
        first = self.to_decode[0].plan
        most = 1 if self.settings.fixed_rows else self.settings.max_decodes
        alike = [job for job in self.to_decode if (job.plan.shape, job.plan.frames) == (first.shape, first.frames)][
            :most
        ]
        for job in alike:
            self.to_decode.remove(job)
        return alike

    def _encode(self, job: Job) -> None:
        if ended(job):
            return
        try:
            job.condition = self.prompts.condition(job.plan.prompt)
        except Exception as error:
            if device_lost(error):
                raise
            job.fail(told(error, 1))
            return
        with self.changed:
            self.encoded.append(job)
            self.changed.notify_all()


def reported(job: Job) -> bool:
    """Tell whoever listens how far the request is; a listener that fails ends its own request only."""
    try:
        job.context.progress(job.plan.steps - job.remaining, job.plan.steps)
    except Exception as error:  # noqa: BLE001  (the edge between a caller's code and the loop that must go on)
        job.fail(error)
        return False
    return True


def ended(job: Job) -> bool:
    """Whether the request has its answer; one that was cancelled or whose deadline passed is told so."""
    try:
        job.context.check()
    except Cancelled as error:
        job.fail(error)
    return job.done.done()


def out_of_memory(error: Exception) -> bool:
    """Whether a step failed for memory; what the failed attempt holds is given back."""
    import torch

    if not memory_ran_out(error):
        return False
    error.__traceback__ = None  # its frames hold the tensors of the failed attempt
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return True


def told(error: Exception, requests: int) -> Exception:
    """The error as the job tells it."""
    if not out_of_memory(error):
        return error
    return OutOfMemory(f"a step for {requests} request(s) did not fit, tried twice: {error}")
