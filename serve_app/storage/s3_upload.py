"""Objects that go up in parts: those of a file that is there, and those that are made meanwhile.

Each part has a deadline of its own. What is made is kept in a temporary file, from which its parts leave in the
background as soon as they are whole: a store that is slow or away holds up nobody, and what it has not taken goes up at
the end. The first part is the last to leave, because the beginning may be replaced.
"""

import hashlib
import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, Any

from serve_app.errors import ContinuoError, StorageFull, StorageUnavailable
from serve_app.storage import PIECE_BYTES, Stat
from serve_app.storage.growing import Growing
from serve_app.storage.s3_errors import ObjectMissing, Taken
from serve_app.storage.s3_objects import S3Objects, described

PART_BYTES = 5 << 20  # the least that S3 allows: at the end two of them are left to send
SENT_AT_ONCE = 2  # parts of a store, of all its uploads: each is in memory, and has its share of the link
_TURNS = 3

log = logging.getLogger("continuo.storage")


class Parts:
    """The parts of one file on their way to one object; `carried` is what the object carries as its metadata."""

    def __init__(
        self, objects: S3Objects, sending: Executor, name: str, file: IO[bytes], carried: dict[str, Any]
    ) -> None:
        self._objects, self._call, self._sending = objects, objects.call, sending
        self._name, self._file, self._carried = name, file, carried
        self.reading = threading.Lock()  # of the file, which has one place
        self._beginning = threading.Lock()
        self._begun: dict[str, str] | None = None
        self._sent: dict[int, Future[str]] = {}  # the ETags of parts, by their numbers from 1 on

    def ready(self, size: int) -> None:
        """So many bytes are in the file and stay as they are, but for those of the first part: send what is whole."""
        with suppress(RuntimeError):  # the store was closed, which `finish` will find
            for number in range(max(self._sent, default=1) + 1, size // PART_BYTES + 1):
                self._send(number)

    def finish(self, size: int, facts: Callable[[], Stat]) -> Stat:
        """Store the object unless its name is taken; returns the facts of what is stored.

        `facts` tells those of the file, whose bytes are all final, and is called while parts are on their way.
        """
        # old servers ignore the condition on an upload in parts: look before, read back after
        self._objects.heeds_conditions(self._call.deadline())
        mine: Stat | None = None
        for _ in range(_TURNS):
            if found := self._objects.settle(self._name, self._call.deadline()):
                self.abort()
                return found
            earlier = dict(self._sent)
            numbers = range(1, -(-size // PART_BYTES) + 1)
            for number in numbers:
                if number not in earlier or _has_failed(earlier[number]):
                    self._send(number)
            mine = mine or facts()
            try:
                tags = [self._tag(number, earlier.get(number)) for number in numbers]
                if self._complete(tags) and self._is_there(size):
                    return mine
            except ObjectMissing:
                log.info("object storage: an upload in parts was ended by somebody else")
            self.forget()
        raise StorageUnavailable("object storage could not settle a put: the object came and went")

    def abort(self) -> None:
        """`forget`, in the background."""
        for part in self._sent.values():
            part.cancel()
        with suppress(RuntimeError):  # the store was closed: they are swept
            self._sending.submit(self.forget)

    def forget(self) -> None:
        """Leave no parts behind, and begin anew: those under way are waited for, else they would stay."""
        for part in self._sent.values():
            part.cancel()
        wait(part for part in self._sent.values() if not part.cancelled())
        self._sent.clear()
        upload, self._begun = self._begun, None
        if upload is None:
            return
        try:
            self._call("abort_multipart_upload", self._call.deadline(), **upload)
        except ObjectMissing:
            pass
        except ContinuoError as error:
            log.warning("object storage: parts of a failed upload stay until they are swept: %s", error)

    def _send(self, number: int) -> Future[str]:
        self._sent[number] = self._sending.submit(self._send_now, number)
        return self._sent[number]

    def _send_now(self, number: int) -> str:
        upload = self._upload()
        with self.reading:
            self._file.seek((number - 1) * PART_BYTES)
            data = self._file.read(PART_BYTES)
        piece = {**upload, "PartNumber": number, "Body": data}
        return str(self._call("upload_part", self._call.deadline(), **piece)["ETag"])

    def _upload(self) -> dict[str, str]:
        with self._beginning:
            if self._begun is None:
                begun = self._call("create_multipart_upload", self._call.deadline(), Key=self._name, **self._carried)
                self._begun = {"Key": self._name, "UploadId": begun["UploadId"]}
            return self._begun

    def _tag(self, number: int, earlier: "Future[str] | None") -> str:
        part = self._sent[number]
        try:
            return part.result()
        except StorageUnavailable:
            if part is not earlier:
                raise
            return self._send(number).result()  # it failed while others were made

    def _complete(self, tags: list[str]) -> bool:
        """Make one object of the parts; False when the name was taken. Raises ObjectMissing."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
        done = {**self._upload(), **self._objects.condition(), "MultipartUpload": {"Parts": parts}}
        try:
            self._call("complete_multipart_upload", self._call.deadline(), **done)
        except Taken:
            return False
        except ObjectMissing:
            log.info("object storage: an upload was ended by an attempt whose reply was lost")
        return True

    def _is_there(self, size: int) -> bool:
        """Whether the object is this one, by what it carries."""
        try:
            head = self._objects.head(self._name, self._call.deadline())
        except ObjectMissing:
            return False
        return head.bytes == size and head.metadata.items() >= self._carried["Metadata"].items()


def _has_failed(part: "Future[str]") -> bool:
    return part.cancelled() or (part.done() and part.exception() is not None)


def put_parts(objects: S3Objects, sending: Executor, name: str, file: IO[bytes], mine: Stat) -> Stat:
    """Store what a file holds, of which all is known."""
    parts = Parts(objects, sending, name, file, described(mine))
    try:
        return parts.finish(mine.bytes, lambda: mine)
    except BaseException:
        parts.forget()
        raise


class S3Upload(Growing):
    """See `serve_app.storage.Upload`. `whole_bytes`: up to here an object is put in one request."""

    def __init__(self, objects: S3Objects, sending: Executor, name: str, media_type: str, whole_bytes: int) -> None:
        super().__init__()
        self._objects, self._name, self._media_type, self._whole_bytes = objects, name, media_type, whole_bytes
        self._file = TemporaryFile()  # noqa: SIM115  (`_close`)
        # How an object is known as this one whose sha256 nobody knows before.
        carried = {"ContentType": media_type, "Metadata": {"upload": secrets.token_hex(16)}}
        self._parts = Parts(objects, sending, name, self._file, carried)
        self._replaced = False
        self._over = False

    def finish(self, head: bytes | None = None) -> Stat:
        """Store the object; see `Upload`."""
        try:
            if self._error is None and head is not None:
                self._write(head, 0)
                self._replaced = True
            if self._error is not None:
                raise self._error
        except OSError as error:
            raise StorageFull(f"the temporary folder did not take the object: {error.strerror}") from error
        if self._size > self._whole_bytes:
            stat = self._parts.finish(self._size, self._facts)
        else:
            self._file.seek(0)
            stat = self._objects.put(self._name, self._file.read(), self._facts())
        self._close()
        return stat

    def _has_grown(self) -> None:
        if self._size > self._whole_bytes:
            self._parts.ready(self._size)

    def _write(self, data: bytes, at: int) -> None:
        with self._parts.reading:
            self._file.seek(at)
            self._file.write(data)
            self._file.flush()

    def _facts(self) -> Stat:
        if self._replaced:
            self._digest = hashlib.sha256()
            for start in range(0, self._size, PIECE_BYTES):
                with self._parts.reading:
                    self._file.seek(start)
                    data = self._file.read(PIECE_BYTES)
                self._digest.update(data)
        return Stat(self._size, self._digest.hexdigest(), self._media_type)

    def abort(self) -> None:
        """Leave nothing of it."""
        if not self._over:
            self._parts.abort()
            self._close()

    def _close(self) -> None:
        self._over = True
        with self._parts.reading:
            self._file.close()
