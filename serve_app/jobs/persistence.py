"""What a job that runs here writes: in its order, under its claim, and however long the database is away."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from serve_app.jobs.results import Made, timings, used_by
from serve_app.jobs.running import Running
from serve_app.jobs.watching import Watchers
from serve_app.records import candidate_rows, job_rows
from serve_app.records.database import Database, until_available
from serve_app.records.job_rows import Beginning, Change, Ending
from serve_app.records.leases import ClaimLost, Lease
from serve_app.records.object_rows import Stored
from serve_app.records.rows import Column, Event, JobRow

T = TypeVar("T")


class Persistence:
    """The only writer of the rows of jobs that run in this process.

    `plan_webhook` gives what plans a delivery in an event's transaction; `on_delivery_planned` is called afterwards.
    """

    def __init__(
        self,
        database: Database,
        lease: Lease,
        watchers: Watchers,
        plan_webhook: Callable[[JobRow, str], job_rows.PlanDelivery | None],
        on_delivery_planned: Callable[[], None],
    ) -> None:
        self.database, self.lease, self.watchers = database, lease, watchers
        self.plan_webhook, self.on_delivery_planned = plan_webhook, on_delivery_planned

    async def begin(self, job: Running, event: Event, pending: Sequence[Stored]) -> None:
        """Claim a job that waited, or note that it begins with another model. Raises ClaimLost."""

        async def begin() -> None:
            beginning = Beginning(job.row, event, pending, self.plan_webhook(job.row, "started"))
            delivery = await self._written(partial(job_rows.begin_job, claim=job.claim, beginning=beginning))
            job.hold(job.claim if job.claim.held else job.claim.taken())
            self.announce(job.row.id, delivery)

        await asyncio.shield(self._then(job, begin))

    async def hold(self, job: Running) -> None:
        """Claim a job that waits for its model's next try, so that no other process takes it up. Raises ClaimLost."""

        async def hold() -> None:
            await self._written(partial(candidate_rows.hold, claim=job.claim, row=job.row))
            job.hold(job.claim.taken())
            job.change(job.row.replace(status="running"))

        await asyncio.shield(self._then(job, hold))

    def save(self, job: Running, columns: tuple[Column, ...], event: Event | None = None) -> None:
        """Begin to write columns of the row as it is now, and what happened."""
        claim, change = job.claim, Change(job.row, columns, event, self.lease.time())
        self.write(job, lambda c: job_rows.update_job(c, claim, change))

    def write(self, job: Running, statement: Callable[[sa.Connection], object]) -> None:
        """Begin to write something else of a job; its end waits for it."""

        async def write() -> None:
            try:
                await self._written(statement)
            except ClaimLost:
                job.abandon()
            self.watchers.notify(job.row.id)

        self._then(job, write)

    def _then(self, job: Running, write: Callable[[], Coroutine[Any, Any, None]]) -> "asyncio.Task[None]":
        """Writes of a job follow each other, or a late one would undo a newer state.

        Each is a task of its own: what is under way in the database ends there also when the job is stopped meanwhile,
        and the claim that it may have brought must be known when the end is written.
        """
        before = job.writes[-1:]

        async def follow() -> None:
            if before:
                await asyncio.wait(before)
            await write()

        task = asyncio.create_task(follow())
        job.writes = [*(earlier for earlier in job.writes if not earlier.done()), task]
        return task

    async def _written(self, statement: Callable[[sa.Connection], T]) -> T:
        return await until_available(partial(self.database.write, statement))

    async def end(self, job: Running, ending: Ending) -> str | None:
        """Write the end of a job; returns the id of a planned delivery. Raises ClaimLost, ObjectGone."""
        await asyncio.gather(*job.writes, return_exceptions=True)
        return await until_available(partial(self.database.write, job_rows.finish_job, job.claim, ending))

    def ending(self, job: Running, row: JobRow, made: Sequence[Made]) -> Ending:
        """How a job ends whose last state is `row`, as its events and its owner's usage tell it."""
        now = self.lease.time()
        row = row.replace(completed_at=now, metrics=timings(row, made, now))
        row = row.end_attempt(row.error["code"] if row.error else row.status, now)
        log = [
            Event(job.next_seq(), "output", {"index": place, "key": item.output["key"]})
            for place, item in enumerate(made)
        ]
        log.append(Event(job.next_seq(), "completed", {}))
        pending = {item.key for items in job.pending_objects.values() for item in items}
        beside = [found for item in made for found in item.companions()]
        kept = {item.output["key"] for item in made} | {item.key for item in beside}
        return Ending(
            row,
            [item.stored() for item in made],
            log,
            beside=beside,
            used=used_by(row, made, now) if made else None,
            unrequested=sorted(pending - job.requested_keys),
            leftovers=job.claim.number > int(job.claim.held) or not pending <= kept,  # or of an earlier life
            plan_delivery=self.plan_webhook(row, "completed"),
        )

    def announce(self, job_id: str, delivery_id: str | None = None) -> None:
        """Wake those who watch a job, and what delivers webhooks when one was planned."""
        self.watchers.notify(job_id)
        if delivery_id is not None:
            self.on_delivery_planned()
