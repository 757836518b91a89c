"""The end of our own HTTP server, and the port that it is given."""

import asyncio
import socket
import threading
import time
from collections import Counter

import httpx
import pytest
from fastapi import FastAPI

from serve_app import ingress
from serve_app.addresses import bind
from serve_app.config import ConfigError
from serve_app.ingress import Listener
from serve_app.launch import UNASKED_PORTS, check_port, free_port, hold_port
from tests.support.service import HANGS_S

CLIENTS = 12


def ask(port: int, ends: Counter[str]) -> None:
    try:
        ends[str(httpx.get(f"http://127.0.0.1:{port}/", timeout=HANGS_S).status_code)] += 1
    except httpx.TransportError as error:
        ends[type(error).__name__] += 1


@pytest.mark.anyio
async def test_a_stop_that_is_held_up_cuts_off_hardly_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes between the last look into the kernel's queue and its end is told that nobody listens."""
    monkeypatch.setattr(ingress, "LINGER_S", 0.0)
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
