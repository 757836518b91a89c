import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serve_app.errors import Invalid, Unavailable
from serve_app.notify.outbound import (
    RESPONSE_BYTES,
    Client,
    Policy,
    Refused,
    Unreachable,
    check_url,
    is_public,
    parse_url,
    resolve_public,
)

pytestmark = pytest.mark.anyio

PUBLIC_ONLY = Policy()
PUBLIC_OR_HTTP = Policy(allow_http=True)
LOOPBACK = Policy.parse(("127.0.0.0/8", "::1/128"), allow_http=True)
PUBLIC = "93.184.215.14"

DISGUISES = [  # of our own machine, of private networks and of the clouds' metadata
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7F.1", "017700000001", "0177.0.0.1",
    "127.0.0.1.", "127。0。0。1", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:808:808:0:0:80ff:fffe]", "[fec0::1]", "[fe80::1]",
    "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "169.254.169.254",
    "2852039166", "100.64.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "192.0.2.1", "198.18.0.1",
    "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
]  # fmt: skip

BAD_URLS = [
    "", "x", "//a.example/", "https:", "https://", "https:///x", "https://?x", "https://a..", "https://.",
    "ftp://a.example/", "file:///etc/passwd", "gopher://a.example/", "unix:///run/x", "javascript:alert(1)",
    "https://u@a.example/", "https://u:p@a.example/", "https://@a.example/", "https://a.example\\@127.0.0.1/",
    "https://a.example:0/", "https://a.example:-1/", "https://a.example:65536/", "https://a.example:x/",
    "https://a.example:25/", "https://a.exa mple/", "https://a.example/\r\nHost: b", "https://a.example/\x00",
    "https://a%2eexample/", "https://[fe80::1%25eth0]/", "https://[::1%lo]/", "https://[::1/", "https://①.example/",
    "https://a.example/\ud800", "http://a.example/", "https://a.example/" + "x" * 2000,
]  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Receiver:
    """A small HTTP server that keeps what it gets. Its last answer is repeated; None is silence."""

    def __init__(self, *answers: bytes | None, byte_every_s: float = 0.0) -> None:
        self.answers = list(answers) or [answer(200)]
        self.byte_every_s = byte_every_s
        self.connections = 0
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.port = 0
        self._handlers: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for handler in self._handlers:
                handler.cancel()
            await asyncio.gather(*self._handlers, return_exceptions=True)
            await server.wait_closed()

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/hook"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._handlers.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            given = self.answers[min(len(self.requests), len(self.answers) - 1)]
            self.requests.append((headers, body))
            if given is None:
                await asyncio.Event().wait()
            for chunk in [bytes([b]) for b in given or b""] if self.byte_every_s else [given or b""]:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(self.byte_every_s)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answers_in_turn(*rounds: list[str]) -> tuple[Callable[[str, int], list[str]], list[str]]:
    """A resolver whose answer changes at each call, the last one staying; and the names it was asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return rounds[min(len(asked), len(rounds)) - 1]

    return resolve, asked


@pytest.mark.parametrize("host", DISGUISES)
async def test_no_disguise_of_a_private_address_reaches_a_server_on_this_machine(host: str) -> None:
    async with Receiver().listening() as canary:
        with pytest.raises(Invalid) as refused:
            await check_url(canary.url(host), PUBLIC_OR_HTTP)
        with pytest.raises(Refused):
            await Client(PUBLIC_OR_HTTP).post(canary.url(host), b"{}", {})
    assert canary.connections == 0
    assert [e["pointer"] for e in refused.value.errors] == ["/webhook/url"]


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "LocalHost."])
async def test_the_same_disguises_do_reach_it_once_the_operator_opens_loopback(host: str) -> None:
    async with Receiver().listening() as receiver:
        reply = await Client(LOOPBACK).post(receiver.url(host), b"{}", {})
    assert reply.status_code == 200
    assert receiver.connections == 1


@pytest.mark.parametrize("url", BAD_URLS)
async def test_a_malformed_or_foreign_url_is_refused_before_any_look_up(url: str) -> None:
    resolve, asked = answers_in_turn([PUBLIC])
    with pytest.raises(Invalid) as refused:
        await check_url(url, PUBLIC_ONLY, resolve)
    assert asked == []
    assert refused.value.errors[0]["detail"]


@given(st.text(max_size=60), st.sampled_from(["", "https://", "https://a", "https://[", "https://a:"]))
@settings(deadline=None, max_examples=500)
@example("a" * 64 + ".example", "https://")
@example("xn--a", "https://")
def test_any_text_is_either_a_url_with_a_plain_host_or_refused(text: str, start: str) -> None:
    try:
        url = parse_url(start + text, PUBLIC_ONLY)
    except Refused:
        return
    assert url.scheme == "https"
    assert not url.userinfo
    assert set(url.raw_host) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789._-:")


async def test_a_name_that_no_name_server_could_know_is_refused() -> None:
    for host in ("a" * 64 + ".example", "a..example"):
        with pytest.raises(Refused, match="not valid"):
            await resolve_public(host, 443, PUBLIC_ONLY)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://hooks.example/x?y=1", "hooks.example"),
        ("HTTPS://Hooks.Example:8443/", "hooks.example"),
        ("https://hooks.example./", "hooks.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://my_hook.example:443/#part", "my_hook.example"),
    ],
)
async def test_an_ordinary_url_passes_and_its_plain_name_is_looked_up(url: str, host: str) -> None:
    resolve, asked = answers_in_turn([PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808"])
    await check_url(url, PUBLIC_ONLY, resolve)
    assert asked == [host]


async def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    resolve, _ = answers_in_turn([PUBLIC, "10.0.0.1"])
    with pytest.raises(Refused, match="public addresses only"):
        await resolve_public("hooks.example", 443, PUBLIC_ONLY, resolve)
    opened = Policy.parse(["10.0.0.0/8"])
    assert await resolve_public("hooks.example", 443, opened, resolve) == [
        ip_address(PUBLIC),
        ip_address("10.0.0.1"),
    ]


async def test_opening_one_network_opens_no_other() -> None:
    opened = Policy.parse(["10.0.0.0/8"])
    assert opened.permits(ip_address("::ffff:10.1.2.3"))
    assert not opened.permits(ip_address("192.168.0.1"))
    assert not opened.permits(ip_address("64:ff9b::c0a8:1"))
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        Policy.parse(["10.0.0.1/8"])


async def test_public_means_global_unicast() -> None:
    assert is_public(ip_address("2606:4700::1111"))
    assert is_public(ip_address("8.8.8.8"))
    assert not is_public(ip_address("fec0::1"))


async def test_a_name_that_turns_private_after_the_check_is_not_connected_to() -> None:
    async with Receiver().listening() as canary:
        resolve, asked = answers_in_turn([PUBLIC], ["127.0.0.1"])
        await check_url(canary.url("rebind.example"), PUBLIC_OR_HTTP, resolve)
        with pytest.raises(Refused):
            await Client(PUBLIC_OR_HTTP, resolver=resolve).post(canary.url("rebind.example"), b"{}", {})
    assert asked == ["rebind.example"] * 2
    assert canary.connections == 0


async def test_a_post_looks_up_once_and_connects_to_what_it_checked() -> None:
    async with Receiver().listening() as checked, Receiver().listening() as canary:
        resolve, asked = answers_in_turn(["127.0.0.1"], ["127.0.0.2"])
        url = checked.url("rebind.example")
        await Client(LOOPBACK, resolver=resolve).post(url, b"{}", {})
    assert asked == ["rebind.example"]
    assert (checked.connections, canary.connections) == (1, 0)
    assert checked.requests[0][0]["host"] == f"rebind.example:{checked.port}"


async def test_a_dead_address_does_not_hide_a_live_one() -> None:
    async with Receiver().listening() as receiver:
        resolve, _ = answers_in_turn(["127.0.0.9", "127.0.0.1"])  # the server listens on the second only
        reply = await Client(LOOPBACK, resolver=resolve).post(receiver.url("two.example"), b"{}", {})
    assert reply.status_code == 200


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/meta-data/", "/again"])
async def test_a_redirect_is_returned_and_not_followed(to: str) -> None:
    async with Receiver(answer(302, f"Location: {to}")).listening() as receiver:
        reply = await Client(LOOPBACK).post(receiver.url(), b"{}", {})
    assert (reply.status_code, reply.headers["location"]) == (302, to)
    assert receiver.connections == 1


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver().listening() as proxy, Receiver().listening() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await Client(LOOPBACK).post(receiver.url(), b"{}", {})
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_a_long_or_packed_body_is_cut_as_it_comes() -> None:
    packed = answer(200, "Content-Encoding: gzip", body=b"\x1f\x8b not really gzip")
    endless = b"HTTP/1.1 200 X\r\nContent-Length: 1000000000000\r\n\r\n" + b"x" * 1_000_000
    async with Receiver(endless, packed).listening() as receiver:
        client = Client(LOOPBACK)
        assert (await client.post(receiver.url(), b"{}", {})).body == b"x" * RESPONSE_BYTES
        assert (await client.post(receiver.url(), b"{}", {})).body.startswith(b"\x1f\x8b")


async def test_a_silent_a_broken_and_an_absent_receiver_are_unreachable() -> None:
    async with Receiver(None).listening() as silent, Receiver(b"SMTP ready\r\n\r\n").listening() as broken:
        with pytest.raises(Unreachable, match=r"within 0\.3 s"):
            await Client(LOOPBACK, timeout_s=0.3).post(silent.url(), b"{}", {})
        with pytest.raises(Unreachable, match="not HTTP"):
            await Client(LOOPBACK).post(broken.url(), b"{}", {})
    with socket.socket() as absent:  # bound and not listening: nobody else can be there
        absent.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="not accepted"):
            await Client(LOOPBACK).post(f"http://127.0.0.1:{absent.getsockname()[1]}/hook", b"{}", {})


async def test_an_answer_that_drips_without_end_meets_the_total_timeout() -> None:
    slow = Receiver(answer(200, body=b"x" * 100), byte_every_s=0.2)
    async with slow.listening() as receiver:
        with pytest.raises(Unreachable, match="no complete answer"):
            await Client(LOOPBACK, timeout_s=2).post(receiver.url(), b"{}", {})
    assert len(receiver.requests) == 1


async def test_unknown_names_answer_like_private_ones_and_silent_name_servers_ask_for_a_retry() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    def later(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    with pytest.raises(Invalid) as absent:
        await check_url("https://absent.internal/", PUBLIC_ONLY, unknown)
    with pytest.raises(Invalid) as private:
        await check_url("https://present.internal/", PUBLIC_ONLY, lambda host, port: ["10.0.0.1"])
    assert absent.value.errors == private.value.errors
    with pytest.raises(Unavailable):
        await check_url("https://hooks.example/", PUBLIC_ONLY, later)


async def test_tls_uses_the_name_and_checks_its_certificate(tmp_path: Path) -> None:
    serving, trusting, seen = certificate_for("hooks.example", tmp_path)
    resolve, _ = answers_in_turn(["127.0.0.1"])
    async with Receiver().listening(serving) as receiver:
        client = Client(LOOPBACK, resolver=resolve, ssl_context=trusting)
        # The dot at the end is taken off, else no certificate would fit.
        assert (await client.post(receiver.url("hooks.example.", "https"), b"{}", {})).status_code == 200
        assert seen == ["hooks.example"]
        with pytest.raises(Unreachable, match="certificate is not valid"):
            await client.post(receiver.url("other.example", "https"), b"{}", {})
        with pytest.raises(Unreachable, match="certificate is not valid"):
            await Client(LOOPBACK, resolver=resolve).post(receiver.url("hooks.example", "https"), b"{}", {})
    assert len(receiver.requests) == 1


async def test_the_host_header_of_an_ipv6_address_keeps_its_brackets() -> None:
    assert parse_url("https://[2606:4700::1111]:8443/", PUBLIC_ONLY).netloc == b"[2606:4700::1111]:8443"


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext, list[str | None]]:
    """A server's context, one that trusts it, and the list of names that clients asked the server for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    seen: list[str | None] = []
    serving.sni_callback = lambda _socket, asked, _context: seen.append(asked)
    return serving, ssl.create_default_context(cafile=str(file)), seen


