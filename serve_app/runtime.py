"""What one ingress replica is made of. Routes reach it as `request.app.state.runtime`."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from deployments.contract import Capability
from serve_app.assets.assets import Assets
from serve_app.assets.references import resolved
from serve_app.config import Args, Limits, Retention
from serve_app.errors import ContinuoError, ModelNotReady, NotFound, Unauthenticated
from serve_app.jobs.acceptance import Jobs
from serve_app.jobs.attempts import Attempts
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.execution import Execution
from serve_app.jobs.flights import Flights
from serve_app.jobs.model_health import ModelHealth
from serve_app.jobs.persistence import Persistence
from serve_app.jobs.places import Places
from serve_app.jobs.plan import Plan
from serve_app.jobs.resumption import Resumption
from serve_app.jobs.running import Handle
from serve_app.jobs.watching import Watchers
from serve_app.logs import log
from serve_app.loops import Loops
from serve_app.metrics import Metrics
from serve_app.notify.deliveries import Deliveries
from serve_app.notify.views import job_view, rfc3339, signed_urls
from serve_app.notify.webhooks import Webhooks, plan_webhook
from serve_app.records import job_rows, queue_rows
from serve_app.records.api_keys import LOCAL, Keys, Principal
from serve_app.records.database import Database
from serve_app.records.leases import Lease
from serve_app.records.rows import JobRow
from serve_app.replica.work import ReplicaGone
from serve_app.storage import Storage, open_storage
from serve_app.storage.shared_check import SharedCheck
from serve_app.upkeep import Upkeep
from serve_app.voices.library import Voices

# A replica that was ready is not asked again at once: a question is work to Ray, and who is asked never goes to zero.
READY_FOR_S = 15.0
REACHED_WITHIN_S = 5.0


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
        self.model_health = ModelHealth(self.database)
        self.storage: Storage = open_storage(args.storage)
        self.handles = handles
        self.metrics = Metrics()
        self.loops = Loops()
        self.lease = Lease(self.database, args.leases, lambda: job_rows.new_id("holder"))
        self.watchers = Watchers()
        deliver_now = partial(self.loops.wake, "deliver")
        persistence = Persistence(self.database, self.lease, self.watchers, plan_webhook, deliver_now)
        places = Places(self.catalogue)
        self.public_url = (args.public_url or "").rstrip("/")
        self.resumption = Resumption(persistence, self.public_url, alone=lambda: places.processes == 1)
        attempts = Attempts(persistence, places, self.catalogue, handles, self._count_running, self.resumption)
        flights = Flights(persistence, self.storage, args.cache, several=lambda: places.processes > 1)
        self.execution = Execution(persistence, flights, attempts, self.catalogue, self.metrics)
        self.jobs = Jobs(self.storage, self.execution, args.limits, args.retention)
        self.apply(args.limits, args.retention)
        self.keys = Keys(self.database)
        self.assets = Assets(self.database, self.storage, args.assets)
        self.voices = Voices(self.assets, self.jobs, self.catalogue, args.voices)
        self.webhooks = Webhooks(self.database, args.webhooks)
        self.deliveries = Deliveries(self.database, self.lease, self.webhooks, self._message, deliver_now)
        self.upkeep = Upkeep(self.jobs, self.deliveries, partial(self.loops.wake, "poll"))
        self.store_check = SharedCheck(lambda: asyncio.to_thread(self.storage.check))
        self.ready = False
        self._reached_until = 0.0
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}  # until when, the state of a model
        self._abandoning: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Migrate, begin to hold, take up what nobody runs, begin the loops."""
        await asyncio.to_thread(self.database.migrate)
        lost = partial(asyncio.get_running_loop().call_soon_threadsafe, self._lost)
        await asyncio.to_thread(self.lease.start, lost)
        await self.upkeep.poll()
        self.loops.start("poll", self.upkeep.poll)
        self.loops.start("reconcile", self.upkeep.reconcile)
        self.loops.start("deliver", self.deliveries.deliver)
        self.loops.start("sweep", self.upkeep.sweep_in_turn)
        self.loops.start("collect", self.upkeep.collect)
        self.ready = True

    def _lost(self) -> None:
        """Others have what this process ran: stop it without a word."""
        task = asyncio.create_task(self.execution.abandon_all())
        self._abandoning.add(task)  # the event loop itself holds no task
        task.add_done_callback(self._abandoning.discard)
        self.loops.wake("poll")

    def unhealthy(self) -> str | None:
        """Why another process should take this one's place; None when all of it runs."""
        stuck = self.loops.stuck() + ([] if self.lease.is_renewing else ["lease"])
        return f"does not run any more: {', '.join(stuck)}" if stuck else None

    def apply(self, limits: Limits, retention: Retention) -> None:
        """Change limits and retention without a restart."""
        self.jobs.apply(limits, retention)
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

    async def plan(
        self, owner: str, model: str, given: Mapping[str, Any], *, prefix: str, tasks: Iterable[str] = ()
    ) -> Plan:
        """`Catalogue.plan` for what an owner gives; the files that it names are stored first, and become their ids.

        A voice of theirs becomes its id, too, and one of a model's what that calls it. Raises what `Voices.resolve` and
        `references.resolved` raise, too.
        """
        model, given = await self.voices.applied(owner, model, given, prefix=prefix, tasks=tasks)
        files = dict(self.catalogue.file_fields(model))
        if model in self.voices.speaking:
            files.pop("voice", None)  # it is resolved, and may be no file
        if not files.keys().isdisjoint(given):
            given = await resolved(self.assets, owner, given, files, prefix)
        return self.catalogue.plan(model, given, prefix=prefix, tasks=tasks)

    async def views(self, rows: Sequence[JobRow], base_url: str) -> list[dict[str, Any]]:
        """Jobs as JSON, with freshly signed URLs; those of a bucket are signed off the event loop."""
        sign = partial(signed_urls, rows, self.storage, self.args.storage.url_ttl_s)
        urls = sign() if self.args.storage.kind == "local" else await asyncio.to_thread(sign)
        return [
            {
                **job_view(row, urls, base_url),
                "queue_position": self.execution.position(row),
                "waiting_for": self.execution.waiting_for(row),
            }
            for row in rows
        ]

    async def view(self, row: JobRow, base_url: str) -> dict[str, Any]:
        """A job as JSON."""
        [view] = await self.views([row], base_url)
        return view

    async def _message(self, row: JobRow, event: str) -> bytes:
        """The body of a webhook, as Standard Webhooks wants it."""
        view = await self.view(row, self.public_url or row.base_url or "")
        body = {"type": event, "timestamp": rfc3339(row.completed_at or self.lease.time()), "data": view}
        return json.dumps(body).encode()

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

    async def drain(self, grace_s: float) -> int:
        """Take no new jobs, in no process, and let the running ones end within `grace_s`; returns how many are left."""
        self.jobs.stop_accepting()
        several = self.execution.slots.processes > 1
        if several:
            with suppress(ContinuoError):  # a database that is away must not cut the jobs off that run here
                await self.database.write(queue_rows.drain_all)
        until = time.monotonic() + grace_s
        while time.monotonic() < until:
            started = [job.task for job in self.execution.running.values() if job.is_under_way and job.task]
            wait_s = max(0.05, min(0.5, until - time.monotonic()))
            if started:
                await asyncio.wait(started, timeout=wait_s)
            elif several and await self._others_run():
                await asyncio.sleep(wait_s)
            else:
                break
        self.jobs.end_waits()
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
        await self.voices.close()
        await self.assets.close()
        self.database.close()

    async def release(self) -> None:
        """End everything but the answers: what this process holds is free for whoever comes next."""
        if self.execution.closing:
            return
        self.ready = False
        self.execution.closing = True
        await self.loops.close()
        unfinished = [
            *self.deliveries.tasks.values(),
            *(job.task for job in self.execution.running.values() if job.task),
        ]
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await self._end_writes()
        await asyncio.to_thread(self.lease.close)
