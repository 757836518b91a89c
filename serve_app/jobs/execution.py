"""How an accepted job runs, from its start to its end: deadline, cancel, fallback models.

    run -> _serve (model, then its fallbacks) -> Flights.result (made before? in flight?) -> Attempts.make (place, call)

One task per job and process. The row of a job that waits for a place is claimed when it gets one; from then on every
write names the claim (leases.py), and a write that does not hit ends the task here: another process runs the job.
"""

import asyncio
import contextvars
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from serve_app import logs
from serve_app.errors import (
    ContinuoError,
    DeadlineExceeded,
    Invalid,
    JobCanceled,
    ModelNotReady,
    ReplicaLost,
    ResourceExhausted,
)
from serve_app.jobs.attempts import MAX_LOSSES, Attempts, pending_objects
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.flights import Flights
from serve_app.jobs.live import Live
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.plan import Candidate, Plan
from serve_app.jobs.results import Made, failure, log_end, ranked, success
from serve_app.jobs.running import Running
from serve_app.metrics import Metrics
from serve_app.records import event_rows, job_rows, object_rows
from serve_app.records.job_rows import Ending
from serve_app.records.leases import LOST, ClaimLost
from serve_app.records.object_rows import ObjectGone, Stored
from serve_app.records.rows import JobRow
from serve_app.records.states import UNFINISHED

T = TypeVar("T")

_DEFECT = "the service met an error of its own; its log says more"


