import asyncio
import hashlib
import json
import re
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx
import pytest

from serve_app.config import S3StorageConfig
from serve_app.records.rows import JobRow
from serve_app.storage import SignedUrl
from tests.support.models import CountingTone
from tests.support.service import HANGS_S, LONG, Json, Service, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


def body(prompt: str = "a tone", model: str = "tone", **fields: Any) -> Json:
    return {"model": model, "input": {"prompt": prompt, "duration_s": 0.5, **fields}}


async def post(service: Service, content: Json, prefer: str | None = "wait", **headers: str) -> httpx.Response:
    given = {"Prefer": prefer, **headers} if prefer else headers
    return await service.http.post("/v1/jobs", json=content, headers=given)


async def stop(service: Service, job: Json) -> None:
    await service.http.post(f"/v1/jobs/{job['id']}/cancel")


def unsigned(job: Json) -> Json:
    """A job without what is signed anew, and for another second, at each read."""
    outputs = [{k: v for k, v in output.items() if k not in ("url", "expires_at")} for output in job["outputs"]]
    return {**job, "outputs": outputs}


async def test_a_job_that_ends_within_the_wait_is_created(service: Service) -> None:
    reply = await post(service, body(seed=11), "wait=60")
    job = reply.json()
    assert (reply.status_code, job["status"], job["cached"], job["seed"]) == (201, "succeeded", False, 11)
    assert reply.headers["preference-applied"] == "wait=60"
    assert reply.headers["location"] == job["urls"]["self"] == f"http://localhost/v1/jobs/{job['id']}"
    assert job["input"]["prompt"] == "a tone"
    assert (job["model"], job["model_used"], job["attempts"], job["error"]) == ("tone", "tone", 1, None)
    assert [item["outcome"] for item in job["attempt_log"]] == ["succeeded"]
    assert job["created_at"] <= job["started_at"] <= job["completed_at"]
    assert job["metrics"].keys() >= {
        "queue_s",
        "run_s",
        "finish_s",
        "encode_s",
        "store_s",
        "total_s",
        "real_time_factor",
    }
    assert unsigned(await service.get(job)) == unsigned((await service.http.get(reply.headers["location"])).json())


async def test_the_output_is_the_sound_that_its_facts_describe(service: Service) -> None:
    [output] = (await service.made(seed=12, duration_s=0.75))["outputs"]
    sound = await service.http.get(output["url"])
    assert (sound.status_code, len(sound.content)) == (200, output["bytes"])
    assert hashlib.sha256(sound.content).hexdigest() == output["sha256"]
    assert sound.headers["content-type"] == output["media_type"] == "audio/flac"
    assert (output["duration_s"], output["sample_rate_hz"], output["channels"]) == (0.75, 44_100, 2)
    assert output["quality"]["ok"]
    assert datetime.fromisoformat(output["expires_at"]) > datetime.fromisoformat("2020-01-01T00:00:00Z")


async def test_without_a_preference_a_job_is_accepted(service: Service) -> None:
    reply = await post(service, body(**LONG), None)
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, "respond-async")
    assert reply.headers["location"] == reply.json()["urls"]["self"]
    assert reply.json()["status"] in ("queued", "running")
    await stop(service, reply.json())


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("respond-async", "respond-async"),
        ("wait=0", "wait=0"),
        ("wait=0.2", "wait=0.2"),
        ('Wait="0.1"', "wait=0.1"),
        ("handling=lenient, wait=0.1", "wait=0.1"),
        ("respond-async, wait=0.1", "respond-async, wait=0.1"),
        ("wait=soon, respond-async", "respond-async"),
    ],
)
async def test_a_wait_that_runs_out_leaves_the_job_at_work(service: Service, prefer: str, applied: str) -> None:
    reply = await post(service, body(**LONG), prefer)
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, applied)
    assert (await service.get(reply.json()))["status"] == "running"
    await stop(service, reply.json())


