"""`/v1/assets` as a client meets it."""

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve_app.assets.assets import COMING_AT_ONCE, prefix_of
from serve_app.records import api_keys, object_rows
from tests.assets import files
from tests.notify.test_outbound import Receiver, answer
from tests.support.service import Service, args_in, entry, running, until

pytestmark = pytest.mark.anyio

WAV = files.sound("WAV")
LIMITS = {"allow": ["127.0.0.0/8"], "allow_http": True, "file_bytes": 1 << 20, "inline_bytes": 1 << 19}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    async with running(args_in(tmp_path_factory.mktemp("assets"), assets=LIMITS)) as service:
        yield service


async def key_of(service: Service, owner: str) -> dict[str, str]:
    made = await service.runtime.database.write(api_keys.create, owner, owner)
    return {"Authorization": f"Bearer {made.token}"}


async def bring(service: Service, data: bytes, name: str = "a.wav", **more: Any) -> httpx.Response:
    return await service.http.post("/v1/assets", files={"file": (name, data, "text/html")}, **more)


async def test_a_file_of_a_form_becomes_an_asset(service: Service) -> None:
    reply = await bring(service, WAV, "evil.html")
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert made["kind"] == "audio"
    assert made["media_type"] == "audio/wav"
    assert (made["bytes"], made["sha256"]) == (len(WAV), hashlib.sha256(WAV).hexdigest())
    assert (made["duration_s"], made["sample_rate_hz"], made["channels"]) == (0.5, 44_100, 2)
    assert made["created_at"] < made["expires_at"]
    found = await service.http.get(reply.headers["location"])
    assert found.json() == made


async def test_the_same_bytes_are_the_same_file_however_they_come(service: Service) -> None:
    picture = files.picture("PNG", (40, 30))
    first = await bring(service, picture)
    assert (first.status_code, first.json()["width"], first.json()["height"]) == (201, 40, 30)
    again = await bring(service, picture, "b.png")
    inline = await service.http.post("/v1/assets", json={"data": base64.b64encode(picture).decode()})
    async with Receiver(answer(200, body=picture)).listening() as server:
        fetched = await service.http.post("/v1/assets", json={"url": server.url("127.0.0.1")})
    for reply in (again, inline, fetched):
        assert (reply.status_code, reply.json()["id"]) == (200, first.json()["id"])


