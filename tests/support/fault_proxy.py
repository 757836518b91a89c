"""An HTTP proxy that breaks connections on purpose, and counts how often it did.

    with FaultProxy(target_port) as proxy:
        client = connect(proxy.port)
        proxy.mode("lost_reply", 0.5)
        ...
        assert proxy.faults > 0

Modes (the value is a probability where none is named):
    ok                forwards
    refuse            drops the connection when it opens
    hang              reads the request and never answers
    slow BYTES_PER_S  throttles both directions
    lag SECONDS       waits before it forwards
    http500, http503  answers with an error; nothing is forwarded
    cut_up BYTES      forwards so much of the request, then drops both sides
    cut_down BYTES    forwards so much of the reply, then drops both sides
    lost_reply        forwards the request, waits for the whole reply, drops it

Each connection carries one request: `Connection: close` is added to it, so a mode holds from the next
request on. As a script, with modes as lines on stdin:
    python -m tests.support.fault_proxy TARGET_PORT [PORT]
"""

import asyncio
import contextlib
import random
import sys
import threading
from types import TracebackType

PROBABLE = {"refuse", "hang", "http500", "http503", "lost_reply"}
MEASURED = {"slow", "lag", "cut_up", "cut_down"}
BLOCK = 64 * 1024


class Dropped(Exception):
    """The proxy ends this connection now."""


class FaultProxy:
    """Listens on loopback in a thread of its own while the `with` block runs."""

    def __init__(self, target_port: int, port: int = 0, seed: int = 0) -> None:
        self.target_port, self.port = target_port, port
        self.connections = 0
        self._faults = 0
        self._mode: tuple[str, float] = ("ok", 0.0)
        self._times: int | None = None
        self._random = random.Random(seed)
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()

    def mode(self, name: str, value: float = 1.0, times: int | None = None) -> None:
        """Choose what happens to requests from now on; after `times` faults it is "ok" again."""
        if name != "ok" and name not in PROBABLE | MEASURED:
            raise ValueError(f"unknown mode {name!r}; known: ok, {', '.join(sorted(PROBABLE | MEASURED))}")
        with self._changed:
            self._mode, self._times = (name, value), times

    @property
    def faults(self) -> int:
        """How many faults were made so far, in all modes."""
        with self._changed:
            return self._faults

    def wait_for_faults(self, count: int, timeout_s: float = 30.0) -> None:
        """Block until `count` faults were made. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._faults >= count, timeout_s):
                raise TimeoutError(f"{self._faults} faults were made, expected {count}")

    def _draw(self) -> tuple[str, float]:
        """The mode of the next request; faults that surely happen are counted here."""
        with self._changed:
            name, value = self._mode
            if name in PROBABLE and self._random.random() >= value:
                return "ok", 0.0
            if self._times is not None and name != "ok":
                self._times -= 1
                if self._times <= 0:
                    self._mode, self._times = ("ok", 0.0), None
            return name, value

    def _count(self) -> None:
        with self._changed:
            self._faults += 1
            self._changed.notify_all()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        assert self._server is not None
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:  # connections, and those on their way in
            for task in self._tasks:
                if not task.cancelling():
                    task.cancel()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        self._server.close()  # not before: what was on its way in would be left open
        for _ in range(2):  # the turns of the loop in which transports are aborted and close
            await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = self._loop.create_task(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also of a task that was cancelled unstarted

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Dropped, OSError):
            await self._serve(reader, writer)
            writer.close()
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode[0] == "refuse" and self._draw()[0] == "refuse":
            self._count()
            raise Dropped
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return  # opened and closed, as pools do
        name, value = self._draw()
        if name == "refuse":
            self._count()
            raise Dropped
        if name == "hang":
            self._count()
            while await reader.read(BLOCK):
                pass
            raise Dropped
        if name in ("http500", "http503"):
            self._count()
            await _refuse(name[4:], head, reader, writer)
            return
        if name == "lag":
            self._count()
            await asyncio.sleep(value)
        await self._forward(name, value, _closing(head), reader, writer)

    async def _forward(
        self, name: str, value: float, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        if name == "slow":
            self._count()
        rate = value if name == "slow" else None
        up = asyncio.create_task(
            self._pump(head, reader, target_writer, rate, int(value) if name == "cut_up" else None)
        )
        if name == "lost_reply":
            down = asyncio.create_task(self._swallow(target_reader, writer))
        else:
            down = asyncio.create_task(
                self._pump(b"", target_reader, writer, rate, int(value) if name == "cut_down" else None)
            )
        try:
            done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)
            target_writer.transport.abort()

    async def _pump(
        self,
        first: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        rate: float | None,
        limit: int | None,
    ) -> None:
        block, passed = first or await reader.read(BLOCK), 0
        while block:
            if limit is not None and passed + len(block) > limit:
                writer.write(block[: limit - passed])
                await writer.drain()
                self._count()
                raise Dropped
            if rate is not None:
                await asyncio.sleep(len(block) / rate)
            writer.write(block)
            await writer.drain()
            passed += len(block)
            block = await reader.read(BLOCK)

    async def _swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let "100 Continue" through, for without it no body comes; read the real reply and drop it."""
        block = await reader.read(BLOCK)
        while block.startswith(b"HTTP/1.1 100"):
            interim, _, block = block.partition(b"\r\n\r\n")
            writer.write(interim + b"\r\n\r\n")
            await writer.drain()
            block = block or await reader.read(BLOCK)
        while block:
            block = await reader.read(BLOCK)
        self._count()
        raise Dropped


def _closing(head: bytes) -> bytes:
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([lines[0], b"Connection: close", *lines[1:]])


async def _refuse(status: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    headers = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    left = 0 if b"expect" in headers else int(headers.get(b"content-length", b"0"))
    while left > 0 and (block := await reader.read(min(BLOCK, left))):
        left -= len(block)
    code = {"500": "InternalError", "503": "SlowDown"}[status]
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code></Error>".encode()
    if head.startswith(b"HEAD"):
        body = b""
    writer.write(
        f"HTTP/1.1 {status} {code}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n".encode()
        + body
    )
    await writer.drain()


def main() -> None:
    target_port, port = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with FaultProxy(target_port, port) as proxy:
        print(proxy.port, flush=True)
        for line in sys.stdin:
            name, *value = line.split()
            proxy.mode(name, *map(float, value[:1]))
            print(proxy.connections, proxy.faults, flush=True)


if __name__ == "__main__":
    main()
