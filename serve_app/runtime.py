"""What one ingress replica is made of. Routes reach it as `request.app.state.runtime`."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import sqlalchemy as sa

from deployments.contract import Capability
from serve_app import durable, records
from serve_app.config import Args, Limits, Retention
from serve_app.database import Database
from serve_app.errors import ContinuoError, ModelNotReady, NotFound, Unauthenticated
from serve_app.execution import Execution
from serve_app.graph import Catalogue
from serve_app.jobs import Jobs
from serve_app.keys import LOCAL, Keys, Principal
from serve_app.logs import log
from serve_app.metrics import Metrics
from serve_app.readiness import SharedCheck
from serve_app.records import Row
from serve_app.running import Handle
from serve_app.storage import Storage, open_storage
from serve_app.views import job_view, signed_urls
from serve_app.webhooks import Webhooks
from serve_app.work import ReplicaGone

# A replica that was ready is not asked again at once: a question is work to Ray, and who is asked never goes to zero.
READY_FOR_S = 15.0
REACHED_WITHIN_S = 5.0


class Runtime:
    """The parts of an ingress replica, wired. `start` before the first request, `drain` and `close` at the end."""

    def __init__(
        self,
        args: Args,
        handles: Mapping[str, Handle],
        executor: str = "0",
        count_replicas: Callable[[], Awaitable[list[tuple[int, int]]]] | None = None,
    ) -> None:
        self.args = args
        self.count_replicas = count_replicas or self._one_each
        self.executor = executor
        self.catalogue = Catalogue(args.models)
        self.database = Database(args.database_url)
        self.storage: Storage = open_storage(args.storage)
        self.handles = handles
        self.metrics = Metrics()
        self.execution = Execution(self.database, self.storage, self.catalogue, handles, self.metrics)
        self.jobs = Jobs(self.database, self.storage, self.execution, executor)
        self.apply(args.limits, args.retention)
        self.keys = Keys(self.database)
        self.webhooks = Webhooks(self.database, args.webhooks)
        self.execution.plan_webhook = self._plan_webhook
        self.execution.start_webhook = durable.start_delivery
        self.store_check = SharedCheck(lambda: asyncio.to_thread(self.storage.check))
        self.public_url = (args.public_url or "").rstrip("/")
        self.ready = False
        self._reached_until = 0.0
        self._known: dict[str, tuple[float, dict[str, Any]]] = {}  # until when, the state of a model
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Migrate, take up what an earlier life accepted, begin to sweep."""
        await asyncio.to_thread(self.database.migrate)
        durable.launch(self.args.database_url, self.executor, self.execution.resume, self._deliver)
        await self.jobs.resume_all([str(rank) for rank in range(self.args.ingress_replicas)])
        for delivery_id in await self.database.read(records.pending_deliveries):
            await durable.ensure_delivery(delivery_id)
        self._tasks = [asyncio.create_task(self.jobs.obey_cancels())]
        if self.executor == "0":
            self._tasks.append(asyncio.create_task(self._sweep()))
        self.ready = True

    def apply(self, limits: Limits, retention: Retention) -> None:
        """Change limits and retention without a restart."""
        self.jobs.limits, self.jobs.retention = limits, retention
        self.catalogue.sound_bytes = limits.sound_bytes

    async def check(self) -> None:
        """Raise what keeps this replica from serving: database, storage, models of which none can be reached."""
        await self.database.read(records.find_key, "", "")
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

    async def views(self, rows: Sequence[Row], base_url: str) -> list[dict[str, Any]]:
        """Jobs as JSON, with freshly signed URLs; those of a bucket are signed off the event loop."""
        rows = [{**row, "outputs": list(row["outputs"])} for row in rows]  # a running job's may change meanwhile
        sign = partial(signed_urls, rows, self.storage, self.args.storage.url_ttl_s)
        urls = sign() if self.args.storage.kind == "local" else await asyncio.to_thread(sign)
        base = self.public_url or base_url
        return [{**job_view(row, urls, base), "queue_position": self.execution.position(row)} for row in rows]

    async def view(self, row: Row, base_url: str) -> dict[str, Any]:
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
                state = await asyncio.wait_for(self.handles[name].status(), 2.0)
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

    async def _one_each(self) -> list[tuple[int, int]]:
        return [(1, 0) for _ in self.catalogue.names]

    async def gauge(self) -> None:
        """Set the gauges of the moment: queue depth and age, places taken, memory."""
        for name, state in (await self.model_states()).items():
            if (memory := state.get("memory_bytes")) is not None:
                self.metrics.memory.labels(name).set(memory)
        now = time.time()
        for name, slots in self.execution.slots.items():
            ages = [
                now - job.row["created_at"] for job in self.execution.running.values() if job.row["model_used"] == name
            ]
            self.metrics.depth.labels(name).set(len(slots.waiting))
            self.metrics.busy.labels(name).set(slots.busy)
            self.metrics.age_s.labels(name).set(max(ages, default=0.0))

    def _plan_webhook(self, row: Row, event: str) -> Callable[[sa.Connection], str] | None:
        """What to write beside an event of a job whose caller wants to be told of it."""
        wanted = row["webhook"]
        if not wanted or event not in wanted["events"]:
            return None
        return lambda c: self.webhooks.plan(c, row["id"], row["owner"], f"job.{event}", wanted["url"])

    async def _deliver(self, delivery_id: str) -> float | None:
        found = await self.database.read(records.delivery_job, delivery_id)
        if found is None:
            return None
        row, event = found
        body = {
            "type": event,
            "timestamp": row["completed_at"] or time.time(),
            "data": await self.view(row, self.public_url),
        }
        return await self.webhooks.attempt(delivery_id, json.dumps(body).encode())

    async def _sweep(self) -> None:
        while True:
            try:
                await self.sweep()
            except ContinuoError as error:
                log.warning("sweep failed", extra={"code": error.code, "detail": error.detail})
            await asyncio.sleep(self.jobs.retention.sweep_every_s)

    async def sweep(self) -> int:
        """Remove what is over its time. Returns the number of jobs removed."""
        await self.database.write(records.sweep_keys)
        for key in await self.database.read(records.doomed_keys):
            await self.jobs.remove_object(key)
        removed = 0
        while ids := await self.database.read(records.finished_before, time.time() - self.jobs.retention.jobs_s):
            for job_id in ids:
                await self.jobs.remove(job_id)
            removed += len(ids)
        return removed

    async def drain(self, grace_s: float) -> int:
        """Take no new jobs, let the running ones end within `grace_s`; returns how many are left for the next start."""
        self.jobs.draining.set()
        for slots in self.execution.slots.values():
            slots.close()
        until = time.monotonic() + grace_s
        while time.monotonic() < until:
            started = [
                job.task for job in self.execution.running.values() if job.row["status"] == "running" and job.task
            ]
            if not started:
                break
            await asyncio.wait(started, timeout=max(0.05, min(0.5, until - time.monotonic())))
        self.jobs.grace_over.set()
        log.info("drained", extra={"left": len(self.execution.running)})
        return len(self.execution.running)

    async def _end_writes(self) -> None:
        """Let what was told of unfinished jobs reach the database, unless it is away; nothing writes afterwards."""
        writes = [write for job in self.execution.running.values() for write in job.writes]
        if writes:
            _, late = await asyncio.wait(writes, timeout=5)
            for write in late:
                write.cancel()
            await asyncio.gather(*writes, return_exceptions=True)

    async def close(self) -> None:
        """Stop; unfinished jobs stay in the database."""
        self.ready = False
        unfinished = [job.task for job in self.execution.running.values() if job.task]
        for task in (*self._tasks, *unfinished):
            task.cancel()
        for task in (*self._tasks, *unfinished):
            with suppress(asyncio.CancelledError):
                await task
        await self._end_writes()
        self.database.close()
        durable.close()
