"""How an accepted job runs: cache, single flight, a place at the model, attempts, fallback, its end.

    run -> _serve (model, then its fallbacks) -> _candidate (made before? in flight?) -> _attempts (place, claim, call)

One task per job and process. The row of a job that waits for a place is claimed when it gets one; from then on every
write names the claim (leases.py), and a write that does not hit ends the task here: another process runs the job.
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from serve_app import logs
from serve_app.config import Cache
from serve_app.errors import (
    ContinuoError,
    DeadlineExceeded,
    GenerationFailed,
    Invalid,
    JobCanceled,
    ModelNotReady,
    ReplicaLost,
    ResourceExhausted,
    StorageUnavailable,
    from_code,
)
from serve_app.jobs.catalogue import Candidate, Catalogue, Plan
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.places import Slots
from serve_app.jobs.results import Made, failure, log_end, object_key, ranked, success
from serve_app.jobs.running import Handle, Running
from serve_app.metrics import Metrics
from serve_app.records import job_rows, object_rows
from serve_app.records.job_rows import Ending
from serve_app.records.leases import LOST, ClaimLost
from serve_app.records.object_rows import ObjectGone, Stored
from serve_app.records.rows import Event, JobRow, Json
from serve_app.replica.work import ReplicaGone, Work
from serve_app.storage import Storage

T = TypeVar("T")

MAX_LOSSES = 3
PROGRESS_EVERY_S = 0.25
LOOK_FOR_REPLICAS_S = 5.0
LATE_WRITES = 4
_DEFECT = "the service met an error of its own; its log says more"


class Execution:
    """Runs the jobs of one ingress replica. `count_replicas` tells how many of a model run."""

    def __init__(  # noqa: PLR0913  (what it works with)
        self,
        persistence: Persistence,
        storage: Storage,
        catalogue: Catalogue,
        handles: Mapping[str, Handle],
        *,
        metrics: Metrics,
        cache: Cache,
        count_replicas: Callable[[str], Awaitable[int]],
    ) -> None:
        self.persistence, self.storage, self.catalogue = persistence, storage, catalogue
        self.database, self.lease, self.watchers = persistence.database, persistence.lease, persistence.watchers
        self.handles, self.metrics, self.cache, self.count_replicas = handles, metrics, cache, count_replicas
        self.running: dict[str, Running] = {}
        self.closing = False
        self.flights: dict[str, asyncio.Future[Made | None]] = {}
        self.slots = {item.name: Slots(self._places(item.name)) for item in catalogue}

    def _places(self, model: str, processes: int = 1) -> int:
        replicas = self.catalogue[model].entry.replicas
        return max(1, replicas.max * replicas.target_ongoing // processes)

    def share(self, processes: int) -> None:
        """Have this process's part of the places when several give jobs to the same replicas."""
        for model, slots in self.slots.items():
            slots.resize(self._places(model, processes))

    def start(self, job: Running) -> "asyncio.Task[JobRow]":
        """Run a job unless it runs here already."""
        job = self.running.setdefault(job.row.id, job)
        if job.task is None:
            job.losses = job.row.outcomes("replica_lost")
            job.task = _apart(self._run(job), job.row.id)
            job.task.add_done_callback(partial(self._never_ran, job))
        return job.task

    def _never_ran(self, job: Running, task: "asyncio.Task[JobRow]") -> None:
        """A task that is cancelled before its first step never sees it: the job is ended by another one."""
        if not task.cancelled() or job.ending:
            return
        if job.cancel_asked:
            job.task = _apart(self._end(job, failure(job.row, JobCanceled("cancelled")), []), job.row.id)
        elif job.lost:
            self._forget(job)

    async def take_up(self, row: JobRow) -> None:
        """Run a job that was accepted before: by another process, or in another life of this one."""
        while (known := self.running.get(row.id)) is not None:
            if known.task is None or not (known.lost or known.ending):
                return
            await asyncio.wait({known.task})
        seq = await self.database.read(job_rows.last_seq, row.id)
        made = await self.database.read(object_rows.made_by, row.id)
        earlier = {
            address: Made(address, told["output"], told["facts"], {}, cached=False) for address, told in made.items()
        }
        self.start(Running(row, job_rows.claim_of(row), seq, earlier=earlier))

    def begin_at_once(self, job: Running, plan: Plan) -> Sequence[Stored]:
        """Claim a new job whose model has a place free, so that its row is written as running.

        That place is reserved until the job takes it. Returns what the job will store.
        """
        row = job.row
        joins = any(self._flight_name(item.key, row.owner) in self.flights for item in plan.candidates)
        if joins or not self.slots[plan.model].reserve(row.id, row.owner):
            return ()
        job.hold(job.claim.taken())
        job.change(job.row.begin_attempt(plan.model, row.created_at))
        job.place, job.seq = plan.model, 2
        job.noted[plan.model] = makes(row.id, plan)
        return job.noted[plan.model]

    def give_back(self, job: Running) -> None:
        """Give back a reserved place that was not taken."""
        if job.place is not None:
            self.slots[job.place].release(job.row.id, job.row.owner)
            job.place = None

    def cancel(self, job_id: str) -> None:
        """Stop a job that runs or waits here."""
        job = self.running.get(job_id)
        if job is not None and job.task is not None and not job.cancel_asked and not job.ending:
            job.cancel_asked = True
            job.task.cancel()

    def position(self, row: JobRow) -> int | None:
        """Place of a job in its model's queue."""
        slots = self.slots.get(row.model_used)
        if slots is None or row.status != "queued":
            return None
        on_its_way = row.id in self.running  # it looks into the cache before it queues
        return slots.position(row.id) or (len(slots.waiting) + 1 if on_its_way else None)

    def waiting_for(self, row: JobRow) -> str | None:
        """What keeps a job from being made: a `place` at its model, a `replica` that takes its call; None: nothing."""
        if row.status == "queued":
            return "place"
        job = self.running.get(row.id)
        return "replica" if row.status == "running" and job is not None and not job.taken else None

    async def _run(self, job: Running) -> JobRow:
        logs.job_id.set(job.row.id)
        logs.request_id.set(job.row.request_id)
        made: list[Made] = []
        try:
            check_worth(job.row)
            async with asyncio.timeout(max(0.0, job.row.deadline - self.lease.time())):
                made = ranked(await self._serve(job))
            last = success(job.row, made)
        except TimeoutError:
            last = failure(job.row, DeadlineExceeded("the deadline passed before the job was done"))
        except asyncio.CancelledError:
            if not job.cancel_asked and not job.lost:
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
        self.give_back(job)
        self.running.pop(job.row.id, None)
        logs.log.info("job left to another process", extra={"holder": job.claim.holder})
        self.watchers.notify(job.row.id)
        return job.row

    async def _end(self, job: Running, last: JobRow, made: list[Made]) -> JobRow:
        job.ending = True
        self.give_back(job)
        ending = self.persistence.ending(job, last, made)
        try:
            delivery = await self.persistence.end(job, ending)
        except ClaimLost:
            return self._forget(job)
        except ObjectGone:  # what it found was deleted since: it makes its own
            self.running.pop(job.row.id, None)
            row = replace(job.row, attempts=ending.row.attempts)
            return await self.start(Running(row, job.claim, job.seq, noted=job.noted, tried=job.tried))
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
        row = job.change(replace(ending.row, outputs=outputs, holder=None, queue_holder=None))
        self.metrics.finished(row)
        log_end(row)
        self.persistence.announce(row.id, delivery_id)
        return row

    async def _serve(self, job: Running) -> list[Made]:
        """Ask the model, then its fallbacks; a job that is taken up goes on where it was in that chain."""
        planned = job.row.planned_model
        chain = (planned, *self.catalogue[planned].entry.fallback)
        begun = chain.index(job.row.model_used) if job.row.model_used in chain else 0
        errors: list[str] = list(job.row.facts.get("fallback", {}).get("because", ()))
        for name in chain[begun:]:
            try:
                plan = job.plan if job.plan is not None and name == planned else self._plan(name, job.row)
                job.change(replace(job.row, model_used=name))
                if errors:
                    fallback = {"from": planned, "because": list(errors)}
                    job.change(replace(job.row, facts={**job.row.facts, "fallback": fallback}))
                return list(await gather([self._candidate(job, plan, item) for item in plan.candidates]))
            except (ModelNotReady, ReplicaLost, ResourceExhausted) as error:
                job.change(job.row.end_attempt(error.code, self.lease.time()))
                errors.append(f"{name}: {error.detail}")
                last: ContinuoError = error
            except Invalid as error:
                if name == planned:
                    raise
                errors.append(f"{name}: {error.detail}")
                last = error
        raise last

    def _plan(self, name: str, row: JobRow) -> Plan:
        """The job for this model; a fallback serves what it understands of the request."""
        given = row.input
        if name != row.planned_model:
            given = {field: value for field, value in given.items() if field in self.catalogue[name].fields}
        return self.catalogue.plan_for(name, given, prefix="/input")

    async def _candidate(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        """Find the sound in storage, join whoever is making it, or make it."""
        name = self._flight_name(candidate.key, job.row.owner)
        while True:
            found = await self.persistence.insist(partial(self._found, job, candidate.key))
            if found is not None:
                return found
            flight = self.flights.get(name)
            if flight is None:
                break
            made = await asyncio.shield(flight)
            if made is not None:
                return made.shared()
        flight = self.flights[name] = asyncio.get_running_loop().create_future()
        try:
            made = await self._attempts(job, plan, candidate)
            flight.set_result(made)
            return made
        finally:
            del self.flights[name]
            if not flight.done():
                flight.set_result(None)

    def _flight_name(self, address: str, owner: str) -> str:
        return address if self.cache.shared else f"{owner}/{address}"

    async def _found(self, job: Running, address: str) -> Made | None:
        """What the job itself made in an earlier life, or another one, if it is still in storage."""
        earlier = job.earlier.get(address)
        if earlier is not None and await asyncio.to_thread(self.storage.stat, earlier.output["key"]) is not None:
            return earlier
        return None if job.fresh else await self.cached(address, job.row.owner)

    async def cached(self, address: str, owner: str) -> Made | None:
        """A sound that was made before, after a look that its object is still there."""
        whose = None if self.cache.shared else owner
        found = await self.database.read(object_rows.find_made, address, whose)
        if found is None:
            return None
        key, made = found
        try:
            there = await asyncio.to_thread(self.storage.stat, key)
        except StorageUnavailable:
            return None  # no reason to fail an accepted job: it makes its own
        if there is None:
            await self.database.write(object_rows.lose_object, key)
            return None
        return Made(address, made["output"], made["facts"], {}, cached=True).shared()

    async def _attempts(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        row = job.row
        if reserved := job.place == plan.model:
            job.place = None
        async with self.slots[plan.model].take(row.id, row.owner, row.priority, reserved=reserved):
            while True:
                losses = job.losses
                await self._begin(job, plan)
                try:
                    made = await self._attempt(job, plan, candidate)
                except ReplicaGone:
                    if job.losses == losses:
                        job.losses += 1
                        job.change(job.row.end_attempt("replica_lost", self.lease.time()))
                        self.persistence.save(job, ("attempts",))
                        logs.log.warning("replica lost", extra={"model": plan.model, "losses": job.losses})
                    if job.losses >= MAX_LOSSES:
                        text = f"the process of model '{plan.model}' died {MAX_LOSSES} times under this job"
                        raise ReplicaLost(text) from None
                else:
                    if len(plan.candidates) > 1:  # its end, which tells of them all, may be far
                        self.persistence.write(job, partial(object_rows.store_object, item=made.stored()))
                    return made

    async def _begin(self, job: Running, plan: Plan) -> None:
        """Record an attempt: with the claim and what will be stored, before the call; later ones beside it."""
        model = plan.model
        async with job.beginning:
            if job.row.is_attempted and job.row.attempts[-1].model == model:
                return
            await self.lease.fresh()
            row = job.change(job.row.begin_attempt(model, self.lease.time()))
            job.taken = False
            event = Event(job.next_seq(), "started", {"attempt": len(row.attempts), "model": model})
            if job.claim.held and model in job.noted and not row.webhook:
                self.persistence.save(job, job_rows.BEGUN, event)
                return
            job.noted[model] = makes(row.id, plan)
            await self.persistence.begin(job, event, job.noted[model])

    async def _attempt(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        row = job.row
        key = object_key(candidate.key, row.id)
        job.tried.add(key)
        work = Work(
            row.id,
            row.request_id,
            key,
            candidate.seed,
            candidate.request,
            candidate.settings,
            seconds_left=max(0.0, row.deadline - self.lease.time()),
        )
        stream = self.handles[plan.model].run(work)
        try:
            async with asyncio.timeout(None) as start:
                with self._expecting(plan.model, start) as arrived:
                    async for kind, data in stream:
                        arrived()
                        job.taken = True
                        if kind == "progress":
                            self._progress(job, data)
                        elif kind == "output":
                            return Made(candidate.key, data["output"], data["facts"], data["metrics"], cached=False)
                        elif kind == "error":
                            raise from_code(data["code"], data["detail"], data["errors"])
        except TimeoutError:
            if not start.expired():
                raise
            within_s = self.catalogue[plan.model].entry.replicas.start_within_s
            raise ModelNotReady(f"no replica of model '{plan.model}' came up within {within_s:g} s") from None
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
        raise GenerationFailed("the replica ended without an answer")

    @contextmanager
    def _expecting(self, model: str, start: asyncio.Timeout) -> Iterator[Callable[[], object]]:
        """Lets `start` run out when the model has no replica for as long as it may take to come up.

        Where replicas live that are busy, the call waits for one. Yields what to call when the call has arrived.
        """
        within_s = self.catalogue[model].entry.replicas.start_within_s
        loop = asyncio.get_running_loop()
        looking: list[asyncio.Task[None]] = []

        async def give_up() -> None:
            while await self._is_up(model):  # noqa: ASYNC110  (Ray tells nobody of it)
                await asyncio.sleep(min(within_s, LOOK_FOR_REPLICAS_S))
            start.reschedule(loop.time())

        def stop() -> None:
            patience.cancel()
            for task in looking:
                task.cancel()

        patience = loop.call_later(within_s, lambda: looking.append(loop.create_task(give_up())))
        try:
            yield stop
        finally:
            stop()

    async def _is_up(self, model: str) -> bool:
        try:
            return await self.count_replicas(model) > 0
        except Exception:  # noqa: BLE001  (Ray's own errors: nothing is known, so the call goes on waiting)
            logs.log.warning("replicas could not be counted", extra={"model": model}, exc_info=True)
            return True

    def _progress(self, job: Running, data: Json) -> None:
        now = time.monotonic()
        job.change(replace(job.row, progress=data))
        late = sum(not write.done() for write in job.writes) >= LATE_WRITES  # the database is away or slow
        if now - job.last_progress < PROGRESS_EVERY_S or late:
            return
        job.last_progress = now
        self.persistence.save(job, ("progress",), Event(job.next_seq(), "progress", data))

    async def abandon_all(self) -> None:
        """Stop everything that runs here without a word about it: others have it, or will."""
        jobs = list(self.running.values())
        for job in jobs:
            job.lose()
        for job in jobs:
            if job.task is not None:
                with suppress(asyncio.CancelledError):
                    await job.task


def makes(job_id: str, plan: Plan) -> Sequence[Stored]:
    """What a job may store by this plan."""
    return [Stored(object_key(item.key, job_id), item.key) for item in plan.candidates]


def check_worth(row: JobRow) -> None:
    """Raise why a job is not to be run (again): somebody asked to stop it, or it has ended too many processes."""
    if row.cancel_requested:
        raise JobCanceled("cancelled")
    for outcome in (LOST, "replica_lost"):
        if row.outcomes(outcome) >= MAX_LOSSES:
            raise ReplicaLost(f"a process that ran this job died {MAX_LOSSES} times under it ({outcome})")


def _apart(work: Coroutine[Any, Any, JobRow], name: str) -> "asyncio.Task[JobRow]":
    """A task that belongs to no request: Ray cancels what was called in the context of one whose client hangs up."""
    return asyncio.create_task(work, name=name, context=contextvars.Context())


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
