"""The one wrapper that turns any Model into a Serve deployment.

A call of `run` passes: loaded? -> joined to an equal one in flight? -> generate (worker thread, batch or engine)
-> deliver (finish, encode) -> put. It yields events, see work.py: ("taken", {}) at once, the last is one of LAST. What
it makes never leaves the replica but through storage; of streamed work the encoded bytes do as well.
"""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeVar, cast

from deployments.contract import (
    Audio,
    Context,
    EngineModel,
    LoadFailed,
    Product,
    Request,
    RetryLater,
    Unhealthy,
)
from deployments.faults import device_lost
from serve_app.config import ModelEntry, StorageConfig
from serve_app.deliver.delivery import Begun, Delivered, File, StreamDelivery
from serve_app.deliver.media import DELIVERIES
from serve_app.errors import ContinuoError, GenerationFailed, JobCanceled, ModelNotReady
from serve_app.importing import load_class
from serve_app.logs import log, set_up_logging
from serve_app.replica.batching import Batcher
from serve_app.replica.chunks import bounded, whole
from serve_app.replica.malloc import give_back_later
from serve_app.replica.notes import Keeper, Ledger
from serve_app.replica.outlet import Outlet
from serve_app.replica.parts import PATIENCE_S, RemotePart, connected
from serve_app.replica.progress import throttled
from serve_app.replica.translation import describe, first_line, translate
from serve_app.replica.work import LAST, Answer, Event, Work
from serve_app.storage import Stat, Upload, open_storage

TAKEN_AFTER_S = 0.02  # most calls have something to tell before, and each event is a hop
RELOAD_AFTER_S = 30.0

T = TypeVar("T")


@dataclass
class Flight:
    """A piece of work under way with those who wait for it; it is cancelled when the last of them leaves."""

    context: Context
    outlet: Outlet | None = None  # of streamed work, which has one listener
    task: asyncio.Task[dict[str, Any]] | None = None
    listeners: set[asyncio.Queue[Event]] = field(default_factory=set)

    def tell(self, event: Event) -> None:
        """Hand an event to everybody who listens."""
        for queue in self.listeners:
            queue.put_nowait(event)


