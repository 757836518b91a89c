"""Cache and single flight: what was made before is found in storage, what is being made is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from serve_app.config import Cache
from serve_app.errors import StorageUnavailable
from serve_app.jobs.plan import Candidate, Plan
from serve_app.jobs.results import Made
from serve_app.jobs.running import Running
from serve_app.records import object_rows
from serve_app.records.database import Database, until_available
from serve_app.storage import Storage


class Flights:
    """Equal candidates are computed once: over all processes when one has been stored, in this one while it is made."""

    def __init__(self, database: Database, storage: Storage, cache: Cache) -> None:
        self.database, self.storage, self.cache = database, storage, cache
        self.in_progress: dict[str, asyncio.Future[Made | None]] = {}

    def joins(self, plan: Plan, owner: str) -> bool:
        """Whether a candidate of this plan is being made."""
        return any(self._name(item.key, owner) in self.in_progress for item in plan.candidates)

    async def result(self, job: Running, candidate: Candidate, make: Callable[[], Awaitable[Made]]) -> Made:
        """Find the candidate in storage, join whoever is making it, or `make` it."""
        name = self._name(candidate.key, job.row.owner)
        while True:
            found = await until_available(partial(self._found, job, candidate.key))
            if found is not None:
                return found
            flight = self.in_progress.get(name)
            if flight is None:
                break
            made = await asyncio.shield(flight)
            if made is not None:
                return made.shared()
        flight = self.in_progress[name] = asyncio.get_running_loop().create_future()
        try:
            made = await make()
            flight.set_result(made)
            return made
        finally:
            del self.in_progress[name]
            if not flight.done():
                flight.set_result(None)

    def _name(self, address: str, owner: str) -> str:
        return address if self.cache.shared else f"{owner}/{address}"

    async def _found(self, job: Running, address: str) -> Made | None:
        """What the job itself made in an earlier life, or another one, if it is still in storage."""
        earlier = job.earlier.get(address)
        if earlier is not None and await asyncio.to_thread(self.storage.stat, earlier.output["key"]) is not None:
            return earlier
        return None if job.seed_was_drawn else await self.cached(address, job.row.owner)

    async def cached(self, address: str, owner: str) -> Made | None:
        """A candidate that was made before, after a look that its object is still there."""
        whose = None if self.cache.shared else owner
        found = await self.database.read(object_rows.find_stored, address, whose)
        if found is None:
            return None
        key, made = found
        try:
            there = await asyncio.to_thread(self.storage.stat, key)
        except StorageUnavailable:
            return None  # no reason to fail an accepted job: it makes its own
        if there is None:
            await self.database.write(object_rows.mark_lost, key)
            return None
        return Made(address, made["output"], made["facts"], {}, cached=True).shared()
