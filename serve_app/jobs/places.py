"""Places at the models: how many pieces of work may be under way at once, and who is next."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zlib import crc32

from serve_app.jobs.catalogue import Catalogue


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
        self.held: Counter[str] = Counter()  # places by owner
        self.jobs: Counter[str] = Counter()  # places by job
        self.waiting: list[Waiting] = []
        self.closed = False
        self._order = 0

    @property
    def busy(self) -> int:
        """How many places are taken."""
        return self.held.total()

    @property
    def free(self) -> int:
        """How many places nobody here has or waits for."""
        return 0 if self.closed or self.waiting else max(0, self.capacity - self.busy)

    def reserve(self, job_id: str, owner: str) -> bool:
        """Hold a place for somebody who will `take` it in a moment, or `release` it; False when there is none free."""
        if self.waiting or self.busy >= self.capacity or not self._is_admitted(job_id):
            return False
        self._hold(job_id, owner, 1)
        return True

    def release(self, job_id: str, owner: str) -> None:
        """Give a place back, to whoever is next."""
        self._hold(job_id, owner, -1)
        self._grant()

    def _hold(self, job_id: str, owner: str, places: int) -> None:
        for counts, name in ((self.held, owner), (self.jobs, job_id)):
            counts[name] += places
            if not counts[name]:
                del counts[name]

    def _is_admitted(self, job_id: str) -> bool:
        """When closed, only jobs that have begun get further places: they could not end otherwise."""
        return not self.closed or job_id in self.jobs

    @asynccontextmanager
    async def take(self, job_id: str, owner: str, priority: int, *, reserved: bool = False) -> AsyncIterator[None]:
        """Hold a place for the time of the block, the `reserved` one or another."""
        if not reserved and not self.reserve(job_id, owner):
            await self._queue(job_id, owner, priority)
        try:
            yield
        finally:
            self.release(job_id, owner)

    async def _queue(self, job_id: str, owner: str, priority: int) -> None:
        self._order += 1
        me = Waiting(job_id, owner, priority, self._order, asyncio.get_running_loop().create_future())
        self.waiting.append(me)
        try:
            await me.granted
        except asyncio.CancelledError:
            if me.granted.done() and not me.granted.cancelled():
                self._hold(job_id, owner, -1)
            self._grant()
            raise
        finally:
            if me in self.waiting:
                self.waiting.remove(me)

    def _grant(self) -> None:
        self.waiting = [item for item in self.waiting if not item.granted.done()]
        while self.busy < self.capacity:
            fitting = [item for item in self.waiting if self._is_admitted(item.job_id)]
            if not fitting:
                return
            chosen = min(fitting, key=self._rank)
            self.waiting.remove(chosen)
            self._hold(chosen.job_id, chosen.owner, 1)
            chosen.granted.set_result(None)

    def resize(self, capacity: int) -> None:
        """Have another number of places from now on; who holds one keeps it."""
        self.capacity = capacity
        self._grant()

    def _rank(self, item: Waiting) -> tuple[int, int, int]:
        return item.priority, self.held[item.owner], item.order

    def position(self, job_id: str) -> int | None:
        """How many are before a waiting job, itself included; None when it does not wait."""
        for place, item in enumerate(sorted(self.waiting, key=self._rank), start=1):
            if item.job_id == job_id:
                return place
        return None

    def close(self) -> None:
        """Grant no more places to jobs that have none; those who hold one keep it."""
        self.closed = True


class Places(Mapping[str, Slots]):
    """The places at every model of the configuration, by its name."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.processes, self._rank = 1, 0
        self._slots = {item.name: Slots(self._capacity(item.name)) for item in catalogue}

    def __getitem__(self, model: str) -> Slots:
        return self._slots[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._slots)

    def __len__(self) -> int:
        return len(self._slots)

    def _capacity(self, model: str) -> int:
        """This process's part: all parts together are the model's places, or one each where they are more.

        Which processes have the one more that a division leaves differs from model to model.
        """
        replicas = self.catalogue[model].entry.replicas
        each, left = divmod(replicas.max * replicas.target_ongoing, self.processes)
        return max(1, each + ((self._rank + crc32(model.encode())) % self.processes < left))

    def share(self, processes: int, rank: int) -> None:
        """Have the part of the one at place `rank` among processes that give jobs to the same replicas."""
        if (processes, rank) != (self.processes, self._rank):
            self.processes, self._rank = processes, rank
            for model, slots in self._slots.items():
                slots.resize(self._capacity(model))

    def close(self) -> None:
        """Grant no more places to jobs that have none."""
        for slots in self._slots.values():
            slots.close()
