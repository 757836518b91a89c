"""A request becomes a job: durable, observable, cancellable, idempotent, owned.

Accepted means: the job's row and its workflow are on disk. From then on it ends, whatever process dies meanwhile.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError

from serve_app import durable, records
from serve_app.config import Limits, Retention
from serve_app.database import Database
from serve_app.errors import Draining, IdempotencyMismatch, NotFound, Overloaded
from serve_app.execution import Execution
from serve_app.graph import Plan
from serve_app.records import Row
from serve_app.running import Made, Running
from serve_app.schemas import FINISHED, PRIORITY
from serve_app.storage import Storage

HEAD_START_S = 0.001  # the call goes out before the thread that writes the row competes for the interpreter
POLL_S = 0.25  # how often a job of another ingress replica is looked at


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
    base_url: str = ""  # under which the caller reached the service, without a slash at the end


@dataclass(frozen=True)
class Accepted:
    """An accepted job. `replayed`: it was accepted before under the same Idempotency-Key."""

    row: Row
    replayed: bool = False


class Jobs:
    """The jobs of the service as one ingress replica sees them; every method asks for the owner."""

    def __init__(self, database: Database, storage: Storage, execution: Execution, executor: str) -> None:
        self.database, self.storage, self.execution, self.executor = database, storage, execution, executor
        self.limits, self.retention = Limits(), Retention()
        self.entering: dict[str, str] = {}  # owners of jobs that are being written
        self.draining = asyncio.Event()  # no new jobs
        self.grace_over = asyncio.Event()  # nobody waits for a job any longer

    async def submit(self, asked: Asked, plan: Plan, patience_s: float = 0.0) -> Accepted:
        """Accept a job. Raises Overloaded, Draining, IdempotencyMismatch; returns when it has ended or is durable.

        A caller who waits anyway has `patience_s`: a job that ends within it needs no workflow, its row says all.
        """
        fingerprint = fingerprint_of(asked, plan) if asked.idempotency_key is not None else ""
        if asked.idempotency_key is not None:
            taken = await self.database.read(records.find_key, asked.owner, asked.idempotency_key)
            if taken is not None:
                return await self._replay(taken, fingerprint)
        self._admit(asked.owner)
        row = self._row(asked, plan)
        key = self._key(asked, fingerprint, row["id"])
        job = Running(row, plan=plan, fresh=not plan.seed_given)
        self.entering[row["id"]] = asked.owner
        try:
            job.found = await self._from_cache(plan)
            if job.found is None and not asked.webhook:
                self.execution.begin_at_once(job, plan)
            as_it_is = {**row, "attempts": [dict(item) for item in row["attempts"]]}
            head_start_s = HEAD_START_S if key is None and patience_s and job.found is None else 0.0
            job.entered = asyncio.ensure_future(self._insert(as_it_is, key, head_start_s))
            if key is None:  # nobody can have been before us: it runs while it is written, and ends only after
                self.execution.start(job)
            taken = await job.entered
        except BaseException:
            self.execution.abandon(job)
            raise
        finally:
            del self.entering[row["id"]]
        if taken is not None:
            self.execution.abandon(job)
            return await self._replay(taken, fingerprint)
        task = job.task or self.execution.start(job)
        if patience_s:
            await asyncio.wait({task}, timeout=patience_s)
        if not task.done():
            await durable.start_job(row["id"])
        return Accepted(row)

    async def _insert(self, row: Row, key: Row | None, head_start_s: float) -> Row | None:
        """Write an accepted job; returns the idempotency row that was there before, if one was."""
        await asyncio.sleep(head_start_s)
        try:
            await self.database.write(records.insert_job, row, key)
        except records.KeyTaken as taken_meanwhile:
            return taken_meanwhile.row
        except IntegrityError:  # PostgreSQL: two transactions met at the same key
            taken = await self.database.read(records.find_key, row["owner"], key["key"]) if key else None
            if taken is None:
                raise
            return taken
        return None

    def _admit(self, owner: str) -> None:
        if self.draining.is_set():
            raise Draining("the service is stopping and takes no new jobs", retry_after_s=10)
        owners = self.entering | {job_id: job.row["owner"] for job_id, job in self.execution.running.items()}
        total, mine = len(owners), sum(other == owner for other in owners.values())
        if total >= self.limits.queued_jobs or mine >= self.limits.queued_jobs_per_owner:
            text = f"{total} jobs are accepted and unfinished (limit {self.limits.queued_jobs})"
            raise Overloaded(text, retry_after_s=self.execution.metrics.expected_wait_s())

    async def _from_cache(self, plan: Plan) -> list[Made] | None:
        """Whether every candidate is there already: then the job needs no workflow, it ends at once."""
        if not plan.seed_given:
            return None
        found = [await self.execution.cached(item.key) for item in plan.candidates]
        return None if None in found else [item for item in found if item is not None]

    def _row(self, asked: Asked, plan: Plan) -> Row:
        now = time.time()
        deadline_s = min(asked.deadline_s or self.limits.deadline_s, self.limits.deadline_s)
        return {
            "id": records.new_id("job"),
            "owner": asked.owner,
            "version": 1,
            "task": plan.task,
            "model": asked.model,
            "model_used": plan.model,
            "status": "queued",
            "priority": PRIORITY[asked.priority],
            "input": plan.input,
            "seed": plan.seed,
            "attempts": [],
            "progress": None,
            "error": None,
            "cached": False,
            "facts": {},
            "metrics": {},
            "webhook": asked.webhook,
            "deadline": now + deadline_s,
            "created_at": now,
            "started_at": None,
            "completed_at": None,
            "cancel_requested": False,
            "executor": self.executor,
            "request_id": asked.request_id,
            "outputs": [],
            "deliveries": [],
        }

    def _key(self, asked: Asked, fingerprint: str, job_id: str) -> Row | None:
        if asked.idempotency_key is None:
            return None
        expires_at = time.time() + self.retention.idempotency_s
        return {
            "owner": asked.owner,
            "key": asked.idempotency_key,
            "fingerprint": fingerprint,
            "job_id": job_id,
            "expires_at": expires_at,
        }

    async def _replay(self, taken: Row, fingerprint: str) -> Accepted:
        if taken["fingerprint"] != fingerprint:
            text = "this Idempotency-Key was used with another request; use a new key"
            raise IdempotencyMismatch(text, [{"pointer": "", "detail": text}])
        row = await self.database.read(records.get_job, taken["job_id"])
        if row is None:
            raise NotFound("the job of this Idempotency-Key was deleted")
        return Accepted(row, replayed=True)

    async def get(self, owner: str, job_id: str) -> Row:
        """A job. Raises NotFound, also for another owner's."""
        job = self.execution.running.get(job_id)
        row = await self.database.read(records.get_job, job_id, owner)
        if row is None:
            raise NotFound(f"there is no job '{job_id[:60]}'")
        if job is not None and row["status"] not in FINISHED:
            row["progress"] = job.row["progress"]
        return row

    async def list(
        self, owner: str, *, status: str | None, model: str | None, limit: int, cursor: str | None
    ) -> tuple[list[Row], str | None]:
        """A page of jobs, newest first, and the cursor of the next."""
        rows = await self.database.read(
            records.list_jobs, owner, status=status, model=model, limit=limit + 1, before=cursor
        )
        return rows[:limit], rows[limit - 1]["id"] if len(rows) > limit else None

    async def wait(self, row: Row, timeout_s: float) -> Row:
        """The job when it has ended, or as it is after `timeout_s` or when the service stops."""
        job = self.execution.running.get(row["id"])
        if job is not None and job.task is not None:
            stopping = asyncio.create_task(self.grace_over.wait())
            await asyncio.wait({job.task, stopping}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if job.task.done() and not job.task.cancelled():
                ended = job.task.result()
                return ended if not ended["webhook"] else await self.get(row["owner"], row["id"])
            return await self.get(row["owner"], row["id"])
        until = time.monotonic() + timeout_s
        while True:
            row = await self.get(row["owner"], row["id"])
            if row["status"] in FINISHED or time.monotonic() >= until or self.grace_over.is_set():
                return row
            await self.execution.watch(row["id"], POLL_S)

    async def cancel(self, owner: str, job_id: str) -> Row:
        """Stop a job; one that has ended stays as it is."""
        row = await self.get(owner, job_id)
        if row["status"] in FINISHED:
            return row
        await self.database.write(records.request_cancel, job_id)
        self.execution.cancel(job_id)
        return await self.wait(row, 5.0)

    async def delete(self, owner: str, job_id: str) -> None:
        """Remove a job and the objects that only it refers to; one that runs is cancelled first."""
        await self.cancel(owner, job_id)
        await self.remove(job_id)

    async def remove(self, job_id: str) -> None:
        """Remove a finished job, its objects and its workflow."""
        for key in await self.database.write(records.delete_job, job_id):
            await self.remove_object(key)
        await durable.forget([job_id])

    async def remove_object(self, key: str) -> None:
        """Delete an object that nobody refers to any more."""
        await asyncio.to_thread(self.storage.delete, key)
        await self.database.write(records.absolve, key)

    async def events(self, owner: str, job_id: str, after: int, idle_s: float = 15.0) -> AsyncIterator[Row | None]:
        """The job's events from number `after` + 1 on, ending with `completed`; None after `idle_s` of quiet."""
        await self.get(owner, job_id)
        quiet_since = time.monotonic()
        while True:
            found = await self.database.read(records.events_after, job_id, after)
            for event in found:
                after = event["seq"]
                quiet_since = time.monotonic()
                yield event
                if event["type"] == "completed":
                    return
            if not found and not await self.database.read(records.is_unfinished, job_id):
                if await self.database.read(records.last_seq, job_id) > after:
                    continue
                return  # all was seen before, or the job was deleted
            local = job_id in self.execution.running
            await self.execution.watch(job_id, 1.0 if local else POLL_S)
            if time.monotonic() - quiet_since >= idle_s:
                quiet_since = time.monotonic()
                yield None

    async def resume_all(self, ranks: Sequence[str]) -> None:
        """At the start: give every unfinished job a workflow, should its own be missing.

        Rank 0 also takes over the jobs of ranks that no longer exist.
        """
        if self.executor == ranks[0]:
            await self.database.write(records.adopt, self.executor, ranks)
        for job_id in await self.database.read(records.unfinished, [self.executor]):
            await durable.ensure_job(job_id)

    async def obey_cancels(self) -> None:
        """Stop what other ingress replicas were asked to stop."""
        while True:
            await asyncio.sleep(POLL_S)
            if self.execution.running:
                for job_id in await self.database.read(records.cancel_requests, self.executor):
                    self.execution.cancel(job_id)


def fingerprint_of(asked: Asked, plan: Plan) -> str:
    """A digest of what was asked, to notice a repeated key with another body; a drawn seed is no part of it."""
    asked_input = {k: v for k, v in plan.input.items() if k != "seed" or plan.seed_given}
    parts = [asked.model, asked_input, asked.priority, asked.deadline_s, asked.webhook]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
