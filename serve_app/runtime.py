"""What one ingress replica is made of. Routes reach it as `request.app.state.runtime`."""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from deployments.contract import Capability
from serve_app.config import Args, Limits, Retention
from serve_app.errors import ContinuoError, ModelNotReady, NotFound, Unauthenticated
from serve_app.http.keys import LOCAL, Keys, Principal
from serve_app.http.readiness import SharedCheck
from serve_app.http.views import job_view, rfc3339, signed_urls
from serve_app.jobs.acceptance import FRESH_WITHIN_S, POLL_S, Jobs
from serve_app.jobs.attempts import Attempts
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.execution import Execution
from serve_app.jobs.flights import Flights
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.places import Places
from serve_app.jobs.running import Handle
from serve_app.jobs.watching import Watchers
from serve_app.logs import log
from serve_app.loops import Loops
from serve_app.metrics import Metrics
from serve_app.notify import webhooks
from serve_app.notify.webhooks import Webhooks
from serve_app.records import job_rows, object_rows, queue_rows
from serve_app.records.database import Database
from serve_app.records.leases import ClaimLost, Lease, reap, release
from serve_app.records.rows import JobRow
from serve_app.replica.work import ReplicaGone
from serve_app.storage import Storage, open_storage

# A replica that was ready is not asked again at once: a question is work to Ray, and who is asked never goes to zero.
READY_FOR_S = 15.0
REACHED_WITHIN_S = 5.0
ALONE_S = 1.0  # how often a process that is alone looks whether it still is
ADOPTED_AT_ONCE = 200
DELIVERIES_AT_ONCE = 16
PUT_OFF_S = 30.0
LONGEST_SWEEP_S = 30.0  # in one turn; the next may be another process's
SWEPT_AT_ONCE = 8
TOMBSTONE_S = 3600.0
LONGEST_RUN_S = 24 * 3600.0
RECONCILE_EVERY_S = 5.0
LONGEST_PAUSE_S = 5.0


