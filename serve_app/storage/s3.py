"""Objects in an S3-compatible bucket: what `Storage` promises, by names below a prefix."""

import hashlib
import io
import logging
import re
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError

from serve_app.config import S3StorageConfig, check_key
from serve_app.errors import NotFound
from serve_app.storage import (
    PIECE_BYTES,
    SignedUrl,
    Stat,
    check_media_type,
    filename,
    media_type_of,
    open_storage,
)
from serve_app.storage.reading import Reader
from serve_app.storage.s3_calls import S3Calls
from serve_app.storage.s3_errors import ObjectMissing, Unsupported, classify
from serve_app.storage.s3_objects import S3Objects
from serve_app.storage.s3_upload import SENT_AT_ONCE, S3Upload, put_parts

LONGEST_TTL_S = 7 * 24 * 3600  # the limit of signature version 4
LEFTOVER_AFTER_S = 25 * 3600.0  # above any job's time
LONGEST_SWEEP_S = 30.0  # what is left is for the next
# Keys as the service makes them: a bucket without a prefix may hold others' uploads, which are none of ours.
_OURS = re.compile(r"(?:[a-z]+/[0-9a-f]{2}/[0-9a-f]{64}|private/[0-9a-f]{32}/ast_[0-9a-f]{32})\.", re.ASCII)

log = logging.getLogger("continuo.storage")