async def test_the_same_request_with_a_seed_comes_from_the_cache(service: Service) -> None:
    first = (await post(service, body("cached", seed=1))).json()
    reply = await post(service, body("cached", seed=1))
    again = reply.json()
    assert (reply.status_code, again["status"], again["cached"], again["attempts"]) == (200, "succeeded", True, 0)
    assert first["id"] != again["id"]
    assert (again["outputs"][0]["key"], again["outputs"][0]["sha256"]) == (
        first["outputs"][0]["key"],
        first["outputs"][0]["sha256"],
    )
    assert [event["type"] for event in await service.events(again)] == ["queued", "output", "completed"]
    assert "run_s" not in again["metrics"]
    other = (await post(service, body("cached", seed=2))).json()
    assert (other["cached"], other["outputs"][0]["sha256"] != first["outputs"][0]["sha256"]) == (False, True)
    for changed in ({"duration_s": 0.6}, {"format": "wav"}, {"loudness_lufs": -20}, {"frequency_hz": 441}):
        assert not (await post(service, body("cached", **{"seed": 1, **changed}))).json()["cached"], changed


async def test_what_does_not_change_the_sound_is_no_part_of_its_address(service: Service) -> None:
    first = (await post(service, body("address", seed=1))).json()
    same = {"duration_s": 0.5, "num_inference_steps": 1, "frequency_hz": 440, "format": "flac", "n": None}
    assert (await post(service, body("address", seed=1, **same))).json()["cached"]
    again = (await post(service, {**body("address", seed=1), "priority": "high"})).json()
    assert unsigned(again)["outputs"] == unsigned(first)["outputs"]


async def test_a_request_without_a_seed_is_told_which_it_got(service: Service) -> None:
    first, second = [(await post(service, body("seedless"))).json() for _ in range(2)]
    assert first["seed"] == first["input"]["seed"] != second["seed"]
    assert not second["cached"]
    again = (await post(service, body("seedless", seed=first["seed"]))).json()
    assert (again["cached"], again["outputs"][0]["sha256"]) == (True, first["outputs"][0]["sha256"])


async def test_an_object_that_is_gone_is_made_again(service: Service) -> None:
    first = (await post(service, body("gone", seed=1))).json()
    service.runtime.storage.delete(first["outputs"][0]["key"])
    again = (await post(service, body("gone", seed=1))).json()
    assert (again["cached"], again["outputs"][0]["sha256"]) == (False, first["outputs"][0]["sha256"])
    assert (await service.http.get(again["outputs"][0]["url"])).status_code == 200


async def test_two_equal_requests_in_flight_are_computed_once(service: Service) -> None:
    asked = body("together", "counting", seed=1, steps=5, step_s=0.05)
    jobs = [reply.json() for reply in await asyncio.gather(*(post(service, asked) for _ in range(6)))]
    assert CountingTone.calls.count(("together", 1)) == 1
    assert len({job["id"] for job in jobs}) == 6
    assert len({job["outputs"][0]["sha256"] for job in jobs}) == 1
    assert sorted(job["cached"] for job in jobs) == [False, True, True, True, True, True]


async def test_who_joined_goes_on_when_the_first_is_cancelled(service: Service) -> None:
    CountingTone.held.add("joined")
    asked = body("joined", "counting", seed=1)
    first, second = [(await post(service, asked, None)).json() for _ in range(2)]
    await service.reach(first, "started")
    await stop(service, first)
    assert (await service.get(first))["status"] == "canceled"
    CountingTone.held.clear()
    assert (await service.ended(second))["status"] == "succeeded"


