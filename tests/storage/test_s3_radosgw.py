"""What a mock does not check: signatures, expiry, policies, and races on a real server."""

import hashlib
import os
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from serve_app.errors import StorageMisconfigured
from serve_app.storage import Stat
from tests.storage.conftest import OpenS3
from tests.support.s3_servers import S3Server

pytestmark = [pytest.mark.s3, pytest.mark.slow]
KEY = "out/4f/4fa2.flac"


def facts(data: bytes, media_type: str = "audio/flac") -> Stat:
    return Stat(len(data), hashlib.sha256(data).hexdigest(), media_type)


def fetch(url: str, method: str = "GET") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, b""


def test_what_is_put_can_be_read(radosgw: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(radosgw)
    store.check()
    store.check()
    assert store._objects.conditional is True
    assert store.put(KEY, b"sound", "audio/flac") == facts(b"sound")
    assert store.stat(KEY) == facts(b"sound")
    assert store.put(KEY, b"other", "audio/flac") == facts(b"sound")
    assert store.get(KEY) == b"sound"
    store.delete(KEY)
    store.delete(KEY)
    assert store.stat(KEY) is None


@pytest.mark.parametrize("checksums", ["when_required", "when_supported"])
def test_twenty_megabytes_in_parts(radosgw: S3Server, open_s3: OpenS3, checksums: str) -> None:
    store = open_s3(radosgw, checksums=checksums)
    data = os.urandom(20_000_000)
    assert store.put(f"big/{checksums}", data, "audio/wav") == facts(data, "audio/wav")
    assert store.get(f"big/{checksums}") == data
    assert store.put(f"big/{checksums}", data[1:], "audio/wav") == facts(data, "audio/wav")
    client, prefix = store._call.client, store._name("big")
    assert client.list_multipart_uploads(Bucket=radosgw.bucket, Prefix=prefix).get("Uploads", []) == []


def test_a_url_is_good_for_one_object_and_one_method(radosgw: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(radosgw)
    store.put(KEY, b"sound", "audio/flac")
    store.put("out/4f/other.flac", b"private", "audio/flac")
    url = store.url(KEY, 60).url
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == b"sound"
        assert reply.headers["Content-Type"] == "audio/flac"
        assert reply.headers["Content-Disposition"] == 'inline; filename="4fa2.flac"'
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=1-2"})) as reply:
        assert (reply.status, reply.read()) == (206, b"ou")
    for tampered in (
        url.replace("4fa2.flac?", "other.flac?"),
        url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000"),
        url.replace("audio%2Fflac", "text%2Fhtml"),
        url.partition("?")[0],
    ):
        assert tampered != url
        assert fetch(tampered)[0] == 403
    assert fetch(url, "DELETE")[0] == 403
    assert fetch(url, "PUT")[0] == 403
    assert store.get(KEY) == b"sound"


def test_a_url_ends(radosgw: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(radosgw)
    store.put(KEY, b"sound", "audio/flac")
    url = store.url(KEY, 1).url
    refused = threading.Event()
    for _ in range(100):  # the server's clock decides: ask until it says no
        if fetch(url)[0] == 403:
            break
        refused.wait(0.1)
    else:
        pytest.fail("an expired URL was still served")
    assert fetch(store.url(KEY, 60).url) == (200, b"sound")


@pytest.mark.parametrize(
    ("variable", "words"),
    [("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")],
)
def test_wrong_credentials_are_named(
    radosgw: S3Server, open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch, variable: str, words: str
) -> None:
    monkeypatch.setenv(variable, "canary")
    store = open_s3(radosgw)
    for call in (store.check, lambda: store.put(KEY, b"x", "audio/wav"), lambda: store.get(KEY)):
        with pytest.raises(StorageMisconfigured, match=f"credentials are not valid .{words}") as caught:
            call()
        assert "canary" not in str(caught.value)
    with pytest.raises(StorageMisconfigured, match="access to bucket 'outputs' is denied"):
        store.stat(KEY)


def test_a_wrong_bucket_is_named(radosgw: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(radosgw, bucket="absent")
    for call in (store.check, lambda: store.put(KEY, b"x", "audio/wav")):
        with pytest.raises(StorageMisconfigured, match="there is no bucket 'absent'"):
            call()


def test_a_read_only_bucket_is_named(radosgw: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(radosgw, bucket="readonly")
    client = store._call.client
    client.create_bucket(Bucket="readonly")
    client.put_bucket_policy(
        Bucket="readonly",
        Policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",'
        ' "Action": "s3:PutObject", "Resource": "arn:aws:s3:::readonly/*"}]}',
    )
    with pytest.raises(StorageMisconfigured, match="access to bucket 'readonly' is denied"):
        store.check()


def test_of_many_writers_at_once_one_wins_and_all_agree(radosgw: S3Server, open_s3: OpenS3) -> None:
    stores = [open_s3(radosgw) for _ in range(8)]
    for store in stores:
        store.check()
    for turn in range(10):
        start = threading.Barrier(8)

        def write(number: int, key: str = f"race/{turn}", start: threading.Barrier = start) -> Stat:
            start.wait()
            return stores[number].put(key, b"%d" % number * 5000, "audio/wav")

        with ThreadPoolExecutor(8) as pool:
            told = set(pool.map(write, range(8)))
        assert told == {facts(stores[0].get(f"race/{turn}"), "audio/wav")}


def test_nobody_reads_without_a_signature(radosgw: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(radosgw)
    store.put(KEY, b"sound", "audio/flac")
    assert fetch(f"{radosgw.endpoint_url}/{radosgw.bucket}")[0] == 403
