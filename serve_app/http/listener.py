"""Our own HTTP server in the ingress replica, used where no proxy of Ray's stands before it.

A laptop needs neither Ray's Python proxy (5 ms of CPU for each request) nor HAProxy (which binds all interfaces).

uvicorn's connections on a socket of asyncio's. uvicorn's own `Server` wants the process's signals, which belong to
whoever started the service, looks ten times a second whether it shall end, and knows neither a bound on connections,
nor one on the time and size of a request's head, nor an end that cuts nobody off. What is used of uvicorn beyond its
documented `Config` is in `Connection` only: the constructor with `ServerState` (that is how uvicorn makes one), the
parser's callbacks (there a head begins and ends; `send_400_response` answers what it cannot read), and
`cycle.response_complete` (whether somebody waits for an answer). tests/http/test_listener.py fails when uvicorn
changes.
"""

import asyncio
import json
import logging
import socket
import time
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from serve_app.addresses import bind
from serve_app.config import Limits
from serve_app.errors import ContinuoError, Malformed, Unavailable, problem
from serve_app.logs import cut_off
from serve_app.records.job_rows import new_id

LINGER_S = 0.5
GRACE_S = 5.0
HEAD_WITHIN_S = 10.0
HEAD_BYTES = 64 << 10
BACKLOG = 2048


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn calls an answer that its handler cut off an error; where that was meant, a line of ours told of it."""
    return not (cut_off.get() and "without completing response" in record.getMessage())


logging.getLogger("uvicorn.error").addFilter(_is_news)


class Connection(HttpToolsProtocol):
    """One connection. The head of each request is bounded in time and size, the number of connections by `most`.

    Over that number one that is kept alive without a request makes room, else the new one is answered 503.
    """

    def __init__(self, config: Config, state: ServerState, most: int) -> None:
        super().__init__(config, state, app_state={})
        self._most, self._head_bytes = most, 0
        self._head_timer: TimerHandle | None = None
        self._has_begun = False

    @property
    def expects_answer(self) -> bool:
        """Whether it has not been answered yet: new ones, and requests under way."""
        return self.cycle is None or not self.cycle.response_complete

    @property
    def is_silent(self) -> bool:
        """Whether it has not sent a byte of a request."""
        return self.cycle is None and not self._has_begun

    def data_received(self, data: bytes) -> None:
        """A part of a request."""
        self._has_begun = True
        super().data_received(data)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        if len(self.connections) > self._most and not self._make_room():
            transport.write(refusal(Unavailable(f"{self._most} connections are open, and no more are taken")))
            transport.close()
            return
        self._await_head()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_bytes = 0
        self._await_head()

    def on_url(self, url: bytes) -> None:
        """A part of its path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is whole: it is served."""
        self._head_came()
        self.server_state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self.transport.write(refusal(Malformed(msg)))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone, or was sent away."""
        self._head_came()
        super().connection_lost(exc)

    def _make_room(self) -> bool:
        for other in self.connections:
            if isinstance(other, Connection) and not other.expects_answer and not other.transport.is_closing():
                other.transport.close()
                return True
        return False

    def _count(self, length: int) -> None:
        self._head_bytes += length
        if self._head_bytes > HEAD_BYTES:
            raise ValueError("the head of a request is too long")  # the parser makes a 400 of it

    def _await_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_WITHIN_S, self._head_is_late)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.cycle is not None and self.expects_answer:
            self._await_head()  # half of a next request; the one before it is still being answered
        else:
            self.transport.close()


def refusal(error: ContinuoError) -> bytes:
    """An answer to what has not become a request, as the application answers; the connection ends with it."""
    request_id = new_id("req")
    body = json.dumps(problem(error, instance="", request_id=request_id)).encode()
    lines = [
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
        f"date: {formatdate(usegmt=True)}",
        f"x-request-id: {request_id}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        "connection: close",
        *(["retry-after: 1"] if error.retryable else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Listener:
    """The server: `start` and `stop` are called once each."""

    def __init__(self, app: FastAPI, host: str, port: int, most: Callable[[], int] | None = None) -> None:
        self.config = Config(
            app,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            timeout_keep_alive=75,
        )
        self.most = most or (lambda: Limits().connections)
        self.state = ServerState()
        self.socket = bind(host, port, shared=True)
        self.server: asyncio.Server | None = None

    @property
    def serving(self) -> bool:
        """Whether connections are accepted."""
        return self.server is not None and self.server.is_serving()

    async def start(self) -> None:
        """Accept connections."""
        self.config.load()
        self.server = await asyncio.get_running_loop().create_server(
            self._connection, sock=self.socket, backlog=BACKLOG
        )

    def _connection(self) -> Connection:
        return Connection(self.config, self.state, self.most())

    async def stop(self) -> None:
        """Close the door without cutting anybody off.

        Whoever waited for a job has just been answered and may ask again: they are answered for a moment longer. Then
        no connection is accepted, those that were have 5 s to send their request and are answered with
        `Connection: close`, and the server ends.
        """
        await asyncio.sleep(LINGER_S)
        self.socket.listen(0)  # from here on the kernel's queue takes one connection, however long we are held up
        late = self._accept_all()  # what lies in the queue would be reset
        if self.server is not None:
            self.server.close()
        for connection in late:
            await asyncio.get_running_loop().connect_accepted_socket(self._connection, connection)
        silent = {item for item in self._connections() if item.is_silent}  # opened ahead, as browsers do
        await self._until(lambda: not any(item.expects_answer for item in self._connections() if item not in silent))
        for open_one in self._connections():
            open_one.shutdown()
        await self._until(lambda: not self.state.connections and not self.state.tasks)
        tasks = list(self.state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for open_one in self._connections():
            open_one.transport.abort()

    def _connections(self) -> list[Connection]:
        return [item for item in self.state.connections if isinstance(item, Connection)]

    @staticmethod
    async def _until(true: Callable[[], bool]) -> None:
        """Return when it is so, or after a grace time (uvicorn has no event for it)."""
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until and not true():  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def _accept_all(self) -> list[socket.socket]:
        accepted: list[socket.socket] = []
        with suppress(OSError):  # BlockingIOError where no more wait; no other may keep the server from stopping
            while True:
                connection, _ = self.socket.accept()
                connection.setblocking(False)
                accepted.append(connection)
        return accepted