async def test_candidates_have_seeds_in_a_row_and_are_cached_one_by_one(service: Service) -> None:
    second = (await post(service, body("many", "counting", seed=6))).json()
    reply = await post(service, body("many", "counting", seed=5, n=3))
    job = reply.json()
    assert (reply.status_code, len(job["outputs"]), job["cached"]) == (201, 3, False)
    assert sorted(seed for prompt, seed in CountingTone.calls if prompt == "many") == [5, 6, 7]
    assert job["outputs"][1]["sha256"] == second["outputs"][0]["sha256"]
    assert len({output["sha256"] for output in job["outputs"]}) == 3
    kinds = [event["type"] for event in await service.events(job)]
    assert kinds.count("output") == 3
    assert kinds[-1] == "completed"
    last = (await post(service, body("many", "counting", seed=7))).json()
    assert (last["cached"], last["outputs"][0]["key"]) == (True, job["outputs"][2]["key"])
    assert (await post(service, body("many", "counting", seed=5, n=3))).status_code == 200


async def test_the_last_seed_is_followed_by_the_first(service: Service) -> None:
    job = (await post(service, body("wraps", "counting", seed=2**32 - 1, n=2))).json()
    assert job["status"] == "succeeded"
    assert sorted(seed for prompt, seed in CountingTone.calls if prompt == "wraps") == [0, 2**32 - 1]


