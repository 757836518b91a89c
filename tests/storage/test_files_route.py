import hashlib
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from serve_app.config import parse_args
from serve_app.errors import ContinuoError, problem
from serve_app.http.doors import Doors
from serve_app.http.middleware import Guard
from serve_app.http.routes.files import CHUNK_BYTES, router
from serve_app.storage.local import LocalStorage

pytestmark = pytest.mark.anyio
DATA = bytes(range(256)) * 4000
ETAG = f'"{hashlib.sha256(DATA).hexdigest()}"'
KEY = "out/4f/4fa2.flac"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


ANY = parse_args({"models": [{"name": "tone", "model": "deployments.tone:Tone"}], "auth": {"mode": "keys"}})


def application(storage: Any, guarded: bool = True) -> FastAPI:
    app = FastAPI()
    if guarded:  # what answers HEAD
        app.add_middleware(Guard, doors=Doors(ANY), body_bytes=lambda _: 1 << 20)
    app.include_router(router)
    app.state.runtime = SimpleNamespace(storage=storage)

    @app.exception_handler(ContinuoError)
    async def answer(request: Request, error: ContinuoError) -> JSONResponse:
        return JSONResponse(problem(error, instance=request.url.path, request_id=""), error.status)

    return app


@pytest.fixture
async def client(local: LocalStorage) -> AsyncIterator[httpx.AsyncClient]:
    local.put(KEY, DATA, "audio/flac")
    transport = httpx.ASGITransport(application(local))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture
def url(local: LocalStorage) -> str:
    return local.url(KEY, 600).url


async def test_the_whole_file(client: httpx.AsyncClient, url: str) -> None:
    reply = await client.get(url)
    assert (reply.status_code, reply.content) == (200, DATA)
    assert len(DATA) > 3 * CHUNK_BYTES
    headers = reply.headers
    assert headers["content-type"] == "audio/flac"
    assert headers["content-length"] == str(len(DATA))
    assert headers["etag"] == ETAG
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-disposition"] == 'inline; filename="4fa2.flac"'
    assert headers["cache-control"].startswith("private, max-age=")
    assert 590 <= int(headers["cache-control"].split("max-age=")[1].split(",")[0]) <= 600


@pytest.mark.parametrize(
    ("media_type", "suffix"),
    [("audio/wav", "wav"), ("audio/flac", "flac"), ("audio/ogg", "ogg"), ("audio/mpeg", "mp3"), ("audio/mp4", "m4a")],
)
async def test_media_types_are_exact(
    client: httpx.AsyncClient, local: LocalStorage, media_type: str, suffix: str
) -> None:
    local.put("thing", b"x", media_type)
    reply = await client.get(local.url("thing", 60).url)
    assert reply.headers["content-type"] == media_type
    assert reply.headers["content-disposition"] == f'inline; filename="thing.{suffix}"'


async def test_head_says_the_same_without_a_body(client: httpx.AsyncClient, url: str) -> None:
    full, head = await client.get(url), await client.head(url)
    assert head.status_code == 200
    assert head.content == b""
    assert dict(head.headers) == dict(full.headers)
    part = await client.head(url, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.headers["content-length"], part.content) == (206, "10", b"")


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, len(DATA) - 1),
        ("bytes=100-299999", 100, 299999),
        ("bytes=1000-99999999", 1000, len(DATA) - 1),
        ("bytes=-500", len(DATA) - 500, len(DATA) - 1),
        (f"bytes={len(DATA) - 1}-", len(DATA) - 1, len(DATA) - 1),
        ("BYTES= 5-6", 5, 6),
        ("bytes=7-" + "9" * 19, 7, len(DATA) - 1),
        ("bytes=7-" + "9" * 5000, 7, len(DATA) - 1),
        ("bytes=" + "0" * 30 + "7-8", 7, 8),
        ("bytes=-" + "9" * 25, 0, len(DATA) - 1),
    ],
)
async def test_one_range(client: httpx.AsyncClient, url: str, asked: str, first: int, last: int) -> None:
    reply = await client.get(url, headers={"Range": asked})
    assert reply.content == DATA[first : last + 1]
    assert reply.headers["content-length"] == str(last + 1 - first)
    if (first, last) != (0, len(DATA) - 1):
        assert reply.status_code == 206
        assert reply.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"


async def test_all_bytes_asked_for_as_a_range_are_a_range(client: httpx.AsyncClient, url: str) -> None:
    reply = await client.get(url, headers={"Range": "bytes=0-"})
    assert reply.status_code == 206, "players ask so to find out whether they can seek"
    assert reply.headers["content-range"] == f"bytes 0-{len(DATA) - 1}/{len(DATA)}"


