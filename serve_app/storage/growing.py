"""What all uploads have in common, wherever their bytes go."""

import hashlib
from types import TracebackType
from typing import Self


class Growing:
    """An object that grows: how much has come, its digest, and the first error, after which no more is kept.

    So whoever makes it goes on, and hears of the error from `finish`.
    """

    def __init__(self) -> None:
        self._size, self._digest = 0, hashlib.sha256()
        self._error: OSError | None = None

    def write(self, data: bytes) -> None:
        """Add bytes."""
        if self._error is not None:
            return
        try:
            self._write(data, self._size)
        except OSError as error:
            self._error = error
            return
        self._size += len(data)
        self._digest.update(data)
        self._has_grown()

    def _write(self, data: bytes, at: int) -> None:
        """Keep bytes at a place. Raises OSError."""
        raise NotImplementedError

    def _has_grown(self) -> None:
        """More bytes are kept."""

    def abort(self) -> None:
        """Leave nothing of it, unless it is finished."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