async def test_a_key_replays_its_job_and_refuses_another_body(service: Service) -> None:
    headers = {"Idempotency-Key": "order-1"}
    first = await post(service, body("idempotent"), **headers)
    assert "idempotency-replayed" not in first.headers
    again = await post(service, body("idempotent"), **headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first.json()["id"]
    quoted = await post(service, body("idempotent"), **{"Idempotency-Key": '"order-1"'})
    assert quoted.json()["id"] == first.json()["id"]
    other = await post(service, body("idempotent", seed=1), **headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    other = await post(service, {**body("idempotent"), "priority": "high"}, **headers)
    assert other.status_code == 422


async def test_a_key_attaches_to_the_job_that_runs(service: Service) -> None:
    CountingTone.held.add("attached")
    asked, headers = body("attached", "counting"), {"Idempotency-Key": "attach"}
    first = await post(service, asked, "respond-async", **headers)
    waiting = asyncio.create_task(post(service, asked, "wait=60", **headers))
    await until(lambda: any(prompt == "attached" for prompt, _ in CountingTone.calls))
    CountingTone.held.clear()
    waited = await waiting
    assert (first.status_code, waited.status_code) == (202, 200)
    assert waited.json()["id"] == first.json()["id"]
    assert waited.json()["status"] == "succeeded"


async def test_many_equal_posts_with_one_key_make_one_job(service: Service) -> None:
    asked, headers = body("stampede", "counting"), {"Idempotency-Key": "stampede"}
    replies = await asyncio.gather(*(post(service, asked, "wait=60", **headers) for _ in range(64)))
    assert {reply.status_code for reply in replies} == {200, 201}
    assert sum("idempotency-replayed" in reply.headers for reply in replies) == 63
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert sum(prompt == "stampede" for prompt, _ in CountingTone.calls) == 1


async def test_a_key_whose_job_was_deleted_is_free_again(service: Service) -> None:
    headers = {"Idempotency-Key": "freed"}
    first = (await post(service, body("freed"), **headers)).json()
    await service.http.delete(f"/v1/jobs/{first['id']}")
    again = await post(service, body("freed again"), **headers)
    assert (again.status_code, again.json()["id"] != first["id"]) == (201, True)


async def test_the_list_is_newest_first_in_pages(service: Service) -> None:
    made = [(await post(service, body(f"listed {index}"))).json()["id"] for index in range(5)]
    seen, cursor = [], ""
    while len(seen) < 5:
        page = (await service.http.get(f"/v1/jobs?limit=2{cursor}")).json()
        assert page.keys() == {"results", "next"}
        seen += [job["id"] for job in page["results"]]
        cursor = f"&cursor={page['next']}"
    assert seen[:5] == made[::-1]
    everything = (await service.http.get("/v1/jobs?limit=100")).json()
    ids = [job["id"] for job in everything["results"]]
    assert ids == sorted(ids, reverse=True)
    oldest = (await service.http.get(f"/v1/jobs?cursor={min(made)}&limit=100")).json()
    while oldest["next"]:
        oldest = (await service.http.get(f"/v1/jobs?cursor={oldest['next']}&limit=100")).json()
    assert oldest["next"] is None


async def test_urls_of_a_bucket_are_signed_off_the_event_loop(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [await service.made(f"signed {index}") for index in range(3)]
    runtime, threads = service.runtime, list[int]()
    url = runtime.storage.url

    def signing(key: str, ttl_s: int) -> SignedUrl:
        threads.append(threading.get_ident())
        return url(key, ttl_s)

    bucket = S3StorageConfig(kind="s3", bucket="b")
    monkeypatch.setattr(runtime, "args", runtime.args.model_copy(update={"storage": bucket}))
    monkeypatch.setattr(runtime.storage, "url", signing)
    listed = (await service.http.get("/v1/jobs?limit=3")).json()["results"]
    assert [unsigned(job) for job in listed] == [unsigned(job) for job in made[::-1]]
    assert len(threads) == len({job["outputs"][0]["key"] for job in made}) == 3
    await service.http.get(f"/v1/jobs/{made[0]['id']}")
    await read_all_events(service, made[0])
    assert threading.get_ident() not in threads


async def read_all_events(service: Service, job: Json) -> None:
    assert (await service.http.get(f"/v1/jobs/{job['id']}/events")).text.count("event: completed") == 1


async def test_the_list_is_filtered_by_status_and_model(service: Service) -> None:
    running = (await post(service, body("filtered", **LONG), None)).json()
    await service.reach(running, "started")
    chime = (await post(service, body("filtered", "chime"))).json()
    auto = (await post(service, body("filtered", "auto", tempo_bpm=90))).json()

    async def ids(query: str) -> list[str]:
        return [job["id"] for job in (await service.http.get(f"/v1/jobs?{query}")).json()["results"]]

    assert await ids("status=running") == [running["id"]]
    assert await ids("model=chime") == [auto["id"], chime["id"]]
    assert await ids("model=auto") == [auto["id"]]
    assert await ids("status=running&model=chime") == []
    assert await ids("model=unknown") == []
    await stop(service, running)
    assert running["id"] in await ids("status=canceled")


async def test_routing_takes_the_model_that_knows_every_field(service: Service) -> None:
    assert (await post(service, body(model="auto"))).json()["model_used"] == "tone"
    assert (await post(service, body(model="auto", tempo_bpm=100))).json()["model_used"] == "chime"
    assert (await post(service, body(model="auto", steps=2))).json()["model_used"] == "tone"
    reply = await post(service, body(model="auto", steps=2, tempo_bpm=100))
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid")


async def read_stream(url: str, after: str | None = None) -> list[tuple[str, str, Json]]:
    """Server-sent events as (id, type, data), read as the standard wants them read, until the server ends."""
    headers = {"Last-Event-ID": after} if after is not None else {}
    found: list[tuple[str, str, Json]] = []
    async with httpx.AsyncClient(timeout=HANGS_S) as http, http.stream("GET", url, headers=headers) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert reply.headers["cache-control"] == "no-store"
        text = "".join([part async for part in reply.aiter_text()])
    for block in text.split("\n\n")[:-1]:
        fields = dict(re.fullmatch(r"(\w*): (.*)", line).groups() for line in block.split("\n"))  # type: ignore[union-attr, misc]
        if "data" in fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


@pytest.fixture
async def url(service: Service) -> AsyncIterator[str]:
    async with service.listening() as url:
        yield url


async def test_events_tell_the_whole_story_in_order(service: Service, url: str) -> None:
    job = await service.job(steps=40, step_s=0.02)
    events = await read_stream(f"{url}/v1/jobs/{job['id']}/events")
    kinds = [kind for _, kind, _ in events]
    assert kinds[:2] == ["queued", "started"]
    assert kinds[-2:] == ["output", "completed"]
    assert set(kinds[2:-2]) == {"progress"}
    assert [int(number) for number, _, _ in events] == list(range(1, len(events) + 1))
    assert "position" in events[0][2]
    assert events[1][2]["attempt"] == 1
    for _, kind, data in events:
        if kind == "progress":
            assert 0 < data["step"] <= data["steps"] == 40
            assert data["eta_s"] is None if data["step"] == 1 else data["eta_s"] >= 0  # two reports tell the pace
    final = events[-1][2]
    now = await service.get(job)
    assert {k: v for k, v in final.items() if k not in ("outputs", "urls")} == {
        k: v for k, v in now.items() if k not in ("outputs", "urls")
    }
    assert events[-2][2]["output"]["sha256"] == final["outputs"][0]["sha256"]
    async with httpx.AsyncClient(timeout=HANGS_S) as http:
        assert (await http.get(final["outputs"][0]["url"])).status_code == 200


async def test_events_resume_after_the_last_one_seen(service: Service, url: str) -> None:
    job = await service.made()
    address = f"{url}/v1/jobs/{job['id']}/events"
    events = await read_stream(address)
    for seen in range(len(events)):
        assert [e[:2] for e in await read_stream(address, str(seen))] == [e[:2] for e in events[seen:]]
    for strange in ("", "x", "-1", "1.5", "²"):
        headers = [(b"Last-Event-ID", strange.encode())]
        async with httpx.AsyncClient(timeout=HANGS_S) as http:
            reply = await http.get(address, headers=headers)
        assert reply.text.count("event: completed") == 1


async def test_whoever_has_seen_the_end_is_told_not_to_come_back(service: Service, url: str) -> None:
    job = await service.made()
    address = f"{url}/v1/jobs/{job['id']}/events"
    last = int((await read_stream(address))[-1][0])
    async with httpx.AsyncClient(timeout=HANGS_S) as http:
        for seen in (last, last + 1, f"{last:030d}", 10**9, 2**63, "9" * 30, "9" * 9000):
            reply = await http.get(address, headers={"Last-Event-ID": str(seen)})
            assert (reply.status_code, reply.content) == (204, b"")


async def test_the_end_comes_to_a_reader_who_is_ahead_of_a_running_job(service: Service, url: str) -> None:
    CountingTone.held.add("ahead")
    job = await service.job("ahead", model="counting")
    await service.reach(job, "started")
    reading = asyncio.create_task(read_stream(f"{url}/v1/jobs/{job['id']}/events", "1000000"))
    await until(lambda: bool(service.app.state.event_streams._open))
    CountingTone.held.clear()
    assert (await reading)[-1][1] == "completed"


async def test_the_events_of_a_job_whose_output_was_lost_are_whole(
    service: Service, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await service.made(n=2)
    get = service.runtime.jobs.get

    async def without_the_last(owner: str, job_id: str) -> JobRow:
        row = await get(owner, job_id)
        return replace(row, outputs=row.outputs[:1])

    monkeypatch.setattr(service.runtime.jobs, "get", without_the_last)
    events = await read_stream(f"{url}/v1/jobs/{job['id']}/events")
    assert [data["index"] for _, kind, data in events if kind == "output"] == [0, 1]
    assert [("output" in data) for _, kind, data in events if kind == "output"] == [True, False]
    assert events[-1][1] == "completed"


async def test_an_owner_has_so_many_event_streams_open(
    service: Service, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = service.runtime.jobs.limits.model_copy(update={"event_streams_per_owner": 2})
    monkeypatch.setattr(service.runtime.jobs, "limits", limits)
    job = await service.job("followed", model="counting", **LONG)
    address = f"{url}/v1/jobs/{job['id']}/events"
    async with httpx.AsyncClient(timeout=HANGS_S) as http:
        async with http.stream("GET", address) as one, http.stream("GET", address) as two:
            parts = [one.aiter_text(), two.aiter_text()]
            assert "queued" in await anext(parts[0]) + await anext(parts[1])
            refused = await http.get(address)
            assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
            assert int(refused.headers["retry-after"]) >= 1
            assert (await http.get(f"{url}/v1/jobs/{job['id']}")).status_code == 200
        await until(lambda: not service.app.state.event_streams._open)
        async with http.stream("GET", address) as again:
            assert again.status_code == 200
    await stop(service, job)


async def test_a_quiet_stream_says_that_it_is_still_there(service: Service) -> None:
    job = await service.job(steps=1, step_s=10.0)
    events = service.runtime.jobs.events("local", job["id"], 2, idle_s=0.1)
    async with asyncio.timeout(HANGS_S):
        assert await anext(events) is None
    await events.aclose()  # type: ignore[attr-defined]
    await stop(service, job)


async def test_a_reader_who_leaves_does_not_stop_the_job(service: Service, url: str) -> None:
    job = await service.job(steps=10, step_s=0.05)
    async with (
        httpx.AsyncClient(timeout=HANGS_S) as http,
        http.stream("GET", f"{url}/v1/jobs/{job['id']}/events") as reply,
    ):
        await anext(reply.aiter_text())
    assert (await service.ended(job))["status"] == "succeeded"


async def test_the_events_of_a_deleted_job_end(service: Service, url: str) -> None:
    job = await service.job(**LONG)
    await service.reach(job, "started")
    client = httpx.AsyncClient(timeout=HANGS_S)
    async with client as http, http.stream("GET", f"{url}/v1/jobs/{job['id']}/events") as reply:
        told, parts = "", reply.aiter_text()
        while "event: started" not in told:
            told += await anext(parts)
        assert (await service.http.delete(f"/v1/jobs/{job['id']}")).status_code == 204
        async with asyncio.timeout(HANGS_S):
            told += "".join([part async for part in parts])
    assert "event: queued" in told


async def test_cancel_frees_the_model_within_a_step(service: Service) -> None:
    job = await service.job("cancelled", model="counting", **LONG)
    await service.reach(job, "started")
    reply = await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert (reply.status_code, reply.json()["status"]) == (200, "canceled")
    assert (reply.json()["outputs"], reply.json()["error"]) == ([], None)
    assert [event["type"] for event in await service.events(job)][-1] == "completed"
    await until(lambda: "cancelled" in CountingTone.cancelled)
    assert service.runtime.execution.slots["counting"].busy == 0


async def test_cancel_of_a_waiting_job_takes_it_out_of_the_queue(service: Service) -> None:
    runners = [await service.job("busy", model="counting", seed=index, **LONG) for index in range(4)]
    waiting = await service.job("waiting", model="counting")
    assert (waiting["queue_position"], waiting["waiting_for"]) == (1, "place")
    assert (await service.get(waiting))["status"] == "queued"
    assert (await service.http.post(f"/v1/jobs/{waiting['id']}/cancel")).json()["status"] == "canceled"
    assert not any(prompt == "waiting" for prompt, _ in CountingTone.calls)
    for job in runners:
        await stop(service, job)
    assert service.runtime.execution.slots["counting"].busy == 0


async def test_cancel_of_a_finished_job_changes_nothing(service: Service) -> None:
    job = await service.made()
    reply = await service.http.post(f"/v1/jobs/{job['id']}/cancel")
    assert (reply.status_code, unsigned(reply.json())) == (200, unsigned(job))


async def test_a_cancel_at_the_last_moment_leaves_no_job_half_ended(service: Service) -> None:
    for delay in range(30):
        job = await service.job(f"late {delay}", duration_s=0.1, steps=2, step_s=0.005)
        await asyncio.sleep(0.0015 * delay)
        reply = await service.http.post(f"/v1/jobs/{job['id']}/cancel")
        status = reply.json()["status"]
        assert status in ("canceled", "succeeded")
        await until(lambda: job["id"] not in service.runtime.execution.running)  # noqa: B023  (awaited right here)
        assert (await service.http.get(f"/v1/jobs/{job['id']}")).json()["status"] == status


async def test_a_cancelled_job_answers_who_waits_for_it(service: Service) -> None:
    asked, headers = body("watched", **LONG), {"Idempotency-Key": "watched"}
    waiting = asyncio.create_task(post(service, asked, "wait=60", **headers))
    job = (await post(service, asked, "respond-async", **headers)).json()
    await service.reach(job, "started")
    await stop(service, job)
    found = (await waiting).json()
    assert ((await waiting).status_code, found["code"], found["job_id"]) == (409, "canceled", job["id"])


async def test_delete_removes_the_job_and_its_object(service: Service) -> None:
    job = await service.made("deleted")
    reply = await service.http.delete(f"/v1/jobs/{job['id']}")
    assert (reply.status_code, reply.content) == (204, b"")
    for again in ("GET", "DELETE"):
        assert (await service.http.request(again, f"/v1/jobs/{job['id']}")).status_code == 404
    assert (await service.http.get(job["outputs"][0]["url"])).status_code == 404
    assert service.runtime.storage.stat(job["outputs"][0]["key"]) is None


async def test_delete_spares_an_object_that_another_job_shares(service: Service) -> None:
    first, second = await service.made("shared", seed=1), await service.made("shared", seed=1)
    await service.http.delete(f"/v1/jobs/{first['id']}")
    assert (await service.http.get(second["outputs"][0]["url"])).status_code == 200
    await service.http.delete(f"/v1/jobs/{second['id']}")
    assert service.runtime.storage.stat(second["outputs"][0]["key"]) is None
    again = await service.made("shared", seed=1)
    assert (again["cached"], again["outputs"][0]["sha256"]) == (False, first["outputs"][0]["sha256"])


async def test_delete_of_a_running_job_stops_it(service: Service) -> None:
    job = await service.job("deleted at work", model="counting", **LONG)
    await service.reach(job, "started")
    assert (await service.http.delete(f"/v1/jobs/{job['id']}")).status_code == 204
    assert job["id"] not in service.runtime.execution.running


async def test_equal_jobs_made_and_deleted_at_once_never_name_a_missing_object(service: Service) -> None:
    async def make_and_delete(keep: bool) -> Json | None:
        job = await service.made("churn", seed=1, duration_s=0.05)
        if keep:
            return job
        await service.http.delete(f"/v1/jobs/{job['id']}")
        return None

    for _ in range(4):
        kept = await asyncio.gather(*(make_and_delete(index % 4 == 0) for index in range(8)))
        for job in filter(None, kept):
            assert (await service.http.get((await service.get(job))["outputs"][0]["url"])).status_code == 200
            await service.http.delete(f"/v1/jobs/{job['id']}")


async def test_a_job_ends_at_its_deadline(service: Service) -> None:
    reply = await post(service, {**body("late", "counting", **LONG), "deadline_s": 0.2})
    found = reply.json()
    assert (reply.status_code, found["code"], found["retryable"]) == (504, "deadline_exceeded", False)
    job = await service.get({"id": found["job_id"]})
    assert (job["status"], job["error"]["code"], job["outputs"]) == ("failed", "deadline_exceeded", [])
    assert reply.headers["location"].endswith(found["job_id"])


async def test_what_only_the_model_can_refuse_points_at_the_field(service: Service) -> None:
    reply = await post(service, body(duration_s=1e-6))
    found = reply.json()
    assert (reply.status_code, found["code"]) == (422, "invalid")
    assert found["errors"][0]["pointer"] == "/input/duration_s"
    assert (await service.get({"id": found["job_id"]}))["error"]["code"] == "invalid"