@pytest.mark.parametrize(
    "asked",
    [
        f"bytes={len(DATA)}-",
        "bytes=99999999-",
        "bytes=-0",
        "bytes=" + "9" * 19 + "-",
        "bytes=" + "9" * 5000 + "-",
        "bytes=" + "9" * 40 + "-" + "9" * 41,
    ],
)
async def test_a_range_outside_is_416(client: httpx.AsyncClient, url: str, asked: str) -> None:
    reply = await client.get(url, headers={"Range": asked})
    assert reply.status_code == 416
    assert reply.headers["content-range"] == f"bytes */{len(DATA)}"
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["code"] == "range_not_satisfiable"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=",
        "bytes=-",
        "bytes=5-4",
        "bytes=a-b",
        "items=0-5",
        "bytes=0-1,4-5",
        "0-5",
        "bytes=" + "9" * 40 + "-5",
    ],
)
async def test_what_is_no_single_range_gets_everything(client: httpx.AsyncClient, url: str, asked: str) -> None:
    reply = await client.get(url, headers={"Range": asked})
    assert (reply.status_code, reply.content) == (200, DATA)


async def test_a_huge_list_of_ranges_costs_one_file(client: httpx.AsyncClient, url: str) -> None:
    reply = await client.get(url, headers={"Range": "bytes=" + ",".join(f"{n}-" for n in range(5000))})
    assert (reply.status_code, len(reply.content)) == (200, len(DATA))


@pytest.mark.parametrize("known", [ETAG, "*", f"W/{ETAG}", f'"other", {ETAG}'])
async def test_a_known_file_is_not_sent_again(client: httpx.AsyncClient, url: str, known: str) -> None:
    reply = await client.get(url, headers={"If-None-Match": known, "Range": "bytes=0-3"})
    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["etag"] == ETAG


async def test_an_unknown_tag_gets_the_file(client: httpx.AsyncClient, url: str) -> None:
    assert (await client.get(url, headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("condition", "status"),
    [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)],
)
async def test_if_range(client: httpx.AsyncClient, url: str, condition: str, status: int) -> None:
    reply = await client.get(url, headers={"Range": "bytes=0-3", "If-Range": condition})
    assert reply.status_code == status
    assert reply.content == (DATA[:4] if status == 206 else DATA)


async def test_an_empty_file(client: httpx.AsyncClient, local: LocalStorage) -> None:
    local.put("empty", b"", "audio/wav")
    url = local.url("empty", 60).url
    reply = await client.get(url)
    assert (reply.status_code, reply.content, reply.headers["content-length"]) == (200, b"", "0")
    assert (await client.get(url, headers={"Range": "bytes=0-"})).status_code == 416


def changed(**values: str) -> Callable[[str], str]:
    def change(url: str) -> str:
        return str(httpx.URL(url).copy_merge_params(values))

    return change


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (changed(signature="0" * 64), 403, "bad_signature"),
        (changed(expires=str(2**33)), 403, "bad_signature"),
        (changed(expires="soon"), 403, "bad_signature"),
        (lambda url: url.partition("?")[0], 403, "bad_signature"),
        (lambda url: url.replace("4fa2", "4fa3"), 403, "bad_signature"),
        (lambda url: url.replace("/out/", "/out/x%2f..%2f"), 403, "bad_signature"),
        (lambda url: url.replace("/out/", "/%2e%2e/"), 403, "bad_signature"),
        (lambda url: url.replace("/out/", "//etc/"), 403, "bad_signature"),
        (lambda url: url.replace("/out/", "/%00/"), 404, "not_found"),
    ],
)
async def test_a_changed_url_is_refused(
    client: httpx.AsyncClient, url: str, change: Callable[[str], str], status: int, code: str
) -> None:
    for method in ("GET", "HEAD"):
        reply = await client.request(method, change(url))
        assert reply.status_code == status
        if method == "GET":
            assert reply.json()["code"] == code
            assert "signature=" not in reply.text


async def test_an_old_url_is_refused(client: httpx.AsyncClient, local: LocalStorage) -> None:
    reply = await client.get(local.url(KEY, 60, now=time.time() - 61).url)
    assert (reply.status_code, reply.json()["code"]) == (403, "expired")


async def test_a_deleted_file_is_not_found(client: httpx.AsyncClient, local: LocalStorage, url: str) -> None:
    local.delete(KEY)
    reply = await client.get(url)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


async def test_a_bucket_serves_its_own_files(url: str) -> None:
    transport = httpx.ASGITransport(application(object()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get(url)).status_code == 404


def test_the_route_is_described_once(local: LocalStorage) -> None:
    assert list(application(local).openapi()["paths"]["/v1/files/{key}"]) == ["get"]


async def test_a_client_that_goes_away_leaves_no_open_file(local: LocalStorage, url: str) -> None:
    local.put(KEY, DATA, "audio/flac")
    path, _, query = url.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
        "method": "GET", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [], "scheme": "http", "server": ("test", 80), "client": None, "root_path": "",
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the client went away")

    # a file left open would fail the test as a warning
    with pytest.raises(ClientDisconnect):
        await application(local, guarded=False)(scope, receive, send)
