"""What outlives a request: owners, limits, webhooks, draining, restart, retention; each test with its own service."""

import asyncio
import base64
import gc
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from serve_app import upkeep
from serve_app.config import Limits, Retention
from serve_app.errors import DatabaseUnavailable, StorageUnavailable
from serve_app.notify import deliveries, webhooks
from serve_app.notify.webhooks import secret_of
from serve_app.records import api_keys, event_rows, job_rows, object_rows, tables
from serve_app.records.leases import Claim
from tests.notify.test_outbound import Receiver, answer
from tests.support.models import CountingTone
from tests.support.service import HANGS_S, LONG, Collector, Json, Mortal, Service, args_in, entry, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

SHORT = {"steps": 5, "step_s": 0.02}
Start = Callable[..., AbstractAsyncContextManager[Service]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts a service in the test's folder; again in the same folder is a restart."""

    @asynccontextmanager
    async def start(**more: Any) -> AsyncIterator[Service]:
        models = (entry("tone"), entry("single", "tests.support.models:CountingTone", at_once=1))
        async with running(args_in(tmp_path, *models, **more)) as service:
            yield service

    return start


async def key_of(service: Service, owner: str) -> dict[str, str]:
    """The headers of a new key of this owner."""
    made = await service.runtime.database.write(api_keys.create, owner, "test")
    return {"Authorization": f"Bearer {made.token}"}


async def cancel(service: Service, *jobs: Json, headers: dict[str, str] | None = None) -> None:
    for job in jobs:
        await service.http.post(f"/v1/jobs/{job['id']}/cancel", headers=headers)


async def delivered(service: Service, job: Json) -> Json:
    """The job when all of its webhooks have arrived."""
    async with asyncio.timeout(HANGS_S):
        while True:
            job = await service.get(job)
            if all(item["status"] == "delivered" for item in job["deliveries"]):
                return job
            await asyncio.sleep(0.02)


async def test_owners_see_only_what_is_theirs(start: Start) -> None:
    async with start(auth={"mode": "keys"}) as service:
        ada, bob = await key_of(service, "ada"), await key_of(service, "bob")
        job = await service.made("private", headers=ada, seed=1)
        assert job["owner"] == "ada"
        for path in ("", "/cancel", "/events"):
            method = "POST" if path == "/cancel" else "GET"
            reply = await service.http.request(method, f"/v1/jobs/{job['id']}{path}", headers=bob)
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
        assert (await service.http.delete(f"/v1/jobs/{job['id']}", headers=bob)).status_code == 404
        assert (await service.http.get("/v1/jobs", headers=bob)).json() == {"results": [], "next": None}
        [mine] = (await service.http.get("/v1/jobs", headers=ada)).json()["results"]
        assert mine["id"] == job["id"]
        assert (await service.http.get(job["outputs"][0]["url"])).status_code == 200  # signed: for whoever holds it
        same_key = {**bob, "Idempotency-Key": "k"}
        theirs = await service.made("private", headers=same_key, seed=1)
        ours = await service.made("private", headers={**ada, "Idempotency-Key": "k"}, seed=1)
        assert (theirs["owner"], ours["owner"]) == ("bob", "ada")
        await service.http.delete(f"/v1/jobs/{theirs['id']}", headers=bob)
        assert (await service.http.get(job["outputs"][0]["url"])).status_code == 200


async def test_without_a_good_key_nothing_is_told(start: Start) -> None:
    async with start(auth={"mode": "keys"}) as service:
        ada = await key_of(service, "ada")
        job = await service.made(headers=ada)
        paths = ["/v1/jobs", f"/v1/jobs/{job['id']}", "/v1/models", "/metrics", "/v1/models/tone"]
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
            for path in paths[: 5 if not headers else 1]:
                reply = await service.http.get(path, headers=headers)
                assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
                assert reply.headers["www-authenticate"] == "Bearer"
            body = {"prompt": "x", "duration_s": -1}
            assert (await service.http.post("/v1/audio/generations", json=body, headers=headers)).status_code == 401
        assert (await service.http.get("/healthz")).status_code == 200
        assert (await service.http.get("/readyz")).status_code == 200
        made = await service.runtime.database.write(api_keys.create, "ada", "short")
        await service.runtime.database.write(api_keys.revoke, made.key.id)
        reply = await service.http.get("/v1/jobs", headers={"Authorization": f"Bearer {made.token}"})
        assert reply.status_code == 401


async def test_on_loopback_a_key_still_names_its_owner_and_any_other_is_the_local_ones(start: Start) -> None:
    async with start() as service:
        ada = await key_of(service, "ada")
        assert (await service.made(headers=ada))["owner"] == "ada"
        assert (await service.made())["owner"] == "local"
        for strange in ("Bearer sk-anything", "Bearer ck_wrong", "Basic YTpi", f"Bearer ck_{'x' * 12}_{'y' * 43}", ""):
            assert (await service.made(headers={"Authorization": strange}))["owner"] == "local"
        assert (await service.http.get("/v1/status", headers=ada)).status_code == 403
        assert (await service.http.get("/v1/status", headers={"Authorization": "Bearer sk-x"})).status_code == 200


async def test_a_full_queue_refuses_with_a_time_to_come_back(start: Start) -> None:
    async with start(limits={"queued_jobs": 3}) as service:
        body = {"model": "single", "input": {"prompt": "x", **LONG}}
        replies = await asyncio.gather(*(service.http.post("/v1/jobs", json=body) for _ in range(20)))
        accepted = [reply.json() for reply in replies if reply.status_code == 202]
        refused = [reply for reply in replies if reply.status_code == 429]
        assert (len(accepted), len(refused)) == (3, 17)
        for reply in refused:
            assert 1 <= int(reply.headers["retry-after"]) <= 60
            assert (reply.json()["code"], reply.json()["retryable"]) == ("overloaded", True)
        await cancel(service, *accepted)
        await service.made("there is room again")
        plug = await service.job("plug", **LONG)
        service.runtime.apply(Limits(queued_jobs=1), Retention())
        assert (await service.http.post("/v1/jobs", json=body)).status_code == 429
        await cancel(service, plug)


async def test_one_owner_cannot_fill_the_queue_for_all(start: Start) -> None:
    async with start(limits={"queued_jobs_per_owner": 2}, auth={"mode": "keys"}) as service:
        ada, bob = await key_of(service, "ada"), await key_of(service, "bob")
        jobs = [await service.job(f"{i}", model="single", headers=ada, **LONG) for i in range(2)]
        await service.job("third", model="single", headers=ada, status=429)
        theirs = await service.job("bob", model="single", headers=bob, status=202)
        await cancel(service, *jobs, headers=ada)
        assert (await service.ended(theirs, bob))["status"] == "succeeded"


async def test_owners_take_turns(start: Start) -> None:
    async with start(auth={"mode": "keys"}) as service:
        ada, bob = await key_of(service, "ada"), await key_of(service, "bob")
        service.runtime.execution.slots["single"].capacity = 2
        plugs = [await service.job(f"plug {i}", model="single", headers=ada, **LONG) for i in range(2)]
        waiting = [await service.job(f"ada {i}", model="single", headers=ada, **SHORT) for i in range(3)]
        waiting.append(await service.job("bob", model="single", headers=bob, **SHORT))
        CountingTone.calls.clear()
        await cancel(service, plugs[0], headers=ada)
        for job in waiting:
            await service.events(job)
        assert next(prompt for prompt, _ in CountingTone.calls if not prompt.startswith("plug")) == "bob"
        await cancel(service, plugs[1], headers=ada)


async def test_a_webhook_is_delivered_signed_and_shown(start: Start) -> None:
    webhooks = {"allow": ["127.0.0.0/8"], "allow_http": True, "retry_s": [0.01, 0.01]}
    async with Receiver(answer(500), answer(200)).listening() as receiver, start(webhooks=webhooks) as service:
        wanted = {"url": receiver.url(), "events": ["started", "completed"]}
        job = await service.made("told", webhook=wanted)
        job = await delivered(service, job)
        assert sorted(item["event"] for item in job["deliveries"]) == ["job.completed", "job.started"]
        assert sorted(len(item["tries"]) for item in job["deliveries"]) == [1, 2]
        verifier = Webhook(await secret_of(service.runtime.database, "local"))
        told = {}
        for headers, body in receiver.requests:
            message = verifier.verify(body, headers)
            told[message["type"]] = message["data"]
        assert told["job.completed"]["id"] == job["id"]
        assert told["job.completed"]["outputs"][0]["sha256"] == job["outputs"][0]["sha256"]
        assert told["job.completed"]["status"] == "succeeded"
        assert told["job.started"]["status"] in ("running", "succeeded")


@pytest.mark.parametrize("prefer", ["wait=20", "respond-async"])
async def test_a_webhook_tells_of_every_end(start: Start, prefer: str) -> None:
    webhooks = {"allow": ["127.0.0.0/8"], "allow_http": True}
    async with Receiver().listening() as receiver, start(webhooks=webhooks) as service:
        headers, webhook = {"Prefer": prefer}, {"url": receiver.url()}
        first = await service.made("ends", webhook=webhook, headers=headers, seed=1)
        cached = await service.made("ends", webhook=webhook, headers=headers, seed=1)
        late = await service.job("late", webhook=webhook, deadline_s=0.1, **LONG)
        stopped = await service.job("stopped", webhook=webhook, **LONG)
        await service.ended(late)
        await cancel(service, stopped)
        await until(lambda: len(receiver.requests) >= 4)
        told = {data["id"]: data["status"] for data in (json.loads(body)["data"] for _, body in receiver.requests)}
        assert told == {
            first["id"]: "succeeded",
            cached["id"]: "succeeded",
            late["id"]: "failed",
            stopped["id"]: "canceled",
        }
        assert cached["cached"]


async def test_a_delivery_that_was_planned_is_made_after_a_restart(start: Start, tmp_path: Path) -> None:
    async with Receiver(answer(500), answer(200)).listening() as receiver:
        options = {"allow": ["127.0.0.0/8"], "allow_http": True}
        async with start(webhooks={**options, "retry_s": [1.0]}) as service:
            job = await service.made("told later", webhook={"url": receiver.url()})
            await until(lambda: bool(receiver.requests))
        async with start(webhooks=options) as service:
            await delivered(service, job)
        assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


async def test_a_service_that_drains_lets_jobs_end_and_takes_no_more(start: Start) -> None:
    CountingTone.held.add("short")
    async with start() as service:
        service.runtime.execution.slots["single"].capacity = 2
        short = await service.job("short", model="single")
        long = await service.job("long", model="single", **LONG)
        queued = await service.job("queued", model="single", **SHORT)
        body = {"model": "single", "input": {"prompt": "long", "duration_s": 0.5, **LONG}}
        body["input"]["seed"] = long["seed"]
        waiting = asyncio.create_task(service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"}))
        await until(lambda: len(service.runtime.execution.running) == 4)
        draining = asyncio.create_task(service.runtime.drain(HANGS_S))
        await until(service.runtime.jobs.draining.is_set)
        CountingTone.held.clear()
        assert (await service.ended(short))["status"] == "succeeded"
        assert not draining.done()
        assert await service.runtime.drain(0) == 3  # the grace is over
        draining.cancel()
        reply = await waiting
        assert (reply.status_code, reply.json()["status"]) == (202, "queued")
        assert (await service.get(queued))["status"] == "queued"
        refused = await service.http.post("/v1/jobs", json=body)
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert int(refused.headers["retry-after"]) > 0
        assert (await service.http.get("/readyz")).status_code == 503
        assert (await service.http.get("/healthz")).status_code == 200
        assert (await service.get(long))["status"] == "running"


async def test_a_drain_with_nothing_to_do_is_over_at_once(start: Start) -> None:
    async with start() as service, asyncio.timeout(HANGS_S / 2):
        assert await service.runtime.drain(HANGS_S) == 0


async def test_a_drain_leaves_what_it_could_not_end_free_and_ends_event_streams(start: Start) -> None:
    async with start() as service:
        job = await service.job("long", **LONG)
        await service.reach(job, "started")
        following = asyncio.create_task(service.events(job))
        await asyncio.sleep(0)
        assert await service.runtime.drain(0) == 1
        assert all(event["type"] != "completed" for event in await following)
        await service.runtime.release()
        seen = await service.get(job)
        assert (seen["status"], seen["attempt_log"][-1]["outcome"]) == ("queued", "released")
        assert await service.runtime.database.read(count, tables.holders) == 0
        assert (
            await service.http.post("/v1/jobs", json={"model": "tone", "input": {"prompt": "x"}})
        ).status_code == 503


async def test_accepted_jobs_are_finished_after_a_restart(start: Start) -> None:
    CountingTone.held.add("runs")
    async with start() as service:
        runs = await service.job("runs", model="single", seed=7)
        waits = [await service.job(f"waits {i}", model="single") for i in range(3)]
        await service.reach(runs, "started")
        before = await service.events(await service.made("done"))
    CountingTone.held.clear()
    async with start() as service:
        for job in (runs, *waits):
            assert (await service.ended(job))["status"] == "succeeded"
        ended = await service.get(runs)
        assert (ended["attempts"], ended["seed"], ended["created_at"]) == (2, 7, runs["created_at"])
        assert [item["outcome"] for item in ended["attempt_log"]] == ["released", "succeeded"]
        assert all(item["ended_at"] for item in ended["attempt_log"])
        events = await service.events(runs)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert [event["type"] for event in events].count("completed") == 1
        assert before[-1]["type"] == "completed"
        again = await service.made("runs", model="single", seed=7)
        assert again["cached"]


async def test_an_accepted_job_waits_for_a_database_that_is_away(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[str] = []

    def away_at_first(connection: sa.Connection, address: str, *rest: Any) -> Any:
        if not refused:
            refused.append(address)
            raise DatabaseUnavailable("the job database does not answer")
        return find_stored(connection, address, *rest)

    CountingTone.held.add("patient")
    async with start() as service:
        job = await service.job("patient", model="single", seed=5)
        await service.reach(job, "started")
    CountingTone.held.clear()
    find_stored = object_rows.find_stored
    monkeypatch.setattr(object_rows, "find_stored", away_at_first)
    async with start() as service:
        assert (await service.ended(job))["status"] == "succeeded"
    assert refused


async def test_what_happens_to_a_job_is_written_in_its_order(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first report meets a database that is away; those after it must not come before it."""
    written: list[int] = []
    refused: list[int] = []
    refused_at: list[float] = []

    def away_at_first(c: sa.Connection, claim: Claim, change: job_rows.Change) -> None:
        assert change.event is not None
        if not refused:
            refused.append(change.event.seq)
            refused_at.append(time.time())
            raise DatabaseUnavailable("the job database does not answer")
        written.append(change.event.seq)
        update_job(c, claim, change)

    update_job = job_rows.update_job
    monkeypatch.setattr(job_rows, "update_job", away_at_first)
    async with start() as service:
        job = await service.made("reports", steps=20, step_s=0.05)
        events = await service.events(job)
    assert (refused, written) == ([3], list(range(3, 3 + len(written))))
    assert len(written) >= 2
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    moments = [event["at"] for event in events]
    assert moments == sorted(moments)
    assert moments[2] <= refused_at[0]  # when it was, not when it was written


async def test_a_stop_waits_for_what_is_being_written(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reports wait for the disk when the service stops; both are there afterwards, and nothing is logged."""

    def slow(*given: Any, **more: Any) -> Any:
        while not service.runtime.execution.closing:
            time.sleep(0.01)
        return update_job(*given, **more)

    update_job = job_rows.update_job
    monkeypatch.setattr(job_rows, "update_job", slow)
    async with start() as service:
        job = await service.job("reports", **LONG)
        running = service.runtime.execution.running[job["id"]]
        await until(lambda: sum(not write.done() for write in running.writes) >= 2)
        told = running.seq
    gc.collect()  # where a write that failed unseen would be logged
    monkeypatch.undo()
    async with start() as service:
        assert await service.runtime.database.read(event_rows.last_seq, job["id"]) >= told
        await cancel(service, job)


async def test_a_cancel_that_was_asked_before_the_restart_is_obeyed(start: Start) -> None:
    async with start() as service:
        job = await service.job("asked", model="single", **LONG)
        await service.reach(job, "started")
        await service.runtime.database.write(job_rows.request_cancel, job["id"])
    CountingTone.calls.clear()
    async with start() as service:
        assert (await service.ended(job))["status"] == "canceled"
        assert CountingTone.calls == []


async def test_a_deadline_goes_on_while_the_service_is_down(start: Start) -> None:
    async with start() as service:
        job = await service.job("late", deadline_s=0.3, **LONG)
        await service.reach(job, "started")
    await asyncio.sleep(0.1)
    async with start() as service:
        ended = await service.ended(job)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "deadline_exceeded")


async def test_losses_are_counted_over_restarts(start: Start) -> None:
    async with start() as service:
        dying = service.handles["tone"] = Mortal(service.replicas["tone"], 2)
        job = await service.job("killer", **LONG)
        await until(lambda: not dying.deaths)
        await service.reach(job, "progress")
    async with start() as service:
        service.handles["tone"] = Mortal(service.replicas["tone"], 5)
        ended = await service.ended(job)
        assert ended["error"]["code"] == "replica_lost"
        assert [item["outcome"] for item in ended["attempt_log"]].count("replica_lost") == 3


async def test_what_is_too_old_is_swept(start: Start) -> None:
    async with start() as service:
        old, new = await service.made("old", headers={"Idempotency-Key": "k"}), await service.made("new")
        runs = await service.job("runs", **LONG)
        await service.reach(runs, "started")

        def age(c: sa.Connection) -> None:
            long_ago = time.time() - 31 * 24 * 3600
            c.execute(sa.update(tables.jobs).where(tables.jobs.c.id == old["id"]).values(completed_at=long_ago))
            c.execute(sa.update(tables.jobs).where(tables.jobs.c.id == runs["id"]).values(created_at=long_ago))
            c.execute(sa.update(tables.idempotency).values(expires_at=long_ago))

        await service.runtime.database.write(age)
        replayed = await service.made("another body", headers={"Idempotency-Key": "k"})
        assert replayed["id"] != old["id"]
        assert await service.runtime.upkeep.sweep() == 1
        assert (await service.http.get(f"/v1/jobs/{old['id']}")).status_code == 404
        assert (await service.http.get(old["outputs"][0]["url"])).status_code == 404
        for job in (new, runs, replayed):
            assert (await service.http.get(f"/v1/jobs/{job['id']}")).status_code == 200
        assert (await service.http.get(new["outputs"][0]["url"])).status_code == 200
        await cancel(service, runs)


async def test_an_object_whose_deletion_was_cut_short_is_deleted_by_the_sweep(start: Start) -> None:
    """An equal job makes an object of its own, which no late deletion can hit."""
    async with start() as service:
        job = await service.made("cut short", seed=1)
        key = job["outputs"][0]["key"]
        assert await service.runtime.database.write(job_rows.delete_job, job["id"]) == [key]
        assert service.runtime.storage.stat(key) is not None
        again = await service.made("cut short", seed=1)
        assert (again["status"], again["cached"]) == ("succeeded", False)
        assert again["outputs"][0]["key"] != key
        await service.runtime.upkeep.sweep()
        assert service.runtime.storage.stat(key) is None
        assert await service.runtime.database.read(count, tables.objects) == 2  # one is its tombstone
        await age_objects(service)
        await service.runtime.upkeep.sweep()
        assert await service.runtime.database.read(count, tables.objects) == 1
        assert (await service.http.get(again["outputs"][0]["url"])).status_code == 200


async def test_an_object_that_cannot_be_deleted_holds_up_no_other(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as service:
        keys_of = [(await service.made(f"poison {index}", seed=index))["outputs"][0]["key"] for index in range(3)]
        for job in (await service.http.get("/v1/jobs")).json()["results"]:
            await service.runtime.database.write(job_rows.delete_job, job["id"])
        delete = service.runtime.storage.delete

        def refuse_one(key: str) -> None:
            if key == keys_of[0]:
                raise StorageUnavailable("the bucket does not answer")
            delete(key)

        monkeypatch.setattr(service.runtime.storage, "delete", refuse_one)
        await service.runtime.upkeep.sweep()
        assert [service.runtime.storage.stat(key) is None for key in keys_of] == [False, True, True]
        monkeypatch.undo()
        await service.runtime.upkeep.sweep()
        assert service.runtime.storage.stat(keys_of[0]) is None


async def test_callers_who_hang_up_while_they_are_accepted_leave_no_job_without_an_end(start: Start) -> None:
    async with start() as service:
        for index in range(40):
            body = {"model": "tone", "input": {"prompt": f"hangs up {index}", "duration_s": 0.1}}
            asking = asyncio.create_task(service.http.post("/v1/jobs", json=body))
            for _ in range(index):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        statuses = sa.select(tables.jobs.c.status).distinct()
        await until(lambda: not service.runtime.jobs.accepting and not service.runtime.execution.running)
        found = await service.runtime.database.read(lambda c: set(c.execute(statuses).scalars()))
        assert found == {"succeeded"}


async def test_a_row_that_names_this_process_and_that_it_does_not_know_is_run(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer of the database to an acceptance was lost on its way; so was that to a claim of a delivery."""
    monkeypatch.setattr(upkeep, "RECONCILE_EVERY_S", 0.05)
    webhooks = {"allow": ["127.0.0.0/8"], "allow_http": True}
    async with Receiver().listening() as receiver, start(webhooks=webhooks) as service:
        told = await delivered(service, await service.made("told", webhook={"url": receiver.url()}))
        holder = service.runtime.lease.holder
        job = await service.made("stranded", seed=3)

        def strand(c: sa.Connection) -> None:
            row = {"status": "running", "holder": holder, "claim": 1, "completed_at": None, "attempts": []}
            c.execute(sa.update(tables.jobs).where(tables.jobs.c.id == job["id"]).values(row))
            c.execute(sa.delete(tables.outputs).where(tables.outputs.c.job_id == job["id"]))
            waiting = {"status": "pending", "holder": holder, "next_at": 0.0}
            of_told = tables.deliveries.c.job_id == told["id"]
            c.execute(sa.update(tables.deliveries).where(of_told).values(waiting))

        await service.runtime.database.write(strand)
        service.runtime.loops.wake("reconcile")
        await until(lambda: len(receiver.requests) == 2)
        assert (await service.ended(job))["status"] == "succeeded"


async def test_a_webhook_outlives_a_database_that_is_away_while_it_is_sent(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "PUT_OFF_S", 0.05)
    away = [True, True]

    def away_at_first(statement: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            if away:
                away.pop()
                raise DatabaseUnavailable("the job database does not answer")
            return statement(*given)

        return run

    for name in ("_record", "postpone"):
        monkeypatch.setattr(webhooks, name, away_at_first(getattr(webhooks, name)))
    options = {"allow": ["127.0.0.0/8"], "allow_http": True}
    async with Receiver().listening() as receiver, start(webhooks=options) as service:
        await delivered(service, await service.made("told", webhook={"url": receiver.url()}))
        assert not away
        assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


async def test_who_waits_and_leaves_is_forgotten(start: Start) -> None:
    async with start() as service:
        job = await service.job("long", **LONG)
        row = await service.runtime.jobs.get("local", job["id"])
        before = len(asyncio.all_tasks())
        for _ in range(20):
            waiting = asyncio.create_task(service.runtime.jobs.wait(row, 60.0))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: len(asyncio.all_tasks()) <= before)
        await cancel(service, job)


async def age_objects(service: Service) -> None:
    """Let every tombstone be two hours old."""
    older = sa.update(tables.objects).values(state_at=tables.objects.c.state_at - 10_000)
    await service.runtime.database.write(lambda c: c.execute(older))


def count(c: sa.Connection, table: sa.Table) -> int:
    return c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


async def test_log_lines_are_json_and_keep_secrets(start: Start, log: Collector) -> None:
    async with start(auth={"mode": "keys"}, log_level="DEBUG") as service:
        ada = await key_of(service, "ada")
        canary = "canary-" + base64.b32encode(bytes(range(30))).decode()
        job = await service.made(canary, headers={**ada, "X-Request-Id": "trace-me"})
        await service.http.get(job["outputs"][0]["url"])
        await service.http.post("/v1/jobs", json={"model": "tone", "input": {"prompt": canary, "n": 0}}, headers=ada)
        failed = await service.job(canary, duration_s=1e-6, headers=ada)
        await service.ended(failed, ada)
    lines = [json.loads(line) for line in log.lines]
    assert all(line["at"].endswith("Z") and line["level"] and line["event"] for line in lines)
    [ended] = [line for line in lines if line["event"] == "job succeeded"]
    assert (ended["job_id"], ended["request_id"], ended["model"]) == (job["id"], "trace-me", "tone")
    text = "\n".join(log.lines)
    signature = httpx.URL(job["outputs"][0]["url"]).params["signature"]
    for secret in (canary, signature, ada["Authorization"].split("_")[2]):
        assert secret not in text
