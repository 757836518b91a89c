import hashlib
import logging
import mmap
import os
import pickle
import socket
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError

from serve_app.errors import NotFound, StorageMisconfigured, StorageUnavailable
from serve_app.storage import Stat, Storage
from serve_app.storage.s3 import S3Storage
from serve_app.storage.s3_calls import CALLS_AT_ONCE
from serve_app.storage.s3_objects import described
from tests.storage.conftest import OpenS3
from tests.support.s3_servers import S3Server

KEY = "out/4f/4fa2.flac"
BIG = os.urandom(9 << 20)


def facts(data: bytes, media_type: str = "audio/flac") -> Stat:
    return Stat(len(data), hashlib.sha256(data).hexdigest(), media_type)


def names(server: S3Server, prefix: str) -> list[str]:
    client = boto3.client("s3", endpoint_url=server.endpoint_url, region_name="us-east-1")
    found = client.list_objects_v2(Bucket=server.bucket, Prefix=prefix).get("Contents", [])
    client.close()
    return [item["Key"] for item in found]


@pytest.fixture(params=["path", "virtual"])
def store(request: pytest.FixtureRequest, moto: S3Server, open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch) -> Storage:
    if request.param == "path":
        return open_s3(moto, addressing_style="path")
    real = socket.getaddrinfo

    def loopback(host: Any, *args: Any, **kwargs: Any) -> Any:
        return real("127.0.0.1" if str(host).endswith(".s3.test") else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", loopback)
    monkeypatch.setenv("no_proxy", "*")
    return open_s3(moto, addressing_style="virtual", endpoint_url=f"http://s3.test:{moto.port}")


def test_what_is_put_can_be_read(store: Storage) -> None:
    store.delete(KEY)
    assert store.stat(KEY) is None
    assert store.put(KEY, b"sound", "audio/flac") == facts(b"sound")
    assert store.stat(KEY) == facts(b"sound")
    assert store.get(KEY) == b"sound"
    assert store.put(KEY, b"other", "audio/wav") == facts(b"sound"), "the first writer wins"
    store.delete(KEY)
    store.delete(KEY)
    with pytest.raises(NotFound):
        store.get(KEY)


def test_a_big_object_goes_up_in_parts(store: Storage) -> None:
    store.delete("big")
    assert store.put("big", BIG, "audio/wav") == facts(BIG, "audio/wav")
    assert store.get("big") == BIG
    assert store.put("big", BIG + b"x", "audio/wav") == facts(BIG, "audio/wav"), "the first writer wins"


def test_a_url_gives_the_bytes_with_their_type(store: Storage) -> None:
    store.put("url/one.mp3", b"sound", "audio/mpeg")
    signed = store.url("url/one.mp3", 60)
    with urllib.request.urlopen(signed.url) as reply:
        assert reply.read() == b"sound"
        assert reply.headers["Content-Type"] == "audio/mpeg"
        assert reply.headers["Content-Disposition"] == 'inline; filename="one.mp3"'


def test_the_two_address_styles_differ_in_the_url(moto: S3Server, open_s3: OpenS3) -> None:
    path = open_s3(moto, addressing_style="path").url(KEY, 60).url
    virtual = open_s3(moto, addressing_style="virtual", endpoint_url="https://s3.test").url(KEY, 60).url
    assert path.startswith(f"http://127.0.0.1:{moto.port}/{moto.bucket}/")
    assert virtual.startswith(f"https://{moto.bucket}.s3.test/")


@pytest.mark.parametrize("checksums", ["when_required", "when_supported"])
def test_both_checksum_settings_work(moto: S3Server, open_s3: OpenS3, checksums: str) -> None:
    store = open_s3(moto, checksums=checksums)
    assert store.put(f"sum/{checksums}", b"sound", "audio/flac") == facts(b"sound")
    assert store.get(f"sum/{checksums}") == b"sound"


def test_objects_lie_below_the_prefix_and_a_check_leaves_nothing(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto, prefix="/team/a/")
    store.check()
    store.check()
    store.put(KEY, b"sound", "audio/flac")
    assert names(moto, "team/") == [f"team/a/{KEY}"]


def test_a_store_travels_as_its_configuration(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto)
    store.put(KEY, b"sound", "audio/flac")
    other: Storage = pickle.loads(pickle.dumps(store))
    assert other.get(KEY) == b"sound"
    other.close()


def test_a_url_lives_seven_days_at_most_and_says_when_it_ends(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto)
    hour, month = store.url(KEY, 3600), store.url(KEY, 30 * 24 * 3600)
    assert "X-Amz-Expires=3600" in hour.url
    assert hour.expires_at is not None
    assert month.expires_at is not None
    assert (month.expires_at - hour.expires_at).total_seconds() == pytest.approx(7 * 24 * 3600 - 3600, abs=5)


def test_urls_name_the_server_as_clients_reach_it(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto, public_endpoint_url=f"http://localhost:{moto.port}")
    store.put("public/one.mp3", b"sound", "audio/mpeg")
    signed = store.url("public/one.mp3", 60)
    assert signed.url.startswith(f"http://localhost:{moto.port}/{moto.bucket}/")
    assert "X-Amz-Signature=" in signed.url
    with urllib.request.urlopen(signed.url) as reply:
        assert reply.read() == b"sound"
    other: Storage = pickle.loads(pickle.dumps(store))
    assert other.url(KEY, 60).url.startswith("http://localhost:")
    other.close()
    elsewhere = open_s3(moto, public_endpoint_url="https://files.example", addressing_style="virtual")
    assert elsewhere.url(KEY, 60).url.startswith(f"https://{moto.bucket}.files.example/")
    with pytest.raises(StorageMisconfigured, match="public_endpoint_url"):
        open_s3(moto, public_endpoint_url="http://a..b")


def test_urls_of_a_cdn_are_the_base_and_the_key(moto: S3Server, open_s3: OpenS3) -> None:
    for base in ("https://cdn.example/sounds", "https://cdn.example/sounds/"):
        signed = open_s3(moto, public_base_url=base, prefix="team/a").url(KEY, 60)
        assert (signed.url, signed.expires_at) == (f"https://cdn.example/sounds/team/a/{KEY}", None)


def test_a_url_ends_with_the_credentials_that_signed_it(
    moto: S3Server, open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=30)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", ends.isoformat())
    store = open_s3(moto)
    assert store.url(KEY, 7200).expires_at == ends
    soon = store.url(KEY, 60).expires_at
    assert soon is not None
    assert soon < ends
    later = ends + timedelta(hours=1)  # the credentials were renewed
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", later.isoformat())
    store._call._credentials._protected_refresh(is_mandatory=True)  # type: ignore[union-attr]
    assert store.url(KEY, 7200).expires_at == later


@pytest.mark.parametrize("key", ["", "/a", "a/../b", "a b", "a\0", "é"])
def test_no_other_key_is_accepted(moto: S3Server, open_s3: OpenS3, key: str) -> None:
    store = open_s3(moto)
    with pytest.raises(ValueError, match="not a storage key"):
        store.put(key, b"", "audio/wav")
    with pytest.raises(ValueError, match="not a storage key"):
        store.url(key, 60)


def test_a_server_that_ignores_conditions_is_noticed(moto: S3Server, open_s3: OpenS3, caplog: Any) -> None:
    store = open_s3(moto)
    store._call.client.meta.events.register("before-call.s3.PutObject", _drop_condition)
    with caplog.at_level(logging.WARNING):
        store.put(KEY, b"first", "audio/flac")
    assert "without If-None-Match" in caplog.text
    assert store.put(KEY, b"second", "audio/flac") == facts(b"first"), "it must look before it writes"


def _drop_condition(params: Any, **_: Any) -> None:
    params["headers"].pop("If-None-Match", None)


def test_a_server_without_metadata_is_read_back_by_its_bytes(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto)
    store._call.client.meta.events.register("after-call.s3", _drop_metadata)
    store.put(KEY, b"sound", "audio/flac")
    assert store.stat(KEY) == facts(b"sound")
    assert store.get(KEY) == b"sound"
    assert store.put(KEY, b"other", "audio/flac") == facts(b"sound")


def _drop_metadata(parsed: Any, **_: Any) -> None:
    parsed.pop("Metadata", None)


def test_metadata_names_may_come_in_capitals(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto)
    store.put(KEY, b"sound", "audio/flac")
    store._call.client.meta.events.register("after-call.s3", _capitalise)
    assert store.stat(KEY) == facts(b"sound")


def _capitalise(parsed: Any, **_: Any) -> None:
    parsed["Metadata"] = {name.capitalize(): value for name, value in parsed.get("Metadata", {}).items()}


def plant(server: S3Server, store: S3Storage, key: str, body: bytes, told: bytes) -> None:
    """Put an object whose metadata describe other bytes, as a server does that keeps half of an upload."""
    store._call.client.put_object(Bucket=server.bucket, Key=store._name(key), Body=body, **described(facts(told)))


def test_half_an_object_is_not_believed_and_is_replaced(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto)
    plant(moto, store, KEY, b"so", b"sound")
    assert store.stat(KEY) is None
    assert store.put(KEY, b"sound", "audio/flac") == facts(b"sound")
    assert store.get(KEY) == b"sound"


@pytest.mark.usefixtures("impatient")
def test_damaged_bytes_are_not_given_out(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto)
    plant(moto, store, KEY, b"noise", b"sound")
    with pytest.raises(StorageUnavailable, match="not those that were stored"):
        store.get(KEY)


def test_a_wrong_bucket_is_named(moto: S3Server, open_s3: OpenS3) -> None:
    store = open_s3(moto, bucket="absent")
    for call in (
        store.check,
        lambda: store.put(KEY, b"x", "audio/wav"),
        lambda: store.put("b", BIG, "audio/wav"),
    ):
        with pytest.raises(StorageMisconfigured, match=r"there is no bucket 'absent' \(storage\.bucket\)"):
            call()
    with pytest.raises(StorageMisconfigured, match="valid bucket name"):
        open_s3(moto, bucket="no such thing!").check()


def test_absent_credentials_are_named(moto: S3Server, open_s3: OpenS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = open_s3(moto)
    for call in (store.check, lambda: store.url(KEY, 60)):
        with pytest.raises(StorageMisconfigured, match="no credentials were found"):
            call()


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """Nobody listens there, and nobody else can."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.usefixtures("impatient")
def test_an_endpoint_that_is_away_is_unavailable(moto: S3Server, open_s3: OpenS3, refusing_port: int) -> None:
    with pytest.raises(StorageUnavailable, match=r"refuses connections .*storage\.endpoint_url") as caught:
        open_s3(moto, port=refusing_port).check()
    assert str(refusing_port) not in str(caught.value)
    with pytest.raises(StorageMisconfigured, match=r"storage\.endpoint_url"):
        open_s3(moto, endpoint_url="no url")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield listener.getsockname()[1]


def test_a_silent_server_does_not_pile_up_threads(moto: S3Server, open_s3: OpenS3, silent_port: int) -> None:
    store = open_s3(moto, port=silent_port, read_timeout_s=60, deadline_s=3)
    failures: list[str] = []

    def ask() -> None:
        try:
            store.stat(KEY)
        except StorageUnavailable as error:
            failures.append(str(error))

    asking = [threading.Thread(target=ask) for _ in range(CALLS_AT_ONCE + 20)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert len(failures) == CALLS_AT_ONCE + 20
    assert sum("connections are busy" in failure for failure in failures) == 20
    assert sum(thread.name.startswith("s3") for thread in threading.enumerate()) <= 2 * CALLS_AT_ONCE


@pytest.mark.usefixtures("impatient")
def test_nothing_secret_is_logged_or_said(
    moto: S3Server, open_s3: OpenS3, caplog: Any, monkeypatch: pytest.MonkeyPatch, refusing_port: int
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "canary-id")
    messages = []
    with caplog.at_level(logging.INFO):
        store = open_s3(moto)
        store.put(KEY, b"x", "audio/wav")
        store.url(KEY, 60)
        for broken in (open_s3(moto, bucket="absent"), open_s3(moto, port=refusing_port)):
            with pytest.raises((StorageMisconfigured, StorageUnavailable)) as caught:
                broken.check()
            messages += [str(caught.value), repr(caught.value)]
    text = caplog.text + "".join(messages)
    assert "canary" not in text
    assert "http://" not in text


@pytest.mark.parametrize("threshold_bytes", [5 << 20, 64 << 20])
def test_a_mapped_file_is_put_like_bytes_and_whole_at_each_attempt(
    moto: S3Server, open_s3: OpenS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threshold_bytes: int
) -> None:
    store = open_s3(moto, multipart_threshold_bytes=threshold_bytes)
    key, operation = f"out/mapped-{threshold_bytes}.flac", "upload_part" if len(BIG) > threshold_bytes else "put_object"
    (tmp_path / "sound").write_bytes(BIG)
    real, attempts = getattr(store._call.client, operation), list[int]()

    def cut_off_at_first(**params: Any) -> Any:
        body = params["Body"]
        if params["Key"].endswith(key):
            attempts.append(len(body))
        if len(attempts) == 1:
            if hasattr(body, "read"):
                body.read()
            raise ConnectionClosedError(endpoint_url="http://test")
        return real(**params)

    monkeypatch.setattr(store._call.client, operation, cut_off_at_first)
    with (tmp_path / "sound").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert store.put(key, mapped, "audio/flac") == facts(BIG)
    assert len(attempts) >= 2
    assert store.get(key) == BIG