async def test_a_file_is_fetched_in_parts_up_to_a_limit() -> None:
    data = bytes(range(256)) * 1000
    async with Receiver(answer(200, "Content-Type: audio/wav", body=data)).listening() as server:
        got = bytearray()
        assert await Client(LOOPBACK).get(server.url("127.0.0.1"), got.extend, len(data)) == "audio/wav"
        assert bytes(got) == data
        got.clear()
        with pytest.raises(Refused, match="more than 255999 bytes"):
            await Client(LOOPBACK).get(server.url("127.0.0.1"), got.extend, len(data) - 1)
        assert len(got) < len(data)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_fetch_follows_no_redirect(status: int) -> None:
    async with Receiver().listening() as elsewhere:
        sends_on = answer(status, f"Location: {elsewhere.url('127.0.0.1')}")
        async with Receiver(sends_on).listening() as server:
            with pytest.raises(Refused, match="redirect"):
                await Client(LOOPBACK).get(server.url("127.0.0.1"), bytearray().extend, 100)
    assert (server.connections, elsewhere.connections) == (1, 0)


@pytest.mark.parametrize("host", DISGUISES)
async def test_no_fetch_reaches_a_private_address(host: str) -> None:
    async with Receiver().listening() as canary:
        with pytest.raises(Refused):
            await Client(PUBLIC_OR_HTTP).get(canary.url(host), bytearray().extend, 100)
    assert canary.connections == 0


@pytest.mark.parametrize("status", [204, 206, 404, 500])
async def test_a_fetch_wants_a_whole_file(status: int) -> None:
    async with Receiver(answer(status)).listening() as server:
        with pytest.raises(Unreachable, match=str(status)):
            await Client(LOOPBACK).get(server.url("127.0.0.1"), bytearray().extend, 100)
