"""Sound while it is made: `stream: true`, and GET /v1/jobs/{id}/audio."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve_app.errors import BY_CODE
from serve_app.replica.work import Event, ReplicaGone, Work
from tests.support.models import GatedTone
from tests.support.service import HANGS_S, LONG, Collector, Json, Mortal, Service, args_in, entry, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

URL = "/v1/audio/generations"
TYPES = {
    "pcm": "audio/pcm;rate=44100;channels=2",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "aac": "audio/aac",
}


@dataclass
class Live:
    """The service with its doubles, and a client that hears what is sent when it is sent."""

    service: Service
    http: httpx.AsyncClient

    async def job(self, reply: httpx.Response) -> Json:
        return dict((await self.http.get(reply.headers["location"])).json())

    async def stored(self, job: Json) -> bytes:
        return (await self.http.get(job["outputs"][0]["url"])).content

    async def ended(self, reply: httpx.Response) -> Json:
        await self.service.events(await self.job(reply))
        return await self.job(reply)


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[Live]:
    gated = entry("gated", "tests.support.models:GatedTone", at_once=4)
    chime = entry("chime", "tests.support.models:Chime")
    failing = entry("failing", options={"fault": "nan"})
    args = args_in(folder, gated, entry("tone"), chime, failing, entry("canvas", "deployments.canvas:Canvas"))
    async with (
        running(args) as service,
        service.listening() as url,
        httpx.AsyncClient(base_url=url, timeout=HANGS_S) as http,
    ):
        yield Live(service, http)


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Live]:
    async with living(tmp_path_factory.mktemp("live")) as live:
        yield live


def body(prompt: str, **fields: Any) -> Json:
    return {"model": "gated", "prompt": prompt, "duration_s": 1.0, "stream": True, "format": "pcm", **fields}


def opening(live: Live, content: Json, **headers: str) -> Any:
    return live.http.stream("POST", URL, json=content, headers=headers)


def unfinished(live: Live) -> list[str]:
    return os.listdir(live.service.runtime.storage.path / "objects" / "@tmp")  # type: ignore[union-attr]


@pytest.mark.parametrize("model", ["gated", "tone"])
@pytest.mark.parametrize("format", TYPES)
async def test_the_bytes_that_are_sent_are_those_that_are_stored(live: Live, model: str, format: str) -> None:
    reply = await live.http.post(URL, json=body("bytes", model=model, format=format))
    assert (reply.status_code, reply.headers["content-type"]) == (200, TYPES[format])
    assert "content-length" not in reply.headers
    job = await live.ended(reply)
    assert (job["id"], job["status"]) == (reply.headers["x-job-id"], "succeeded")
    assert await live.stored(job) == reply.content
    [output] = job["outputs"]
    assert output["key"].endswith(f".{format}")
    assert (output["media_type"], output["duration_s"]) == (TYPES[format].partition(";")[0], 1.0)
    assert output["quality"]["true_peak_dbtp"] <= -0.9
    if format == "pcm":
        assert len(reply.content) == 44_100 * 4


@pytest.mark.parametrize("format", TYPES)
async def test_the_first_bytes_are_there_before_the_last_chunk_is_made(live: Live, format: str) -> None:
    prompt = f"first {format}"
    GatedTone.opened[prompt] = 6
    async with opening(live, body(prompt, format=format)) as reply:
        parts = reply.aiter_raw()
        data = await anext(parts)
        assert GatedTone.made[prompt] <= 6
        assert (await live.job(reply))["status"] == "running"
        GatedTone.opened[prompt] = 10
        data += b"".join([part async for part in parts])
    assert await live.stored(await live.ended(reply)) == data


async def test_who_leaves_before_the_first_chunk_cancels(live: Live) -> None:
    GatedTone.opened["nothing"] = 0
    asking = asyncio.create_task(live.http.post(URL, json=body("nothing")))
    await until(lambda: GatedTone.runs["nothing"] == 1)
    asking.cancel()
    await until(lambda: "nothing" in GatedTone.cancelled)
    [job] = [item for item in await jobs_of(live) if item["input"]["prompt"] == "nothing"]
    assert (await live.service.ended(job))["status"] == "canceled"


@pytest.mark.parametrize("chunks", [2, 5, 9])
async def test_who_leaves_in_the_middle_cancels(live: Live, chunks: int) -> None:
    prompt = f"left at {chunks}"
    GatedTone.opened[prompt] = chunks
    async with opening(live, body(prompt)) as reply:
        parts = reply.aiter_raw()
        await anext(parts)
    job = await live.ended(reply)
    assert (job["status"], job["outputs"]) == ("canceled", [])
    await until(lambda: prompt in GatedTone.cancelled)
    await until(lambda: unfinished(live) == [])


async def jobs_of(live: Live) -> list[Json]:
    return list((await live.http.get("/v1/jobs?limit=100")).json()["results"])


async def test_an_error_before_the_first_byte_is_an_ordinary_answer(live: Live) -> None:
    reply = await live.http.post(URL, json=body("nan", model="failing"))
    problem = reply.json()
    assert (reply.status_code, problem["code"]) == (BY_CODE["unusable_audio"].status, "unusable_audio")
    assert (await live.service.get({"id": problem["job_id"]}))["status"] == "failed"


async def test_an_error_after_the_first_byte_cuts_the_transfer(live: Live, log: Collector) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        async with opening(live, body("bug", frequency_hz=666)) as reply:
            _ = [part async for part in reply.aiter_raw()]
    job = await live.ended(reply)
    assert (job["status"], job["error"]["code"], job["outputs"]) == ("failed", "generation_failed", [])
    await until(lambda: unfinished(live) == [])
    assert ["a bug of the model" in line for line in log.errors] == [True]
    log.errors.clear()


class Dying(Mortal):
    """A process that dies at the third chunk that it sends."""

    async def run(self, work: Work) -> AsyncIterator[Event]:
        chunks = 0
        stream = self.replica.run(work)
        try:
            async for event in stream:
                chunks += event[0] == "chunk"
                if chunks == 3 and self.deaths > 0:
                    self.deaths -= 1
                    raise ReplicaGone("ActorDiedError")
                yield event
        finally:
            await stream.aclose()  # type: ignore[attr-defined]


async def test_a_replica_that_dies_meanwhile_cuts_the_transfer_and_fails_the_job(live: Live) -> None:
    handles = live.service.handles
    replica = handles["gated"]
    handles["gated"] = Dying(replica, deaths=1)
    try:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            async with opening(live, body("dies")) as reply:
                _ = [part async for part in reply.aiter_raw()]
    finally:
        handles["gated"] = replica
    job = await live.ended(reply)
    assert (job["status"], job["error"]["code"], job["attempts"]) == ("failed", "replica_lost", 1)
    assert (await live.http.get(f"/v1/jobs/{job['id']}/audio")).status_code == 409


async def test_a_replica_that_dies_before_the_first_byte_is_tried_again(live: Live) -> None:
    handles = live.service.handles
    replica = handles["gated"]
    handles["gated"] = Mortal(replica, deaths=1)
    try:
        reply = await live.http.post(URL, json=body("dies early"))
    finally:
        handles["gated"] = replica
    job = await live.ended(reply)
    assert (reply.status_code, job["status"], job["attempts"]) == (200, "succeeded", 2)


@pytest.mark.parametrize(
    ("fields", "at", "word"),
    [
        ({"n": 2}, "/n", "one sound is streamed at a time"),
        ({"model": "chime"}, "/stream", "does not stream"),
        ({"stream": False}, "/format", "stream: true"),
        ({"bit_depth": 24}, "/bit_depth", "16 bits"),
        ({"format": "mp4"}, "/format", ""),
        ({"stream": "yes"}, "/stream", "boolean"),
    ],
)
async def test_what_cannot_be_streamed_is_refused(live: Live, fields: Json, at: str, word: str) -> None:
    reply = await live.http.post(URL, json=body("refused", **fields))
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == at
    assert word in reply.json()["errors"][0]["detail"]


async def test_pictures_and_answers_for_later_are_no_streams(live: Live) -> None:
    reply = await live.http.post(URL, json=body("later"), headers={"Prefer": "respond-async"})
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, "/stream")
    picture = {"model": "canvas", "input": {"prompt": "x", "stream": True}}
    assert (await live.http.post("/v1/jobs", json=picture)).json()["errors"][0]["pointer"] == "/input/stream"


async def test_stream_false_is_as_if_it_were_absent(live: Live) -> None:
    first = await live.http.post(URL, json=body("absent", stream=False, format="wav", seed=1))
    again = {name: value for name, value in body("absent", format="wav", seed=1).items() if name != "stream"}
    second = (await live.http.post(URL, json=again)).json()
    assert (first.status_code, second["cached"]) == (201, True)
    assert "stream" not in second["input"]


async def test_auto_finds_a_model_that_streams(live: Live) -> None:
    reply = await live.http.post(URL, json=body("auto", model="auto", tempo_bpm=100))
    assert reply.status_code == 422  # the chime has a tempo and does not stream
    reply = await live.http.post(URL, json=body("auto", model="auto"))
    assert (await live.ended(reply))["model_used"] == "gated"


async def test_an_idempotency_key_replays_the_object(live: Live) -> None:
    content = body("again")
    first = await live.http.post(URL, json=content, headers={"Idempotency-Key": "again"})
    second = await live.http.post(URL, json=content, headers={"Idempotency-Key": "again"})
    assert second.content == first.content
    for name in ("content-type", "x-job-id", "location"):
        assert second.headers[name] == first.headers[name]
    assert (second.headers["idempotency-replayed"], GatedTone.runs["again"]) == ("true", 1)
    other = await live.http.post(URL, json={**content, "format": "wav"}, headers={"Idempotency-Key": "again"})
    assert other.json()["code"] == "idempotency_mismatch"


async def test_a_whole_sound_answers_for_a_streamed_one_and_never_the_reverse(live: Live) -> None:
    streamed = await live.http.post(URL, json=body("reverse", format="flac", seed=3))
    whole = (await live.http.post(URL, json=body("reverse", format="flac", seed=3, stream=False))).json()
    assert whole["cached"] is False
    assert await live.stored(whole) != streamed.content
    whole = (await live.http.post(URL, json=body("answers", format="flac", seed=3, stream=False))).json()
    reply = await live.http.post(URL, json=body("answers", format="flac", seed=3))
    assert reply.content == await live.stored(whole)
    assert (await live.job(reply))["cached"] is True
    assert GatedTone.runs["answers"] == 1


async def test_equal_requests_share_a_run_which_outlives_the_first_of_them(live: Live) -> None:
    content = body("shared", seed=4)
    GatedTone.opened["shared"] = 4
    async with opening(live, content) as first:
        begun = first.aiter_raw()
        await anext(begun)
        async with opening(live, content) as second:
            parts = second.aiter_raw()
            heard = await anext(parts)
            await begun.aclose()
            GatedTone.opened["shared"] = 10
            heard += b"".join([part async for part in parts])
    jobs = [await live.ended(reply) for reply in (first, second)]
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded"]
    assert [await live.stored(job) for job in jobs] == [heard, heard]
    assert (GatedTone.runs["shared"], len(heard)) == (1, 44_100 * 4)


async def test_a_shared_run_ends_when_all_have_left(live: Live) -> None:
    content = body("all left", seed=4)
    GatedTone.opened["all left"] = 4
    async with opening(live, content) as first, opening(live, content) as second:
        heard = first.aiter_raw(), second.aiter_raw()
        assert await anext(heard[0]) == await anext(heard[1])
    assert {(await live.ended(reply))["status"] for reply in (first, second)} == {"canceled"}
    await until(lambda: "all left" in GatedTone.cancelled)


async def test_a_slow_client_holds_up_the_thread_that_works_for_it_and_nobody_else(live: Live) -> None:
    wide = {"format": "wav", "bit_depth": 32, "sample_rate_hz": 192_000, "duration_s": 60.0}
    async with opening(live, body("slow", **wide)) as slow:
        parts = slow.aiter_raw()
        first = await anext(parts)
        await live.ended(await live.http.post(URL, json=body("quick")))
        GatedTone.opened["slow"] = 0  # nothing is made from here on but what is under way
        made = GatedTone.made["slow"]
        assert made < 600
        assert (await live.job(slow))["status"] == "running"
        del GatedTone.opened["slow"]
        size = len(first) + sum([len(part) async for part in parts])
    assert size == 56 + 60 * 192_000 * 2 * 4
    assert (await live.ended(slow))["status"] == "succeeded"


async def test_a_job_that_is_done_leads_to_its_file(live: Live) -> None:
    reply = await live.http.post(URL, json=body("done"))
    job = await live.ended(reply)
    there = await live.http.get(f"/v1/jobs/{job['id']}/audio")
    assert (there.status_code, there.headers["location"].partition("?")[0]) == (
        303,
        job["outputs"][0]["url"].partition("?")[0],
    )
    assert (await live.http.get(there.headers["location"])).content == reply.content


async def test_whoever_comes_later_hears_it_from_the_start(live: Live) -> None:
    GatedTone.opened["later"] = 5
    content = {"model": "gated", "input": {"prompt": "later", "duration_s": 1.0, "format": "pcm", "stream": True}}
    job = (await live.http.post("/v1/jobs", json=content)).json()
    async with live.http.stream("GET", f"/v1/jobs/{job['id']}/audio") as reply:
        assert (reply.status_code, reply.headers["content-type"]) == (200, TYPES["pcm"])
        parts = reply.aiter_raw()
        await anext(parts)
    async with live.http.stream("GET", f"/v1/jobs/{job['id']}/audio") as reply:
        GatedTone.opened["later"] = 10
        heard = b"".join([part async for part in reply.aiter_raw()])
    await live.service.events(job)
    job = (
        await live.http.get(f"/v1/jobs/{job['id']}")
    ).json()  # a listener who left cancelled nothing: the job was not made for one
    assert (job["status"], await live.stored(job)) == ("succeeded", heard)


async def test_a_job_that_cannot_be_heard_says_why(live: Live) -> None:
    whole = await live.service.job("whole", model="tone", duration_s=1, **LONG)
    reply = await live.http.get(f"/v1/jobs/{whole['id']}/audio")
    assert (reply.status_code, reply.json()["code"]) == (409, "sound_not_there")
    assert "stream: true" in reply.json()["detail"]
    await live.http.post(f"/v1/jobs/{whole['id']}/cancel")
    assert "canceled" in (await live.http.get(f"/v1/jobs/{whole['id']}/audio")).json()["detail"]
    picture = (await live.http.post("/v1/jobs", json={"model": "canvas", "input": {"prompt": "x"}})).json()
    await live.service.ended(picture)
    assert "no sound" in (await live.http.get(f"/v1/jobs/{picture['id']}/audio")).json()["detail"]
    assert (await live.http.get("/v1/jobs/job_x/audio")).status_code == 404


async def test_the_documentation_tells_of_it(live: Live) -> None:
    paths = (await live.http.get("/openapi.json")).json()["paths"]
    making = paths[URL]["post"]
    assert {"audio/mpeg", "audio/pcm", "application/json"} <= making["responses"]["200"]["content"].keys()
    assert "stream" in making["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert {"200", "303", "409"} <= paths["/v1/jobs/{job_id}/audio"]["get"]["responses"].keys()
