"""A sound while it is made: the bytes of a streamed job, kept from the start for whoever listens.

The replica's chunks are written as they come, at most AHEAD_BYTES (and AHEAD chunks, if those are more) before the
listener who is furthest: then the write waits, the call's window fills, and the thread that generates stands still. So
one who listens as the sound plays does not keep the model's place for as long as it lasts, and for one who never reads
not much is made. What has come is kept here (in a temporary file above KEPT_BYTES) for whoever is slower.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import Any

from serve_app.errors import StorageFull

AHEAD, AHEAD_BYTES = 8, 4 << 20
KEPT_BYTES = 1 << 20


class Broken(Exception):
    """No more bytes come, and what came is not the whole sound."""


class Listener:
    """One who listens, and how many chunks it has taken."""

    def __init__(self) -> None:
        self.taken = 0


class Live:
    """The bytes of one job. `on_deserted` is called when its last listener leaves before the end."""

    def __init__(self, on_deserted: Callable[[], None] | None = None) -> None:
        self.on_deserted = on_deserted
        self.head: Mapping[str, Any] | None = None  # media_type, sample_rate_hz, channels; there from the first byte
        self.ended: bool | None = None  # None: more may come; else whether it is whole
        self._source: Live | None = None  # of a job that shares another one's run
        self._ends: list[int] = []  # of its chunks in the file
        self._file: SpooledTemporaryFile[bytes] | None = None
        self._listeners: set[Listener] = set()
        self._followers: set[Live] = set()
        self._waiting: set[asyncio.Event] = set()

    @property
    def source(self) -> "Live":
        """Where its bytes come from: itself, or another job whose run it shares."""
        return self._source or self

    @property
    def begun(self) -> bool:
        """Whether bytes have been there: what comes after them can only be the rest."""
        return bool(self.source._ends)

    async def write(self, data: bytes, head: Mapping[str, Any]) -> None:
        """Add a chunk when somebody is near enough, or nobody listens. Raises StorageFull."""
        with self._woken() as changed:
            while self._is_far_ahead():
                changed.clear()
                await changed.wait()
        self.head = head
        try:
            self._ends.append(self._keep(data))
        except OSError as error:
            raise StorageFull(f"the temporary folder did not take the sound: {error.strerror}") from error
        self._wake()

    def _is_far_ahead(self) -> bool:
        furthest = max(self._everybody(), default=len(self._ends))
        heard = self._ends[furthest - 1] if furthest else 0
        return len(self._ends) - furthest >= AHEAD and self._ends[-1] - heard >= AHEAD_BYTES

    def _keep(self, data: bytes) -> int:
        if self._file is None:
            self._file = SpooledTemporaryFile(KEPT_BYTES)  # noqa: SIM115  (`_tidy` closes it)
        self._file.seek(0, 2)
        self._file.write(data)
        return self._file.tell()

    def end(self, whole: bool) -> None:
        """No more bytes come."""
        if self.ended is None:
            self.ended = whole
            self.leave()
            self._wake()
            self._tidy()

    def follow(self, other: "Live") -> None:
        """Give the bytes of another job that makes the same."""
        self._source = other
        other._followers.add(self)
        self._wake()

    def leave(self) -> None:
        """Follow nobody any longer; what was there whole stays readable to those who listen."""
        if self._source is not None and self.ended is not True:
            source, self._source = self._source, None
            source._followers.discard(self)
            source._left()

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Somebody listens until the end of the block."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._left()

    async def chunks(self, listener: Listener) -> AsyncIterator[bytes]:
        """The bytes from where the listener is. Raises Broken where they end before the sound does."""
        with self._woken() as changed:
            while True:
                changed.clear()
                source = self.source
                if listener.taken < len(source._ends):
                    yield source._take(listener)
                elif self.ended is not None:
                    break
                else:
                    await changed.wait()
        if not self.ended:
            raise Broken

    def _take(self, listener: Listener) -> bytes:
        assert self._file is not None  # what has ends was written
        start = self._ends[listener.taken - 1] if listener.taken else 0
        self._file.seek(start)
        data = self._file.read(self._ends[listener.taken] - start)
        listener.taken += 1
        self._wake()
        return data

    def _everybody(self) -> list[int]:
        """How far those have come who listen, to this job or to one that shares its run."""
        own = [listener.taken for listener in self._listeners]
        return own + [taken for follower in self._followers for taken in follower._everybody()]

    def _left(self) -> None:
        self._wake()
        if self.ended is None and not self._everybody() and self.on_deserted is not None:
            self.on_deserted()
        self._tidy()
        if self._source is not None:
            self._source._left()

    def _tidy(self) -> None:
        if self.ended is not None and not self._everybody():
            if self._file is not None:
                self._file.close()
            if self._source is not None:
                self._source._followers.discard(self)

    @contextmanager
    def _woken(self) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            yield changed
        finally:
            self._waiting.discard(changed)

    def _wake(self) -> None:
        for changed in self._waiting:
            changed.set()
        for follower in self._followers:
            follower._wake()
