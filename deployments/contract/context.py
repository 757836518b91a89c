"""What surrounds one generation, and the errors that a model raises."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

NOTE_BYTES = 4096


class Cancelled(Exception):
    """The job was cancelled or its deadline passed; raised inside generate by `Context.check`."""


class InvalidInput(ValueError):
    """The request cannot be served by this model whoever tries: never retried. `pointer` names the field."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail, self.pointer = detail, pointer


class RetryLater(Exception):
    """Whoever the model asks cannot take the request now: it leaves its place and comes back after `after_s` seconds,
    or when its callback comes. Time and tries are bounded by the job's deadline alone.
    """

    def __init__(self, after_s: float) -> None:
        if not 0 <= after_s < math.inf:
            raise ValueError(f"after_s is {after_s!r}; a number of seconds from 0 on is needed")
        super().__init__(f"after {after_s:g} s")
        self.after_s = float(after_s)


class LoadFailed(RuntimeError):
    """The model cannot be loaded; the message says what was looked for, where, and what to do."""


class OutOfMemory(RuntimeError):
    """The device has too little memory for this request; the message gives the figures."""


class Unhealthy(RuntimeError):
    """The model can serve nothing more in this process, the message says why: its replica is replaced.

    What `healthy` returns becomes one. That is asked every second, on the event loop: it must look at what is known,
    and neither compute nor wait for a lock.
    """


def _ignore(step: int, steps: int) -> None:
    """Progress goes nowhere when nobody listens."""


class Keeper(Protocol):
    """The service as a Context reaches it, on its event loop."""

    loop: asyncio.AbstractEventLoop

    async def keep(self, data: Mapping[str, Any]) -> None:
        """Return when the note is durable. Raises Cancelled."""

    async def callback(self, timeout_s: float) -> bool:
        """Whether a callback came within `timeout_s`. Raises Cancelled."""


@dataclass
class Context:
    """What surrounds one generation: its seed, where progress goes, when to stop, whom it is composed with.

    `parts` maps a name of the entry's `parts` to a handle (on Ray) or to a plain object (without). `files` maps each
    field of `Request.files` that the request gives to a file of this machine, which is there while `generate` runs.
    `noted` is what this attempt or an earlier one noted last. Whoever POSTs to `callback_url` (None: the service has no
    `public_url`) wakes the job, once per attempt; what is posted is not read.
    """

    seed: int
    progress: Callable[[int, int], None] = _ignore
    cancelled: threading.Event = field(default_factory=threading.Event)
    deadline: float = math.inf  # in seconds of this process's time.monotonic()
    parts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    noted: Mapping[str, Any] | None = None
    callback_url: str | None = None
    keeper: Keeper | None = None  # None: outside the service

    def check(self) -> None:
        """Raise Cancelled when the job was cancelled or its deadline passed; call it between steps or blocks."""
        if self.cancelled.is_set() or self.late():
            raise Cancelled

    def late(self) -> bool:
        """Whether the deadline passed."""
        return time.monotonic() > self.deadline

    def step(self, step: int, steps: int) -> None:
        """Report that `step` of `steps` is done, then `check`."""
        self.progress(step, steps)
        self.check()

    def note(self, data: Mapping[str, Any]) -> None:
        """Return when `data` is durable in place of what was noted before: the next attempt finds it in `noted`,
        whatever process dies. For worker threads. Raises ValueError over NOTE_BYTES of JSON, Cancelled.
        """
        self._wait(self.note_async, data)

    async def note_async(self, data: Mapping[str, Any]) -> None:
        """`note` for `async def submit`."""
        text = json.dumps(data, allow_nan=False)
        if (size := len(text)) > NOTE_BYTES:  # all of it is ASCII
            raise ValueError(f"a note of {size} bytes as JSON; at most {NOTE_BYTES} are kept")
        if self.keeper is not None:
            await self.keeper.keep(json.loads(text))
        self.noted = json.loads(text)

    def wait_for_callback(self, timeout_s: float) -> bool:
        """Whether `callback_url` was called, after `timeout_s` at the latest. For worker threads. Raises Cancelled."""
        return self._wait(self.wait_for_callback_async, timeout_s)

    async def wait_for_callback_async(self, timeout_s: float) -> bool:
        """`wait_for_callback` for `async def submit`."""
        if self.keeper is not None:
            return await self.keeper.callback(timeout_s)
        await asyncio.sleep(timeout_s)
        self.check()
        return False

    def _wait(self, ask: Callable[[Any], Coroutine[Any, Any, T]], argument: Any) -> T:
        """Run on the service's event loop what a worker thread waits for."""
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(f"this would block an event loop; await {ask.__name__} there")
        if self.keeper is None:
            return asyncio.run(ask(argument))
        asked = asyncio.run_coroutine_threadsafe(ask(argument), self.keeper.loop)
        try:
            while not futures.wait([asked], timeout=0.1).done:
                self.check()  # here too: a loop that ends answers nobody
            return asked.result()
        finally:
            asked.cancel()