class S3Storage:
    """The `kind: s3` store; see `Storage` for its methods.

    Objects above `multipart_threshold_bytes` go up in parts. A bucket wants a lifecycle rule that ends incomplete
    uploads: it is the net below `sweep`, which does so for those of keys that the service makes.
    """

    def __init__(self, config: S3StorageConfig) -> None:
        self.config = config
        prefix = config.prefix.strip("/")
        self._prefix = "/".join(check_key(prefix)) + "/" if prefix else ""
        self._call = S3Calls(config)
        self._objects = S3Objects(self._call, self._check_name)
        self._sending = ThreadPoolExecutor(SENT_AT_ONCE, thread_name_prefix="s3-parts")

    def __reduce__(self) -> tuple[Any, ...]:
        return open_storage, (self.config,)

    def put(self, key: str, data: bytes, media_type: str) -> Stat:
        """Store an object unless the key is taken; the returned facts are those of what is stored."""
        return self.put_file(key, io.BytesIO(data), media_type)

    def put_file(self, key: str, file: IO[bytes], media_type: str) -> Stat:
        """`put` for the bytes of a file."""
        name, media_type = self._name(key), check_media_type(media_type)
        file.seek(0)
        data = file.read(self.config.multipart_threshold_bytes + 1)
        if len(data) <= self.config.multipart_threshold_bytes:
            return self._objects.put(name, data, Stat(len(data), hashlib.sha256(data).hexdigest(), media_type))
        del data
        return put_parts(self._objects, self._sending, name, file, _facts(file, media_type))

    def upload(self, key: str, media_type: str) -> S3Upload:
        """Begin an object whose bytes come one after the other."""
        whole = self.config.multipart_threshold_bytes
        return S3Upload(self._objects, self._sending, self._name(key), check_media_type(media_type), whole)

    def has(self, key: str) -> bool:
        """Whether there is an object."""
        try:
            return self._objects.head(self._name(key), self._call.deadline()).whole
        except ObjectMissing:
            return False

    def stat(self, key: str) -> Stat | None:
        """The facts of an object, None if there is none or only a part of one."""
        return self._objects.stat(self._name(key), self._call.deadline())

    def get(self, key: str) -> bytes:
        """The bytes of an object, checked against their sha256."""
        try:
            return self._objects.get(self._name(key), self._call.deadline())
        except ObjectMissing:
            raise NotFound("there is no such file") from None

    def open(self, key: str, sha256: str | None = None) -> Reader:
        """An object to be read in pieces, each by a request of its own."""
        name = self._name(key)
        try:
            head = self._objects.head(name, self._call.deadline())
        except ObjectMissing:
            raise NotFound("there is no such file") from None

        def piece(start: int, size: int) -> bytes:
            try:
                return self._objects.piece(name, head, start, size)
            except ObjectMissing:
                raise NotFound("the file was deleted while it was read") from None

        return Reader(head.bytes, head.media_type, sha256 or head.sha256, piece)

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""
        self._objects.delete(self._name(key), self._call.deadline())

    def url(self, key: str, ttl_s: int, now: float | None = None) -> SignedUrl:
        """A presigned GET. It is signed for the present moment: `now` is for the local store only.

        It ends with the credentials that signed it, if that is earlier. Before a CDN it is not signed and has no end.
        """
        if self.config.public_base_url:
            return SignedUrl(f"{self.config.public_base_url.rstrip('/')}/{self._name(key)}", None)
        media_type = media_type_of(key)
        params = {
            "Bucket": self.config.bucket,
            "Key": self._name(key),
            "ResponseContentDisposition": f'inline; filename="{filename(key, media_type or "")}"',
            **({"ResponseContentType": media_type} if media_type else {}),
        }
        try:
            url = self._call.signer.generate_presigned_url(
                "get_object", Params=params, ExpiresIn=min(ttl_s, LONGEST_TTL_S)
            )
        except BotoCoreError as error:
            raise classify(error, self.config.bucket) from None
        query = parse_qs(urlsplit(url).query)
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ends = signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))
        return SignedUrl(url, min(ends, self._call.credentials_end() or ends))

    def sweep(self, older_than_s: float = LEFTOVER_AFTER_S) -> int:
        """End uploads that were begun so long ago by writers that died; returns how many it ended in half a minute."""
        over, swept = datetime.now(UTC) - timedelta(seconds=older_than_s), 0
        until = time.monotonic() + LONGEST_SWEEP_S
        try:
            for upload in self._uploads():
                if time.monotonic() > until:
                    break
                if _OURS.match(upload["Key"].removeprefix(self._prefix)) and upload["Initiated"] < over:
                    named = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                    with suppress(ObjectMissing):
                        self._call("abort_multipart_upload", self._call.deadline(), **named)
                    swept += 1
        except Unsupported:
            log.info("object storage does not list uploads: only a lifecycle rule ends incomplete ones")
        return swept

    def _uploads(self) -> Iterator[Any]:
        place: dict[str, str] = {}
        while True:
            page = self._call("list_multipart_uploads", self._call.deadline(), Prefix=self._prefix, **place)
            yield from page.get("Uploads", [])
            if not page.get("IsTruncated"):
                return
            place = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page.get("NextUploadIdMarker", "")}

    def check(self) -> None:
        """Write and remove a small object: tells a wrong bucket, wrong credentials, an absent endpoint."""
        deadline = self._call.deadline()
        if self._objects.conditional is None:
            self._objects.heeds_conditions(deadline)
            return
        name = self._check_name()
        self._call("put_object", deadline, Key=name, Body=b"continuo")
        self._objects.delete(name, deadline)

    def lets_browsers_read(self) -> bool:
        """Whether the bucket has a CORS rule for GET: without one, pages of other origins get no sound from it."""
        try:
            rules = self._call("get_bucket_cors", self._call.deadline())["CORSRules"]
        except ObjectMissing:
            return False
        return any("GET" in rule.get("AllowedMethods", ()) for rule in rules)

    def close(self) -> None:
        """Give back connections and threads; parts under way end by the socket timeouts."""
        self._sending.shutdown(wait=False, cancel_futures=True)
        self._call.close()

    def _check_name(self) -> str:
        return f"{self._prefix}.continuo/check-{secrets.token_hex(8)}"

    def _name(self, key: str) -> str:
        check_key(key)
        return self._prefix + key


def _facts(file: IO[bytes], media_type: str) -> Stat:
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    for data in iter(partial(file.read, PIECE_BYTES), b""):
        digest.update(data)
        size += len(data)
    return Stat(size, digest.hexdigest(), media_type)
