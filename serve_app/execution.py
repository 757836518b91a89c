"""How an accepted job runs: cache, single flight, a place at the model, attempts, fallback, its end.

    run -> _serve (model, then its fallbacks) -> _candidate (cache? in flight?) -> _attempt (place, call, retry)

One task per job and process; the durable workflow of a job only waits for that task, so a job that was accepted is
started at once and its workflow row is written meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from serve_app import logs, records
from serve_app.database import Database
from serve_app.errors import (
    ContinuoError,
    DatabaseUnavailable,
    DeadlineExceeded,
    GenerationFailed,
    Invalid,
    JobCanceled,
    ModelNotReady,
    ReplicaLost,
    ResourceExhausted,
    StorageFull,
    from_code,
)
from serve_app.graph import Candidate, Catalogue, Plan
from serve_app.metrics import Metrics
from serve_app.records import Row
from serve_app.running import Handle, Made, Running, close_attempt, failure, log_end, ranked, timings
from serve_app.schemas import FINISHED
from serve_app.slots import Slots
from serve_app.storage import Storage
from serve_app.work import ReplicaGone, Work

T = TypeVar("T")

MAX_LOSSES = 3
PROGRESS_EVERY_S = 0.25


class Execution:
    """Runs the jobs of one ingress replica."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        catalogue: Catalogue,
        handles: Mapping[str, Handle],
        metrics: Metrics,
    ) -> None:
        self.database, self.storage, self.catalogue = database, storage, catalogue
        self.handles, self.metrics = handles, metrics
        self.running: dict[str, Running] = {}
        self.flights: dict[str, asyncio.Future[Made | None]] = {}
        self.changed: dict[str, asyncio.Event] = {}
        self.plan_webhook: Callable[[Row, str], Callable[[Any], str] | None] = lambda _row, _event: None
        self.start_webhook: Callable[[str], Awaitable[None]] | None = None
        self.slots = {
            item.name: Slots(item.entry.replicas.max * item.entry.replicas.target_ongoing) for item in catalogue
        }

    def start(self, job: Running) -> "asyncio.Task[Row]":
        """Run a job unless it runs here already."""
        job = self.running.setdefault(job.row["id"], job)
        if job.task is None:
            job.losses = sum(item.get("outcome") == "replica_lost" for item in job.row["attempts"])
            job.task = asyncio.create_task(self._run(job), name=job.row["id"])
        return job.task

    def begin_at_once(self, job: Running, plan: Plan) -> None:
        """Open the first attempt of a new job whose model has a place free, so that its row is written as running.

        That place is reserved until the job takes it.
        """
        row = job.row
        joins = any(item.key in self.flights for item in plan.candidates)
        if joins or not self.slots[plan.model].reserve(row["owner"]):
            return
        now = time.time()
        row["attempts"] = [{"model": plan.model, "started_at": now, "ended_at": None, "outcome": None}]
        row["status"], row["started_at"] = "running", now
        job.place, job.seq = plan.model, 2

    def abandon(self, job: Running) -> None:
        """Forget a job that could not be accepted."""
        self.running.pop(job.row["id"], None)
        self._give_back(job)
        if job.task is not None:
            job.task.cancel()

    def _give_back(self, job: Running) -> None:
        """Give back a reserved place that was not taken."""
        if job.place is not None:
            self.slots[job.place].release(job.row["owner"])
            job.place = None

    async def resume(self, job_id: str) -> None:
        """Run a job from its record; what the workflow of an accepted job does, also after a restart."""
        if job_id not in self.running:
            row = await self._insist(partial(self.database.read, records.get_job, job_id))
            if row is None or row["status"] in FINISHED:
                return
            for attempt in row["attempts"]:
                if attempt.get("ended_at") is None:
                    attempt.update(ended_at=time.time(), outcome="ingress_lost")
            seq = await self._insist(partial(self.database.read, records.last_seq, job_id))
            self.start(Running(row, seq))
        task = self.running[job_id].task
        if task is not None:
            await asyncio.shield(task)

    def cancel(self, job_id: str) -> None:
        """Stop a job that runs or waits here."""
        job = self.running.get(job_id)
        if job is not None and job.task is not None and not job.cancel_asked and not job.ending:
            job.cancel_asked = True
            job.task.cancel()

    def position(self, row: Row) -> int | None:
        """Place of a job in its model's queue."""
        slots = self.slots.get(row["model_used"] or "")
        return slots.position(row["id"]) if slots else None

    def notify(self, job_id: str) -> None:
        """Wake everybody who watches a job."""
        event = self.changed.pop(job_id, None)
        if event is not None:
            event.set()

    async def watch(self, job_id: str, timeout_s: float) -> None:
        """Return when the job changes, or after `timeout_s`."""
        event = self.changed.setdefault(job_id, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), timeout_s)

    async def _run(self, job: Running) -> Row:
        row = job.row
        logs.job_id.set(row["id"])
        logs.request_id.set(row["request_id"])
        try:
            if row["cancel_requested"]:
                raise JobCanceled("cancelled")
            async with asyncio.timeout(max(0.0, row["deadline"] - time.time())):
                made = ranked(job.found or await self._serve(job))
            values: Row = {
                "status": "succeeded",
                "facts": made[0].facts | row["facts"],
                "cached": all(m.cached for m in made),
            }
        except TimeoutError:
            made, values = [], failure(DeadlineExceeded("the deadline passed before the job was done"))
        except asyncio.CancelledError:
            if not job.cancel_asked:
                raise
            made, values = [], failure(JobCanceled("cancelled"))
        except ContinuoError as error:
            made, values = [], failure(error)
        except Exception:  # noqa: BLE001  (the edge of the ingress: a defect of ours must not leave a job without an end)
            logs.log.error("job failed by a defect", exc_info=True)
            made, values = [], failure(ContinuoError("the service met an error of its own; its log says more"))
        return await self._end(job, values, made)

    async def _end(self, job: Running, values: Row, made: list[Made]) -> Row:
        job.ending = True
        self._give_back(job)
        row = job.row
        close_attempt(row, values["status"] if values["status"] != "failed" else values["error"]["code"])
        now = time.time()
        values |= {
            "completed_at": now,
            "attempts": row["attempts"],
            "model_used": row["model_used"],
            "started_at": row["started_at"],
        }
        if values["status"] == "succeeded":
            values["progress"] = row["progress"]  # the last report, which came too soon for an event of its own
        values["metrics"] = timings(row, made, now)
        facts = [item.output for item in made]
        log: list[tuple[int, str, Row]] = [
            (job.next_seq(), "output", {"index": i, "key": f["key"]}) for i, f in enumerate(facts)
        ]
        log.append((job.next_seq(), "completed", {}))
        try:
            if job.entered is not None:
                await job.entered
            await asyncio.gather(*job.writes)
            ending = records.Ending(row["owner"], values, facts, log, self.plan_webhook(row, "completed"))
            delivery = await self._insist(partial(self.database.write, records.finish_job, row["id"], ending))
        except records.Doomed:
            self.running.pop(row["id"], None)
            await asyncio.sleep(0.2)
            return await self.start(Running(row, job.seq))
        finally:
            self.running.pop(row["id"], None)
        row |= values | {"outputs": facts}
        self.metrics.finished(row)
        # Logged a moment later: whoever waits for the job has the processor first.
        asyncio.get_running_loop().call_later(0.002, log_end, row, values)
        await self._announce(row, delivery)
        return row

    async def _insist(self, access: Callable[[], Awaitable[T]]) -> T:
        """Read or write what an accepted job needs, however long the database is away: that is no reason to fail it."""
        while True:
            try:
                return await access()
            except (DatabaseUnavailable, StorageFull) as error:
                logs.log.warning("a job waits for the database", extra={"code": error.code})
                await asyncio.sleep(1.0)

    async def _announce(self, row: Row, delivery_id: str | None) -> None:
        self.notify(row["id"])
        if delivery_id is not None and self.start_webhook is not None:
            await self.start_webhook(delivery_id)

    async def _serve(self, job: Running) -> list[Made]:
        """Ask the model, then its fallbacks."""
        row = job.row
        first = row["model_used"]
        errors: list[str] = []
        for name in (first, *self.catalogue[first].entry.fallback):
            try:
                plan = job.plan if job.plan is not None and name == first else self._plan(name, row, first)
                row["model_used"] = name
                if errors:
                    row["facts"] = {**row["facts"], "fallback": {"from": first, "because": errors}}
                return list(await gather([self._candidate(job, plan, item) for item in plan.candidates]))
            except (ModelNotReady, ReplicaLost, ResourceExhausted) as error:
                close_attempt(row, error.code)
                errors.append(f"{name}: {error.detail}")
                last: ContinuoError = error
            except Invalid as error:
                if name == first:
                    raise
                errors.append(f"{name}: {error.detail}")
        raise last

    def _plan(self, name: str, row: Row, first: str) -> Plan:
        given = row["input"]
        if name != first:  # a fallback serves what it understands of the request
            given = {field: value for field, value in given.items() if field in self.catalogue[name].fields}
        return self.catalogue.plan_for(name, given, prefix="/input")

    async def _candidate(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        """Find the sound in storage, join whoever is making it, or make it."""
        while True:
            found = None if job.fresh else await self._insist(partial(self.cached, candidate.key))
            if found is not None:
                return found
            flight = self.flights.get(candidate.key)
            if flight is None:
                break
            made = await asyncio.shield(flight)
            if made is not None:
                return Made(made.output, made.facts, {}, cached=True)
        flight = self.flights[candidate.key] = asyncio.get_running_loop().create_future()
        try:
            made = await self._attempts(job, plan, candidate)
            flight.set_result(made)
            return made
        finally:
            del self.flights[candidate.key]
            if not flight.done():
                flight.set_result(None)

    async def cached(self, key: str) -> Made | None:
        """A sound that was made before, after a look that its object is still there."""
        found = await self.database.read(records.find_output, key)
        if found is None:
            return None
        if await asyncio.to_thread(self.storage.stat, key) is None:
            await self.database.write(records.forget_output, key)
            return None
        return Made(found[0], {k: v for k, v in found[1].items() if k != "fallback"}, {}, cached=True)

    async def _attempts(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        row = job.row
        if reserved := job.place == plan.model:
            job.place = None
        async with self.slots[plan.model].take(row["id"], row["owner"], row["priority"], reserved=reserved):
            while True:
                losses = job.losses
                self._begin(job, plan.model)
                try:
                    return await self._attempt(job, plan, candidate)
                except ReplicaGone:
                    if job.losses == losses:
                        job.losses += 1
                        row["attempts"][-1].update(ended_at=time.time(), outcome="replica_lost")
                        self._save(job, {"attempts": list(row["attempts"])})
                        logs.log.warning("replica lost", extra={"model": plan.model, "losses": job.losses})
                    if job.losses >= MAX_LOSSES:
                        text = f"the process of model '{plan.model}' died {MAX_LOSSES} times under this job"
                        raise ReplicaLost(text) from None

    def _begin(self, job: Running, model: str) -> None:
        """Record an attempt; the write goes on beside the call and is waited for at the end."""
        row = job.row
        open_attempt = row["attempts"] and row["attempts"][-1]["ended_at"] is None
        if open_attempt and row["attempts"][-1]["model"] == model:
            return
        now = time.time()
        row["attempts"] = [
            *row["attempts"],
            {"model": model, "started_at": now, "ended_at": None, "outcome": None},
        ]
        row["status"], row["started_at"], row["progress"] = "running", row["started_at"] or now, None
        values = {
            "progress": None,
            "status": "running",
            "started_at": row["started_at"],
            "attempts": list(row["attempts"]),
            "model_used": model,
        }
        self._save(job, values, (job.next_seq(), "started", {"attempt": len(row["attempts"]), "model": model}))

    def _save(self, job: Running, values: Row, event: tuple[int, str, Row] | None = None) -> None:
        """Begin to write what happened; writes of a job follow each other, or a late one would undo a newer state."""
        before, at = job.writes, time.time()

        async def write() -> None:
            if job.entered is not None:
                await job.entered
            if before:
                await asyncio.wait(before)
            also = self.plan_webhook(job.row, event[1]) if event is not None else None
            write_it = partial(self.database.write, records.update_job, job.row["id"], values, event, also, at=at)
            await self._announce(job.row, await self._insist(write_it))

        job.writes = [*(task for task in job.writes if not task.done()), asyncio.create_task(write())]

    async def _attempt(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        row = job.row
        work = Work(
            row["id"],
            row["request_id"],
            candidate.key,
            candidate.seed,
            candidate.request,
            candidate.settings,
            seconds_left=max(0.0, row["deadline"] - time.time()),
        )
        stream = self.handles[plan.model].run(work)
        try:
            async for kind, data in stream:
                if kind == "progress":
                    self._progress(job, data)
                elif kind == "taken":
                    continue
                elif kind == "output":
                    return Made(data["output"], data["facts"], data["metrics"], cached=False)
                else:
                    raise from_code(data["code"], data["detail"], data["errors"])
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
        raise GenerationFailed("the replica ended without an answer")

    def _progress(self, job: Running, data: Row) -> None:
        now = time.monotonic()
        job.row["progress"] = data
        if now - job.last_progress < PROGRESS_EVERY_S:
            return
        job.last_progress = now
        self._save(job, {"progress": data}, (job.next_seq(), "progress", data))


async def gather(work: list[Any]) -> list[Any]:
    """Run all at once; the first error ends the others and is raised."""
    if len(work) == 1:
        return [await work[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(item) for item in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
