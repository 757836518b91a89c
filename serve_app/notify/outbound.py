"""HTTP to addresses that callers name, without letting them reach our own network (SSRF).

Every address of the host must be public, also the IPv4 address that an IPv6 one carries, unless the operator
opened its network. The connection goes to exactly the address that was checked, so a name that answers
otherwise the second time gains nothing; Host and the TLS name stay those of the URL. httpcore is used bare:
it knows no redirects, no proxies of the environment, no cookies and no content decoding.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore
import httpx

from serve_app.errors import Invalid, Unavailable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Iterable[str]]

LONGEST_URL = 2000
RESPONSE_BYTES = 64 << 10
RESOLVE_TIMEOUT_S = 5.0

_NOT_PUBLIC = "the host must resolve to public addresses only"
_HOST_NAME = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_-])?")
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # the only part of IPv6 that is handed out (RFC 4291, IANA)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052; the local prefix 64:ff9b:1::/48 lies outside of 2000::/3
_SPECIAL = (  # public to some Python versions
    IPv4Network("192.88.99.0/24"),  # the retired 6to4 relays (RFC 7526)
    IPv6Network("3fff::/20"),  # documentation (RFC 9637)
)
_MAX_ADDRESSES = 4
# Threads of their own: names that never answer must not use up those that the rest of the process waits for.
_resolvers = ThreadPoolExecutor(8, thread_name_prefix="resolve")


class Refused(Exception):
    """This URL may not be called, now or later; the text is fit for the caller."""


class Unreachable(Exception):
    """There was no answer; a later try may get one. The text is fit for the caller."""


@dataclass(frozen=True)
class Policy:
    """What may be called: public addresses by https, plus what the operator opens."""

    allow_networks: tuple[Network, ...] = ()
    allow_http: bool = False

    @classmethod
    def parse(cls, allow: Iterable[str], allow_http: bool = False) -> "Policy":
        """From networks as text, for instance "10.0.0.0/8". Raises ValueError that names a wrong one."""
        return cls(tuple(ip_network(text) for text in allow), allow_http)

    def permits(self, address: Address) -> bool:
        """Whether a connection to `address` may be made."""
        carried = carried_addresses(address)
        return self._opened(address) or all(self._opened(one) or is_public(one) for one in carried)

    def _opened(self, address: Address) -> bool:
        return any(address in network for network in self.allow_networks)


@dataclass(frozen=True)
class Reply:
    """An answer; `body` holds its first 64 KiB."""

    status_code: int
    headers: Mapping[str, str]
    body: bytes


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a host as the operating system finds them."""
    return [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def carried_addresses(address: Address) -> tuple[Address, ...]:
    """The IPv4 addresses at which an IPv6 address really ends, or the address itself."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or (address,)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet. Tunnels must be unwrapped before."""
    if address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global:
        return False
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return not any(address in network for network in _SPECIAL)


async def resolve_public(host: str, port: int, policy: Policy, resolver: Resolver = system_resolver) -> list[Address]:
    """The addresses of `host`, all of them permitted. Raises Refused or Unreachable."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.run_in_executor(_resolvers, lambda: list(resolver(host, port)))
    except (TimeoutError, socket.gaierror) as error:
        unknown = isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN
        reason = "the host name is not known" if unknown else "the host name could not be resolved in time"
        raise (_UnknownHost if unknown else Unreachable)(reason) from error
    except UnicodeError as error:  # a label that is empty or too long
        raise Refused("the host name is not valid") from error
    addresses = list(dict.fromkeys(ip_address(text) for text in found))
    if not addresses or not all(policy.permits(address) for address in addresses):
        raise Refused(_NOT_PUBLIC)
    return addresses


class _UnknownHost(Unreachable):
    """The name does not exist, as far as the name servers say today."""


def parse_url(url: str, policy: Policy) -> httpx.URL:
    """The URL as it will be called. Raises Refused. Its host is not resolved here."""
    if len(url) > LONGEST_URL:
        raise Refused(f"must be at most {LONGEST_URL} characters, not {len(url)}")
    if not url.isprintable() or "\\" in url or " " in url:
        raise Refused("must not contain spaces, backslashes or control characters")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Refused("is not a valid URL") from error
    if parsed.scheme not in ("https", *(["http"] if policy.allow_http else [])):
        raise Refused("must start with http:// or https://" if policy.allow_http else "must start with https://")
    if "@" in re.split(r"[/?#]", url.partition("//")[2], maxsplit=1)[0]:
        raise Refused("must not contain a user name or password")
    host = parsed.raw_host.decode().removesuffix(".")
    if not _is_ipv6(host) and not _HOST_NAME.fullmatch(host):
        raise Refused("the host name is not valid")
    if parsed.port is not None and not 1 <= parsed.port <= 65535:
        raise Refused("the port must be between 1 and 65535")
    if parsed.port is not None and parsed.port < 1024 and parsed.port not in (80, 443):
        raise Refused("the port must be 80, 443 or at least 1024")  # so that no mail or name server is talked to
    return parsed.copy_with(host=host, fragment=None)


def _is_ipv6(host: str) -> bool:
    try:
        return "%" not in host and bool(IPv6Address(host))
    except ValueError:
        return False


async def check_url(
    url: str, policy: Policy, resolver: Resolver = system_resolver, pointer: str = "/webhook/url"
) -> None:
    """Refuse a URL as early as it is named. A connection checks again.

    Raises Invalid that points at the field, and Unavailable when name servers do not answer.
    """
    try:
        parsed = parse_url(url, policy)
        await resolve_public(parsed.raw_host.decode(), _port(parsed), policy, resolver)
    except (Refused, _UnknownHost) as error:
        # A private name and an unknown one answer alike: callers must not list our internal names.
        reason = _NOT_PUBLIC if isinstance(error, _UnknownHost) else str(error)
        raise Invalid("the URL cannot be called", [{"pointer": pointer, "detail": reason}]) from error
    except Unreachable as error:
        raise Unavailable(f"{pointer}: {error}", retry_after_s=5.0) from error


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


class Client:
    """Calls URLs that callers name. Keeps no connections: nothing to close, any event loop may use it."""

    def __init__(
        self,
        policy: Policy,
        timeout_s: float = 10.0,
        resolver: Resolver = system_resolver,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.policy, self.timeout_s, self._resolver = policy, timeout_s, resolver
        self._ssl_context = ssl_context or httpx.create_ssl_context()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """One POST within `timeout_s` in all; redirects are not followed. Raises Refused or Unreachable."""
        received = bytearray()

        def keep(chunk: bytes) -> bool:
            received.extend(chunk)
            return len(received) < RESPONSE_BYTES

        status, named = await self._call("POST", url, keep, headers, body)
        return Reply(status, named, bytes(received[:RESPONSE_BYTES]))

    async def get(self, url: str, write: Callable[[bytes], object], most_bytes: int) -> str:
        """Fetch a file in one GET within `timeout_s`, handing on its bytes as they come; returns its media type.

        Redirects are not followed. Raises Refused, also for more than `most_bytes`, or Unreachable.
        """
        taken = 0

        def keep(chunk: bytes) -> bool:
            nonlocal taken
            taken += len(chunk)
            if taken <= most_bytes:
                write(chunk)
            return taken <= most_bytes

        try:
            status, named = await self._call("GET", url, keep)
        except _UnknownHost:  # as a private one: callers must not list our internal names
            raise Refused(_NOT_PUBLIC) from None
        if 300 <= status < 400:
            raise Refused("answers with a redirect, which is not followed; give the URL at its end")
        if status != 200:
            raise Unreachable(f"the server answered with status {status}")
        if taken > most_bytes:
            raise Refused(f"sends more than {most_bytes} bytes")
        return named.get("content-type", "")

    async def _call(
        self,
        method: str,
        url: str,
        keep: Callable[[bytes], bool],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, Mapping[str, str]]:
        """Status and headers of an answer; `keep` gets its body as it comes and says whether to go on."""
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self._exchange(method, parse_url(url, self.policy), keep, headers or {}, body)
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise Unreachable(f"no complete answer within {self.timeout_s:g} s") from error
        except httpcore.ConnectError as error:
            raise Unreachable(_connect_failure(error)) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unreachable("the connection broke or the answer was not HTTP") from error

    async def _exchange(
        self,
        method: str,
        url: httpx.URL,
        keep: Callable[[bytes], bool],
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> tuple[int, Mapping[str, str]]:
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=_port(url), target=url.raw_path)
        sent = [("Host", url.netloc.decode()), ("Accept-Encoding", "identity"), *headers.items()]
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._ssl_context,
                network_backend=_PinnedBackend(self.policy, self._resolver, self.timeout_s),
            ) as pool,
            pool.stream(method, target, headers=sent, content=body) as response,
        ):
            async for chunk in response.aiter_stream():
                if not keep(chunk):
                    break
        named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return response.status, named


def _connect_failure(error: httpcore.ConnectError) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the TLS certificate is not valid: {cause.verify_message}"
    return "the connection was not accepted" if cause is None else "the TLS handshake failed"


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, checks, and connects to an address that was checked, never to a name."""

    def __init__(self, policy: Policy, resolver: Resolver, timeout_s: float) -> None:
        self._policy, self._resolver, self._timeout_s = policy, resolver, timeout_s
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = (await resolve_public(host, port, self._policy, self._resolver))[:_MAX_ADDRESSES]
        share_s = self._timeout_s / (len(addresses) + 1)  # a dead address leaves time for the others
        failure: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(str(address), port, share_s, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure
