"""Cache and single flight: what was made before is found in storage, what is being made is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from serve_app.config import Cache
from serve_app.errors import ReplicaLost, StorageUnavailable
from serve_app.jobs.live import Live
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.plan import Candidate, Plan
from serve_app.jobs.results import Made
from serve_app.jobs.running import Running
from serve_app.jobs.watching import wait_for
from serve_app.records import object_rows
from serve_app.records.database import until_available
from serve_app.storage import Storage

LOOK_EVERY_S = 1.0  # for the end of what another process makes; its last event is seen sooner


@dataclass(frozen=True)
class Flight:
    """A candidate that is being made: its result (None when there is none), and its bytes if it is streamed."""

    made: "asyncio.Future[Made | None]"
    live: Live | None


class Flights:
    """Equal candidates are computed once, but for streamed ones that run in different processes: each has its bytes.

    `several` tells whether other processes may be making something.
    """

    def __init__(self, persistence: Persistence, storage: Storage, cache: Cache, several: Callable[[], bool]) -> None:
        self.database, self.lease, self.watchers = persistence.database, persistence.lease, persistence.watchers
        self.storage, self.cache, self.several = storage, cache, several
        self.in_progress: dict[str, Flight] = {}

    def joins(self, plan: Plan, owner: str) -> bool:
        """Whether a candidate of this plan is being made."""
        return any(self._name(item.key, owner) in self.in_progress for item in plan.candidates)

    async def result(
        self, job: Running, candidate: Candidate, make: Callable[[], Awaitable[Made]], leave: Callable[[], object]
    ) -> Made:
        """Find the candidate in storage, join whoever is making it, or `make` it.

        `leave` gives back the place that was kept for making it.
        """
        name = self._name(candidate.key, job.row.owner)
        while True:
            found = await until_available(partial(self._found, job, candidate))
            if found is not None:
                return found
            flight = self.in_progress.get(name)
            if flight is None:
                if (other := await self._elsewhere(job, candidate)) is None:
                    break
                leave()
                await self._over(other, job, candidate)
                continue
            made = await self._joined(job, flight)
            if made is not None:
                return made.shared()
        flight = self.in_progress[name] = Flight(asyncio.get_running_loop().create_future(), job.live)
        try:
            made = await make()
            flight.made.set_result(made)
            return made
        finally:
            del self.in_progress[name]
            if not flight.made.done():
                flight.made.set_result(None)

    async def _elsewhere(self, job: Running, candidate: Candidate) -> str | None:
        """An older job that makes the same in another process now; it waits for none that is younger."""
        if job.live is not None or job.seed_was_drawn or not self.several():
            return None
        whose = None if self.cache.shared else job.row.owner
        asked = (candidate.key, job.row.id, self.lease.holder, whose)
        return await until_available(partial(self.database.read, object_rows.made_elsewhere, *asked))

    async def _over(self, other: str, job: Running, candidate: Candidate) -> None:
        """Return when that job makes it no longer, whether it has made it or not."""
        with self.watchers.watching(other) as changed:
            while await self._elsewhere(job, candidate) == other:
                await wait_for(changed, LOOK_EVERY_S)
                changed.clear()

    async def _joined(self, job: Running, flight: Flight) -> Made | None:
        """What the other job makes, and its bytes meanwhile; None when it has made nothing."""
        if job.live is not None and flight.live is not None:
            job.live.follow(flight.live)
        made = None
        try:
            made = await asyncio.shield(flight.made)
        finally:
            if made is None and job.live is not None:
                begun = job.live.begun
                job.live.leave()
        if made is None and job.live is not None and begun:
            raise ReplicaLost("the run that this sound was a part of has ended; what was sent of it is not all")
        return made

    def _name(self, address: str, owner: str) -> str:
        return address if self.cache.shared else f"{owner}/{address}"

    async def _found(self, job: Running, candidate: Candidate) -> Made | None:
        """What the job itself made in an earlier life, or another one, if it is still in storage."""
        earlier = job.earlier.get(candidate.key)
        if earlier is not None and await asyncio.to_thread(self.storage.has, earlier.output["key"]):
            return earlier
        return None if job.seed_was_drawn else await self.cached(candidate, job.row.owner)

    async def cached(self, candidate: Candidate, owner: str) -> Made | None:
        """A candidate that was made before, or what answers instead of it."""
        found = await self._cached(candidate.key, owner)
        if found is None and candidate.instead is not None:
            found = await self._cached(candidate.instead, owner)
        return found

    async def _cached(self, address: str, owner: str) -> Made | None:
        """What is stored under an address, after a look that its object is still there."""
        whose = None if self.cache.shared else owner
        found = await self.database.read(object_rows.find_stored, address, whose)
        if found is None:
            return None
        key, made = found
        try:
            there = await asyncio.to_thread(self.storage.has, key)
        except StorageUnavailable:
            return None  # no reason to fail an accepted job: it makes its own
        if not there:
            await self.database.write(object_rows.mark_lost, key)
            return None
        return Made(address, made["output"], made["facts"], {}, cached=True).shared()
