"""`/v1/images/generations` as a client of OpenAI's API meets it, and the job behind it."""

import base64
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from serve_app.http.routes.media import images
from serve_app.http.schemas import Job
from serve_app.records import tables
from tests.support.service import LONG, Json, Service, args_in, entry, running

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

URL = "/v1/images/generations"
CANVAS = entry("canvas", "deployments.canvas:Canvas", options={"size": "96x64"})


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    models = (
        entry("tone"),
        CANVAS,
        entry("flat", "deployments.canvas:Canvas", options={"fault": "flat"}),
    )
    async with running(args_in(tmp_path_factory.mktemp("service"), *models)) as service:
        yield service


async def asked(service: Service, *, headers: Json | None = None, **fields: object) -> httpx.Response:
    return await service.http.post(URL, json={"prompt": "a lighthouse", **fields}, headers=headers)


async def job_of(service: Service, reply: httpx.Response) -> Json:
    found = dict((await service.http.get(reply.headers["location"])).json())
    Job.model_validate(found)
    return found


def wrong(reply: httpx.Response) -> tuple[int, str, str | None, str]:
    """Status, type, param and code of an error, which has nothing else."""
    [(name, error)] = reply.json().items()
    assert (name, sorted(error)) == ("error", ["code", "message", "param", "type"])
    assert error["message"]
    return reply.status_code, error["type"], error["param"], error["code"]


async def opened(service: Service, url: str) -> Image.Image:
    reply = await service.http.get(url)
    assert reply.status_code == 200
    return Image.open(io.BytesIO(reply.content))


async def test_words_become_a_picture_that_opens(service: Service) -> None:
    reply = await asked(service, seed=7)
    assert (reply.status_code, sorted(reply.json())) == (200, ["created", "data", "output_format"])
    assert "preference-applied" not in reply.headers
    [picture] = reply.json()["data"]
    assert (sorted(picture), picture["seed"]) == (["seed", "url"], 7)
    shown = await opened(service, picture["url"])
    assert (shown.format, shown.mode, shown.size) == ("PNG", "RGB", (96, 64))
    job = await job_of(service, reply)
    assert (job["id"], job["status"], job["task"]) == (reply.headers["x-job-id"], "succeeded", "image")
    assert (job["model"], job["model_used"]) == ("auto", "canvas")


async def test_the_job_has_the_picture_with_its_facts(service: Service) -> None:
    reply = await asked(service, seed=7)
    [output] = (await job_of(service, reply))["outputs"]
    assert (output["kind"], output["width"], output["height"], output["seed"]) == ("image", 96, 64, 7)
    assert (output["media_type"], output["flagged"], output["quality"]) == ("image/png", None, {"ok": True})
    content = (await service.http.get(output["url"])).content
    assert len(content) == output["bytes"]
    assert "companions" not in output


async def test_the_thumbnail_is_beside_it(service: Service) -> None:
    reply = await asked(service, size="640x320")
    [output] = (await job_of(service, reply))["outputs"]
    small = await opened(service, output["thumbnail_url"])
    assert (small.format, small.size) == ("WEBP", (256, 128))


async def test_the_same_seed_gives_the_same_file_by_either_route(service: Service) -> None:
    fields = {"prompt": "either", "seed": 3, "size": "64x64"}
    by_task = await job_of(service, await asked(service, **fields))
    body = {"model": "canvas", "input": fields}
    by_job = await service.http.post("/v1/jobs", json=body, headers={"Prefer": "wait"})
    assert (by_job.status_code, by_job.json()["cached"]) == (200, True)
    assert by_job.json()["outputs"][0]["sha256"] == by_task["outputs"][0]["sha256"]
    assert (
        by_job.json()["outputs"][0]["thumbnail_url"].split("?")[0]
        == (by_task["outputs"][0]["thumbnail_url"].split("?")[0])
    )


async def test_pictures_come_in_the_answer_when_asked_for(service: Service) -> None:
    reply = await asked(service, n=2, seed=5, response_format="b64_json", output_format="webp")
    assert reply.json()["output_format"] == "webp"
    one, two = reply.json()["data"]
    assert (one["seed"], two["seed"], "url" in one) == (5, 6, False)
    shown = [Image.open(io.BytesIO(base64.b64decode(item["b64_json"]))) for item in (one, two)]
    assert [item.format for item in shown] == ["WEBP", "WEBP"]
    assert not np.array_equal(np.asarray(shown[0]), np.asarray(shown[1]))


