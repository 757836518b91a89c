"""The end of our own HTTP server, and the port that it is given."""

import asyncio
import inspect
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from serve_app.addresses import bind
from serve_app.errors import ConfigError
from serve_app.http import listener as module
from serve_app.http.listener import Connection, Listener
from serve_app.launch.ports import UNASKED_PORTS, check_port, free_port, hold_port
from tests.support.service import HANGS_S, until

CLIENTS = 12


def ask(port: int, ends: Counter[str]) -> None:
    try:
        ends[str(httpx.get(f"http://127.0.0.1:{port}/", timeout=HANGS_S).status_code)] += 1
    except httpx.TransportError as error:
        ends[type(error).__name__] += 1


@pytest.mark.anyio
async def test_a_stop_that_is_held_up_cuts_off_hardly_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes between the last look into the kernel's queue and its end is told that nobody listens."""
    monkeypatch.setattr(module, "LINGER_S", 0.0)
    listener = Listener(FastAPI(), "127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    await listener.start()
    ends: Counter[str] = Counter()
    threads = [threading.Thread(target=ask, args=(port, ends)) for _ in range(CLIENTS)]
    accept_all = listener._accept_all

    def held_up() -> list[socket.socket]:
        accepted = accept_all()
        for thread in threads:
            thread.start()
        time.sleep(0.5)  # the processor is somebody else's; they come meanwhile
        return accepted

    monkeypatch.setattr(listener, "_accept_all", held_up)
    await listener.stop()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert ends["ConnectError"] >= CLIENTS - 2, ends  # the queue takes one, two if both knock at once


@asynccontextmanager
async def listening(app: FastAPI, most: Callable[[], int] | None = None) -> AsyncIterator[tuple[Listener, int]]:
    listener = Listener(app, "127.0.0.1", 0, most)
    await listener.start()
    try:
        yield listener, listener.socket.getsockname()[1]
    finally:
        await listener.stop()


def problem_in(answer: bytes, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer that ends its connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert first.startswith(f"HTTP/1.1 {status} ")
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    found = dict(json.loads(body))
    assert (found["status"], found["code"], found["request_id"]) == (status, code, headers["x-request-id"])
    assert found["request_id"].startswith("req_")
    return found


def greeting() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def greet() -> str:
        return "hello"

    return app


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LINGER_S", "GRACE_S"):
        monkeypatch.setattr(module, name, 0.05)


@pytest.mark.anyio
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nA: b"], ids=["no", "line", "header"])
async def test_whoever_never_ends_the_head_of_a_request_is_sent_away(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEAD_WITHIN_S", 0.1)
    async with listening(greeting()) as (_, port), asyncio.timeout(HANGS_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await reader.read() == b""
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.close()
        kept, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"hello" in await kept.readuntil(b'"hello"')
        writer.write(sent or b"G")  # and in the next request of a connection too
        assert await kept.read() == b""
        writer.close()


@pytest.mark.anyio
@pytest.mark.usefixtures("brief")
async def test_the_head_of_a_request_has_an_end() -> None:
    async with listening(greeting()) as (_, port), asyncio.timeout(HANGS_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"a%d: %s\r\n" % (n, b"x" * 1000) for n in range(80)))
        problem_in(await reader.read(), 400, "malformed")
        writer.close()


@pytest.mark.anyio
@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    "sent", [b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nA b\r\n\r\n", b"\x16\x03\x01"]
)
async def test_what_is_no_http_is_answered_with_a_problem(sent: bytes) -> None:
    async with listening(greeting()) as (_, port), asyncio.timeout(HANGS_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        problem_in(await reader.read(), 400, "malformed")
        writer.close()


@pytest.mark.anyio
@pytest.mark.usefixtures("brief")
async def test_one_connection_too_many_is_answered_and_an_idle_one_makes_room() -> None:
    held, app, waiting_here = asyncio.Event(), greeting(), list[None]()

    @app.get("/held")
    async def hold() -> str:
        waiting_here.append(None)
        await held.wait()
        return "held"

    async with listening(app, lambda: 2) as (_, port), asyncio.timeout(HANGS_S):
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base) as busy, httpx.AsyncClient(base_url=base) as idle:
            waiting = asyncio.create_task(busy.get("/held"))
            await until(lambda: len(waiting_here) == 1)
            assert (await idle.get("/")).json() == "hello"  # and its connection stays open
            async with httpx.AsyncClient(base_url=base) as third:
                assert (await third.get("/")).json() == "hello"
                also = asyncio.create_task(third.get("/held"))
                await until(lambda: len(waiting_here) == 2)
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                refused = problem_in(await reader.read(), 503, "unavailable")
                assert (refused["retryable"], refused["instance"]) == (True, "")
                writer.close()
                held.set()
                assert (await also).json() == (await waiting).json() == "held"


@pytest.mark.anyio
@pytest.mark.usefixtures("brief")
async def test_answers_carry_the_date_and_no_server() -> None:
    async with listening(greeting()) as (_, port), httpx.AsyncClient() as http:
        headers = (await http.get(f"http://127.0.0.1:{port}/")).headers
    assert headers["date"].endswith(" GMT")
    assert "server" not in headers


def test_uvicorn_is_the_one_whose_inside_was_read() -> None:
    """`Connection` extends what uvicorn does not document: when this fails, look at what has changed there."""
    assert uvicorn.__version__ == "0.54.0"
    assert list(inspect.signature(HttpToolsProtocol).parameters) == ["config", "server_state", "app_state", "_loop"]
    assert vars(ServerState()).keys() >= {"connections", "tasks", "default_headers"}
    overridden = {name for name in vars(Connection) if name.startswith(("on_", "connection_", "send_"))}
    assert overridden <= vars(HttpToolsProtocol).keys()
    assert "response_complete" in inspect.getsource(RequestResponseCycle)


def test_a_taken_address_leaves_no_socket_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])  # a socket left open would fail the test as a warning


def test_a_port_that_is_held_is_left_to_those_that_share_it() -> None:
    port = free_port()
    with hold_port("127.0.0.1", port), bind("127.0.0.1", port, shared=True) as ingress_socket:
        with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
            stranger.bind(("127.0.0.1", port))
        ingress_socket.listen()
        with bind("127.0.0.1", port, shared=True) as successor:
            for _ in range(20):  # none goes to those that only hold it
                with socket.create_connection(("127.0.0.1", port)), ingress_socket.accept()[0]:
                    pass
            successor.listen()
        with pytest.raises(ConfigError, match="choose another with --port"):
            check_port("127.0.0.1", port)


def test_a_port_that_is_bound_later_is_none_that_the_system_gives_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given, socket.create_server(("127.0.0.1", free_port())) as taken:
        assert given.getsockname()[1] not in UNASKED_PORTS
        assert taken.getsockname()[1] in UNASKED_PORTS
        free = {free_port() for _ in range(20)}
        assert free <= set(UNASKED_PORTS) - {taken.getsockname()[1]}
