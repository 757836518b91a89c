"""What an ingress does beside its requests: see what other processes want, take up jobs, free strays, sweep.

Each method is one turn of a loop (loops.py) and returns the seconds until the next one.
"""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from serve_app.errors import ContinuoError
from serve_app.jobs.acceptance import POLL_S, Jobs
from serve_app.logs import log
from serve_app.notify import webhooks
from serve_app.notify.deliveries import Deliveries
from serve_app.records import asset_rows, job_rows, object_rows, queue_rows
from serve_app.records.leases import ClaimLost, reap, release

ALONE_S = 1.0  # how often a process that is alone looks whether it still is
ADOPTED_AT_ONCE = 200
RECONCILE_EVERY_S = 5.0
LONGEST_SWEEP_S = 30.0  # in one turn; the next may be another process's
SWEPT_AT_ONCE = 8
COLLECT_EVERY_S = 3600.0
TOMBSTONE_S = 3600.0
LONGEST_RUN_S = 24 * 3600.0


class Upkeep:
    """The turns of an ingress's loops. `wake` lets the next turn of `poll` come at once."""

    def __init__(self, jobs: Jobs, deliveries: Deliveries, wake: Callable[[], object]) -> None:
        self.jobs, self.execution, self.deliveries = jobs, jobs.execution, deliveries
        self.database, self.lease, self.watchers = jobs.database, jobs.lease, jobs.execution.watchers
        self.wake = wake
        self._newest: dict[str, int] = {}  # events of watched jobs that other processes run
        self._unknown: set[str] = set()  # what the last reconciliation did not know

    async def poll(self) -> float:
        """See what other processes want of this one, and take up what nobody runs."""
        me = self.lease.holder
        seen = await self.database.read(queue_rows.poll, me, self.lease.is_steady)
        if seen.reapable and (ended := await self._reap(me)):
            log.warning("leases are over", extra={"holders": ended})
            seen = await self.database.read(queue_rows.poll, me, self.lease.is_steady)
        self.execution.slots.share(max(1, seen.processes), seen.rank)
        for job_id in seen.cancels:
            self.execution.cancel(job_id)
        if seen.draining:
            self.jobs.stop_accepting()
        elif not self.jobs.draining.is_set():
            await self._take_up(me, seen)
        foreign = await self._watch_foreign()
        return POLL_S if foreign or seen.processes > 1 else ALONE_S

    async def _reap(self, me: str) -> list[str]:
        with suppress(ClaimLost):  # nothing is held here either
            return await self.database.write(reap, me, self.lease.is_steady)
        return []

    async def _take_up(self, me: str, seen: queue_rows.Polled) -> None:
        rows = await self.database.write(queue_rows.adopt, me, ADOPTED_AT_ONCE) if seen.abandoned else []
        if seen.processes > 1:
            for model, slots in self.execution.slots.items():
                if slots.free and await self.database.read(queue_rows.can_steal, me, model):
                    rows += await self.database.write(queue_rows.steal, me, model, slots.free)
        for row in rows:
            await self.execution.take_up(row)

    async def _watch_foreign(self) -> bool:
        """Wake those who watch jobs that run elsewhere: one look for all of them."""
        foreign = [job_id for job_id in self.watchers.watched if job_id not in self.execution.running]
        seen = await self.database.read(queue_rows.newest, foreign) if foreign else {}
        for job_id in foreign:
            if seen.get(job_id) != self._newest.get(job_id):
                self.watchers.notify(job_id)
        self._newest = seen
        return bool(foreign)

    async def reconcile(self) -> float:
        """Free what rows say this process has and it does not know, twice in a row: an answer was lost on its way."""
        me = self.lease.holder
        jobs = set(await self.database.read(queue_rows.assigned, me)) - set(self.execution.running)
        deliveries = set(await self.database.read(webhooks.claimed_by, me)) - set(self.deliveries.tasks)
        unknown = (jobs - set(self.jobs.accepting)) | deliveries
        # Once is not enough: a look may fall between a commit and the moment at which this process hears of it.
        lost = unknown & self._unknown
        self._unknown = unknown - lost
        if lost:
            log.warning("freed what this process has no task for", extra={"ids": sorted(lost)[:20]})
            await self.database.write(release, me, sorted(lost & jobs), sorted(lost & deliveries))
            self.wake()
        return RECONCILE_EVERY_S

    async def sweep_in_turn(self) -> float:
        """Sweep when it is this process's turn: one of all does it every `retention.sweep_every_s`."""
        every_s = self.jobs.retention.sweep_every_s
        if not await self.database.write(queue_rows.take_duty, "sweep", every_s):
            return every_s
        until = time.monotonic() + LONGEST_SWEEP_S
        while await self.sweep(until):
            if time.monotonic() > until:
                await self.database.write(queue_rows.pass_duty_on, "sweep")
                return 0.0
        return every_s

    async def collect(self) -> float:
        """Let the store remove what writers that died left in it, when it is this process's turn."""
        if await self.database.write(queue_rows.take_duty, "collect", COLLECT_EVERY_S):
            try:
                removed = await asyncio.to_thread(self.jobs.storage.sweep)
            except ContinuoError as error:  # it may be that we are not allowed to look: nothing depends on it
                log.warning("what writers left behind is not removed", extra={"detail": error.detail[:200]})
            else:
                log.info("removed what writers left behind", extra={"objects": removed})
        return COLLECT_EVERY_S

    async def sweep(self, until: float = math.inf) -> int:
        """Remove what is over its time: some hundred jobs and objects, or what can be removed until `time.monotonic()`.

        Returns how many it removed.
        """
        await self.database.write(job_rows.delete_expired_keys)
        # A run that nobody waits for any more may still store something, until its job's deadline.
        late_s = TOMBSTONE_S + min(self.jobs.limits.deadline_s, LONGEST_RUN_S)
        await self.database.write(asset_rows.sweep, late_s)
        over = self.lease.time() - self.jobs.retention.jobs_s
        ids = await self.database.read(job_rows.to_remove)
        ids += await self.database.read(job_rows.finished_before, over)
        work = [partial(self.jobs.remove, job_id) for job_id in ids]
        deletable = await self.database.read(object_rows.deletable, late_s)
        work += [partial(self.jobs.delete_object, key, last) for key, last in deletable]
        done = 0
        while work and time.monotonic() < until:
            now, work = work[:SWEPT_AT_ONCE], work[SWEPT_AT_ONCE:]
            found = await asyncio.gather(*(remove() for remove in now), return_exceptions=True)
            for error in (item for item in found if isinstance(item, BaseException)):
                log.warning("not removed; it is tried again", extra={"detail": str(error)[:200]})
            done += sum(not isinstance(item, BaseException) for item in found)
        return done
