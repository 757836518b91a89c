"""Places at the models: how many pieces of work may be under way at once, and who is next."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Waiting:
    """Somebody in the queue of a model."""

    job_id: str
    owner: str
    priority: int
    order: int
    granted: "asyncio.Future[None]"


class Slots:
    """One model's places. The next is: highest priority, then the owner with the least under way, then first come."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.held: Counter[str] = Counter()
        self.waiting: list[Waiting] = []
        self.closed = False
        self._order = 0

    @property
    def busy(self) -> int:
        """How many places are taken."""
        return self.held.total()

    def reserve(self, owner: str) -> bool:
        """Hold a place for somebody who will `take` it in a moment, or `release` it; False when there is none free."""
        if self.closed or self.waiting or self.busy >= self.capacity:
            return False
        self.held[owner] += 1
        return True

    def release(self, owner: str) -> None:
        """Give a place back, to whoever is next."""
        self.held[owner] -= 1
        self._grant()

    @asynccontextmanager
    async def take(self, job_id: str, owner: str, priority: int, *, reserved: bool = False) -> AsyncIterator[None]:
        """Hold a place for the time of the block, the `reserved` one or another."""
        if not reserved and not self.reserve(owner):
            await self._queue(job_id, owner, priority)
        try:
            yield
        finally:
            self.release(owner)

    async def _queue(self, job_id: str, owner: str, priority: int) -> None:
        self._order += 1
        me = Waiting(job_id, owner, priority, self._order, asyncio.get_running_loop().create_future())
        self.waiting.append(me)
        try:
            await me.granted
        except asyncio.CancelledError:
            if me.granted.done() and not me.granted.cancelled():
                self.held[owner] -= 1
            self._grant()
            raise
        finally:
            if me in self.waiting:
                self.waiting.remove(me)

    def _grant(self) -> None:
        self.waiting = [item for item in self.waiting if not item.granted.done()]
        while self.waiting and self.busy < self.capacity and not self.closed:
            chosen = min(self.waiting, key=self._rank)
            self.waiting.remove(chosen)
            self.held[chosen.owner] += 1
            chosen.granted.set_result(None)

    def _rank(self, item: Waiting) -> tuple[int, int, int]:
        return item.priority, self.held[item.owner], item.order

    def position(self, job_id: str) -> int | None:
        """How many are before a waiting job, itself included; None when it does not wait."""
        for place, item in enumerate(sorted(self.waiting, key=self._rank), start=1):
            if item.job_id == job_id:
                return place
        return None

    def close(self) -> None:
        """Grant no more places; those who hold one keep it."""
        self.closed = True
