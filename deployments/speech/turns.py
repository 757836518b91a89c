"""Who computes next: of all that wait, the one that has been given least."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """At most `at_once` threads compute; whoever has had least goes first, then whoever came first.

    Texts that run side by side take turns piece by piece, so a new one starts to sound before long ones go on.
    """

    def __init__(self, at_once: int) -> None:
        self.free = at_once
        self.door = threading.Lock()
        self.order = itertools.count()
        self.waiting: list[tuple[float, int, threading.Event]] = []

    @contextmanager
    def turn(self, had: float) -> Iterator[None]:
        """Compute while the block runs; `had` is how much the caller was given before, in any unit."""
        self._enter(had)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, had: float) -> None:
        with self.door:
            if self.free:
                self.free -= 1
                return
            called = threading.Event()
            heapq.heappush(self.waiting, (had, next(self.order), called))
        called.wait()  # a place is handed over, not put back: nobody can slip in between

    def _leave(self) -> None:
        with self.door:
            if self.waiting:
                heapq.heappop(self.waiting)[2].set()
            else:
                self.free += 1