class Runtime:
    """The parts of an ingress replica, wired. `start` before the first request, `drain` and `close` at the end."""

    def __init__(
        self,
        args: Args,
        handles: Mapping[str, Handle],
        count_replicas: Callable[[], Awaitable[list[tuple[int, int]]]] | None = None,
    ) -> None:
        self.args = args
        self.count_replicas = count_replicas or self._one_each
        self.catalogue = Catalogue(args.models)
        self.database = Database(args.database_url)
        self.storage: Storage = open_storage(args.storage)
        self.handles = handles
        self.metrics = Metrics()
        self.loops = Loops()
        self.lease = Lease(self.database, args.leases, lambda: job_rows.new_id("holder"))
        self.watchers = Watchers()
        wake = partial(self.loops.wake, "deliver")
        persistence = Persistence(self.database, self.lease, self.watchers, plan_webhook, wake)
        places = Places(self.catalogue)
        attempts = Attempts(persistence, places, self.catalogue, handles, self._count_running)
        flights = Flights(persistence, self.storage, args.cache)
        self.execution = Execution(persistence, flights, attempts, self.catalogue, self.metrics)
        self.jobs = Jobs(self.database, self.storage, self.execution)
        self.apply(args.limits, args.retention)
        self.keys = Keys(self.database)
        self.webhooks = Webhooks(self.database, args.webhooks)
        self.store_check = SharedCheck(lambda: asyncio.to_thread(self.storage.check))
        self.public_url = (args.public_url or "").rstrip("/")
        self.ready = False
        self._reached_until = 0.0
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}  # until when, the state of a model
        self._newest: dict[str, int] = {}  # events of watched jobs that other processes run
        self._deliveries: dict[str, asyncio.Task[None]] = {}
        self._unknown: set[str] = set()  # what the last reconciliation did not know

    async def start(self) -> None:
        """Migrate, begin to hold, take up what nobody runs, begin the loops."""
        await asyncio.to_thread(self.database.migrate)
        loop = asyncio.get_running_loop()
        self.lease.on_lost = partial(loop.call_soon_threadsafe, self._lost)
        await asyncio.to_thread(self.lease.start)
        await self.attend()
        self.loops.start("attend", self.attend)
        self.loops.start("reconcile", self.reconcile)
        self.loops.start("deliver", self.deliver)
        self.loops.start("sweep", self._sweep_in_turn)
        self.ready = True

    def _lost(self) -> None:
        """Others have what this process ran: stop it without a word."""
        self._abandoning = asyncio.ensure_future(self.execution.abandon_all())
        self.loops.wake("attend")

    def unhealthy(self) -> str | None:
        """Why another process should take this one's place; None when all of it runs."""
        stuck = self.loops.stuck() + ([] if self.lease.is_renewing else ["lease"])
        return f"does not run any more: {', '.join(stuck)}" if stuck else None

    async def attend(self) -> float:
        """See what other processes want of this one, and take up what nobody runs."""
        me = self.lease.holder
        seen = await self.database.read(queue_rows.look, me)
        if seen.reapable and (ended := await self._reap(me)):
            log.warning("leases are over", extra={"holders": ended})
            seen = await self.database.read(queue_rows.look, me)
        self.execution.slots.share(max(1, seen.processes))
        for job_id in seen.cancels:
            self.execution.cancel(job_id)
        if seen.draining:
            self._close_doors()
        elif not self.jobs.draining.is_set():
            await self._take_up(me, seen)
        foreign = await self._watch_foreign()
        return POLL_S if foreign or seen.processes > 1 else ALONE_S

    async def _reap(self, me: str) -> list[str]:
        with suppress(ClaimLost):  # nothing is held here either
            return await self.database.write(reap, me, self.lease.is_steady)
        return []

    async def reconcile(self) -> float:
        """Free what rows say this process has and it does not know, twice in a row: an answer was lost on its way."""
        me = self.lease.holder
        jobs = set(await self.database.read(queue_rows.named, me)) - set(self.execution.running)
        deliveries = set(await self.database.read(webhooks.claimed_by, me)) - set(self._deliveries)
        unknown = (jobs - set(self.jobs.entering)) | deliveries
        lost = unknown & self._unknown
        self._unknown = unknown - lost
        if lost:
            log.warning("freed what this process has no task for", extra={"ids": sorted(lost)[:20]})
            await self.database.write(release, me, sorted(lost & jobs), sorted(lost & deliveries))
            self.loops.wake("attend")
        return RECONCILE_EVERY_S

    async def _take_up(self, me: str, seen: queue_rows.Seen) -> None:
        rows = await self.database.write(queue_rows.adopt, me, ADOPTED_AT_ONCE) if seen.abandoned else []
        if seen.processes > 1:
            for model, slots in self.execution.slots.items():
                if slots.free and await self.database.read(queue_rows.has_stealable, me, model):
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

    def apply(self, limits: Limits, retention: Retention) -> None:
        """Change limits and retention without a restart."""
        self.jobs.limits, self.jobs.retention = limits, retention
        self.catalogue.sound_bytes = limits.sound_bytes

    async def check(self) -> None:
        """Raise what keeps this replica from serving: database, storage, models of which none can be reached."""
        await self.database.read(job_rows.find_key, "", "")
        await self.store_check()
        if time.monotonic() > self._reached_until:
            await self._reach_a_model()
            self._reached_until = time.monotonic() + READY_FOR_S

    async def _reach_a_model(self) -> None:
        """Return when a model that takes jobs answers, whatever it says; those that may be at zero are not woken."""
        staying = [item.name for item in self.catalogue if item.entry.replicas.min and item.takes_jobs]
        asked = [asyncio.create_task(self._reaches(name)) for name in staying]
        try:
            for answer in asyncio.as_completed(asked, timeout=REACHED_WITHIN_S):
                if await answer:
                    return
        except TimeoutError:
            pass
        finally:
            for task in asked:
                task.cancel()
        if asked:
            raise ModelNotReady(f"no model answers ({', '.join(staying)}): their processes cannot be reached")

    async def _reaches(self, name: str) -> bool:
        try:
            await self.handles[name].status()
        except ReplicaGone:
            return False
        return True

    async def principal_of(self, authorization: str | None) -> Principal:
        """Who calls. On loopback without keys any credential is the local owner's, but a key still names its own.

        Raises Unauthenticated.
        """
        if self.args.auth.mode == "keys":
            return await self.keys.authenticate(authorization)
        if authorization is not None:
            with suppress(Unauthenticated):  # clients that always send a key send any
                return await self.keys.authenticate(authorization)
        return LOCAL

    async def views(self, rows: Sequence[JobRow], base_url: str) -> list[dict[str, Any]]:
        """Jobs as JSON, with freshly signed URLs; those of a bucket are signed off the event loop."""
        sign = partial(signed_urls, rows, self.storage, self.args.storage.url_ttl_s)
        urls = sign() if self.args.storage.kind == "local" else await asyncio.to_thread(sign)
        base = self.public_url or base_url
        return [
            {
                **job_view(row, urls, base),
                "queue_position": self.execution.position(row),
                "waiting_for": self.execution.waiting_for(row),
            }
            for row in rows
        ]

    async def view(self, row: JobRow, base_url: str) -> dict[str, Any]:
        """A job as JSON."""
        [view] = await self.views([row], base_url)
        return view

    async def model_states(self) -> dict[str, dict[str, Any]]:
        """Status, reason and number of replicas of each model; waking none of them."""
        counts = await self.count_replicas()
        return dict(
            zip(
                self.catalogue.names,
                await asyncio.gather(*map(self._state, self.catalogue.names, counts)),
                strict=True,
            )
        )

    async def _state(self, name: str, replicas: tuple[int, int]) -> dict[str, Any]:
        running, starting = replicas
        state: dict[str, Any] = {"status": "loading" if starting else "cold", "reason": None}
        if running:
            until, known = self._known.get(name, (0.0, {}))
            if time.monotonic() < until and known["replicas"] == running:
                return known
            try:
                async with asyncio.timeout(2.0):
                    state = await self.handles[name].status()
            except (TimeoutError, ReplicaGone):
                state = {"status": "loading", "reason": "the replica does not answer at the moment"}
        state = {**state, "replicas": running}
        self._known[name] = (time.monotonic() + READY_FOR_S * (state["status"] == "ready"), state)
        return state

    async def ask_presets(self, *question: Any) -> dict[str, Any]:
        """The answer of the model that has presets. Raises NotFound when there is none, ModelNotReady."""
        name = next((item.name for item in self.catalogue if Capability.PRESET in item.info.capabilities), None)
        if name is None:
            raise NotFound("no configured model has presets")
        try:
            kind, answer = await self.handles[name].ask(*question)
        except ReplicaGone as error:
            raise ModelNotReady(f"the replica of model '{name}' is gone; a new one starts") from error
        if kind == "error":
            raise ModelNotReady(answer)
        found: dict[str, Any] = answer
        return found

    async def _count_running(self, model: str) -> int:
        return dict(zip(self.catalogue.names, await self.count_replicas(), strict=True))[model][0]

    async def _one_each(self) -> list[tuple[int, int]]:
        return [(1, 0) for _ in self.catalogue.names]

    async def gauge(self) -> None:
        """Set the gauges of the moment: queue depth and age, places taken, memory."""
        for name, state in (await self.model_states()).items():
            if (memory := state.get("memory_bytes")) is not None:
                self.metrics.memory.labels(name).set(memory)
        now = self.lease.time()
        self.metrics.processes.set(self.execution.slots.processes)
        for name, slots in self.execution.slots.items():
            ages = [now - job.row.created_at for job in self.execution.running.values() if job.row.model_used == name]
            self.metrics.depth.labels(name).set(len(slots.waiting))
            self.metrics.busy.labels(name).set(slots.busy)
            self.metrics.age_s.labels(name).set(max(ages, default=0.0))

    async def deliver(self) -> float:
        """Try the webhooks that are due; each by itself, so that a slow receiver holds up nobody."""
        room = DELIVERIES_AT_ONCE - len(self._deliveries)
        wait_s = await self.database.read(webhooks.next_due_s) if room else None
        if wait_s is None or wait_s > 0:
            return min(LONGEST_PAUSE_S, wait_s or LONGEST_PAUSE_S)
        await self.lease.fresh(FRESH_WITHIN_S)
        taken = await self.database.write(webhooks.take_due, self.lease.holder, room)
        for due in taken:
            task = self._deliveries[due.id] = asyncio.create_task(self._deliver(due))
            task.add_done_callback(partial(self._delivered, due.id))
        return 0.0 if taken else POLL_S  # others have them

    def _delivered(self, delivery_id: str, _task: "asyncio.Task[None]") -> None:
        del self._deliveries[delivery_id]
        self.loops.wake("deliver")

    async def _deliver(self, due: webhooks.Due) -> None:
        try:
            found = await self.database.read(job_rows.delivery_job, due.id)
            if found is None:
                await self.database.write(webhooks.drop, due)
                return
            row, event = found
            view = await self.view(row, self.public_url or row.base_url or "")
            body = {"type": event, "timestamp": rfc3339(row.completed_at or self.lease.time()), "data": view}
            await self.webhooks.attempt(due, json.dumps(body).encode())
        except Exception as error:  # noqa: BLE001  (one delivery's trouble is not another's; it is tried again)
            known = isinstance(error, ContinuoError)
            log.warning("delivery put off", extra={"delivery": due.id}, exc_info=not known)
            put_off = partial(self.database.write, webhooks.postpone, due, PUT_OFF_S)
            await self.execution.persistence.insist(put_off)

    async def _sweep_in_turn(self) -> float:
        every_s = self.jobs.retention.sweep_every_s
        if not await self.database.write(queue_rows.take_duty, "sweep", every_s):
            return every_s
        until = time.monotonic() + LONGEST_SWEEP_S
        while await self.sweep(until):
            if time.monotonic() > until:
                await self.database.write(queue_rows.pass_duty_on, "sweep")
                return 0.0
        return every_s

    async def sweep(self, until: float = math.inf) -> int:
        """Remove what is over its time: some hundred jobs and objects, or what can be removed until `time.monotonic()`.

        Returns how many it removed.
        """
        await self.database.write(job_rows.sweep_keys)
        # A run that nobody waits for any more may still store something, until its job's deadline.
        late_s = TOMBSTONE_S + min(self.jobs.limits.deadline_s, LONGEST_RUN_S)
        over = self.lease.time() - self.jobs.retention.jobs_s
        ids = await self.database.read(job_rows.to_remove)
        ids += await self.database.read(job_rows.finished_before, over)
        work = [partial(self.jobs.remove, job_id) for job_id in ids]
        unwanted = await self.database.read(object_rows.unwanted, late_s)
        work += [partial(self.jobs.bury, key, last) for key, last in unwanted]
        done = 0
        while work and time.monotonic() < until:
            now, work = work[:SWEPT_AT_ONCE], work[SWEPT_AT_ONCE:]
            found = await asyncio.gather(*(remove() for remove in now), return_exceptions=True)
            for error in (item for item in found if isinstance(item, BaseException)):
                log.warning("not removed; it is tried again", extra={"detail": str(error)[:200]})
            done += sum(not isinstance(item, BaseException) for item in found)
        return done

    def _close_doors(self) -> None:
        self.jobs.draining.set()
        self.execution.slots.close()

    async def drain(self, grace_s: float) -> int:
        """Take no new jobs, in no process, and let the running ones end within `grace_s`; returns how many are left."""
        self._close_doors()
        several = self.execution.slots.processes > 1
        if several:
            with suppress(ContinuoError):  # a database that is away must not cut the jobs off that run here
                await self.database.write(queue_rows.drain_all)
        until = time.monotonic() + grace_s
        while time.monotonic() < until:
            started = [job.task for job in self.execution.running.values() if job.row.status == "running" and job.task]
            wait_s = max(0.05, min(0.5, until - time.monotonic()))
            if started:
                await asyncio.wait(started, timeout=wait_s)
            elif several and await self._others_run():
                await asyncio.sleep(wait_s)
            else:
                break
        self.jobs.grace_over.set()
        self.watchers.notify_all()
        left = len(self.execution.running)
        if several:
            with suppress(ContinuoError):
                left = (await self.database.read(queue_rows.unfinished))[1]
        log.info("drained", extra={"left": left})
        return left

    async def _others_run(self) -> bool:
        try:
            return bool((await self.database.read(queue_rows.unfinished))[0])
        except ContinuoError:
            return True

    async def _end_writes(self) -> None:
        """Let what was told of unfinished jobs reach the database, unless it is away; nothing writes afterwards."""
        writes = [write for job in self.execution.running.values() for write in job.writes]
        if writes:
            _, late = await asyncio.wait(writes, timeout=5)
            for write in late:
                write.cancel()
            await asyncio.gather(*writes, return_exceptions=True)

    async def close(self) -> None:
        """Stop; unfinished jobs stay in the database, free for whoever comes next."""
        await self.release()
        self.database.close()

    async def release(self) -> None:
        """End everything but the answers: what this process holds is free for whoever comes next."""
        if self.execution.closing:
            return
        self.ready = False
        self.execution.closing = True
        await self.loops.close()
        unfinished = [*self._deliveries.values(), *(job.task for job in self.execution.running.values() if job.task)]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._end_writes()
        await asyncio.to_thread(self.lease.close)


def plan_webhook(row: JobRow, event: str) -> job_rows.Also | None:
    """What to write beside an event of a job whose caller wants to be told of it."""
    wanted = row.webhook
    if not wanted or event not in wanted["events"]:
        return None
    return lambda c: Webhooks.plan(c, row.id, row.owner, f"job.{event}", wanted["url"])
