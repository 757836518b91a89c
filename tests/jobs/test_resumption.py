"""What a model notes outlives its attempt; what it puts off comes back; a callback wakes it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deployments.contract import NOTE_BYTES, Context
from tests.support.remote import BusyTone, NotingTone, WaitingTone
from tests.support.service import HANGS_S, Collector, Json, Mortal, Service, args_in, entry, running, until

pytestmark = pytest.mark.anyio

MODELS = (
    entry("tone"),
    entry("noting", "tests.support.remote:NotingTone"),
    entry("dies", "tests.support.remote:NotingTone"),
    entry("busy", "tests.support.remote:BusyTone", at_once=1),
    entry("waiting", "tests.support.remote:WaitingTone"),
)
PUBLIC = "http://sounds.example"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    args = args_in(tmp_path_factory.mktemp("service"), *MODELS, public_url=PUBLIC)
    async with running(args) as service:
        yield service


async def noted_at(service: Service, job: Json, seed: int) -> None:
    """Return when a candidate of a job, by its model, has noted something that is durable."""

    def is_there() -> bool:
        with service.runtime.database.engine.connect() as c:
            query = "SELECT count(*) FROM candidates WHERE note IS NOT NULL AND job_id = :id AND seed = :seed"
            return bool(c.exec_driver_sql(query, {"id": job["id"], "seed": seed}).scalar())

    await until(is_there)


async def put_off(service: Service, job: Json) -> None:
    """Return when a job waits for its provider."""
    await until(lambda: service.runtime.execution.running[job["id"]].waits_for_provider)
    assert (await service.get(job))["waiting_for"] == "provider"


async def endless() -> AsyncIterator[bytes]:
    """A body of which not a byte comes."""
    await asyncio.Event().wait()
    yield b""


async def call(service: Service, url: str | None) -> httpx.Response:
    assert url is not None
    return await service.http.post(url.removeprefix(PUBLIC), content=b"anything")


async def test_the_next_attempt_finds_what_was_noted(service: Service) -> None:
    service.handles["dies"] = Mortal(service.replicas["dies"], 2)
    NotingTone.held.add("a")
    job = await service.job("a", model="dies", seed=1)
    await until(lambda: len([item for item in NotingTone.found if item[0] == "a"]) == 3)
    NotingTone.held.discard("a")
    assert (await service.ended(job))["status"] == "succeeded"
    found = [noted and noted["asked"] for prompt, noted in NotingTone.found if prompt == "a"]
    assert found == [None, 1, 2]


async def test_each_candidate_has_a_note_of_its_own(service: Service) -> None:
    service.handles["dies"] = Mortal(service.replicas["dies"], 0)
    NotingTone.held.add("three")
    job = await service.job("three", model="dies", seed=10, n=3)
    for seed in (10, 11, 12):
        await noted_at(service, job, seed)
    service.handles["dies"].process += 1  # type: ignore[attr-defined]
    await until(lambda: len([item for item in NotingTone.found if item[0] == "three"]) == 6)
    NotingTone.held.discard("three")
    assert (await service.ended(job))["status"] == "succeeded"
    found = [noted and noted["asked"] for prompt, noted in NotingTone.found if prompt == "three"]
    assert sorted(found, key=str) == [1, 1, 1, None, None, None]


async def test_a_note_is_nobody_elses_business(service: Service, log: Collector) -> None:
    job = await service.made("b", model="noting")
    shown = str(job) + str(await service.events(job)) + "".join(log.lines)
    assert job["status"] == "succeeded"
    assert "PROVIDER-ID" not in shown


async def test_a_note_outlives_the_ingress(tmp_path: Path) -> None:
    NotingTone.held.add("c")
    args = args_in(tmp_path, *MODELS)
    async with running(args) as first:
        job = await first.job("c", model="noting", seed=3)
        await noted_at(first, job, 3)
    NotingTone.held.discard("c")
    async with running(args) as second:
        assert (await second.ended(job))["status"] == "succeeded"
    assert [noted and noted["asked"] for prompt, noted in NotingTone.found if prompt == "c"] == [None, 1]


async def test_what_is_put_off_leaves_its_place_and_comes_back(service: Service) -> None:
    BusyTone.busy["d"] = 0.0
    job = await service.job("d", model="busy")
    await until(lambda: len(BusyTone.urls.get("d", ())) > 3)
    BusyTone.busy.pop("d")
    job = await service.ended(job)
    assert job["status"] == "succeeded"
    outcomes = [item["outcome"] for item in job["attempt_log"]]
    assert outcomes == ["retry_later"] * (len(outcomes) - 1) + ["succeeded"]
    assert len(outcomes) > 3


async def test_a_callback_wakes_what_was_put_off_once(service: Service) -> None:
    BusyTone.busy["e"] = 3000.0
    job = await service.job("e", model="busy")
    await service.reach(job, "started")
    await put_off(service, job)
    other = await service.made("its place is free", model="busy")
    assert other["status"] == "succeeded"
    first = BusyTone.urls["e"][0]
    assert (await call(service, first)).status_code == 204
    await until(lambda: len(BusyTone.urls["e"]) == 2)
    await put_off(service, job)
    assert (await call(service, first)).status_code == 204  # a second time: it wakes nobody
    BusyTone.busy.pop("e")
    assert (await call(service, BusyTone.urls["e"][1])).status_code == 204
    job = await service.ended(job)
    assert [item["outcome"] for item in job["attempt_log"]] == ["retry_later", "retry_later", "succeeded"]


async def test_what_is_put_off_stays_so_over_a_restart_and_can_be_cancelled(tmp_path: Path) -> None:
    BusyTone.busy["f"] = 3000.0
    args = args_in(tmp_path, *MODELS)
    job: Json = {}
    for _ in range(3):
        async with running(args) as service:
            job = job or await service.job("f", model="busy")
            await put_off(service, job)
    async with running(args) as service:
        await put_off(service, job)
        assert await service.runtime.drain(60) == 1  # at once: nobody waits for it
        job = (await service.http.post(f"/v1/jobs/{job['id']}/cancel")).json()
    assert (job["status"], [item["outcome"] for item in job["attempt_log"]]) == ("canceled", ["retry_later"])
    assert BusyTone.urls["f"] == [None]  # there is no public_url


async def test_the_deadline_ends_what_is_put_off(service: Service) -> None:
    BusyTone.busy["g"] = 3000.0
    job = await service.made("g", model="busy", deadline_s=0.2)
    assert (job["status"], job["error"]["code"]) == ("failed", "deadline_exceeded")


async def test_a_callback_wakes_an_attempt_that_waits_for_it(service: Service) -> None:
    job = await service.job("h", model="waiting")
    await until(lambda: "h" in WaitingTone.urls)
    assert (await call(service, WaitingTone.urls["h"])).status_code == 204
    assert (await service.ended(job))["status"] == "succeeded"


async def test_whoever_waits_for_a_callback_can_be_cancelled(service: Service) -> None:
    job = await service.job("i", model="waiting")
    await until(lambda: "i" in WaitingTone.urls)
    await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert (await service.ended(job))["status"] == "canceled"


async def test_no_callback_tells_whether_it_hit(service: Service, quiet: None) -> None:
    job = await service.job("j", model="waiting")
    await until(lambda: "j" in WaitingTone.urls)
    token = WaitingTone.urls["j"].removeprefix(f"{PUBLIC}/v1/callbacks/")
    signed, mac = token.split(".")
    for other in (f"{signed}.{mac[::-1]}", f"{signed[:-1]}.{mac}", f"{signed[:5]}.{mac}", f"A.{mac}"):
        answer = await service.http.post(f"/v1/callbacks/{other}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await service.get(job))["status"] == "running"
    for none in (signed, f"{token}x", "a.b"):
        assert (await service.http.post(f"/v1/callbacks/{none}")).status_code == 404
    async with asyncio.timeout(HANGS_S):
        assert (await service.http.post(f"/v1/callbacks/{token}", content=endless())).status_code == 204
    assert (await service.ended(job))["status"] == "succeeded"
    assert (await service.http.post(f"/v1/callbacks/{token}")).status_code == 204


async def test_a_callback_may_come_to_another_ingress(tmp_path: Path) -> None:
    BusyTone.busy["k"] = 3000.0
    args = args_in(tmp_path, *MODELS, public_url=PUBLIC)
    async with running(args) as one, running(args) as two:
        job, waiting = await one.job("k", model="busy"), await one.job("l", model="waiting")
        await put_off(one, job)
        await until(lambda: "l" in WaitingTone.urls)
        BusyTone.busy.pop("k")
        for url in (BusyTone.urls["k"][0], WaitingTone.urls["l"]):
            assert (await call(two, url)).status_code == 204
        for item in (job, waiting):
            assert (await one.ended(item))["status"] == "succeeded"


def test_a_note_must_be_small_and_json() -> None:
    context = Context(seed=1)
    context.note({"fits": "x" * (NOTE_BYTES - len('{"fits": ""}'))})
    kept = context.noted
    with pytest.raises(ValueError, match=f"4097 bytes.*at most {NOTE_BYTES}"):
        context.note({"fits": "x" * (NOTE_BYTES - len('{"fits": ""}') + 1)})
    with pytest.raises(ValueError, match="JSON"):
        context.note({"not a number": float("nan")})
    with pytest.raises(TypeError):
        context.note({"bytes": b""})
    assert context.noted == kept


async def test_whoever_would_block_the_event_loop_is_told() -> None:
    with pytest.raises(RuntimeError, match="await note_async"):
        Context(seed=1).note({})
