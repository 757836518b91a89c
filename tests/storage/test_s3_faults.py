"""The S3 store behind a network that breaks. Each test looks that its fault really happened."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

import pytest

from serve_app.errors import StorageUnavailable
from serve_app.storage import Stat
from serve_app.storage.s3 import S3Storage
from tests.storage.conftest import OpenS3
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_servers import S3Server
from tests.support.soak import at_length

pytestmark = pytest.mark.slow
CREATES = at_length(100, 30)
DEADLINE_S = 2.0
GRACE_S = 20.0  # for a machine that stands still; a call that ends by the socket's timeout takes a minute
SOUND = os.urandom(1_000_000)
BIG = os.urandom(18_000_000)
T = TypeVar("T")


def facts(data: bytes, media_type: str = "audio/flac") -> Stat:
    return Stat(len(data), hashlib.sha256(data).hexdigest(), media_type)


@pytest.fixture(params=["moto", pytest.param("radosgw", marks=pytest.mark.s3)])
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
def faulty(server: S3Server, proxy: FaultProxy, open_s3: OpenS3) -> S3Storage:
    # the socket's timeout is far off: the deadline alone must end a call
    open_s3(server, proxy.port).check()  # a server that was just started takes its time for the first write
    store = open_s3(server, proxy.port, read_timeout_s=60, deadline_s=DEADLINE_S)
    in_the_end(store.check)
    return store


@pytest.fixture
def patient(server: S3Server, proxy: FaultProxy, open_s3: OpenS3) -> S3Storage:
    store = open_s3(server, proxy.port, read_timeout_s=1, deadline_s=60)
    store.check()
    return store


def in_the_end(call: Callable[[], T]) -> T:
    """What a call gives once a store with a short deadline has its answer in time."""
    for _ in range(10):
        with suppress(StorageUnavailable):
            return call()
    return call()


def calls(store: S3Storage) -> dict[str, Callable[[], object]]:
    every: dict[str, Callable[[], object]] = {
        "put": lambda: store.put("new", SOUND, "audio/flac"),
        "get": lambda: store.get("there"),
        "stat": lambda: store.stat("there"),
        "delete": lambda: store.delete("there"),
        "check": store.check,
    }
    return {name: every[name] for name in at_length(list(every), ["put", "get"])}


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["refuse", "hang", "http500", "http503"])
def test_a_dead_server_is_unavailable_within_the_deadline(
    mode: str, faulty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    direct.put("there", b"sound", "audio/flac")
    proxy.mode(mode)
    for name, call in calls(faulty).items():
        before, began = proxy.faults, time.monotonic()
        with pytest.raises(StorageUnavailable):
            call()
        assert time.monotonic() - began < DEADLINE_S + GRACE_S, name
        proxy.wait_for_faults(before + 1)
    assert direct.stat("new") is None
    assert direct.stat("there") == facts(b"sound")
    proxy.mode("ok")
    assert in_the_end(lambda: faulty.put("new", SOUND, "audio/flac")) == facts(SOUND)
    assert in_the_end(lambda: faulty.get("there")) == b"sound"


@pytest.mark.usefixtures("impatient")
def test_a_dead_server_at_the_first_use(server: S3Server, proxy: FaultProxy, open_s3: OpenS3) -> None:
    store = open_s3(server, proxy.port)
    proxy.mode("http500")
    with pytest.raises(StorageUnavailable, match="answered 500"):
        store.put("first", SOUND, "audio/flac")
    proxy.wait_for_faults(1)
    proxy.mode("ok")
    assert store.put("first", SOUND, "audio/flac") == facts(SOUND)
    assert store._objects.conditional is True


@pytest.mark.soak
@pytest.mark.parametrize("mode", ["refuse", "hang", "http500", "http503", "lost_reply"])
def test_two_faults_are_got_over(mode: str, patient: S3Storage, direct: S3Storage, proxy: FaultProxy) -> None:
    for name, call in calls(patient).items():
        direct.put("there", b"sound", "audio/flac")
        before = proxy.faults
        proxy.mode(mode, times=2)
        call()
        assert proxy.faults == before + 2, name
    assert direct.get("new") == SOUND


@pytest.mark.soak
def test_many_creates_with_half_of_the_replies_lost(patient: S3Storage, proxy: FaultProxy, direct: S3Storage) -> None:
    """A verdict is wrong if it names other facts than those of the object that is stored."""
    proxy.mode("lost_reply", 0.5)
    for number in range(CREATES):
        key, mine = f"create/{number}", os.urandom(1000)
        if number % 4 == 3:
            direct.put(key, b"somebody else's", "audio/flac")
            mine = b"mine"
        told = patient.put(key, mine, "audio/flac")
        stored = direct.get(key)
        assert told == facts(stored)
        assert stored == (b"somebody else's" if number % 4 == 3 else mine)
    assert proxy.faults >= CREATES / 2


def test_all_replies_lost_is_unavailable_and_the_object_is_there(
    faulty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    proxy.mode("lost_reply")
    with pytest.raises(StorageUnavailable):
        faulty.put("lost", SOUND, "audio/flac")
    proxy.wait_for_faults(1)
    assert direct.get("lost") == SOUND
    proxy.mode("ok")
    assert in_the_end(lambda: faulty.put("lost", SOUND, "audio/flac")) == facts(SOUND)


def test_an_upload_that_is_cut_leaves_nothing_to_believe(
    faulty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    proxy.mode("cut_up", 300_000)
    with pytest.raises(StorageUnavailable):
        faulty.put("cut", SOUND, "audio/flac")
    proxy.wait_for_faults(1)
    assert direct.stat("cut") is None
    proxy.mode("ok")
    assert in_the_end(lambda: faulty.put("cut", SOUND, "audio/flac")) == facts(SOUND)
    assert direct.get("cut") == SOUND


def test_a_download_that_is_cut_is_fetched_again(faulty: S3Storage, direct: S3Storage, proxy: FaultProxy) -> None:
    direct.put("there", SOUND, "audio/flac")
    proxy.mode("cut_down", 500_000)
    with pytest.raises(StorageUnavailable):
        faulty.get("there")
    proxy.wait_for_faults(1)
    proxy.mode("ok")
    assert in_the_end(lambda: faulty.get("there")) == SOUND


def test_a_link_that_is_too_slow_ends_at_the_deadline(faulty: S3Storage, proxy: FaultProxy) -> None:
    proxy.mode("slow", 100_000)
    began = time.monotonic()
    with pytest.raises(StorageUnavailable):
        faulty.put("slow", SOUND, "audio/flac")
    assert time.monotonic() - began < DEADLINE_S + GRACE_S
    proxy.wait_for_faults(1)


def test_a_late_answer_is_an_answer(patient: S3Storage, proxy: FaultProxy) -> None:
    proxy.mode("lag", 0.3)
    assert patient.put("late", SOUND, "audio/flac") == facts(SOUND)
    proxy.wait_for_faults(1)


@pytest.mark.parametrize(("mode", "value"), [("http500", 0.4), ("lost_reply", 0.3), ("refuse", 0.4)])
def test_parts_get_through_a_bad_network(
    mode: str, value: float, patient: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    proxy.mode(mode, value)
    for number in range(3):
        assert patient.put(f"parts/{number}", BIG, "audio/wav") == facts(BIG, "audio/wav")
    proxy.wait_for_faults(1)
    assert direct.get("parts/0") == BIG


def test_an_upload_in_parts_that_fails_leaves_no_object(
    server: S3Server, faulty: S3Storage, direct: S3Storage, proxy: FaultProxy
) -> None:
    proxy.mode("cut_up", 5_000_000)
    with pytest.raises(StorageUnavailable):
        faulty.put("parts", BIG, "audio/wav")
    proxy.wait_for_faults(1)
    assert direct.stat("parts") is None
    uploads = direct._call.client.list_multipart_uploads(Bucket=server.bucket, Prefix=direct._name("parts"))
    assert uploads.get("Uploads", []) == [], "its parts must not stay either"
    proxy.mode("ok")
    assert in_the_end(lambda: faulty.put("parts", BIG, "audio/wav")) == facts(BIG, "audio/wav")
