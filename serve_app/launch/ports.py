"""Ports: whether one is taken, one that is free, one kept until the ingress listens there."""

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from serve_app.addresses import bind
from serve_app.errors import ConfigError

# Below Linux's own (32768-60999), above those of replicas behind HAProxy and of Ray's workers (10002-19999).
UNASKED_PORTS = range(30_000, 32_768)


def check_port(host: str, port: int) -> None:
    """Raise ConfigError when something listens there already."""
    with _port_errors(host, port):
        bind(host, port).close()


def hold_port(host: str, port: int) -> socket.socket:
    """The address, kept from everybody but the ingress, which listens there seconds later. Raises as `check_port`."""
    with _port_errors(host, port):
        return bind(host, port, shared=True)


@contextmanager
def _port_errors(host: str, port: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}; choose another with --port") from None


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses and that the system hands to nobody by itself: it is bound only seconds from now.

    Raises ConfigError when all of them are taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in random.sample(UNASKED_PORTS, len(UNASKED_PORTS)):
        with suppress(OSError), socket.socket(family) as probe:  # no reuse: what is only held is taken too
            probe.bind((host, port))
            return port
    raise ConfigError(f"no port is free on {host}; choose one with --port")


def free_ports(count: int, but: int) -> list[int]:
    """Different ports as `free_port` finds them, none of them the one that will be bound later."""
    found: set[int] = set()
    while len(found) < count:
        found |= {free_port()} - {but}
    return list(found)
