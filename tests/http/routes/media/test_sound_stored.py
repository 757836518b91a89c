"""Streamed sounds and their store: away, full, damaged; heard again from it."""

import errno
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from serve_app.errors import StorageUnavailable
from serve_app.storage.local_upload import LocalUpload
from serve_app.storage.reading import Reader
from tests.http.routes.media.test_sound_stream import URL, Live, body, living, opening, unfinished
from tests.support.service import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


@pytest.fixture(scope="module")
async def live(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Live]:
    async with living(tmp_path_factory.mktemp("live")) as live:
        yield live


async def collect(reply: httpx.Response, heard: list[bytes]) -> None:
    async for part in reply.aiter_raw():
        heard.append(part)


async def test_a_store_that_is_away_at_the_end_cuts_the_transfer(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(*_: Any) -> None:
        raise StorageUnavailable("the store is away")

    monkeypatch.setattr(LocalUpload, "finish", finish)
    heard: list[bytes] = []
    async with opening(live, body("away")) as reply:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await collect(reply, heard)
    job = await live.ended(reply)
    assert (job["status"], job["error"]["code"]) == ("failed", "storage_unavailable")
    assert sum(map(len, heard)) == 44_100 * 4  # all of it: only that it was not kept is told by the cut


async def test_a_store_that_is_full_meanwhile_is_told_when_all_was_heard(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(LocalUpload, "_write", write)
    heard: list[bytes] = []
    async with opening(live, body("full")) as reply:
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            await collect(reply, heard)
    job = await live.ended(reply)
    assert (job["status"], job["error"]["code"]) == ("failed", "storage_full")
    assert sum(map(len, heard)) == 44_100 * 4
    assert unfinished(live) == []


async def test_a_replay_is_read_as_it_is_taken_and_closed_when_its_listener_leaves(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = body("replayed", format="wav", bit_depth=32, sample_rate_hz=192_000, duration_s=30.0)
    key = {"Idempotency-Key": "replayed"}
    reply = await live.http.post(URL, json=content, headers=key)
    await live.ended(reply)
    readers: list[Reader] = []
    real = live.service.runtime.storage.open

    def opened(*named: Any) -> Reader:
        readers.append(real(*named))
        return readers[-1]

    monkeypatch.setattr(live.service.runtime.storage, "open", opened)
    async with opening(live, content, **key) as replayed:
        parts = replayed.aiter_raw()
        assert replayed.headers["content-length"] == str(len(reply.content))
        heard = await anext(parts)
        assert reply.content.startswith(heard)
        [reader] = readers
        assert reader._at < reader.size / 2, "it is not read before it is taken"
    await until(lambda: closed(reader))


def closed(reader: Reader) -> bool:
    with suppress(ValueError):  # of a closed file
        reader._piece(0, 0)
        return False
    return True


async def test_a_stored_sound_that_breaks_off_cuts_the_transfer(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    content, key = body("damaged", format="wav"), {"Idempotency-Key": "damaged"}
    reply = await live.http.post(URL, json=content, headers=key)
    await live.ended(reply)
    real = live.service.runtime.storage.open
    monkeypatch.setattr(live.service.runtime.storage, "open", lambda key, _: real(key, "0" * 64))
    with pytest.raises(httpx.RemoteProtocolError, match="received 0 bytes"):
        await live.http.post(URL, json=content, headers=key)
