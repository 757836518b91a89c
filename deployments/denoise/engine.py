"""The loop: submit -> encode (side) -> steps (denoiser) -> decode (side) -> samples.

Two threads per engine. The denoiser thread runs one step after another for a set that it chooses anew each time; the
side thread encodes prompts and decodes finished latents meanwhile, so that neither stalls the steps.
"""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

from pydantic import Field

from deployments.contract import Cancelled, Context, Frozen, Samples
from deployments.denoise.decoder import decode_together
from deployments.denoise.denoiser import Denoiser, Plan
from deployments.denoise.policy import StepCost, choose
from deployments.denoise.stepper import Job, Stepper


class Settings(Frozen):
    """How the engine batches; part of the options of every model that runs on it."""

    max_rows: int = Field(default=32, ge=2, le=512, description="Most rows of one forward; a guided request has two.")
    fixed_rows: int | None = Field(
        default=None,
        ge=2,
        le=512,
        description="Pad every forward to this many rows of one shape: the same seed then gives the same bits.",
    )
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
    """Runs the requests of one model; `submit` from any thread, `close` at the end."""

    def __init__(self, denoiser: Denoiser, settings: Settings | None = None) -> None:
        self.denoiser, self.settings = denoiser, settings or Settings()
        self.prompts = PromptCache(denoiser.encode, self.settings.prompt_cache)
        self.stepper = Stepper(denoiser, self.settings.fixed_rows)
        self.cost = StepCost(1e-3, 1e-6)
        self.changed = threading.Condition()
        self.to_encode: deque[Job] = deque()
        self.active: list[Job] = []
        self.to_decode: deque[Job] = deque()
        self.closed = False
        self.threads = [
            threading.Thread(target=self._guarded, args=(loop,), name=name, daemon=True)
            for loop, name in ((self._denoise, "denoise"), (self._side, "denoise-side"))
        ]
        for thread in self.threads:
            thread.start()

    def submit(self, plan: Plan, context: Context) -> "Future[Samples]":
        """The samples (channels, frames) to come; ends in Cancelled when the context is cancelled meanwhile."""
        job = Job(plan, context, time.perf_counter())
        job.done.set_running_or_notify_cancel()  # from here on only the engine ends it
        with self.changed:
            if self.closed:
                raise RuntimeError("the engine is closed")
            self.to_encode.append(job)
            self.changed.notify_all()
        return job.done

    def close(self) -> None:
        """Stop both threads; what is unfinished ends in Cancelled."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()
        for waiting in (self.to_encode, self.active, self.to_decode):
            for job in waiting:
                job.done.set_exception(Cancelled())
            waiting.clear()

    def _guarded(self, loop: Callable[[], None]) -> None:
        import torch

        with torch.inference_mode():
            loop()

    def _denoise(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.closed or self.active)
                if self.closed:
                    return
                active = list(self.active)
            gone = [job for job in active if self._ended(job)]
            running = choose([job for job in active if job not in gone], self.cost, time.perf_counter(), self._rows())
            finished: list[Job] = []
            if running:
                gone += self._stepped(running, finished)
            with self.changed:
                self.active = [job for job in self.active if job not in gone and job not in finished]
                self.to_decode.extend(finished)
                self.changed.notify_all()

    def _rows(self) -> int:
        return self.settings.fixed_rows or self.settings.max_rows

    def _stepped(self, running: list[Job], finished: list[Job]) -> list[Job]:
        """Run one step; returns who failed, and adds to `finished` who has all steps done."""
        try:
            self.stepper.step(running)
        except Exception as error:  # noqa: BLE001  (the edge between a model's code and the loop that must go on)
            for job in running:
                job.done.set_exception(error)
            return running
        for job in running:
            job.context.progress(job.plan.steps - job.remaining, job.plan.steps)
        finished += [job for job in running if job.remaining == 0]
        return []

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
                decode_together(self.denoiser, [job for job in ready if not self._ended(job)])

    def _alike(self) -> list[Job]:
        """Finished requests whose latents can be decoded together, the oldest first."""
        shape = self.to_decode[0].plan.shape
        alike = [job for job in self.to_decode if job.plan.shape == shape][: self.settings.max_decodes]
        for job in alike:
            self.to_decode.remove(job)
        return alike

    def _encode(self, job: Job) -> None:
        if self._ended(job):
            return
        try:
            job.condition = self.prompts.condition(job.plan.prompt)
        except Exception as error:  # noqa: BLE001  (as above)
            job.done.set_exception(error)
            return
        with self.changed:
            self.active.append(job)
            self.changed.notify_all()

    def _ended(self, job: Job) -> bool:
        """Whether the request was cancelled or its deadline passed; it is told so."""
        try:
            job.context.check()
        except Cancelled as error:
            job.done.set_exception(error)
            return True
        return False