class Execution:
    """Runs the jobs of one ingress replica."""

    def __init__(
        self,
        persistence: Persistence,
        flights: Flights,
        attempts: Attempts,
        catalogue: Catalogue,
        metrics: Metrics,
    ) -> None:
        self.persistence, self.flights, self.attempts = persistence, flights, attempts
        self.database, self.lease, self.watchers = persistence.database, persistence.lease, persistence.watchers
        self.slots, self.catalogue, self.metrics = attempts.places, catalogue, metrics
        self.running: dict[str, Running] = {}
        self.closing = False

    def start(self, job: Running) -> "asyncio.Task[JobRow]":
        """Run a job unless it runs here already."""
        job = self.running.setdefault(job.row.id, job)
        if job.task is None:
            job.losses = job.row.outcomes("replica_lost")
            job.task = _detached(self._run(job), job.row.id)
            job.task.add_done_callback(partial(self._end_unstarted, job))
            if job.live is not None:
                job.task.add_done_callback(partial(_end_live, job.live))
        return job.task

    def _end_unstarted(self, job: Running, task: "asyncio.Task[JobRow]") -> None:
        """A task that is cancelled before its first step never sees it: the job is ended by another one."""
        if not task.cancelled() or job.ending:
            return
        if job.cancel_requested:
            job.task = _detached(self._end(job, failure(job.row, JobCanceled("cancelled")), []), job.row.id)
        elif job.lost:
            self._forget(job)

    async def take_up(self, row: JobRow) -> None:
        """Run a job that was accepted before: by another process, or in another life of this one."""
        while (known := self.running.get(row.id)) is not None:
            if known.task is None or not (known.lost or known.ending):
                return
            await asyncio.wait({known.task})
        seq = await self.database.read(event_rows.last_seq, row.id)
        made = await self.database.read(object_rows.stored_by, row.id)
        earlier = {
            address: Made(address, stored["output"], stored["facts"], {}, cached=False)
            for address, stored in made.items()
        }
        self.start(Running(row, job_rows.claim_of(row), seq, earlier=earlier))

    def begin_at_once(self, job: Running, plan: Plan) -> Sequence[Stored]:
        """Claim a new job whose model has a place free, so that its row is written as running.

        That place is reserved until the job takes it. Returns what the job will store.
        """
        row = job.row
        if self.flights.joins(plan, row.owner) or not self.slots[plan.model].reserve(row.id, row.owner):
            return ()
        job.hold(job.claim.taken())
        job.change(job.row.begin_attempt(plan.model, row.created_at))
        job.reserved_at, job.seq = plan.model, 2
        job.pending_objects[plan.model] = pending_objects(row.id, plan)
        return job.pending_objects[plan.model]

    def release_reserved(self, job: Running) -> None:
        """Give back a reserved place that was not taken."""
        if job.reserved_at is not None:
            self.slots[job.reserved_at].release(job.row.id, job.row.owner)
            job.reserved_at = None

    def cancel(self, job_id: str) -> None:
        """Stop a job that runs or waits here."""
        job = self.running.get(job_id)
        if job is not None and job.task is not None and not job.cancel_requested and not job.ending:
            job.cancel_requested = True
            job.task.cancel()

    def position(self, row: JobRow) -> int | None:
        """Place of a job in its model's queue."""
        slots = self.slots.get(row.model_used)
        if slots is None or row.status != "queued":
            return None
        on_its_way = row.id in self.running  # it looks into the cache before it queues
        return slots.position(row.id) or (len(slots.waiting) + 1 if on_its_way else None)

    def waiting_for(self, row: JobRow) -> str | None:
        """What keeps a job from being made: a `place` at its model, a `replica` that takes its call, a `provider` whom
        its model asks again later; None: nothing.
        """
        job = self.running.get(row.id)
        if row.status in UNFINISHED and job is not None and job.waits_for_provider:
            return "provider"
        if row.status == "queued":
            return "place"
        return "replica" if row.status == "running" and job is not None and not job.has_replica else None

    async def _run(self, job: Running) -> JobRow:
        logs.job_id.set(job.row.id)
        logs.request_id.set(job.row.request_id)
        made: list[Made] = []
        try:
            check_runnable(job.row)
            async with asyncio.timeout(max(0.0, job.row.deadline - self.lease.time())):
                made = ranked(await self._serve(job))
            last = success(job.row, made)
        except TimeoutError:
            last = failure(job.row, DeadlineExceeded("the deadline passed before the job was done"))
        except asyncio.CancelledError:
            if not job.cancel_requested and not job.lost:
                if not self.closing:  # by nobody that should: its row is found without a task, and freed
                    self.running.pop(job.row.id, None)
                raise
            last = failure(job.row, JobCanceled("cancelled"))
        except ClaimLost:
            job.lost = True
        except ContinuoError as error:
            last = failure(job.row, error)
        except Exception:  # noqa: BLE001  (the edge of the ingress: a defect of ours must not leave a job without an end)
            logs.log.error("job failed by a defect", exc_info=True)
            last = failure(job.row, ContinuoError(_DEFECT))
        return self._forget(job) if job.lost else await self._end(job, last, made)

    def _forget(self, job: Running) -> JobRow:
        """Another process runs the job: it is not ours to end."""
        self.release_reserved(job)
        self.running.pop(job.row.id, None)
        logs.log.info("job left to another process", extra={"holder": job.claim.holder})
        self.watchers.notify(job.row.id)
        return job.row

    async def _end(self, job: Running, last: JobRow, made: list[Made]) -> JobRow:
        job.ending = True
        self.release_reserved(job)
        ending = self.persistence.ending(job, last, made)
        try:
            delivery = await self.persistence.end(job, ending)
        except ClaimLost:
            return self._forget(job)
        except ObjectGone:  # what it found was deleted since: it makes its own
            self.running.pop(job.row.id, None)
            row = job.row.replace(attempts=ending.row.attempts)
            return await self.start(
                Running(row, job.claim, job.seq, pending_objects=job.pending_objects, requested_keys=job.requested_keys)
            )
        except ContinuoError:
            raise
        except Exception:  # the edge of the ingress: a defect of ours must not leave a job without an end
            logs.log.error("the end of a job could not be written, by a defect", exc_info=True)
            if not made:
                raise
            return await self._end(job, failure(job.row, ContinuoError(_DEFECT)), [])
        finally:
            self.running.pop(job.row.id, None)
        return self.ended(job, ending, delivery)

    def ended(self, job: Running, ending: Ending, delivery_id: str | None) -> JobRow:
        """Tell of an end that has been written."""
        outputs = tuple(item.made["output"] for item in ending.made if item.made is not None)
        row = job.change(ending.row.replace(outputs=outputs, holder=None, queue_holder=None))
        self.persistence.announce(row.id, delivery_id)
        # A log line takes as long as a view of the job: those who wait come first.
        asyncio.get_running_loop().call_soon(self._count_end, row)
        return row

    def _count_end(self, row: JobRow) -> None:
        self.metrics.finished(row)
        log_end(row)

    async def _serve(self, job: Running) -> list[Made]:
        """Ask the model, then its fallbacks; a job that is taken up goes on where it was in that chain."""
        planned = job.row.planned_model
        chain = (planned, *self.catalogue[planned].entry.fallback)
        begun = chain.index(job.row.model_used) if job.row.model_used in chain else 0
        errors: list[str] = list(job.row.facts.get("fallback", {}).get("because", ()))
        for name in chain[begun:]:
            try:
                plan = job.plan if job.plan is not None and name == planned else self._plan(name, job.row)
                if name != job.row.model_used:
                    job.change(job.row.replace(model_used=name))
                if errors:
                    fallback = {"from": planned, "because": list(errors)}
                    job.change(job.row.replace(facts={**job.row.facts, "fallback": fallback}))
                return await gather([self._candidate(job, plan, item) for item in plan.candidates])
            except (ModelNotReady, ReplicaLost, ResourceExhausted) as error:
                if job.live is not None and job.live.begun:
                    raise  # what another model makes does not go on where this one's sound ended
                job.change(job.row.end_attempt(error.code, self.lease.time()))
                errors.append(f"{name}: {error.detail}")
                last: ContinuoError = error
            except Invalid as error:
                if name == planned:
                    raise
                errors.append(f"{name}: {error.detail}")
                last = error
        raise last

    def _candidate(self, job: Running, plan: Plan, candidate: Candidate) -> Coroutine[Any, Any, Made]:
        make, leave = partial(self.attempts.make, job, plan, candidate), partial(self.release_reserved, job)
        return self.flights.result(job, candidate, make, leave)

    def _plan(self, name: str, row: JobRow) -> Plan:
        """The job for this model; a fallback serves what it understands of the request."""
        if name == row.planned_model:
            return self.catalogue.plan_for(name, row.input, prefix="/input")
        asked, other = self.catalogue[row.planned_model], self.catalogue[name]
        given = {field: value for field, value in row.input.items() if field in other.fields}
        understood = other.delivery.for_another(given, asked.info, other.info)
        return self.catalogue.plan_for(name, understood, prefix="/input", fallback=True)

    async def abandon_all(self) -> None:
        """Stop everything that runs here without a word about it: others have it, or will."""
        jobs = list(self.running.values())
        for job in jobs:
            job.abandon()
        for job in jobs:
            if job.task is not None:
                with suppress(asyncio.CancelledError):
                    await job.task


def check_runnable(row: JobRow) -> None:
    """Raise why a job is not to be run (again): somebody asked to stop it, or it has ended too many processes."""
    if row.cancel_requested:
        raise JobCanceled("cancelled")
    for outcome in (LOST, "replica_lost"):
        if row.outcomes(outcome) >= MAX_LOSSES:
            raise ReplicaLost(f"a process that ran this job died {MAX_LOSSES} times under it ({outcome})")


def _end_live(live: Live, task: "asyncio.Task[JobRow]") -> None:
    """Those who listen have the whole sound when its job has ended well."""
    ended_well = not task.cancelled() and task.exception() is None and task.result().status == "succeeded"
    live.end(ended_well)


def _detached(work: Coroutine[Any, Any, JobRow], name: str) -> "asyncio.Task[JobRow]":
    """A task that belongs to no request: Ray cancels what was called in the context of one whose client hangs up."""
    return asyncio.create_task(work, name=name, context=contextvars.Context())


async def gather(work: list[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all at once; the first error ends the others and is raised."""
    if len(work) == 1:
        return [await work[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(item) for item in work]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
