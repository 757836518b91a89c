"""The file that an encoder writes to, as libraries in C want it."""

import io
from typing import BinaryIO


class Target:
    """A file that takes all it is given or keeps the first error, because C would only print what is raised in it."""

    def __init__(self, file: BinaryIO | io.RawIOBase) -> None:
        self.seek, self.tell, self.read, self._write = file.seek, file.tell, file.read, file.write
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of it; returns the bytes written, 0 after an error."""
        try:
            written = self._write(data) or 0
            while 0 < written < len(data):  # an unbuffered file may take a part
                written += self._write(data[written:]) or 0
        except OSError as error:
            self.error = self.error or error
            return 0
        return written


class Reader:
    """Reads what was written so far, from a place of its own."""

    def __init__(self, target: Target) -> None:
        self._target, self._at = target, 0

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        writing_at = self._target.tell()
        self._target.seek(self._at)
        data = self._target.read(size) or b""
        self._target.seek(writing_at)
        self._at += len(data)
        return data