async def test_equal_files_at_once_become_one(service: Service) -> None:
    data = files.sound("FLAC", seconds=0.3)
    replies = await asyncio.gather(*(bring(service, data) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies)[-1] in (200, 201)
    assert {reply.is_success for reply in replies} == {True}
    assert len({reply.json()["id"] for reply in replies}) == 1


async def test_a_file_is_its_owners_only(service: Service) -> None:
    ada, bob = await key_of(service, "ada"), await key_of(service, "bob")
    mine = (await bring(service, WAV, headers=ada)).json()
    theirs = (await bring(service, WAV, headers=bob)).json()
    assert mine["id"] != theirs["id"]
    for method in ("GET", "DELETE"):
        reply = await service.http.request(method, f"/v1/assets/{mine['id']}", headers=bob)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    listed = (await service.http.get("/v1/assets", headers=bob)).json()["results"]
    assert [item["id"] for item in listed] == [theirs["id"]]
    row = await service.runtime.assets.get("ada", mine["id"])
    assert row.key.startswith(prefix_of("ada"))
    assert service.runtime.storage.get(row.key) == WAV


async def test_a_list_comes_in_pages(service: Service) -> None:
    headers = await key_of(service, "cleo")
    made = [
        (await bring(service, files.sound(seconds=0.1 + place / 100), headers=headers)).json() for place in range(3)
    ]
    seen, query = [], {"limit": "2"}
    while True:
        page = (await service.http.get("/v1/assets", params=query, headers=headers)).json()
        seen += page["results"]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == made[::-1]
    wrong = await service.http.get("/v1/assets", params={"cursor": "x"}, headers=headers)
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/cursor")


async def test_a_deleted_file_is_gone_and_its_bytes_are_swept(service: Service) -> None:
    made = (await bring(service, files.sound(seconds=0.2))).json()
    key = (await service.runtime.assets.get("local", made["id"])).key
    assert (await service.http.delete(f"/v1/assets/{made['id']}")).status_code == 204
    assert (await service.http.get(f"/v1/assets/{made['id']}")).status_code == 404
    assert (await service.http.delete(f"/v1/assets/{made['id']}")).status_code == 404
    while (key, False) in await service.runtime.database.read(object_rows.deletable, 1e9):
        await service.runtime.upkeep.sweep()
    assert service.runtime.storage.stat(key) is None
    again = await bring(service, files.sound(seconds=0.2))
    assert (again.status_code, again.json()["id"]) == (201, made["id"])


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "nothing": ({"json": {}}, 422, ""),
    "both": ({"json": {"data": "AA==", "url": "https://a.example/"}}, 422, ""),
    "no base64": ({"json": {"data": "?" * 8}}, 422, "/data"),
    "base64 of text": ({"json": {"data": base64.b64encode(b"hello " * 9).decode()}}, 422, "/data"),
    "a form without a file": ({"data": {"file": "text"}, "files": {"other": b""}}, 422, "/file"),
    "a file of another name": ({"files": {"sound": WAV}}, 422, "/file"),
    "a file without bytes": ({"files": {"file": ("a.wav", b"")}}, 422, "/file"),
    "two files": ({"files": [("file", WAV), ("file", WAV)]}, 400, ""),
    "a file that is too large": ({"files": {"file": WAV + bytes(1 << 20)}}, 413, ""),
    "base64 that is too large": ({"json": {"data": "A" * (1 << 20)}}, 413, ""),
    "bytes as they are": ({"content": WAV, "headers": {"Content-Type": "audio/wav"}}, 415, ""),
    "a form without its boundary": ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, ""),
    "a host in the private network": ({"json": {"url": "https://10.0.0.1/a.wav"}}, 422, "/url"),
    "metadata of a cloud": ({"json": {"url": "http://169.254.169.254/latest/"}}, 422, "/url"),
    "a file of this machine": ({"json": {"url": "file:///etc/passwd"}}, 422, "/url"),
    "a PDF": ({"files": {"file": b"%PDF-1.7 " + bytes(99)}}, 422, "/file"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_told(name: str, service: Service) -> None:
    request, status, pointer = WRONG[name]
    reply = await service.http.post("/v1/assets", **request)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    if pointer:
        assert reply.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(404), "status 404"),
        (answer(302, "Location: http://127.0.0.1:1/"), "redirect"),
        (answer(200, body=bytes((1 << 20) + 1)), "more than"),
        (b"nonsense\r\n\r\n", "not HTTP"),
    ],
)
async def test_a_url_that_cannot_be_fetched_is_named(reply: bytes, words: str, service: Service) -> None:
    async with Receiver(reply).listening() as server:
        told = await service.http.post("/v1/assets", json={"url": server.url("127.0.0.1")})
    assert told.status_code == 422
    [error] = told.json()["errors"]
    assert error["pointer"] == "/url"
    assert words in error["detail"]


async def test_what_an_owner_may_keep_is_bounded(tmp_path: Path) -> None:
    limits = {**LIMITS, "owner_files": 2, "owner_bytes": 200_000}
    async with running(args_in(tmp_path, assets=limits)) as service:
        first = (await bring(service, files.sound(seconds=0.5))).json()
        full = await bring(service, files.sound(seconds=0.9))
        assert (full.status_code, full.json()["code"]) == (403, "quota_exceeded")
        assert "bytes" in full.json()["detail"]
        await bring(service, files.sound(seconds=0.1))
        full = await bring(service, files.sound(seconds=0.2))
        assert (full.status_code, "2 files" in full.json()["detail"]) == (403, True)
        await service.http.delete(f"/v1/assets/{first['id']}")
        assert (await bring(service, files.sound(seconds=0.2))).status_code == 201


async def test_a_stranger_is_sent_away_before_the_body_is_read(tmp_path: Path) -> None:
    args = args_in(tmp_path, entry("tone"), assets=LIMITS, auth={"mode": "keys"})
    async with running(args) as service:
        taken = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal taken
            for _ in range(64):
                taken += 1
                yield bytes(1 << 16)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        reply = await service.http.post("/v1/assets", content=body(), headers=headers)
    assert reply.status_code == 401
    assert taken <= 1


async def test_files_on_their_way_are_bounded_by_owner(service: Service) -> None:
    async with Receiver(None).listening() as silent:
        url = {"json": {"url": silent.url("127.0.0.1")}}
        waiting = [asyncio.create_task(service.http.post("/v1/assets", **url)) for _ in range(COMING_AT_ONCE)]
        await until(lambda: silent.connections == COMING_AT_ONCE)
        refused = await bring(service, WAV)
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert (await bring(service, WAV, headers=await key_of(service, "dora"))).status_code == 201
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert (await bring(service, WAV)).is_success


def temporary_files() -> int:
    """How many nameless files this process has open; what else it opens (connections, threads) is not of uploads."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            found += "(deleted)" in os.readlink(f"/proc/self/fd/{name}")
    return found


async def test_an_upload_leaves_no_file_open(service: Service) -> None:
    before = temporary_files()
    for place in range(3):
        await bring(service, files.sound(seconds=1.2 + place / 10))
    assert temporary_files() <= before
