"""Uploads while they are made and readers, behind a network that breaks. Each test looks that its fault happened."""

import hashlib
import os
import time
from collections.abc import Iterator
from concurrent.futures import wait
from typing import Any

import pytest
from botocore.exceptions import ClientError

from serve_app.errors import NotFound, StorageUnavailable
from serve_app.storage import Stat
from serve_app.storage.s3 import S3Storage
from serve_app.storage.s3_upload import PART_BYTES, S3Upload
from tests.storage.conftest import OpenS3
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_servers import S3Server

SOUND = os.urandom(PART_BYTES * 4 + 1234)
HEAD = b"the head that is known at the end"
WHOLE = HEAD + SOUND[len(HEAD) :]
BLOCK = 1 << 20


def facts(data: bytes) -> Stat:
    return Stat(len(data), hashlib.sha256(data).hexdigest(), "audio/wav")


@pytest.fixture(params=["moto", pytest.param("radosgw", marks=[pytest.mark.s3, pytest.mark.slow])])
def server(request: pytest.FixtureRequest) -> S3Server:
    found: S3Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def proxy(server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def direct(server: S3Server, open_s3: OpenS3) -> S3Storage:
    return open_s3(server)


@pytest.fixture
def calm(server: S3Server, open_s3: OpenS3) -> S3Storage:
    """Without faults, and not in a hurry: a lost reply to the first request of an upload leaves one for the sweep."""
    return open_s3(server, deadline_s=60)


@pytest.fixture
def patient(server: S3Server, proxy: FaultProxy, open_s3: OpenS3) -> S3Storage:
    store = open_s3(server, proxy.port, read_timeout_s=1, deadline_s=60)
    store.check()
    return store


@pytest.fixture
def hasty(server: S3Server, proxy: FaultProxy, open_s3: OpenS3) -> S3Storage:
    open_s3(server, proxy.port).check()
    store = open_s3(server, proxy.port, read_timeout_s=1, deadline_s=2)
    store._objects.conditional = True
    return store


def write(upload: S3Upload, start: int = 0, stop: int = len(SOUND)) -> None:
    for at in range(start, stop, BLOCK):
        upload.write(SOUND[at : min(at + BLOCK, stop)])


def settle(upload: S3Upload) -> list[bool]:
    """Wait for all parts under way; whether each came through."""
    parts = list(upload._parts._sent.values())
    wait(parts)
    return [part.exception() is None for part in parts]


def uploads(store: S3Storage) -> list[Any]:
    return list(store._uploads())


def test_most_is_there_when_the_last_is_written(calm: S3Storage, direct: S3Storage) -> None:
    sent: list[int] = []
    with calm.upload("there", "audio/wav") as upload:
        write(upload)
        assert settle(upload) == [True] * 3, "all but the first and the last"
        [begun] = uploads(direct)
        found = direct._call.client.list_parts(
            Bucket=direct.config.bucket, Key=begun["Key"], UploadId=begun["UploadId"]
        )
        assert [part["PartNumber"] for part in found["Parts"]] == [2, 3, 4]
        calm._call.client.meta.events.register(
            "before-call.s3.UploadPart", lambda params, **_: sent.append(len(params["body"].getbuffer()))
        )
        assert upload.finish(HEAD) == facts(WHOLE)
    assert sorted(sent) == [1234, PART_BYTES]
    assert direct.get("there") == WHOLE
    assert uploads(direct) == []


def test_a_store_that_is_away_meanwhile_holds_up_nobody_and_gets_it_at_the_end(
    hasty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    with hasty.upload("away", "audio/wav") as upload:
        write(upload, 0, 2 * PART_BYTES)
        assert settle(upload) == [True]
        proxy.mode("http503")
        write(upload, 2 * PART_BYTES)
        assert False in settle(upload)
        proxy.wait_for_faults(1)
        proxy.mode("ok")
        assert upload.finish(HEAD) == facts(WHOLE)
    assert direct.get("away") == WHOLE
    assert uploads(direct) == []


def test_a_store_that_is_away_from_the_start_to_before_the_end(
    hasty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    proxy.mode("refuse")
    with hasty.upload("late", "audio/wav") as upload:
        write(upload)
        assert True not in settle(upload)
        proxy.mode("ok")
        assert upload.finish() == facts(SOUND)
    assert direct.get("late") == SOUND


@pytest.mark.slow
def test_a_store_that_is_away_at_the_end_is_said_and_nothing_is_left(
    hasty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    with hasty.upload("gone", "audio/wav") as upload:
        write(upload)
        settle(upload)
        proxy.mode("hang")
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            upload.finish(HEAD)
        assert time.monotonic() - began < 30
        proxy.mode("ok")
    hasty._sending.shutdown(wait=True)
    assert not direct.has("gone")
    assert uploads(direct) == []


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "value"), [("http500", 0.4), ("lost_reply", 0.3), ("refuse", 0.4)])
def test_uploads_get_through_a_bad_network(
    mode: str, value: float, patient: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    proxy.mode(mode, value)
    for number in range(3):
        with patient.upload(f"bad/{number}", "audio/wav") as upload:
            write(upload)
            assert upload.finish(HEAD) == facts(WHOLE)
        proxy.wait_for_faults(1)
        assert direct.get(f"bad/{number}") == WHOLE


def test_an_upload_that_somebody_else_has_ended_begins_anew(
    calm: S3Storage, direct: S3Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with calm.upload("ended", "audio/wav") as upload:
        write(upload, 0, 3 * PART_BYTES)
        settle(upload)
        [begun] = uploads(direct)
        named = {"Bucket": direct.config.bucket, "Key": begun["Key"], "UploadId": begun["UploadId"]}
        direct._call.client.abort_multipart_upload(**named)
        real = calm._call.client.upload_part

        def refused(**params: Any) -> Any:  # in words that a server has for it: the mock has none
            if params["UploadId"] == begun["UploadId"]:
                reply: Any = {"Error": {"Code": "NoSuchUpload"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
                raise ClientError(reply, "UploadPart")
            return real(**params)

        monkeypatch.setattr(calm._call.client, "upload_part", refused)
        write(upload, 3 * PART_BYTES)
        assert upload.finish(HEAD) == facts(WHOLE)
    assert direct.get("ended") == WHOLE
    assert uploads(direct) == []


def test_a_lost_reply_to_the_last_request_is_no_failure(
    patient: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    events = patient._call.client.meta.events
    with patient.upload("lost", "audio/wav") as upload:
        write(upload)
        settle(upload)
        events.register_first(
            "before-call.s3.CompleteMultipartUpload",
            lambda **_: proxy.mode("lost_reply", times=1) if not proxy.faults else None,
        )
        assert upload.finish(HEAD) == facts(WHOLE)
    assert proxy.faults == 1
    assert direct.get("lost") == WHOLE


def test_a_reader_goes_on_from_where_its_connection_broke(
    patient: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    direct.put("there", SOUND, "audio/wav")
    asked: list[str] = []
    with patient.open("there") as reader:
        patient._call.client.meta.events.register(
            "before-call.s3.GetObject", lambda params, **_: asked.append(params["headers"]["Range"])
        )
        got = reader.read(BLOCK)
        proxy.mode("cut_down", 400_000, times=3)
        got += reader.read(2 * BLOCK)
        assert proxy.faults == 3
        got += b"".join(reader.pieces())
    assert got == SOUND
    starts = [int(text.removeprefix("bytes=").partition("-")[0]) for text in asked]
    assert starts == sorted(set(starts)), "no piece is fetched twice"
    assert len([start for start in starts if BLOCK < start < 3 * BLOCK]) == 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["hang", "http503", "refuse"])
def test_a_reader_says_within_the_deadline_that_the_store_is_away_and_may_be_asked_again(
    mode: str, hasty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    direct.put("there", SOUND, "audio/wav")
    with hasty.open("there") as reader:
        got = reader.read()
        proxy.mode(mode)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            reader.read()
        assert time.monotonic() - began < 22
        proxy.wait_for_faults(1)
        proxy.mode("ok")
        assert got + b"".join(reader.pieces()) == SOUND


def test_what_is_replaced_or_deleted_meanwhile_is_not_mixed(direct: S3Storage) -> None:
    direct.put("there", SOUND, "audio/wav")
    with direct.open("there") as reader:
        reader.read()
        direct.delete("there")
        with pytest.raises(NotFound):
            reader.read()
        direct.put("there", SOUND[::-1], "audio/wav")
        with pytest.raises(StorageUnavailable, match="replaced"):
            reader.read()
