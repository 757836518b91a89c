"""Reports of progress on their way from a worker thread to those who listen."""

import asyncio
import time
from collections.abc import Callable

from serve_app.replica.work import Event


def throttled(
    loop: asyncio.AbstractEventLoop, tell: Callable[[Event], None], every_s: float = 0.1
) -> Callable[[int, int], None]:
    """A progress function for a worker thread that passes on at most one report per `every_s`, and the last one
    unless it is the only one.

    The time to go is that of the steps since the first report, so that waiting for a place does not count.
    """
    last = time.monotonic()
    first: tuple[float, int] | None = None
    passed = False

    def progress(step: int, steps: int) -> None:
        nonlocal first, last, passed
        now = time.monotonic()
        first = first or (now, step)
        if now - last < every_s and not (passed and step == steps):
            return
        last, passed = now, True
        done = step - first[1]
        eta_s = round((now - first[0]) / done * (steps - step), 3) if done else None
        loop.call_soon_threadsafe(tell, ("progress", {"step": step, "steps": steps, "eta_s": eta_s}))

    return progress
