"""An object of the local store while it is made: a folder in `@tmp` that becomes the object's own."""

import hashlib
import os
import secrets
from collections.abc import Callable

from serve_app.errors import StorageUnavailable
from serve_app.storage import PIECE_BYTES, Stat
from serve_app.storage.growing import Growing
from serve_app.storage.local_files import make_folder, new_file, opened, remove_folder, translated

_PART = "part"
_TURNS = 3  # a taken key can be free again a moment later: retention deletes


class LocalUpload(Growing):
    """See `serve_app.storage.Upload`.

    `tmp` is an open folder, closed with the upload; `found` gives the facts of the object that has the key, `move`
    makes a folder in `tmp` that object unless there is one.
    """

    def __init__(
        self, tmp: int, media_type: str, found: Callable[[], Stat | None], move: Callable[[str, int], bool]
    ) -> None:
        super().__init__()
        self._tmp, self._media_type, self._found, self._move = tmp, media_type, found, move
        self._name = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._fd: int | None = None
        try:
            with translated("put"):
                make_folder(self._name, tmp)
                with opened(self._name, tmp) as folder:
                    self._fd = new_file(_PART, folder)
        except BaseException:
            self.abort()
            raise

    def _write(self, data: bytes, at: int) -> None:
        assert self._fd is not None  # it is not over
        left = memoryview(data)
        while left:
            written = os.pwrite(self._fd, left, at)
            left, at = left[written:], at + written

    def finish(self, head: bytes | None = None) -> Stat:
        """Store the object; see `Upload`."""
        with translated("put"):
            if self._error is not None:
                raise self._error
            stat = self._settled(head)
        self.abort()
        return stat

    def _settled(self, head: bytes | None) -> Stat:
        if (found := self._found()) is not None:
            return found
        if head is not None:
            self._write(head, 0)
            self._digest = self._read()
        mine = Stat(self._size, self._digest.hexdigest(), self._media_type)
        assert self._fd is not None
        os.fsync(self._fd)
        with opened(self._name, self._tmp) as folder:
            os.rename(_PART, facts_name(mine), src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        for _ in range(_TURNS):
            if self._move(self._name, self._tmp):
                return mine
            if (found := self._found()) is not None:
                return found
        raise StorageUnavailable("the local store could not settle a put: the object came and went")

    def _read(self) -> "hashlib._Hash":
        assert self._fd is not None
        digest = hashlib.sha256()
        for start in range(0, self._size, PIECE_BYTES):
            digest.update(os.pread(self._fd, PIECE_BYTES, start))
        return digest

    def abort(self) -> None:
        """Leave nothing of it. What has become an object is no longer in `tmp`."""
        if self._tmp < 0:
            return
        tmp, self._tmp = self._tmp, -1
        try:
            with translated("put"):
                remove_folder(self._name, tmp)
        finally:
            os.close(tmp)
            if self._fd is not None:
                os.close(self._fd)


def facts_name(facts: Stat) -> str:
    """Under which a file says what it is."""
    return f"{facts.sha256}.{facts.media_type.replace('/', '.')}"
