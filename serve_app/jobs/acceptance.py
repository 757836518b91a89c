"""A request becomes a job: durable, observable, cancellable, idempotent, owned.

Accepted means: the job's row is on disk. From then on it ends, whatever process dies meanwhile.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy.exc import IntegrityError

from serve_app.config import Limits, Retention
from serve_app.errors import ContinuoError, Draining, IdempotencyMismatch, NotFound, Overloaded
from serve_app.jobs.execution import Execution
from serve_app.jobs.live import Live
from serve_app.jobs.plan import Plan
from serve_app.jobs.results import Made, ranked, success
from serve_app.jobs.running import Running
from serve_app.jobs.watching import wait_for
from serve_app.logs import log
from serve_app.records import event_rows, job_rows, object_rows, queue_rows
from serve_app.records.job_rows import QueueLimits
from serve_app.records.leases import FRESH_WITHIN_S, ClaimLost
from serve_app.records.object_rows import ObjectGone
from serve_app.records.rows import EventRow, IdempotencyRow, JobRow
from serve_app.records.states import FINISHED, MOST_AT_ONCE, PRIORITY, UNFINISHED
from serve_app.records.voice_rows import VoiceGone
from serve_app.storage import Storage

POLL_S = 0.25  # how often a job of another ingress replica is looked at
CANCEL_WITHIN_S = 5.0
REMOVED_AT_ONCE = 8


@dataclass(frozen=True)
class Asked:
    """What a caller wants, besides the plan: part of the job, and of its fingerprint."""

    owner: str
    model: str
    priority: str = "normal"
    deadline_s: float | None = None
    webhook: dict[str, Any] | None = None
    idempotency_key: str | None = None
    request_id: str = ""
    key_id: str | None = None  # of the API key that was used
    cancel_with_caller: bool = False  # a streamed job, when nobody listens any longer
    base_url: str = ""  # under which the caller reached the service, without a slash at the end


@dataclass(frozen=True)
class Accepted:
    """An accepted job. `replayed`: it was accepted before under the same Idempotency-Key."""

    row: JobRow
    replayed: bool = False


class Jobs:
    """The jobs of the service as one ingress replica sees them; every method asks for the owner."""

    def __init__(self, storage: Storage, execution: Execution, limits: Limits, retention: Retention) -> None:
        self.storage, self.execution = storage, execution
        self.database, self.lease = execution.database, execution.lease
        self.limits, self.retention = limits, retention
        self.accepting: dict[str, str] = {}  # owners of jobs that are being written
        self.draining = asyncio.Event()  # no new jobs
        self.grace_over = asyncio.Event()  # nobody waits for a job any longer

    def apply(self, limits: Limits, retention: Retention) -> None:
        """Go on with other limits and times."""
        self.limits, self.retention = limits, retention

    def stop_accepting(self) -> None:
        """Take no new jobs, and begin none that waits."""
        self.draining.set()
        self.execution.slots.close()

    def end_waits(self) -> None:
        """Answer those who wait for jobs with the jobs as they are; they ask the next process."""
        self.grace_over.set()
        self.execution.watchers.notify_all()

    async def submit(self, asked: Asked, plan: Plan) -> Accepted:
        """Accept a job. Raises Overloaded, Draining, IdempotencyMismatch; returns when it is durable."""
        fingerprint = fingerprint_of(asked, plan) if asked.idempotency_key is not None else ""
        if asked.idempotency_key is not None:
            taken = await self.database.read(job_rows.find_key, asked.owner, asked.idempotency_key)
            if taken is not None:
                return await self._replay(taken, fingerprint)
        limits = self._admit(asked.owner)
        row = self._row(asked, plan)
        key = self._key(asked, fingerprint, row)
        found = await self._from_cache(plan, asked.owner)
        job = Running(row, self.lease.claim(), plan=plan, seed_was_drawn=not plan.seed_given)
        if plan.streamed:
            job.live = Live(partial(self.execution.cancel, row.id) if asked.cancel_with_caller else None)
        self.accepting[row.id] = asked.owner
        accepting = asyncio.create_task(self._accept(job, plan, key, limits, found))
        accepting.add_done_callback(partial(self._accepted, row.id))
        taken = await asyncio.shield(accepting)  # a caller who hangs up now leaves no row without its task
        return Accepted(job.row) if taken is None else await self._replay(taken, fingerprint)

    def _accepted(self, job_id: str, task: "asyncio.Task[IdempotencyRow | None]") -> None:
        del self.accepting[job_id]
        if not task.cancelled():
            task.exception()  # retrieved: the caller may have gone, and asyncio would log it

    async def _accept(
        self, job: Running, plan: Plan, key: IdempotencyRow | None, limits: QueueLimits | None, found: list[Made]
    ) -> IdempotencyRow | None:
        """Write a job and begin to run it; returns the idempotency row that was there before, if one was."""
        if found:
            with suppress(ObjectGone):
                return await self._accept_cached(job, key, limits, found)
        pending = () if job.row.webhook else self.execution.begin_at_once(job, plan)
        try:
            written = partial(self.database.write, job_rows.accept_job, job.row, key, pending=pending, limits=limits)
            taken = await self._unless_key_taken(written, key)
        except BaseException:
            self.execution.release_reserved(job)
            raise
        if taken is None:
            self.execution.start(job)
        else:
            self.execution.release_reserved(job)
        return taken

    async def _accept_cached(
        self, job: Running, key: IdempotencyRow | None, limits: QueueLimits | None, found: list[Made]
    ) -> IdempotencyRow | None:
        """Write a job whose outputs are all there already, with its end."""
        ended = Running(job.row, job.claim)
        ending = self.execution.persistence.ending(ended, success(job.row, found), found)
        delivery: list[str | None] = []

        async def write() -> None:
            delivery.append(await self.database.write(job_rows.accept_job, job.row, key, limits=limits, ending=ending))

        taken = await self._unless_key_taken(write, key)
        if taken is None:
            job.change(self.execution.ended(ended, ending, delivery[0]))
        return taken

    async def _unless_key_taken(self, write: Any, key: IdempotencyRow | None) -> IdempotencyRow | None:
        try:
            await write()
        except job_rows.KeyTaken as taken_meanwhile:
            return taken_meanwhile.row
        except VoiceGone as gone:
            raise NotFound(f"there is no voice '{gone}'") from None
        except ClaimLost:
            raise Draining("this process is being replaced; ask again", retry_after_s=1) from None
        except IntegrityError:  # PostgreSQL: two transactions met at the same key
            taken = await self.database.read(job_rows.find_key, key.owner, key.key) if key else None
            if taken is None:
                raise
            return taken
        return None

    def _admit(self, owner: str) -> QueueLimits | None:
        """Refuse what is over the limits; with several processes the database counts, in the acceptance itself."""
        if self.draining.is_set():
            raise Draining("the service is stopping and takes no new jobs", retry_after_s=10)
        retry_after_s = self.execution.metrics.expected_wait_s()
        if self.execution.slots.processes > 1:
            return QueueLimits(self.limits.queued_jobs, self.limits.queued_jobs_per_owner, retry_after_s)
        owners = self.accepting | {job_id: job.row.owner for job_id, job in self.execution.running.items()}
        total, mine = len(owners), sum(other == owner for other in owners.values())
        if total >= self.limits.queued_jobs or mine >= self.limits.queued_jobs_per_owner:
            text = f"{total} jobs are accepted and unfinished (limit {self.limits.queued_jobs})"
            raise Overloaded(text, retry_after_s=retry_after_s)
        return None

    async def _from_cache(self, plan: Plan, owner: str) -> list[Made]:
        """Every candidate, if all of them are there already: then the job ends at once."""
        if not plan.seed_given:
            return []
        found = [await self.execution.flights.cached(item, owner) for item in plan.candidates]
        return ranked([item for item in found if item is not None]) if None not in found else []

    def _row(self, asked: Asked, plan: Plan) -> JobRow:
        now = self.lease.time()
        deadline_s = min(asked.deadline_s or self.limits.deadline_s, self.limits.deadline_s)
        return JobRow(
            id=job_rows.new_id("job"),
            owner=asked.owner,
            key_id=asked.key_id,
            base_url=asked.base_url,
            task=plan.task,
            model=asked.model,
            model_used=plan.model,
            planned_model=plan.model,
            status="queued",
            priority=PRIORITY[asked.priority],
            input=plan.input,
            seed=plan.seed,
            webhook=asked.webhook,
            deadline=now + deadline_s,
            created_at=now,
            queue_holder=self.lease.holder,
            request_id=asked.request_id,
        )

    def _key(self, asked: Asked, fingerprint: str, row: JobRow) -> IdempotencyRow | None:
        if asked.idempotency_key is None:
            return None
        expires_at = row.created_at + self.retention.idempotency_s
        return IdempotencyRow(asked.owner, asked.idempotency_key, fingerprint, row.id, expires_at)

    async def _replay(self, taken: IdempotencyRow, fingerprint: str) -> Accepted:
        if taken.fingerprint != fingerprint:
            text = "this Idempotency-Key was used with another request; use a new key"
            raise IdempotencyMismatch(text, [{"pointer": "", "detail": text}])
        row = await self.database.read(job_rows.get_job, taken.job_id)
        if row is None:
            raise NotFound("the job of this Idempotency-Key was deleted")
        return Accepted(row, replayed=True)

    async def get(self, owner: str, job_id: str) -> JobRow:
        """A job. Raises NotFound, also for another owner's."""
        job = self.execution.running.get(job_id)
        row = await self.database.read(job_rows.get_job, job_id, owner)
        if row is None:
            raise NotFound(f"there is no job '{job_id[:60]}'")
        if job is not None and row.status not in FINISHED:
            row = row.replace(progress=job.row.progress)
        return row

    async def list(
        self, owner: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> tuple[list[JobRow], str | None]:
        """A page of jobs, newest first, and the cursor of the next."""
        rows = await self.database.read(
            job_rows.list_jobs, owner, status=status, model=model, limit=limit + 1, before=cursor
        )
        return rows[:limit], rows[limit - 1].id if len(rows) > limit else None

    async def wait(self, row: JobRow, timeout_s: float) -> JobRow:
        """The job when it has ended, or as it is after `timeout_s` or when the service stops."""
        until = time.monotonic() + timeout_s
        job = None
        with self.execution.watchers.watching(row.id) as changed:
            while True:
                changed.clear()
                job = self.execution.running.get(row.id, job)
                row = await self._newest(row, job)
                left_s = until - time.monotonic()
                if row.status in FINISHED or left_s <= 0 or self.grace_over.is_set():
                    return row
                await wait_for(changed, min(left_s, 1.0))

    async def _newest(self, row: JobRow, job: Running | None) -> JobRow:
        """The job as memory has it, while it runs here and when it ended here; else, or with deliveries, as it is read.

        `job` is the one that ran here when it was last looked for.
        """
        if job is not None and not job.row.webhook:
            runs = self.execution.running.get(row.id) is job and not job.lost
            if runs or job.row.status in FINISHED:
                return job.row
        return await self.get(row.owner, row.id)

    def live(self, job_id: str) -> Live | None:
        """The bytes of a streamed job that runs or waits here."""
        job = self.execution.running.get(job_id)
        return None if job is None else job.live

    async def cancel(self, owner: str, job_id: str) -> JobRow:
        """Stop a job, whoever runs it; one that has ended stays as it is."""
        row = await self.get(owner, job_id)
        if row.status in FINISHED:
            return row
        await self.database.write(job_rows.request_cancel, job_id)
        await self._stop([job_id])
        return await self.wait(row, CANCEL_WITHIN_S)

    async def cancel_all(self, owner: str, *, status: str | None, model: str | None) -> Sequence[str]:
        """Stop an owner's unfinished jobs, at most MOST_AT_ONCE, whoever runs them; returns which are canceled now."""
        ids = await self.database.write(job_rows.request_cancels, owner, status=status, model=model, limit=MOST_AT_ONCE)
        await self._end(ids)
        return await self.database.read(job_rows.having_status, ids, ["canceled"])

    async def _end(self, job_ids: Sequence[str]) -> Sequence[str]:
        """Stop those of these jobs that have not ended, and wait a while; returns those that still have not."""
        left = await self.database.read(job_rows.having_status, job_ids, UNFINISHED)
        with self.execution.watchers.watching(*left) as changed:
            if left:
                await self._stop(left)
            until = time.monotonic() + CANCEL_WITHIN_S
            while left := await self.database.read(job_rows.having_status, left, UNFINISHED):
                if (left_s := until - time.monotonic()) <= 0:
                    break  # their processes are away or slow; whoever ends them sees what was asked
                await wait_for(changed, min(left_s, POLL_S))
                changed.clear()
        return left

    async def _stop(self, job_ids: Sequence[str]) -> None:
        """Cancel what runs here; take up what nobody runs, which ends it; others see that it was asked."""
        here = [job for job_id in job_ids if (job := self.execution.running.get(job_id)) is not None]
        for job in here:
            self.execution.cancel(job.row.id)
        if tasks := {job.task for job in here if job.task is not None}:
            await asyncio.wait(tasks, timeout=CANCEL_WITHIN_S)
        if left := set(job_ids) - {job.row.id for job in here if not job.lost}:
            await asyncio.shield(asyncio.create_task(self._take(sorted(left))))

    async def _take(self, job_ids: Sequence[str]) -> None:
        for row in await self.database.write(queue_rows.take, self.lease.holder, job_ids):
            await self.execution.take_up(row)

    async def delete(self, owner: str, job_id: str) -> None:
        """Remove a job and the objects that only it refers to; one that runs is stopped, and removed when it has ended.

        From the first moment on nobody sees it any more. Raises NotFound.
        """
        if not await self.database.write(job_rows.request_deletes, owner, [job_id]):
            raise NotFound(f"there is no job '{job_id[:60]}'")
        if not await self._end([job_id]):  # else whoever ends the job leaves the rest to the sweeper
            await self.remove(job_id)

    async def delete_all(self, owner: str, job_ids: Sequence[str]) -> Sequence[str]:
        """`delete` for several jobs; returns which of them were the owner's. What cannot be removed now is swept."""
        hidden = await self.database.write(job_rows.request_deletes, owner, job_ids)
        await self.stop(hidden, remove=True)
        return hidden

    async def stop(self, job_ids: Sequence[str], *, remove: bool) -> None:
        """End jobs whose rows ask for it already, and `remove` them if their rows ask for that, too.

        What does not end in time, or cannot be removed now, is left to who runs it and to the sweep.
        """
        ended = sorted(set(job_ids) - set(await self._end(job_ids)))
        for start in range(0, len(ended) if remove else 0, REMOVED_AT_ONCE):
            removing = map(self.remove, ended[start : start + REMOVED_AT_ONCE])
            for found in await asyncio.gather(*removing, return_exceptions=True):
                if isinstance(found, BaseException):
                    log.warning("not removed; it is tried again", extra={"detail": str(found)[:200]})

    async def remove(self, job_id: str) -> None:
        """Remove a job that has ended and its objects; those that cannot be deleted now are left to the sweep."""
        for key in await self.database.write(job_rows.delete_job, job_id):
            await self.lease.fresh(FRESH_WITHIN_S)
            await asyncio.to_thread(self.storage.delete, key)
            await self.database.write(object_rows.mark_deleted, key)

    async def delete_object(self, key: str, last: bool) -> None:
        """Delete an object that nobody wants, the `last` time with its row; one that cannot be is tried again later."""
        await self.lease.fresh(FRESH_WITHIN_S)
        try:
            await asyncio.to_thread(self.storage.delete, key)
        except ContinuoError as error:
            log.warning("object not deleted; it is tried again", extra={"key": key, "code": error.code})
            await self.database.write(object_rows.postpone_deletion, key)
            raise
        await self.database.write(object_rows.remove_tombstone if last else object_rows.mark_deleted, key)

    async def events(self, owner: str, job_id: str, after: int, idle_s: float = 15.0) -> AsyncIterator[EventRow | None]:
        """The job's events from number `after` + 1 on, ending with `completed`; None after `idle_s` of quiet."""
        await self.get(owner, job_id)
        quiet_since = time.monotonic()
        with self.execution.watchers.watching(job_id) as changed:
            while True:
                changed.clear()
                found = await self.database.read(event_rows.events_after, job_id, after)
                for event in found:
                    after = event.seq
                    quiet_since = time.monotonic()
                    yield event
                    if event.type == "completed":
                        return
                if self.grace_over.is_set():
                    return  # whoever follows asks the next process
                if not found and not await self.database.read(job_rows.is_unfinished, job_id):
                    if await self.database.read(event_rows.last_seq, job_id) > after:
                        continue
                    return  # all was seen before, or the job was deleted
                await wait_for(changed, min(5.0, idle_s))
                if time.monotonic() - quiet_since >= idle_s:
                    quiet_since = time.monotonic()
                    yield None


def fingerprint_of(asked: Asked, plan: Plan) -> str:
    """A digest of what was asked, to notice a repeated key with another body; a drawn seed is no part of it."""
    asked_input = {k: v for k, v in plan.input.items() if k != "seed" or plan.seed_given}
    parts = [asked.model, asked_input, asked.priority, asked.deadline_s, asked.webhook]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
