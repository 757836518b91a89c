"""The service without Ray: a Runtime whose handles are local replicas, behind its real HTTP routes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from serve_app.config import Args, parse_args
from serve_app.http.application import create_app
from serve_app.http.listener import Listener
from serve_app.jobs import acceptance
from serve_app.jobs.running import Handle
from serve_app.logs import JsonLines
from serve_app.replica.parts import PartFailed
from serve_app.replica.replica import Replica
from serve_app.replica.work import Answer, Event, ReplicaGone, Work
from serve_app.runtime import Runtime

Json = dict[str, Any]
CountReplicas = Callable[[], Awaitable[list[tuple[int, int]]]]

HANGS_S = 60  # what has not happened by then will not happen; no test expects to wait so long
# A cancel is answered when it is done, or after 5 s; tests see the first however slow the disk is.
acceptance.CANCEL_WITHIN_S = HANGS_S
LONG = {"steps": 1000, "step_s": 0.05}  # work that outlasts its test, which ends it; a step is short


def entry(name: str, model: str = "deployments.tone:Tone", at_once: int = 4, **more: Any) -> Json:
    """A model of the configuration whose one replica works on `at_once` requests."""
    return {"name": name, "model": model, "replicas": {"target_ongoing": at_once, "cpus": 0}, **more}


def args_in(folder: Path, *models: Json, **more: Any) -> Args:
    """Arguments of an application that keeps everything in `folder`."""
    return parse_args(
        {
            "storage": {"kind": "local", "path": str(folder / "store")},
            "database_url": f"sqlite:///{folder}/continuo.db",
            "models": list(models) or [entry("tone")],
            **more,
        }
    )


class Mortal:
    """A handle whose process dies `deaths` times, at its first event of work each time, with every call in it."""

    def __init__(self, replica: Handle, deaths: int) -> None:
        self.replica, self.deaths = replica, deaths
        self.process = 0

    async def run(self, work: Work) -> AsyncIterator[Event]:
        mine = self.process
        stream = self.replica.run(work)
        try:
            async for event in stream:
                if mine == self.process and self.deaths > 0 and event[0] != "taken":
                    self.deaths -= 1
                    self.process += 1
                if mine != self.process:
                    raise ReplicaGone("ActorDiedError")
                yield event
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def status(self) -> dict[str, Any]:
        return await self.replica.status()

    async def ask(self, *question: Any) -> Answer:
        return await self.replica.ask(*question)


async def until(true: Callable[[], bool]) -> None:
    """Return when something that no event tells of (it happens in a thread, in another process) is so."""
    async with asyncio.timeout(HANGS_S):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class LocalPart:
    """A replica as a part of another one in the same process, where on Ray there is a hop."""

    def __init__(self, replica: Replica) -> None:
        self.replica, self.loop = replica, asyncio.get_running_loop()

    def ask(self, *question: Any, patience_s: float = 20) -> Any:
        if not self.loop.is_running():
            raise PartFailed("its process has ended")
        kind, value = asyncio.run_coroutine_threadsafe(self.replica.ask(*question), self.loop).result(patience_s)
        if kind == "error":
            raise PartFailed(value)
        return value


@dataclass
class Service:
    """The running service and a client of it that waits for nothing by itself."""

    runtime: Runtime
    http: httpx.AsyncClient
    app: FastAPI
    replicas: Mapping[str, Replica]
    handles: dict[str, Handle]  # those that the jobs have: another one can be put in place of a model's

    async def job(self, prompt: str = "a tone", *, status: int | None = None, **fields: Any) -> Json:
        """Make a job through `/v1/jobs`, without waiting; `model`, `headers` and other terms go where they belong."""
        headers = fields.pop("headers", {})
        terms = {name: fields.pop(name) for name in ("model", "webhook", "priority", "deadline_s") if name in fields}
        body = {"model": "tone", **terms, "input": {"prompt": prompt, "duration_s": 0.5, **fields}}
        reply = await self.http.post("/v1/jobs", json=body, headers=headers)
        assert reply.status_code == status if status else reply.is_success, reply.text
        return dict(reply.json())

    async def made(self, prompt: str = "a tone", **fields: Any) -> Json:
        """Make a job and return it when it has ended, however."""
        return await self.ended(await self.job(prompt, **fields), fields.get("headers"))

    async def get(self, job: Json, headers: Mapping[str, str] | None = None) -> Json:
        return dict((await self.http.get(f"/v1/jobs/{job['id']}", headers=headers)).json())

    async def ended(self, job: Json, headers: Mapping[str, str] | None = None) -> Json:
        """The job when its last event is there."""
        await self.events(job)
        return await self.get(job, headers)

    async def reach(self, job: Json, kind: str) -> Json:
        """The first event of this kind."""
        async with asyncio.timeout(HANGS_S):
            async for event in self.runtime.jobs.events(job["owner"], job["id"], 0):
                if event is not None and event.type == kind:
                    return asdict(event)
        raise AssertionError(f"no event '{kind}'")

    async def events(self, job: Json) -> list[Json]:
        """All events of a job, the last included."""
        async with asyncio.timeout(HANGS_S):
            events = self.runtime.jobs.events(job["owner"], job["id"], 0)
            return [asdict(item) async for item in events if item is not None]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """The service on a socket of its own: yields the URL. Answers that stream need it."""
        listener = Listener(self.app, "127.0.0.1", 0)
        port = listener.socket.getsockname()[1]
        await listener.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            await listener.stop()


class Collector(logging.Handler):
    """Keeps the log lines of a test as they are written, and apart those that are errors."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.errors: list[str] = []
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        self.lines.append(line)
        if record.levelno >= logging.ERROR:
            self.errors.append(line)


@asynccontextmanager
async def running(
    args: Args, handles: Mapping[str, Handle] | None = None, count_replicas: CountReplicas | None = None
) -> AsyncIterator[Service]:
    """Start the service; it is closed at the end of the block as a process that is told to stop closes it.

    `handles` stand in for the local replicas of the models that they name. Several may run in one process.
    """
    replicas: dict[str, Replica] = {}
    all_handles: dict[str, Handle] = {}
    runtime = Runtime(args, all_handles, count_replicas)
    for item in args.models:
        parts = {part: LocalPart(replicas[name]) for part, name in item.parts.items()}
        replicas[item.name] = Replica(item, args.storage, args.log_level, runtime.resumption, **parts)
    all_handles.update({**replicas, **(handles or {})})
    await runtime.start()
    app = create_app(runtime)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 4242))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as http:
            yield Service(runtime, http, app, replicas, all_handles)
    finally:
        await runtime.close()
        for replica in replicas.values():
            replica.workers.shutdown(cancel_futures=True)
