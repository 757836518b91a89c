"""How a job runs: its model, its attempts, its fallbacks, its place in the queue."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from serve_app.records import job_rows, tables
from serve_app.records.database import Database
from serve_app.records.job_rows import Beginning
from serve_app.records.leases import Claim
from serve_app.replica.work import Answer, Event, Work
from tests.support.models import CountingTone
from tests.support.service import HANGS_S, LONG, Json, Mortal, Service, args_in, entry, running, until

pytestmark = pytest.mark.anyio

FAULTS = ("out_of_memory", "error", "nan", "silence")


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    """One service with a model for each thing that goes wrong; `dies-N` loses its process N times, `shared` twice."""
    unloadable = {"options": {"fail_load": "weights: /models/none is not there; run continuo models pull"}}
    args = args_in(
        tmp_path_factory.mktemp("service"),
        entry("tone"),
        entry("single", "tests.support.models:CountingTone", at_once=1),
        *(entry(fault.replace("_", "-"), options={"fault": fault}) for fault in FAULTS),
        *(entry(f"dies-{deaths}") for deaths in (1, 2, 4)),
        entry("shared"),
        entry("unloadable", **unloadable),
        entry("falls-back", fallback=["out-of-memory", "chime"], **unloadable),
        entry("chime", "tests.support.models:Chime"),
        entry("hopeless", fallback=["unloadable"], options={"fault": "out_of_memory"}),
        entry("stubborn", fallback=["tone"], options={"fault": "nan"}),
        entry("dying-falls-back", fallback=["tone"]),
    )
    async with running(args) as service:
        mortal = {"dies-1": 1, "dies-2": 2, "dies-4": 4, "shared": 2, "dying-falls-back": 3}
        service.handles.update({name: Mortal(service.replicas[name], deaths) for name, deaths in mortal.items()})
        yield service


@pytest.mark.parametrize(
    ("model", "status", "code", "says"),
    [
        ("unloadable", 503, "model_not_ready", "run continuo models pull"),
        ("out-of-memory", 500, "resource_exhausted", "80 GiB are needed"),
        ("nan", 500, "unusable_audio", "NaN"),
        ("silence", 500, "unusable_audio", "silence"),
        ("error", 500, "generation_failed", "RuntimeError: a bug of the model"),
    ],
)
async def test_a_failed_job_says_why(service: Service, model: str, status: int, code: str, says: str) -> None:
    body = {"model": model, "input": {"prompt": "x", "duration_s": 0.2}}
    reply = await service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait"})
    found = reply.json()
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")
    assert found["code"] == code
    assert says in found["detail"]
    job = await service.get({"id": found["job_id"]})
    assert (job["status"], job["outputs"], job["progress"]) == ("failed", [], None)
    assert job["error"] == {"code": code, "detail": found["detail"], "retryable": found["retryable"]}
    assert job["attempt_log"][-1]["outcome"] == code
    assert ("retry-after" in reply.headers) == (status == 503)


async def test_a_failed_job_is_not_replayed_as_a_success(service: Service) -> None:
    body = {"model": "nan", "input": {"prompt": "x", "duration_s": 0.2, "seed": 1}}
    headers = {"Prefer": "wait", "Idempotency-Key": "k"}
    first, again = [await service.http.post("/v1/jobs", json=body, headers=headers) for _ in range(2)]
    assert (again.status_code, again.json()["job_id"]) == (500, first.json()["job_id"])
    assert again.headers["idempotency-replayed"] == "true"
    assert (await service.made(model="nan", seed=1))["cached"] is False


async def test_one_bad_candidate_fails_the_job_and_ends_the_others(service: Service) -> None:
    job = await service.made(model="nan", n=4)
    assert (job["status"], job["error"]["code"], job["outputs"]) == ("failed", "unusable_audio", [])
    assert service.runtime.execution.slots["nan"].busy == 0


@pytest.mark.parametrize("deaths", [1, 2])
async def test_a_lost_replica_means_another_attempt(service: Service, deaths: int) -> None:
    job = await service.made(model=f"dies-{deaths}", steps=2)
    assert (job["status"], job["attempts"]) == ("succeeded", deaths + 1)
    assert [item["outcome"] for item in job["attempt_log"]] == ["replica_lost"] * deaths + ["succeeded"]
    assert all(item["started_at"] <= item["ended_at"] for item in job["attempt_log"])
    started = [event["data"]["attempt"] for event in await service.events(job) if event["type"] == "started"]
    assert started == list(range(1, deaths + 2))


async def test_three_lost_replicas_are_the_end(service: Service) -> None:
    job = await service.made(model="dies-4")
    assert (job["status"], job["error"]["code"], job["error"]["retryable"]) == ("failed", "replica_lost", True)
    assert [item["outcome"] for item in job["attempt_log"]] == ["replica_lost"] * 3
    again = await service.made(model="dies-4")
    assert [item["outcome"] for item in again["attempt_log"]] == ["replica_lost", "succeeded"]


async def test_candidates_that_share_a_lost_replica_lose_one_attempt(service: Service) -> None:
    job = await service.made(model="shared", n=3)
    assert (job["status"], len(job["outputs"])) == ("succeeded", 3)
    assert [item["outcome"] for item in job["attempt_log"]] == ["replica_lost"] * 2 + ["succeeded"]


async def test_a_fallback_answers_and_the_job_says_so(service: Service) -> None:
    job = await service.made(model="falls-back", steps=3, seed=9)
    assert (job["status"], job["model"], job["model_used"]) == ("succeeded", "falls-back", "chime")
    assert job["fallback"]["from"] == "falls-back"
    first, second = job["fallback"]["because"]
    assert first.startswith("falls-back: ")
    assert "models pull" in first
    assert second.startswith("out-of-memory: ")
    assert [item["model"] for item in job["attempt_log"]] == ["falls-back", "out-of-memory", "chime"]
    assert [item["outcome"] for item in job["attempt_log"]][-1] == "succeeded"
    assert all(item["outcome"] and item["ended_at"] for item in job["attempt_log"])
    assert job["seed"] == 9
    same = await service.made(model="chime", seed=9)
    assert (same["cached"], same["fallback"], same["outputs"][0]["key"]) == (True, None, job["outputs"][0]["key"])


async def test_a_fallback_for_a_lost_replica(service: Service) -> None:
    job = await service.made(model="dying-falls-back")
    assert (job["status"], job["model_used"]) == ("succeeded", "tone")
    assert [item["outcome"] for item in job["attempt_log"]] == ["replica_lost"] * 3 + ["succeeded"]


async def test_when_every_fallback_fails_the_last_error_is_told(service: Service) -> None:
    job = await service.made(model="hopeless")
    assert (job["status"], job["error"]["code"]) == ("failed", "model_not_ready")


async def test_what_the_model_made_badly_is_not_a_case_for_a_fallback(service: Service) -> None:
    job = await service.made(model="stubborn")
    assert (job["status"], job["model_used"], job["error"]["code"]) == ("failed", "stubborn", "unusable_audio")


async def order_of(service: Service, asked: list[tuple[str, str]]) -> list[str]:
    """In which order jobs that all wait behind a running one get their turn."""
    plug = await service.job("plug", model="single", **LONG)
    await service.reach(plug, "started")
    waiting = [
        await service.job(prompt, model="single", duration_s=0.05, priority=priority) for prompt, priority in asked
    ]
    CountingTone.calls.clear()
    await service.http.post(f"/v1/jobs/{plug['id']}/cancel")
    for job in waiting:
        await service.ended(job)
    return [prompt for prompt, _ in CountingTone.calls if prompt != "plug"]


async def test_the_queue_is_ordered_by_priority_then_by_arrival(service: Service) -> None:
    asked = [("low", "low"), ("normal 1", "normal"), ("normal 2", "normal"), ("high", "high"), ("high 2", "high")]
    assert await order_of(service, asked) == ["high", "high 2", "normal 1", "normal 2", "low"]


async def test_only_as_many_run_as_there_are_places(service: Service) -> None:
    jobs = await asyncio.gather(*(service.job(f"crowd {i}", model="single", **LONG) for i in range(6)))
    seen = [await service.get(job) for job in jobs]
    assert sorted(job["status"] for job in seen) == ["queued"] * 5 + ["running"]
    assert sorted(job["queue_position"] or 0 for job in seen) == [0, 1, 2, 3, 4, 5]
    for job in reversed(jobs):
        await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert service.runtime.execution.slots["single"].busy == 0
    assert not service.runtime.execution.running


async def test_positions_are_told_to_those_who_wait(service: Service) -> None:
    plug = await service.job("plug", model="single", **LONG)
    second = await service.job("second", model="single", **LONG)
    third = await service.job("third", model="single", priority="high", **LONG)
    async with (
        service.listening() as url,
        httpx.AsyncClient(timeout=HANGS_S) as http,
        http.stream("GET", f"{url}/v1/jobs/{second['id']}/events") as reply,
    ):
        text = await anext(reply.aiter_text())
    assert "event: queued" in text
    assert '"position": 2' in text
    for job in (plug, second, third):
        await service.http.post(f"/v1/jobs/{job['id']}/cancel")


async def test_progress_is_told_at_most_four_times_a_second(service: Service) -> None:
    job: Json = await service.made(steps=100, step_s=0.01)
    events = await service.events(job)
    progress = [event for event in events if event["type"] == "progress"]
    seconds = events[-1]["at"] - events[0]["at"]
    assert 1 <= len(progress) <= seconds * 4 + 1
    assert job["progress"]["steps"] == 100


class Absent:
    """A model whose replica never comes up; calls wait."""

    async def run(self, work: Work) -> AsyncIterator[Event]:
        await asyncio.Event().wait()
        yield "taken", {}

    async def status(self) -> Json:
        return {"status": "loading", "reason": None}

    async def ask(self, *question: Any) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(("living", "answered_by"), [(0, "tone"), (1, None)])
async def test_a_model_without_a_place_falls_back_and_a_busy_one_is_waited_for(
    tmp_path: Path, living: int, answered_by: str | None
) -> None:
    big = entry("big", fallback=["tone"])
    big["replicas"]["start_within_s"] = 0.2
    asked = 0

    async def count() -> list[tuple[int, int]]:
        nonlocal asked
        asked += 1
        return [(living, 0), (1, 0)]

    async with running(args_in(tmp_path, big, entry("tone")), {"big": Absent()}, count) as service:
        job = await service.job(model="big")
        if answered_by:
            ended = await service.ended(job)
            assert (ended["status"], ended["model_used"]) == ("succeeded", answered_by)
            assert "no replica of model 'big' came up within 0.2 s" in ended["fallback"]["because"][0]
        else:
            await until(lambda: asked > 2)
            seen = await service.get(job)
            assert (seen["status"], seen["waiting_for"]) == ("running", "replica")
            await service.http.post(f"/v1/jobs/{job['id']}/cancel")


async def test_an_input_that_ended_its_holder_three_times_is_not_run_again(tmp_path: Path) -> None:
    lost = [{"model": "single", "started_at": 1.0, "ended_at": 2.0, "outcome": "ingress_lost"}] * 3
    single = entry("single", "tests.support.models:CountingTone")
    CountingTone.calls.clear()
    async with running(args_in(tmp_path, single)) as service:
        CountingTone.held.add("killer")
        job = await service.job("killer", model="single")
        await service.reach(job, "started")
        of_job = sa.update(tables.jobs).where(tables.jobs.c.id == job["id"])
    CountingTone.held.clear()
    database = Database(f"sqlite:///{tmp_path}/continuo.db")
    database.write_now(lambda c: c.execute(of_job.values(attempts=lost)))
    database.close()
    CountingTone.calls.clear()
    async with running(args_in(tmp_path, single)) as service:
        ended = await service.ended(job)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "replica_lost")
        assert CountingTone.calls == []


async def test_a_job_that_is_stopped_while_its_beginning_is_written_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write goes on in its thread: the row is claimed then, and the job's end must name that claim."""
    under_way, go_on, begin_job = threading.Event(), threading.Event(), job_rows.begin_job

    def begin_late(c: sa.Connection, claim: Claim, beginning: Beginning) -> str | None:
        under_way.set()
        assert go_on.wait(HANGS_S)
        return begin_job(c, claim, beginning)

    async with running(args_in(tmp_path, entry("single", "tests.support.models:CountingTone", at_once=1))) as one:
        first = await one.job("first", model="single", **LONG)
        await one.reach(first, "started")
        second = await one.job("second", model="single", **LONG)
        monkeypatch.setattr(job_rows, "begin_job", begin_late)
        one.runtime.execution.cancel(first["id"])
        assert await asyncio.to_thread(under_way.wait, HANGS_S)
        one.runtime.execution.cancel(second["id"])
        await asyncio.sleep(0)
        go_on.set()
        assert (await one.ended(second))["status"] == "canceled"
