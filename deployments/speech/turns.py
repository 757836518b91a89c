"""Who computes next: of all that wait, the one that has been given least."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Turns:
    """At most `at_once` threads compute; whoever has had least goes first, then whoever came first.

    Texts that run side by side take turns piece by piece, so a new one starts to sound before long ones go on. But
    nobody is passed over for ever where new ones never end: whoever has had 20 s of sound waits until the others were
    given 20 s since, then goes before those that come anew. Had they all been heard as they were made, that text's
    listener would still have something to hear.
    """

    def __init__(self, at_once: int) -> None:
        self.free = at_once
        self.door = threading.Lock()
        self.order = itertools.count()
        self.given = 0.0  # to all of them
        self.waiting: list[tuple[float, int, threading.Event]] = []

    @contextmanager
    def turn(self, had: float) -> Iterator[Callable[[float], None]]:
        """Compute while the block runs, which tells how much it made; `had` is what the caller was given before."""
        self._enter(had)
        try:
            yield self._give
        finally:
            self._leave()

    def _give(self, amount: float) -> None:
        with self.door:
            self.given += amount

    def _enter(self, had: float) -> None:
        with self.door:
            if self.free:
                self.free -= 1
                return
            called = threading.Event()
            heapq.heappush(self.waiting, (self.given + had, next(self.order), called))
        called.wait()  # a place is handed over, not put back: nobody can slip in between

    def _leave(self) -> None:
        with self.door:
            if self.waiting:
                heapq.heappop(self.waiting)[2].set()
            else:
                self.free += 1
