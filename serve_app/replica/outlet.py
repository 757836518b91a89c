"""Where the bytes of a streamed sound leave the thread that makes them."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from deployments.contract import Context
from serve_app.replica.work import Event

AHEAD = 8  # chunks that nobody has taken yet
_LOOK_S = 0.5  # how often one who waits looks at its deadline


class Outlet:
    """Hands chunks over to an event loop, and makes the thread wait while AHEAD of them lie there."""

    def __init__(self, tell: Callable[[Event], None], context: Context) -> None:
        self._loop = asyncio.get_running_loop()
        self._tell, self._context = tell, context
        self._room = threading.Semaphore(AHEAD)
        self.waited_s = 0.0
        self.first_at: float | None = None  # time.perf_counter() when the first bytes left

    def send(self, data: bytes, head: Mapping[str, Any]) -> None:
        """Called from the thread. Raises Cancelled when nobody wants the sound any longer."""
        began = time.perf_counter()
        while not self._room.acquire(timeout=_LOOK_S):
            self.check()
        self.waited_s += time.perf_counter() - began
        self.check()
        self.first_at = self.first_at or time.perf_counter()
        self._loop.call_soon_threadsafe(self._tell, ("chunk", {"data": data, "head": dict(head)}))

    def check(self) -> None:
        """Raise Cancelled when nobody wants the sound any longer."""
        self._context.check()

    def make_room(self) -> None:
        """A chunk was taken, or a thread that waits shall look whether it is to stop."""
        self._room.release()
