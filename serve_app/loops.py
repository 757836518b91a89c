"""Work that is done again and again beside the requests; no error ends it, and it is told when it does not run."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from serve_app.errors import ContinuoError
from serve_app.logs import log

LONGEST_TURN_S = 120.0  # a turn does a bounded piece of work, and what it waits for has timeouts
AFTER_AN_ERROR_S = 1.0
LONGEST_PAUSE_S = 30.0


@dataclass
class Loop:
    """One piece of work: its turn returns the seconds until the next one."""

    name: str
    turn: Callable[[], Awaitable[float]]
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    began_at: float | None = None  # the turn under way, by time.monotonic()
    failures: int = 0  # in a row
    error: str = ""

    async def run(self) -> None:
        """Take turns until cancelled."""
        while True:
            self.began_at = time.monotonic()
            self.woken.clear()
            pause_s = await self._turn()
            self.began_at = None
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):  # wait_for loses a cancellation that comes with the wake
                    await self.woken.wait()

    async def _turn(self) -> float:
        try:
            pause_s = await self.turn()
        except Exception as error:  # noqa: BLE001  (an error that ends a loop would stop cancels, webhooks or retention)
            self.failures += 1
            self.error = error.detail if isinstance(error, ContinuoError) else type(error).__name__
            known = isinstance(error, ContinuoError)
            log.warning("loop failed", extra={"loop": self.name, "detail": self.error}, exc_info=not known)
            return min(LONGEST_PAUSE_S, AFTER_AN_ERROR_S * 2.0 ** min(self.failures - 1, 5))
        self.failures, self.error = 0, ""
        return pause_s


class Loops:
    """All loops of a process, by name."""

    def __init__(self) -> None:
        self.all: dict[str, Loop] = {}

    def start(self, name: str, turn: Callable[[], Awaitable[float]]) -> None:
        """Begin to take turns; `turn` returns the seconds until the next one."""
        loop = self.all[name] = Loop(name, turn)
        loop.task = asyncio.create_task(loop.run(), name=name)

    def wake(self, name: str) -> None:
        """Let the next turn come at once."""
        if name in self.all:
            self.all[name].woken.set()

    def stuck(self) -> list[str]:
        """The loops that have ended, or whose turn does not end: only another process can help."""
        late = time.monotonic() - LONGEST_TURN_S
        return [
            loop.name
            for loop in self.all.values()
            if loop.task is None or loop.task.done() or (loop.began_at is not None and loop.began_at < late)
        ]

    def failing(self) -> dict[str, str]:
        """The loops whose last turns failed, with the reason."""
        return {loop.name: loop.error for loop in self.all.values() if loop.failures}

    async def close(self) -> None:
        """End them all."""
        tasks = [loop.task for loop in self.all.values() if loop.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
