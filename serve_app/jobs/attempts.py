"""Attempts: a place at the model, a record in the row of the job, the call to a replica, a retry when that is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from serve_app import logs
from serve_app.errors import GenerationFailed, Invalid, ModelNotReady, ReplicaLost, from_code
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.places import Places
from serve_app.jobs.plan import Candidate, Plan
from serve_app.jobs.results import Made, object_key
from serve_app.jobs.resumption import PutOff, Resumption
from serve_app.jobs.running import Handle, Running
from serve_app.records import asset_rows, job_rows, object_rows, voice_rows
from serve_app.records.candidate_rows import CandidateId
from serve_app.records.database import until_available
from serve_app.records.object_rows import Stored
from serve_app.records.rows import Event, JobRow, Json
from serve_app.records.voice_rows import VOICE_ID
from serve_app.replica.work import ReplicaGone, Work

MAX_LOSSES = 3
PROGRESS_EVERY_S = 0.25
LOOK_FOR_REPLICAS_S = 5.0
LATE_WRITES = 4


class Attempts:
    """Asks the replicas for candidates. `count_replicas` tells how many of a model run."""

    def __init__(
        self,
        persistence: Persistence,
        places: Places,
        catalogue: Catalogue,
        handles: Mapping[str, Handle],
        count_replicas: Callable[[str], Awaitable[int]],
        resumption: Resumption,
    ) -> None:
        self.persistence, self.lease = persistence, persistence.lease
        self.places, self.catalogue = places, catalogue
        self.handles, self.count_replicas, self.resumption = handles, count_replicas, resumption

    async def make(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        """Make a candidate, as often as its model puts it off. Raises ReplicaLost."""
        which = CandidateId(job.row.id, plan.model, candidate.seed)
        while True:
            await self.resumption.until_due(job, which)
            try:
                return await self._make_at_place(job, plan, candidate)
            except PutOff as put_off:
                await self.resumption.put_off(job, which, put_off)

    async def _make_at_place(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        """Make a candidate, at a place of its model, in as many attempts as it takes. Raises ReplicaLost, PutOff."""
        row = job.row
        if reserved := job.reserved_at == plan.model:
            job.reserved_at = None
        async with self.places[plan.model].take(row.id, row.owner, row.priority, reserved=reserved):
            job.put_off.discard(candidate.seed)
            while True:
                losses = job.losses
                await self._begin(job, plan)
                try:
                    made = await self._call(job, plan, candidate)
                except ReplicaGone:
                    if job.losses == losses:
                        job.losses += 1
                        job.change(job.row.end_attempt("replica_lost", self.lease.time()))
                        self.persistence.save(job, ("attempts",))
                        logs.log.warning("replica lost", extra={"model": plan.model, "losses": job.losses})
                    if job.live is not None and job.live.begun:
                        text = f"the process of model '{plan.model}' died while its sound was being sent"
                        raise ReplicaLost(text) from None
                    if job.losses >= MAX_LOSSES:
                        text = f"the process of model '{plan.model}' died {MAX_LOSSES} times under this job"
                        raise ReplicaLost(text) from None
                else:
                    if len(plan.candidates) > 1:  # its end, which tells of them all, may be far
                        self.persistence.write(job, partial(object_rows.mark_stored, item=made.stored()))
                    return made

    async def _begin(self, job: Running, plan: Plan) -> None:
        """Record an attempt: with the claim and what will be stored, before the call; later ones beside it."""
        model = plan.model
        async with job.beginning:
            if job.row.is_attempted and job.row.attempts[-1].model == model:
                return
            await self.lease.fresh()
            row = job.change(job.row.begin_attempt(model, self.lease.time()))
            job.has_replica = False
            event = Event(job.next_seq(), "started", {"attempt": len(row.attempts), "model": model})
            if job.claim.held and model in job.pending_objects and not row.webhook:
                self.persistence.save(job, job_rows.BEGUN, event)
                return
            job.pending_objects[model] = pending_objects(row.id, plan)
            await self.persistence.begin(job, event, job.pending_objects[model])

    async def _call(self, job: Running, plan: Plan, candidate: Candidate) -> Made:
        row = job.row
        key = object_key(candidate.key, row.id)
        companions = {name: object_key(at, row.id) for name, at in candidate.companions.items()}
        job.requested_keys.update((key, *companions.values()))
        resume = await self.resumption.resume(job, CandidateId(row.id, plan.model, candidate.seed))
        work = Work(
            row.id,
            row.request_id,
            key,
            candidate.seed,
            candidate.request,
            candidate.settings,
            seconds_left=max(0.0, row.deadline - self.lease.time()),
            companions=companions,
            files=await self._files(row, candidate),
            resume=resume,
        )
        stream = self.handles[plan.model].run(work)
        try:
            async with asyncio.timeout(None) as start:
                with self._start_timeout(plan.model, start) as arrived:
                    async for kind, data in stream:
                        arrived()
                        job.has_replica = True
                        if kind == "progress":
                            self._report(job, data)
                        elif kind == "chunk" and job.live is not None:
                            await job.live.write(data["data"], data["head"])
                        elif kind == "output":
                            return Made(candidate.key, data["output"], data["facts"], data["metrics"], cached=False)
                        elif kind == "later":
                            raise PutOff(data["after_s"], resume.called_back)
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

    async def _files(self, row: JobRow, candidate: Candidate) -> dict[str, str]:
        """Where the files lie that the request names. Raises Invalid when one was deleted since."""
        if not candidate.files:
            return {}
        database, ids = self.persistence.database, list(candidate.files.values())
        keys = await until_available(partial(database.read, asset_rows.keys_of, row.owner, ids))
        if any(VOICE_ID.fullmatch(name) for name in ids):
            keys |= await until_available(partial(database.read, voice_rows.keys_of, row.owner, ids))
        gone = [
            {"pointer": f"/input/{name}", "detail": f"the file '{asset_id[:60]}' was deleted"}
            for name, asset_id in candidate.files.items()
            if asset_id not in keys
        ]
        if gone:
            raise Invalid(f"{gone[0]['pointer']}: {gone[0]['detail']}", gone)
        return {name: keys[asset_id] for name, asset_id in candidate.files.items()}

    @contextmanager
    def _start_timeout(self, model: str, start: asyncio.Timeout) -> Iterator[Callable[[], object]]:
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

    def _report(self, job: Running, data: Json) -> None:
        """Note progress; the database hears of it at most four times a second, and not while it is slow."""
        now = time.monotonic()
        job.change(job.row.replace(progress=data))
        late = sum(not write.done() for write in job.writes) >= LATE_WRITES  # the database is away or slow
        if now - job.last_progress < PROGRESS_EVERY_S or late:
            return
        job.last_progress = now
        self.persistence.save(job, ("progress",), Event(job.next_seq(), "progress", data))


def pending_objects(job_id: str, plan: Plan) -> Sequence[Stored]:
    """What a job may store by this plan."""
    addresses = [at for item in plan.candidates for at in (item.key, *item.companions.values())]
    return [Stored(object_key(at, job_id), at) for at in addresses]
