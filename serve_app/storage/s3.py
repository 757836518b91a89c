"""Objects in an S3-compatible bucket.

A lost reply looks like a failure although the object was stored, and the next attempt then meets 412 on
its own write. So an object is believed only after a good reply, or after it was read back. Each carries its
sha256 and its size as metadata; where a server drops those, the bytes themselves are read.
"""

import hashlib
import logging
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import BotoCoreError

from serve_app.config import S3StorageConfig, check_key
from serve_app.errors import ContinuoError, NotFound, StorageUnavailable
from serve_app.storage import (
    SignedUrl,
    Stat,
    check_media_type,
    filename,
    media_type_of,
    open_storage,
)
from serve_app.storage.s3_calls import S3Calls
from serve_app.storage.s3_errors import ObjectMissing, Retryable, Taken, Unsupported, classify

PART_BYTES = 8 << 20
LONGEST_TTL_S = 7 * 24 * 3600  # the limit of signature version 4

log = logging.getLogger("continuo.storage")


@dataclass(frozen=True)
class Head:
    """What the server says about an object; `sha256` is None where it drops metadata."""

    bytes: int
    media_type: str
    sha256: str | None
    whole: bool


class S3Storage:
    """The `kind: s3` store; see `Storage` for its methods.

    Objects above `multipart_threshold_bytes` go up in parts, each with a deadline of its own.
    A bucket wants a lifecycle rule that ends incomplete uploads: one whose first reply was lost cannot be named.
    """

    def __init__(self, config: S3StorageConfig) -> None:
        self.config = config
        prefix = config.prefix.strip("/")
        self._prefix = "/".join(check_key(prefix)) + "/" if prefix else ""
        self._call = S3Calls(config)
        # whether the server heeds If-None-Match: found out at first use
        self._conditional: bool | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return open_storage, (self.config,)

    def put(self, key: str, data: bytes, media_type: str) -> Stat:
        """Store an object unless the key is taken; the returned facts are those of what is stored."""
        name = self._name(key)
        mine = Stat(len(data), hashlib.sha256(data).hexdigest(), check_media_type(media_type))
        if len(data) > self.config.multipart_threshold_bytes:
            return self._put_parts(name, data, mine)
        return self._put_whole(name, data, mine)

    def stat(self, key: str) -> Stat | None:
        """The facts of an object, None if there is none or only a part of one."""
        return self._stat(self._name(key), self._call.deadline())

    def get(self, key: str) -> bytes:
        """The bytes of an object, checked against their sha256."""
        try:
            return self._get(self._name(key), self._call.deadline())
        except ObjectMissing:
            raise NotFound("there is no such file") from None

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""
        self._delete(self._name(key), self._call.deadline())

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

    def check(self) -> None:
        """Write and remove a small object: tells a wrong bucket, wrong credentials, an absent endpoint."""
        deadline = self._call.deadline()
        if self._conditional is None:
            self._heeds_conditions(deadline)
            return
        name = self._check_name()
        self._call("put_object", deadline, Key=name, Body=b"continuo")
        self._delete(name, deadline)

    def lets_browsers_read(self) -> bool:
        """Whether the bucket has a CORS rule for GET: without one, pages of other origins get no sound from it."""
        try:
            rules = self._call("get_bucket_cors", self._call.deadline())["CORSRules"]
        except ObjectMissing:
            return False
        return any("GET" in rule.get("AllowedMethods", ()) for rule in rules)

    def close(self) -> None:
        """Give back connections and threads."""
        self._call.close()

    def _put_whole(self, name: str, data: bytes, mine: Stat) -> Stat:
        deadline = self._call.deadline()
        if not self._heeds_conditions(deadline) and (found := self._settle(name, deadline)):
            return found
        condition = {"IfNoneMatch": "*"} if self._conditional else {}
        data = bytes(data)  # boto3 reads a mapped file like any other: the next attempt would find it at its end
        while True:  # ends by the deadline: every turn makes calls
            try:
                self._call("put_object", deadline, Key=name, **_described(mine), **condition, Body=data)
            except Taken:
                if found := self._settle(name, deadline):
                    return found
            else:
                return mine

    def _put_parts(self, name: str, data: bytes, mine: Stat) -> Stat:
        # old servers ignore the condition on an upload in parts: look before, read back after
        self._heeds_conditions(self._call.deadline())
        for _ in range(3):
            if found := self._settle(name, self._call.deadline()):
                return found
            self._upload(name, data, mine)
        raise StorageUnavailable("object storage could not settle a put: the object came and went")

    def _upload(self, name: str, data: bytes, mine: Stat) -> None:
        begun = self._call("create_multipart_upload", self._call.deadline(), Key=name, **_described(mine))
        upload = {"Key": name, "UploadId": begun["UploadId"]}
        condition = {"IfNoneMatch": "*"} if self._conditional else {}
        try:
            parts = []
            for number, part in enumerate(_parts(data), start=1):
                piece = {**upload, "PartNumber": number, "Body": part}
                sent = self._call("upload_part", self._call.deadline(), **piece)
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            done = {**upload, **condition, "MultipartUpload": {"Parts": parts}}
            self._call("complete_multipart_upload", self._call.deadline(), **done)
        except ObjectMissing:
            log.info("object storage: an upload was ended by an attempt whose reply was lost")
        except Taken:
            self._abort(upload)
        except BaseException:
            self._abort(upload)
            raise

    def _abort(self, upload: dict[str, str]) -> None:
        try:
            self._call("abort_multipart_upload", self._call.deadline(), **upload)
        except ObjectMissing:
            pass
        except ContinuoError as error:
            log.warning("object storage: parts of a failed upload stay until a lifecycle rule acts: %s", error)

    def _settle(self, name: str, deadline: float) -> Stat | None:
        """Read back what is stored; what lacks bytes is removed, so that the next put can have its key."""
        return self._stat(name, deadline, remove_damaged=True)

    def _stat(self, name: str, deadline: float, remove_damaged: bool = False) -> Stat | None:
        try:
            head = self._head(name, deadline)
            if not head.whole:
                if remove_damaged:
                    log.warning("object storage: removing an object that lacks some of its bytes")
                    self._delete(name, deadline)
                return None
            sha256 = head.sha256 or hashlib.sha256(self._get(name, deadline)).hexdigest()
        except ObjectMissing:
            return None
        return Stat(head.bytes, sha256, head.media_type)

    def _head(self, name: str, deadline: float) -> Head:
        reply = self._call("head_object", deadline, Key=name)
        known, size = _metadata(reply), reply["ContentLength"]
        return Head(
            bytes=size,
            media_type=reply.get("ContentType", "application/octet-stream"),
            sha256=known.get("sha256"),
            whole=known.get("bytes", str(size)) == str(size),
        )

    def _get(self, name: str, deadline: float) -> bytes:
        def read() -> bytes:
            reply = self._call.client.get_object(Bucket=self.config.bucket, Key=name)
            with reply["Body"] as body:
                data = body.read()
            if _metadata(reply).get("sha256") not in (None, hashlib.sha256(data).hexdigest()):
                raise Retryable("the bytes that came are not those that were stored")
            return data

        return self._call.run("get_object", read, deadline)

    def _delete(self, name: str, deadline: float) -> None:
        with suppress(ObjectMissing):
            self._call("delete_object", deadline, Key=name)

    def _heeds_conditions(self, deadline: float) -> bool:
        """Create one object twice: the second is refused with 412, or the server ignores conditions.

        After a lost reply the first is refused too, which proves the same.
        """
        if self._conditional is None:
            name, heeded = self._check_name(), False
            try:
                for _ in range(2):
                    self._call("put_object", deadline, Key=name, Body=b"continuo", IfNoneMatch="*")
            except Taken:
                heeded = True
            except Unsupported:
                log.info("object storage refuses If-None-Match")
            if not heeded:
                log.warning("object storage without If-None-Match: of equal keys written at once the last stays")
            self._delete(name, deadline)
            self._conditional = heeded
        return self._conditional

    def _check_name(self) -> str:
        return f"{self._prefix}.continuo/check-{secrets.token_hex(8)}"

    def _name(self, key: str) -> str:
        check_key(key)
        return self._prefix + key


def _described(facts: Stat) -> dict[str, Any]:
    return {
        "ContentType": facts.media_type,
        "Metadata": {"sha256": facts.sha256, "bytes": str(facts.bytes)},
    }


def _metadata(reply: Any) -> dict[str, str]:
    """Metadata with lower-case names: some servers capitalise them."""
    return {name.lower(): value for name, value in reply.get("Metadata", {}).items()}


def _parts(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), PART_BYTES):
        yield data[start : start + PART_BYTES]
