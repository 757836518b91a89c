"""The model that pays a provider: whatever ends at whichever await, a job submits at most once, or says it may have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from deployments.contract import Context, RetryLater
from deployments.remote_tone import MaybePaid, RemoteTone, RemoteToneOptions
from serve_app.config import Args
from serve_app.replica.notes import Ledger
from serve_app.replica.replica import Replica
from serve_app.replica.work import Answer, Event, Note, ReplicaGone, Work
from tests.support.provider import Provider, provider
from tests.support.service import Json, args_in, entry, running

pytestmark = pytest.mark.anyio

AWAITS = 12  # of a job that nothing happens to: two notes, a submit, two looks and a file, each before and after
MAYBE_PAID = "may have been paid"


@pytest.fixture
def there() -> Iterator[Provider]:
    with provider() as found:
        yield found


def args_for(folder: Path, there: Provider, **options: Any) -> Args:
    options = {"url": there.url, "poll_s": 0.01, "retry_s": 0.01, **options}
    return args_in(folder, entry("remote", "deployments.remote_tone:RemoteTone", options=options))


@dataclass
class Awaits:
    """Counts where the model waits; at number `at` something happens to it."""

    at: int
    happens: Callable[[], Awaitable[object]]
    count: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def around(self, asked: Callable[[], Awaitable[Any]]) -> Any:
        await self._point()
        answer = await asked()
        await self._point()
        return answer

    async def _point(self) -> None:
        self.count += 1
        if self.count == self.at:
            self.reached.set()
            await self.happens()


class Counted(httpx.AsyncHTTPTransport):
    """The network, as one of the things that are waited for."""

    def __init__(self, awaits: Awaits) -> None:
        super().__init__()
        self.awaits = awaits

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            answer = await super(Counted, self).handle_async_request(request)
            await answer.aread()
            return answer

        answer: httpx.Response = await self.awaits.around(ask)
        return answer


@dataclass
class CountedLedger:
    """The way of notes to the service that runs at the moment, as another one."""

    awaits: Awaits
    service: Ledger

    async def write_note(self, note: Note) -> bool:
        return bool(await self.awaits.around(lambda: self.service.write_note(note)))

    async def callback_after(self, job_id: str, model: str, seed: int, seen: int, within_s: float) -> int:
        return await self.service.callback_after(job_id, model, seed, seen, within_s)


class Died(Exception):
    """The process that the model ran in."""


class MortalReplica:
    """A replica's handle; the process is gone as soon as the model has met Died."""

    def __init__(self, replica: Replica, awaits: Awaits) -> None:
        self.replica, self.awaits = replica, awaits

    async def run(self, work: Work) -> AsyncIterator[Event]:
        first = not self.awaits.reached.is_set()
        stream = self.replica.run(work)
        try:
            async for event in stream:
                if first and self.awaits.reached.is_set():
                    raise ReplicaGone("ActorDiedError")
                yield event
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def status(self) -> Json:
        return await self.replica.status()

    async def ask(self, *question: Any) -> Answer:
        return await self.replica.ask(*question)


async def counted(replica: Replica, ledger: Ledger, awaits: Awaits) -> CountedLedger:
    """Count what the model of a replica waits for."""
    await asyncio.to_thread(replica.loaded.wait)
    await replica.model.client.aclose()
    replica.model.client = httpx.AsyncClient(base_url=replica.model.options.url, transport=Counted(awaits))
    replica.ledger = CountedLedger(awaits, ledger)
    return replica.ledger


def one_submit(there: Provider, job: Json) -> None:
    """A job that ended well was paid once; another one says that it may have been."""
    mine = [asked for asked in there.submits if asked["prompt"] == job["input"]["prompt"]]
    assert len(mine) <= 1
    if job["status"] == "succeeded":
        assert len(mine) == 1
    else:
        assert MAYBE_PAID in job["error"]["detail"]


async def die() -> None:
    raise Died


@pytest.mark.parametrize("tells", [True, False], ids=["knows tokens", "knows none"])
async def test_the_replica_dies_at_each_await(tmp_path: Path, there: Provider, tells: bool) -> None:
    there.tells = tells
    told = []
    async with running(args_for(tmp_path, there)) as service:
        for at in range(1, AWAITS + 1):
            there.looks = 0
            awaits = Awaits(at, die)
            await counted(service.replicas["remote"], service.runtime.resumption, awaits)
            service.handles["remote"] = MortalReplica(service.replicas["remote"], awaits)
            job = await service.made(f"song {at}", model="remote")
            assert awaits.reached.is_set()
            one_submit(there, job)
            outcomes = [item["outcome"] for item in job["attempt_log"]]
            assert outcomes == ["replica_lost", "succeeded" if job["status"] == "succeeded" else "generation_failed"]
            told += [at] if job["status"] == "failed" else []
    # After the first note and until the second nobody but the provider knows.
    assert told == ([2, 3] if tells else [2, 3, 4, 5])