class Replica:
    """Holds one model; see the module's text for what a call passes."""

    def __init__(
        self,
        entry: ModelEntry,
        storage: StorageConfig,
        log_level: str = "INFO",
        ledger: Ledger | None = None,
        /,
        **parts: Any,
    ) -> None:
        """`ledger` keeps what the model notes; without one a note lasts as long as its context."""
        set_up_logging(log_level)
        self.ledger = ledger
        self.entry = entry
        self.parts = connected(parts)
        self.storage = open_storage(storage)
        model_class = load_class(entry.model)
        self.info = model_class.info
        self.request_type: type[Request] = getattr(model_class, "Request", Request)  # of a part nobody asks for one
        self.model = model_class(model_class.Options.model_validate(entry.options))
        if self.parts and hasattr(self.model, "compose"):  # before load, which may ask them
            self.model.compose(self.parts)
        if self.info.task in DELIVERIES:
            self.delivery = DELIVERIES[self.info.task]
        self.flights: dict[str, Flight] = {}
        at_once = max(2, entry.replicas.target_ongoing)
        self.workers = ThreadPoolExecutor(at_once, thread_name_prefix="generate")
        self.askers = ThreadPoolExecutor(at_once, thread_name_prefix="ask")  # a question never waits behind a sound
        self.batcher = Batcher(self.model, self.info.max_batch) if self.info.max_batch > 1 else None
        self.submit: Callable[[Any, Context], Awaitable[Product]] | None = None
        if isinstance(self.model, EngineModel):
            self.submit = self.model.submit
        elif self.batcher is not None:
            self.submit = self.batcher.submit
        self.reason: str | None = None
        self.failed_at = 0.0
        self.lost: str | None = None  # why nothing that this process generates can succeed any more
        self.failures: dict[str, str] = {}  # since the last success: what each piece of work failed with
        self.loaded = threading.Event()
        self.loading = self.workers.submit(self._load)

    def _load(self) -> None:
        started = time.perf_counter()
        try:
            self.model.load()
        except Exception as error:  # noqa: BLE001  (the edge between any model's code and ours)
            self.reason = describe(error)
            self.failed_at = time.monotonic()
            known = isinstance(error, LoadFailed)
            extra = {"model": self.entry.name, "reason": self.reason}
            log.warning("model failed to load", extra=extra, exc_info=None if known else error)
            return
        self.reason = None
        give_back_later()
        self.loaded.set()
        log.info(
            "model loaded",
            extra={"model": self.entry.name, "seconds": round(time.perf_counter() - started, 3)},
        )

    async def _ready(self) -> None:
        for part in self.parts.values():
            if isinstance(part, RemotePart):
                part.loop = asyncio.get_running_loop()
        if self.reason is not None and time.monotonic() - self.failed_at > RELOAD_AFTER_S:
            self.reason = None
            self.loading = self.workers.submit(self._load)
        await asyncio.shield(asyncio.wrap_future(self.loading))  # a question that gives up must not cancel it
        if self.reason is not None:
            raise ModelNotReady(f"model '{self.entry.name}' failed to load: {self.reason}")
        if (ended := self._ended()) is not None:
            raise ModelNotReady(f"model '{self.entry.name}' is being replaced: {ended}")

    async def status(self) -> dict[str, Any]:
        """`ready`, `loading`, or `failed` with its reason; and the memory that the model takes, if it tells."""
        if (reason := self.reason or self._unhealthy()) is not None:
            return {"status": "failed", "reason": reason}
        if not self.loaded.is_set():
            return {"status": "loading", "reason": None}
        memory = self.model.memory() if hasattr(self.model, "memory") else {}
        return {"status": "ready", "reason": None, "memory_bytes": memory.get("in_use")}

    async def ask(self, *question: Any) -> Answer:
        """The answer of this model to one that asks it, or, after PATIENCE_S at the latest, why there is none."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._ready()
                return "answer", await loop.run_in_executor(self.askers, self.model.ask, *question)
        except TimeoutError:
            return "error", f"model '{self.entry.name}' gave no answer within {PATIENCE_S:g} s"
        except Exception as error:  # noqa: BLE001  (the edge between any model's code and ours)
            self._look_at(error)
            return "error", translate(error, Context(seed=0)).detail

    async def check_health(self) -> None:
        """Called by the controller every second; that it can run at all shows that the loop is alive.

        Raises Unhealthy with the reason, whereupon Serve replaces this replica. A model that does not load is left: its
        process would not load it either.
        """
        if (reason := self._unhealthy()) is not None:
            log.error("replica is unhealthy", extra={"model": self.entry.name, "reason": reason})
            raise Unhealthy(reason)

    def _unhealthy(self) -> str | None:
        if (ended := self._ended()) is not None:
            return ended
        if len(self.failures) < self.entry.replicas.failures_before_restart:
            return None
        return f"{len(self.failures)} requests in a row failed, the last with {list(self.failures.values())[-1]}"

    def _ended(self) -> str | None:
        """Why the model can serve nothing more in this process."""
        if self.lost is None and self.loaded.is_set() and hasattr(self.model, "healthy"):
            try:
                said = self.model.healthy()
                self.lost = None if said is None else first_line(said)
            except Exception as error:  # noqa: BLE001  (the edge between any model's code and ours)
                self.lost = f"healthy() raised {describe(error)}"
        return self.lost

    def _look_at(self, error: Exception) -> None:
        """Remember the loss of the device: what comes next would fail as well."""
        if self.lost is None and device_lost(error):
            self.lost = describe(error)

    async def run(self, work: Work) -> AsyncIterator[Event]:
        """Make one product and yield what happens; the last event is one of LAST."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        flight = self._join(work, queue)
        assert flight.task is not None
        flight.task.add_done_callback(lambda task: queue.put_nowait(outcome(task)))
        taken = asyncio.get_running_loop().call_later(TAKEN_AFTER_S, queue.put_nowait, ("taken", {}))
        try:
            while True:
                event = await queue.get()
                taken.cancel()
                yield event
                if event[0] in LAST:
                    return
                if event[0] == "chunk" and flight.outlet is not None:
                    flight.outlet.make_room()
        finally:
            taken.cancel()
            flight.listeners.discard(queue)
            if not flight.listeners:
                flight.context.cancelled.set()
                if flight.outlet is not None:
                    flight.outlet.make_room()
                if self.flights.get(work.key) is flight:
                    del self.flights[work.key]

    def _join(self, work: Work, queue: asyncio.Queue[Event]) -> Flight:
        deadline = math.inf if work.seconds_left is None else time.monotonic() + work.seconds_left
        flight = self.flights.get(work.key)
        if flight is not None and not work.streamed and not flight.context.late():
            flight.context.deadline = max(flight.context.deadline, deadline)
            if work.resume is not None and isinstance(flight.context.keeper, Keeper):
                flight.context.keeper.resume = work.resume  # whoever had the job before writes no more
        else:  # one whose time is over ends in that error, which is not that of whoever comes now
            loop = asyncio.get_running_loop()
            flight = Flight(Context(seed=work.seed, deadline=deadline, parts=self.parts))
            flight.context.progress = throttled(loop, flight.tell)
            self._resume(work, flight.context)
            if work.streamed:
                flight.outlet = Outlet(flight.tell, flight.context)
            self.flights[work.key] = flight
            flight.task = asyncio.create_task(self._produce(work, flight))
        flight.listeners.add(queue)
        return flight

    def _resume(self, work: Work, context: Context) -> None:
        if work.resume is not None and self.ledger is not None:
            context.noted, context.callback_url = work.resume.note, work.resume.callback_url
            context.keeper = Keeper(self.ledger, work, work.resume, context)

    async def _produce(self, work: Work, flight: Flight) -> dict[str, Any]:
        context, outlet = flight.context, flight.outlet
        try:
            made = await self._made(work, flight)
        except RetryLater as error:
            if outlet is not None and outlet.first_at is not None:  # nothing that has left is made again
                raise GenerationFailed("the model put the request off after its sound had begun") from error
            raise
        except Exception as error:
            self._look_at(error)
            failure = translate(error, context)
            if isinstance(failure, GenerationFailed):
                self.failures.pop(work.key, None)  # the same one again is the last, and counts once
                self.failures[work.key] = failure.detail
            raise failure from error
        self.failures.clear()
        return made

    async def _made(self, work: Work, flight: Flight) -> dict[str, Any]:
        await self._ready()
        request = self.request_type.model_validate(work.request)
        async with self._files(work, flight.context):
            return await self._generated(work, request, flight)

    @asynccontextmanager
    async def _files(self, work: Work, context: Context) -> AsyncIterator[None]:
        """Have the files that the request names on this machine while the block runs."""
        if not work.files:
            yield
            return
        with TemporaryDirectory(prefix="continuo-files-") as folder:
            paths = {name: Path(folder) / name for name in work.files}
            for name, path in paths.items():
                await self._in_thread(self._fetch, work.files[name], path)
            context.files = paths
            yield

    def _fetch(self, key: str, path: Path) -> None:
        with self.storage.open(key) as reader, path.open("wb") as file:
            file.writelines(reader.pieces())

    async def _generated(self, work: Work, request: Any, flight: Flight) -> dict[str, Any]:
        context, outlet = flight.context, flight.outlet
        if self.submit is None:  # generate and deliver in one thread, one hop
            if outlet is not None:
                generate = partial(self.model.generate, request, context)
                return await self._in_thread(self._stream, work, request, generate, outlet)
            return await self._in_thread(self._make, work, request, context)
        started = time.perf_counter()
        product = [await self.submit(request, context)]
        run_s = time.perf_counter() - started
        context.check()
        if outlet is not None:
            return await self._in_thread(self._stream, work, request, product.pop, outlet)
        return await self._in_thread(self._deliver, work, request, product, run_s)

    def _make(self, work: Work, request: Any, context: Context) -> dict[str, Any]:
        context.check()  # it may have waited for the thread
        started = time.perf_counter()
        product = [whole(bounded(self.model.generate(request, context), request, self.info, kept=True))]
        run_s = time.perf_counter() - started
        context.check()
        return self._deliver(work, request, product, run_s)

    def _deliver(self, work: Work, request: Any, product: list[Product], run_s: float) -> dict[str, Any]:
        """Finish, encode, put and score the one product; it is taken out of the list, so that no caller holds it."""
        facts = product[0].facts
        delivered = self.delivery.deliver(product, request, work.settings)
        return self._store(work, delivered, facts, {"run_s": run_s, **delivered.metrics})

    def _stream(
        self, work: Work, request: Any, generate: Callable[[], Product | Iterator[Audio]], outlet: Outlet
    ) -> dict[str, Any]:
        """Generate, finish, encode, send and store piece by piece."""
        assert isinstance(self.delivery, StreamDelivery)  # no other medium has a setting that asks for it
        outlet.check()  # it may have waited for the thread
        started = time.perf_counter()
        with ExitStack() as closing:  # an upload that is not finished is aborted

            def keep(media_type: str) -> Upload:
                return closing.enter_context(self.storage.upload(work.key, media_type))

            made = generate()
            if isinstance(made, Generator):  # else the model hears of an end on our side when its garbage is collected
                closing.callback(made.close)
            chunks = bounded(made, request, self.info, kept=False)
            delivered, facts = self.delivery.stream(chunks, request, work.settings, outlet.send, keep)
            outlet.check()
            timings = {"run_s": time.perf_counter() - started - outlet.waited_s}
            if outlet.first_at is not None:
                timings["first_bytes_s"] = outlet.first_at - started
            return self._store(work, delivered, facts, timings)

    def _store(
        self, work: Work, delivered: Delivered, facts: Mapping[str, Any], timings: Mapping[str, float]
    ) -> dict[str, Any]:
        """Put the files and score the product."""
        started = time.perf_counter()
        stat = self._put(work.key, delivered.file)
        for name, file in delivered.companions.items():
            self._put(work.companions[name], file)
        store_s = time.perf_counter() - started
        score, scoring = self.delivery.score(self.parts, work.request, delivered)
        output = {
            "key": work.key,
            "media_type": stat.media_type or delivered.file.media_type,
            "bytes": stat.bytes,
            "sha256": stat.sha256,
            **delivered.facts,
            "seed": work.seed,
            **score,
        }
        if delivered.companions:
            output["companions"] = {name: work.companions[name] for name in delivered.companions}
        return {
            "output": output,
            "facts": {**facts, **scoring},
            "metrics": {**timings, "store_s": store_s},
        }

    def _put(self, key: str, file: File | Begun) -> Stat:
        if isinstance(file, Begun):
            return file.upload.finish(file.head)
        if isinstance(file.data, bytes):
            return self.storage.put(key, file.data, file.media_type)
        return self.storage.put_file(key, cast(IO[bytes], file.data), file.media_type)  # a mapped file reads like one

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.workers, work, *args)


def outcome(task: "asyncio.Task[dict[str, Any]]") -> Event:
    """The last event of a flight."""
    if task.cancelled():
        return "error", {"code": JobCanceled.code, "detail": "the replica is stopping", "errors": []}
    error = task.exception()
    if error is None:
        return "output", task.result()
    if isinstance(error, RetryLater):
        return "later", {"after_s": error.after_s}
    if not isinstance(error, ContinuoError):
        error = GenerationFailed(describe(error))
    return "error", {
        "code": error.code,
        "detail": error.detail,
        "errors": [dict(item) for item in error.errors],
    }
