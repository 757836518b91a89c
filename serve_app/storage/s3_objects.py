"""Objects of one bucket by their full names: put whole, looked at, read, removed.

A lost reply looks like a failure although the object was stored, and the next attempt then meets 412 on
its own write. So an object is believed only after a good reply, or after it was read back. What is known of it
before lies in its metadata; where that lacks the sha256, the bytes themselves are read.
"""

import hashlib
import logging
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

from serve_app.errors import StorageMisconfigured, StorageUnavailable
from serve_app.storage import PIECE_BYTES, Stat
from serve_app.storage.s3_calls import S3Calls
from serve_app.storage.s3_errors import ObjectMissing, Retryable, Taken, Unsupported

_BLOCK_BYTES = 64 << 10  # of a body; what has come so far is not asked for again

log = logging.getLogger("continuo.storage")


@dataclass(frozen=True)
class Head:
    """What the server says about an object; `metadata` is empty where it drops that."""

    bytes: int
    media_type: str
    etag: str
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> str | None:
        """Of its bytes; unknown where they came while they were made."""
        return self.metadata.get("sha256")

    @property
    def whole(self) -> bool:
        """False for half of an upload, as bad servers keep it."""
        return self.metadata.get("bytes", str(self.bytes)) == str(self.bytes)


class S3Objects:
    """See the module's text. `check_name` gives a new name for an object that is removed at once."""

    def __init__(self, call: S3Calls, check_name: Callable[[], str]) -> None:
        self.call, self.check_name = call, check_name
        self.conditional: bool | None = None  # whether the server heeds If-None-Match: found out at first use

    def put(self, name: str, data: bytes, mine: Stat) -> Stat:
        """Store an object in one request unless the name is taken; the facts of what is stored."""
        deadline = self.call.deadline()
        if not self.heeds_conditions(deadline) and (found := self.settle(name, deadline)):
            return found
        while True:  # ends by the deadline: every turn makes calls
            try:
                self.call("put_object", deadline, Key=name, **described(mine), **self.condition(), Body=data)
            except Taken:
                if found := self.settle(name, deadline):
                    return found
            else:
                return mine

    def condition(self) -> dict[str, str]:
        """What makes a write fail when the name is taken."""
        return {"IfNoneMatch": "*"} if self.conditional else {}

    def settle(self, name: str, deadline: float) -> Stat | None:
        """Read back what is stored; what lacks bytes is removed, so that the next put can have its key."""
        return self.stat(name, deadline, remove_damaged=True)

    def stat(self, name: str, deadline: float, remove_damaged: bool = False) -> Stat | None:
        """The facts of an object, None if there is none or only a part of one."""
        try:
            head = self.head(name, deadline)
            if not head.whole:
                if remove_damaged:
                    log.warning("object storage: removing an object that lacks some of its bytes")
                    self.delete(name, deadline)
                return None
            return Stat(head.bytes, head.sha256 or self._digest(name, head), head.media_type)
        except ObjectMissing:
            return None

    def _digest(self, name: str, head: Head) -> str:
        """Of an object's bytes, read to the end; each piece has a deadline of its own."""
        digest = hashlib.sha256()
        for start in range(0, head.bytes, PIECE_BYTES):
            digest.update(self.piece(name, head, start, min(PIECE_BYTES, head.bytes - start)))
        return digest.hexdigest()

    def head(self, name: str, deadline: float) -> Head:
        """What the server says about an object. Raises ObjectMissing."""
        reply = self.call("head_object", deadline, Key=name)
        media_type = reply.get("ContentType", "application/octet-stream")
        return Head(reply["ContentLength"], media_type, reply.get("ETag", ""), _metadata(reply))

    def get(self, name: str, deadline: float) -> bytes:
        """The bytes of an object, checked if its sha256 is known. Raises ObjectMissing."""

        def read() -> bytes:
            reply = self.call.client.get_object(Bucket=self.call.config.bucket, Key=name)
            with reply["Body"] as body:
                data = body.read()
            if _metadata(reply).get("sha256") not in (None, hashlib.sha256(data).hexdigest()):
                raise Retryable("the bytes that came are not those that were stored")
            return data

        return self.call.run("get_object", read, deadline)

    def piece(self, name: str, head: Head, start: int, size: int) -> bytes:
        """`size` bytes from `start` on; where a connection breaks the next continues. Raises ObjectMissing."""
        got = bytearray()

        def read() -> bytes:
            left = size - len(got)
            asked = f"bytes={start + len(got)}-{start + size - 1}"
            reply = self.call.client.get_object(Bucket=self.call.config.bucket, Key=name, Range=asked)
            with closing(reply["Body"]) as body:
                if reply.get("ETag", "") != head.etag:
                    raise StorageUnavailable("object storage: the object was replaced while it was read")
                if reply["ContentLength"] != left:
                    raise StorageMisconfigured("object storage: the server does not heed Range")
                for data in body.iter_chunks(_BLOCK_BYTES):
                    got.extend(data)
            return bytes(got)

        return self.call.run("get_object", read, self.call.deadline())

    def delete(self, name: str, deadline: float) -> None:
        """Remove an object; an absent one is fine."""
        with suppress(ObjectMissing):
            self.call("delete_object", deadline, Key=name)

    def heeds_conditions(self, deadline: float) -> bool:
        """Create one object twice: the second is refused with 412, or the server ignores conditions.

        After a lost reply the first is refused too, which proves the same.
        """
        if self.conditional is None:
            name, heeded = self.check_name(), False
            try:
                for _ in range(2):
                    self.call("put_object", deadline, Key=name, Body=b"continuo", IfNoneMatch="*")
            except Taken:
                heeded = True
            except Unsupported:
                log.info("object storage refuses If-None-Match")
            if not heeded:
                log.warning("object storage without If-None-Match: of equal keys written at once the last stays")
            self.delete(name, deadline)
            self.conditional = heeded
        return self.conditional


def described(facts: Stat) -> dict[str, Any]:
    """What an object carries of which all is known before."""
    return {
        "ContentType": facts.media_type,
        "Metadata": {"sha256": facts.sha256, "bytes": str(facts.bytes)},
    }


def _metadata(reply: Any) -> dict[str, str]:
    """Metadata with lower-case names: some servers capitalise them."""
    return {name.lower(): value for name, value in reply.get("Metadata", {}).items()}
