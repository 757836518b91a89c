"""What every request passes: HEAD for every GET, the key before the body, bodies that come slowly."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from serve_app.errors import RequestTimeout
from serve_app.http import middleware
from tests.support.models import CountingTone
from tests.support.service import HANGS_S, Service, args_in, entry, running

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

ANEW = {"x-request-id", "cache-control"}  # of each answer, or by the second


def told(reply: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name not in ANEW}


async def test_every_get_answers_head(service: Service) -> None:
    job = await service.made(seed=1)
    described = (await service.http.get("/openapi.json")).json()["paths"]
    assert not any("head" in path for path in described.values())
    paths = [path for path, methods in described.items() if "get" in methods and "{key}" not in path]
    filled = [re.sub(r"\{name\}", "tone", path.replace("{job_id}", job["id"])) for path in paths]
    assert len(filled) > 8
    for path in (*filled, job["outputs"][0]["url"], "/docs", "/openapi.json", "/v1/nothing", "/v1/audio/generations"):
        got, head = await service.http.get(path), await service.http.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        if path not in ("/metrics", "/v1/status"):  # whose length may change
            assert told(head) == told(got), path
        assert head.headers["x-request-id"]


async def test_head_of_an_event_stream_does_not_follow_it(service: Service) -> None:
    CountingTone.held.add("head")
    job = await service.job("head", model="counting")
    async with asyncio.timeout(HANGS_S), service.listening() as url, httpx.AsyncClient() as http:
        reply = await http.head(f"{url}/v1/jobs/{job['id']}/events")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith("text/event-stream")
        assert not service.app.state.event_streams._open
        assert (await http.head(f"{url}/healthz")).status_code == 200  # on the same connection
    CountingTone.held.clear()
    await service.ended(job)


async def slow(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    await asyncio.Event().wait()


@pytest.mark.parametrize("parts", [(), (b'{"prompt": ',), (b"x" * (2 << 20),)], ids=["nothing", "begun", "too long"])
async def test_a_body_that_stops_coming_is_not_waited_for(
    service: Service, parts: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "PART_WITHIN_S", 0.2)
    headers = {"Content-Type": "application/json"}
    async with asyncio.timeout(HANGS_S):
        reply = await service.http.post("/v1/jobs", content=slow(*parts), headers=headers)
    assert (reply.status_code, reply.json()["code"], reply.json()["retryable"]) == (408, "request_timeout", True)


async def test_a_body_that_trickles_is_not_waited_for() -> None:
    now = [0.0]

    async def drop() -> dict[str, Any]:
        await asyncio.sleep(0)
        now[0] += 5.0  # each part within its time
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    body = middleware.BoundedBody(drop, 1 << 20, lambda: now[0])
    await body()
    await body()
    await body()
    with pytest.raises(RequestTimeout, match="300 bytes so far"):
        await body()


SINGLE = ["Authorization", "Content-Type", "Host", "Idempotency-Key", "If-Range", "Last-Event-ID", "Range"]


@pytest.mark.parametrize("name", SINGLE)
async def test_a_header_of_one_value_stands_there_once(service: Service, name: str) -> None:
    headers = [("Content-Type", "application/json")] if name != "Content-Type" else []
    headers += [(name, "localhost"), (name.lower(), "localhost")]
    reply = await service.http.post("/v1/jobs", content=b'{"model": "tone", "input": {}}', headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "malformed")
    assert name in reply.json()["detail"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
    ],
)
async def test_only_http_1_0_has_no_host(service: Service, sent: bytes, status: int) -> None:
    async with asyncio.timeout(HANGS_S), service.listening() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(sent)
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert (b"application/problem+json" in answer) == (status == 400)


class TestWithKeys:
    @pytest.fixture(scope="class")
    async def service(self, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
        async with running(args_in(tmp_path_factory.mktemp("keys"), entry("tone"), auth={"mode": "keys"})) as service:
            yield service

    async def test_the_body_of_a_stranger_is_not_read(self, service: Service) -> None:
        described = (await service.http.get("/openapi.json")).json()["paths"]
        routes = [path for path, methods in described.items() if "post" in methods]
        routes.remove("/v1/callbacks/{token}")  # for strangers, and it reads nothing either (test_resumption.py)
        assert {"/v1/jobs", "/v1/audio/generations"} <= set(routes)
        for path in routes:
            async with asyncio.timeout(HANGS_S):  # nothing of the body ever comes
                reply = await service.http.post(path.replace("{job_id}", "x"), content=slow())
            told = reply.json()
            assert (reply.status_code, told.get("error", told)["code"]) == (401, "unauthenticated")