async def test_names_of_openai_models_are_auto_and_answer_as_theirs_do(service: Service) -> None:
    for name, member in (("dall-e-3", "url"), ("gpt-image-1", "b64_json"), (None, "url")):
        reply = await asked(service, model=name)
        assert reply.status_code == 200, reply.text
        assert sorted(reply.json()["data"][0]) == sorted([member, "seed"])
    assert "url" in (await asked(service, model="gpt-image-1", response_format="url")).json()["data"][0]


async def test_fields_of_openai_that_nothing_follows_from_are_taken(service: Service) -> None:
    theirs = {"quality": "hd", "style": "vivid", "background": "auto", "moderation": "low", "user": "u", "size": "auto"}
    reply = await asked(service, **theirs, stream=False, safety_identifier="s", output_compression=None)
    assert reply.status_code == 200, reply.text
    assert set((await job_of(service, reply))["input"]) == {"prompt", "seed", "n", "format", "steps", "step_s"}


async def test_quality_and_format_have_their_names(service: Service) -> None:
    rough, fine = [
        (await job_of(service, await asked(service, seed=1, output_format="jpeg", output_compression=quality)))
        for quality in (0, 100)
    ]
    assert rough["outputs"][0]["media_type"] == "image/jpeg"
    assert rough["outputs"][0]["bytes"] < fine["outputs"][0]["bytes"]


async def test_who_prefers_so_gets_the_job(service: Service) -> None:
    reply = await asked(service, **LONG, headers={"Prefer": "respond-async"})
    assert (reply.status_code, reply.headers["preference-applied"]) == (202, "respond-async")
    assert reply.json()["id"] == reply.headers["x-job-id"]
    late = await asked(service, **LONG, headers={"Prefer": "wait=0.01"})
    assert (late.status_code, late.json()["outputs"]) == (202, [])
    for job in (reply.json(), late.json()):
        assert (await service.http.post(f"/v1/jobs/{job['id']}/cancel")).json()["status"] == "canceled"


async def test_the_same_idempotency_key_is_the_same_picture(service: Service) -> None:
    first, again = [await asked(service, headers={"Idempotency-Key": "one picture"}) for _ in range(2)]
    assert first.headers["x-job-id"] == again.headers["x-job-id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json()["data"][0]["seed"] == again.json()["data"][0]["seed"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": " "}, "prompt"),
        ({"size": "64"}, "size"),
        ({"size": "4000x4000"}, "size"),
        ({"n": 9}, "n"),
        ({"n": "2"}, "n"),
        ({"output_format": "gif"}, "output_format"),
        ({"output_compression": 50}, "output_compression"),
        ({"output_compression": 101, "output_format": "webp"}, "output_compression"),
        ({"response_format": "file"}, "response_format"),
        ({"background": "transparent"}, "background"),
        ({"stream": True}, "stream"),
        ({"duration_s": 3}, "duration_s"),
        ({"model": "tone"}, "model"),
        ({"style": "woodcut"}, "style"),
        ({"deadline_s": -1}, "deadline_s"),
    ],
)
async def test_a_wrong_field_is_told_as_openai_tells_it(service: Service, fields: Json, param: str) -> None:
    assert wrong(await asked(service, **fields)) == (400, "invalid_request_error", param, "invalid")


async def test_an_unknown_model_is_not_found(service: Service) -> None:
    reply = await asked(service, model="canvass")
    assert wrong(reply) == (404, "invalid_request_error", "model", "model_not_found")
    assert "did you mean 'canvas'" in reply.json()["error"]["message"]
    by_job = await service.http.post("/v1/jobs", json={"model": "canvass", "input": {"prompt": "x"}})
    assert (by_job.status_code, by_job.json()["code"]) == (422, "invalid")


