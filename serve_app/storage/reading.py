"""An object read piece by piece."""

import hashlib
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from serve_app.errors import StorageUnavailable
from serve_app.storage import PIECE_BYTES


class Reader:
    """An open object: `size` bytes, their media type, the hex sha256 that they must have if that is known.

    `piece(start, size)` gives at least one of these bytes, and may raise what a method of Storage may.
    """

    def __init__(
        self,
        size: int,
        media_type: str,
        sha256: str | None,
        piece: Callable[[int, int], bytes],
        close: Callable[[], object] = lambda: None,
    ) -> None:
        self.size, self.media_type, self.sha256 = size, media_type, sha256
        self._piece, self._close = piece, close
        self._digest, self._at = hashlib.sha256(), 0

    def read(self, size: int = PIECE_BYTES) -> bytes:
        """The next bytes, `size` at most and none at the end. Raises StorageUnavailable.

        The last of them come only when all have the right sha256, so who has `size` bytes has the object.
        """
        wanted = min(size, self.size - self._at)
        data = self._piece(self._at, wanted) if wanted else b""
        if wanted and not data:
            raise StorageUnavailable("the stored object is shorter than it was when it was opened")
        self._digest.update(data)
        self._at += len(data)
        if self._at == self.size and self.sha256 not in (None, self._digest.hexdigest()):
            raise StorageUnavailable("the bytes in the store are not those that were stored: delete the object")
        return data

    def pieces(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        while data := self.read():
            yield data

    def close(self) -> None:
        """Give back what reading takes; it may be called again."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