@pytest.mark.slow
@pytest.mark.parametrize("tells", [True, False], ids=["knows tokens", "knows none"])
async def test_the_ingress_ends_at_each_await(tmp_path: Path, there: Provider, tells: bool) -> None:
    there.tells = tells
    args = args_for(tmp_path, there)
    replica = Replica(args.models[0], args.storage)
    for at in range(1, AWAITS + 1):
        there.looks = 0
        goes_on = asyncio.Event()
        awaits = Awaits(at, goes_on.wait)
        async with running(args, {"remote": replica}) as first:
            ledger = await counted(replica, first.runtime.resumption, awaits)
            job = await first.job(f"song {at}", model="remote")
            await awaits.reached.wait()
        async with running(args, {"remote": replica}) as second:
            ledger.service = second.runtime.resumption
            goes_on.set()  # the replica outlived its ingress
            job = await second.ended(job)
        one_submit(there, job)
    replica.workers.shutdown()
    replica.askers.shutdown()


async def test_a_job_is_cancelled_at_each_await(tmp_path: Path, there: Provider) -> None:
    async with running(args_for(tmp_path, there)) as service:
        for at in range(1, AWAITS + 1):
            there.looks = 0
            goes_on = asyncio.Event()
            awaits = Awaits(at, goes_on.wait)
            await counted(service.replicas["remote"], service.runtime.resumption, awaits)
            job = await service.job(f"song {at}", model="remote")
            await awaits.reached.wait()
            cancelled = (await service.http.post(f"/v1/jobs/{job['id']}/cancel")).json()
            goes_on.set()
            assert cancelled["status"] == "canceled"
    prompts = [asked["prompt"] for asked in there.submits]
    assert len(prompts) == len(set(prompts))


async def test_nothing_happens_to_a_job(tmp_path: Path, there: Provider) -> None:
    awaits = Awaits(0, die)
    async with running(args_for(tmp_path, there)) as service:
        await counted(service.replicas["remote"], service.runtime.resumption, awaits)
        job = await service.made("a song", model="remote")
    assert (job["status"], job["outputs"][0]["media_type"], len(there.submits)) == ("succeeded", "audio/flac", 1)
    assert awaits.count == AWAITS


@pytest.mark.parametrize("fault", ["busy", "failing"])
async def test_a_provider_without_room_is_asked_again(tmp_path: Path, there: Provider, fault: str) -> None:
    setattr(there, fault, 3)
    async with running(args_for(tmp_path, there)) as service:
        job = await service.made("a song", model="remote")
    assert [item["outcome"] for item in job["attempt_log"]] == ["retry_later"] * 3 + ["succeeded"]
    assert len(there.submits) == 1


async def test_a_lost_answer_is_looked_for(tmp_path: Path, there: Provider) -> None:
    there.loses = 1
    async with running(args_for(tmp_path, there)) as service:
        job = await service.made("a song", model="remote")
    assert (job["status"], len(there.submits)) == ("succeeded", 1)


async def test_who_may_pay_twice_is_told_to(tmp_path: Path, there: Provider) -> None:
    there.loses, there.tells = 1, False
    async with running(args_for(tmp_path, there, resubmit=True)) as service:
        job = await service.made("a song", model="remote")
    assert (job["status"], len(there.submits)) == ("succeeded", 2)


def test_in_plain_python_a_note_is_kept_by_its_context(there: Provider) -> None:
    there.loses, there.tells = 1, False
    model, context = RemoteTone(RemoteToneOptions(url=there.url, poll_s=0.01)), Context(seed=1)
    model.load()
    request = RemoteTone.Request(prompt="a song", duration_s=1)
    with pytest.raises(MaybePaid, match=MAYBE_PAID):
        model.generate(request, context)
    context.noted = None
    there.busy = 1
    with pytest.raises(RetryLater):
        model.generate(request, context)
    assert context.noted == {}
    assert model.generate(request, context).media_type == "audio/ogg"
    assert context.noted is not None
    assert context.noted["id"] == 2