async def test_every_error_on_the_way_to_it_has_its_shape(service: Service) -> None:
    async def status(**request: object) -> tuple[int, str, str | None, str]:
        return wrong(await service.http.request(url=URL, **{"method": "POST", **request}))  # type: ignore[arg-type]

    kind = "invalid_request_error"
    as_json = {"Content-Type": "application/json"}
    assert await status(content=b"{", headers=as_json) == (400, kind, None, "malformed")
    as_text = {"Content-Type": "text/plain"}
    assert await status(content=b"x", headers=as_text) == (415, kind, None, "unsupported_media_type")
    assert await status(content=b"x" * (2 << 20), headers=as_json) == (413, kind, None, "too_large")
    assert await status(json={}, headers={"Host": "example.org"}) == (421, kind, None, "misdirected")
    assert await status(json={}, headers={"Origin": "http://example.org"}) == (403, kind, None, "cross_site")
    assert await status(method="GET") == (405, kind, None, "method_not_allowed")
    assert (await service.http.post("/v1/images/nothing")).json()["code"] == "not_found"


async def test_a_caller_without_a_key_is_told_in_its_shape(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, CANVAS, auth={"mode": "keys"})) as service:
        reply = await asked(service)
        assert wrong(reply) == (401, "invalid_request_error", None, "unauthenticated")
        assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, CANVAS, limits={"queued_jobs": 1})) as service:
        first = await asked(service, **LONG, headers={"Prefer": "respond-async"})
        reply = await asked(service)
        assert wrong(reply) == (429, "invalid_request_error", None, "overloaded")
        assert reply.headers["retry-after"]
        assert reply.headers["x-should-retry"] == "true"
        await service.http.post(f"/v1/jobs/{first.headers['x-job-id']}/cancel")


async def test_a_job_that_fails_says_why_and_which(service: Service) -> None:
    reply = await asked(service, model="flat")
    assert wrong(reply) == (500, "server_error", None, "unusable_image")
    assert reply.headers["x-should-retry"] == "false"  # OpenAI's clients would send it again
    job = await job_of(service, reply)
    assert (job["status"], job["error"]["code"]) == ("failed", "unusable_image")


async def test_files_that_are_too_large_for_an_answer_are_left_in_the_job(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MOST_INLINE_BYTES", 100)
    reply = await asked(service, response_format="b64_json")
    assert wrong(reply) == (400, "invalid_request_error", "response_format", "invalid")
    assert (await job_of(service, reply))["status"] == "succeeded"


async def test_a_stopping_service_tells_who_waits_where_the_job_is(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, CANVAS)) as service:
        service.runtime.jobs.grace_over.set()
        reply = await asked(service, **LONG)
        assert wrong(reply) == (503, "server_error", None, "draining")
        assert (await job_of(service, reply))["status"] in ("queued", "running")


async def test_pictures_are_counted_and_have_no_length(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, CANVAS)) as service:
        job = await job_of(service, await asked(service, n=2, seed=1))
        await asked(service, n=2, seed=1)
        [used] = await service.runtime.database.read(lambda c: c.execute(sa.select(tables.usage)).mappings().all())
        assert (used["jobs"], used["images"], used["sound_s"]) == (2, 4, 0)
        assert job["metrics"]["run_s"] > 0
        assert "real_time_factor" not in job["metrics"]


async def keys_in(service: Service) -> dict[str, str]:
    """State of every object that the database knows, by key."""
    query = sa.select(tables.objects.c.key, tables.objects.c.state)
    return {row.key: row.state for row in await service.runtime.database.read(lambda c: c.execute(query).all())}


async def test_the_thumbnail_lives_as_long_as_its_picture(tmp_path: Path) -> None:
    async with running(args_in(tmp_path, CANVAS)) as service:
        first, second = [await job_of(service, await asked(service, seed=1)) for _ in range(2)]
        assert second["cached"]
        assert sorted((await keys_in(service)).values()) == ["stored", "stored"]
        await service.http.delete(f"/v1/jobs/{first['id']}")
        await service.runtime.upkeep.sweep()
        thumbnail = second["outputs"][0]["thumbnail_url"]
        assert (await service.http.get(thumbnail)).status_code == 200  # the second job still has it
        await service.http.delete(f"/v1/jobs/{second['id']}")
        await service.runtime.upkeep.sweep()
        assert (await service.http.get(thumbnail)).status_code == 404
        assert (await service.http.get(second["outputs"][0]["url"])).status_code == 404
