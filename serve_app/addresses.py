"""Which addresses are this machine's own. Traffic to them never goes through a proxy of the operator's environment."""

import os
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def proxy_variables() -> list[str]:
    """The names of the proxy variables that are set and not empty; their values may hold credentials."""
    return sorted(name for name, value in os.environ.items() if name.lower() in _PROXY_VARIABLES and value)


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_local_url(url: str) -> bool:
    """Whether a URL leads to this machine: loopback, or 0.0.0.0 and [::], which a client may name as well."""
    host = ""
    with suppress(ValueError):  # brackets that do not match
        host = urlsplit(url).hostname or ""
    address = _address(host)
    named = host.endswith(".localhost")  # RFC 6761; not for listening, where the hosts file may say otherwise
    return named or is_loopback(host) or (address is not None and address.is_unspecified)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        address = ip_address(host)
        return getattr(address, "ipv4_mapped", None) or address
    with suppress(OSError, ValueError):  # 127.1 and 2130706433, which the resolver takes for 127.0.0.1
        return IPv4Address(socket.inet_aton(host))
    return None


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening address that a successor can take at once. Raises OSError when it is taken.

    A `shared` one lets others of this user bind it that are shared too, and nobody else: whoever started the service
    holds its port while an ingress comes up or is replaced. Connections come to those only that listen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: asyncio sets TCP_NODELAY only then, and without it each answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(False)
    return listener
