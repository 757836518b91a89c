"""Connections that fail as real ones do: one that can be cut or fall silent, a pipe whose reader stands still."""

import asyncio
import os
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType


def full_pipe() -> tuple[int, int]:
    """The reading and the writing end of a pipe that takes nothing more; writing waits for a reader."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    return reading, writing


class Pipe:
    """Passes bytes to a Unix socket. `silent`: it takes them and passes none on; `cut`: it ends all connections."""

    def __init__(self, target: Path) -> None:
        self.target, self.port = target, 0
        self._loop = asyncio.new_event_loop()
        self._open = threading.Event()
        self._passing = asyncio.Event()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="pipe", daemon=True)

    def __enter__(self) -> "Pipe":
        self._thread.start()
        self._open.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(60)

    def silent(self) -> None:
        """Let nothing pass, and tell nobody."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def cut(self) -> None:
        """End what is connected and refuse what comes."""
        self._loop.call_soon_threadsafe(self._cut)

    def mend(self) -> None:
        """Let everything pass again."""
        self._refusing = False
        self._loop.call_soon_threadsafe(self._passing.set)

    def _cut(self) -> None:
        self._refusing = True
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        self._passing.set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._open.set()
        await self._ended.wait()
        server.close()
        self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(task := asyncio.current_task())  # type: ignore[arg-type]
        task.add_done_callback(self._tasks.discard)  # type: ignore[union-attr]
        self._writers.add(writer)
        try:
            if not self._refusing:
                inner_reader, inner_writer = await asyncio.open_unix_connection(self.target)
                self._writers.add(inner_writer)
                await asyncio.gather(self._pass(reader, inner_writer), self._pass(inner_reader, writer))
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
        self._writers.discard(writer)
