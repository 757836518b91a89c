"""`continuo serve --production`: HAProxy before the ingress, keys at every door, nothing else open."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from serve_app.config import parse_args
from serve_app.config_file import read_config
from serve_app.records import api_keys
from serve_app.records.database import Database
from tests.support.live import TONE, Service, config_file, running, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def new_key(config: Path, owner: str) -> dict[str, str]:
    database = Database(parse_args(read_config(config)).database_url)
    database.migrate()
    token = database.write_now(api_keys.create, owner, "test").token
    database.close()
    return {"Authorization": f"Bearer {token}"}


def listening(service: Service) -> dict[tuple[str, int], str]:
    """Where the service's processes listen, with the process that does."""
    family = [psutil.Process(service.process.pid), *psutil.Process(service.process.pid).children(recursive=True)]
    found = {}
    for member in family:
        try:
            for connection in member.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    found[connection.laddr.ip, connection.laddr.port] = member.name()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def answers_http(address: str, port: int, path: str) -> httpx.Response | None:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(address, address)
    try:
        return httpx.get(f"http://{host}:{port}{path}", timeout=10)
    except httpx.HTTPError:
        return None


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str, Path]]:
    """The service, its URL and its configuration."""
    home = tmp_path_factory.mktemp("one")
    config = config_file(home, [TONE])
    new_key(config, "nobody")  # it does not start without one
    with running(home, config, "--production") as service:
        yield service, f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}", config


def test_keys_at_every_door(production: tuple[Service, str, Path]) -> None:
    service, url, config = production
    alice, bob = new_key(config, "alice"), new_key(config, "bob")
    body = {"prompt": "hi", "seed": 1}
    refused = httpx.post(f"{url}/v1/audio/generations", json=body, timeout=70)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    made = httpx.post(f"{url}/v1/audio/generations", json=body, headers=alice, timeout=90)
    assert made.status_code == 201, made.text
    assert len(made.headers.get_list("x-request-id")) == 1
    job = made.json()
    assert job["owner"] == "alice"
    assert httpx.get(f"{url}/v1/jobs/{job['id']}", headers=bob, timeout=70).status_code == 404
    assert httpx.get(f"{url}/v1/jobs", headers=bob, timeout=70).json()["results"] == []
    assert httpx.get(job["outputs"][0]["url"], timeout=70).status_code == 200  # a signed URL needs no key
    with httpx.stream("GET", f"{url}/v1/jobs/{job['id']}/events", headers=alice, timeout=70) as events:
        assert "event: completed" in "".join(events.iter_text())
    assert service.pids("ingress")


def test_what_comes_through_haproxy_is_checked_as_anywhere(production: tuple[Service, str, Path]) -> None:
    _, url, config = production
    key = new_key(config, "odd")
    for given, kept in (("trace-1", True), ("<script>", False), ("x" * 65, False)):
        answer = httpx.get(f"{url}/v1/nothing", headers={**key, "X-Request-Id": given}, timeout=70)
        [told] = answer.headers.get_list("x-request-id")
        assert (told == given) is kept
        assert answer.json()["request_id"] == told
    address = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
    for sent in (b"", b"Host: a:99999\r\n", b"Host: a b\r\n"):
        with socket.create_connection(address, timeout=70) as connection, connection.makefile("rb") as answer:
            connection.sendall(b"GET /v1/jobs/ HTTP/1.1\r\n" + sent + b"Connection: close\r\n\r\n")
            assert answer.readline().startswith(b"HTTP/1.1 400 "), sent


def test_one_port_answers_and_gives_nothing_away_without_a_key(production: tuple[Service, str, Path]) -> None:
    service, url, config = production
    ours = int(url.rsplit(":", 1)[1])
    sockets = listening(service)
    assert "haproxy" in sockets.values()
    answered = set()
    for (address, port), process in sockets.items():
        for path in ("/", "/stats", "/metrics", "/v1/jobs", "/api/jobs/", "/api/serve/applications/"):
            answer = answers_http(address, port, path)
            where = (address, port, process, path, answer)
            if answer is None:
                continue
            assert path == "/" or not answer.is_success, where
            if path == "/metrics":
                assert answer.status_code in (401, 404), where
            if not address.startswith("127."):
                answered.add(port)
                assert port == ours or answer.status_code == 401, where  # Ray's own ask for its token
    assert ours in answered
    assert httpx.get(f"{url}/metrics", headers=new_key(config, "ada"), timeout=70).status_code == 200


def test_a_client_that_hangs_up_ends_no_job(production: tuple[Service, str, Path]) -> None:
    """Ray cancels what was called for a request whose client has gone; a job was accepted, and is none of that."""
    _, url, config = production
    key = new_key(config, "hasty")
    body = {"model": "tone", "prompt": "hangs up", "steps": 30, "step_s": 0.1}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/v1/audio/generations", json=body, headers=key, timeout=1.0)
    [job] = httpx.get(f"{url}/v1/jobs", headers=key, timeout=70).json()["results"]
    path = f"{url}/v1/jobs/{job['id']}"
    ended = wait_for(lambda: httpx.get(path, headers=key, timeout=70).json(), lambda seen: bool(seen["completed_at"]))
    assert (ended["status"], ended["attempts"]) == ("succeeded", 1)


def test_another_production_lives_beside_it(production: tuple[Service, str, Path], tmp_path: Path) -> None:
    _, one_url, one_config = production
    two_config = config_file(tmp_path, [TONE])
    one_key, two_key = new_key(one_config, "me"), new_key(two_config, "me")
    with running(tmp_path, two_config, "--production") as two:
        two_url = f"http://127.0.0.1:{two.url.rsplit(':', 1)[1]}"
        for url, key in ((one_url, one_key), (two_url, two_key)):
            body = {"prompt": "hi", "duration_s": 1}
            made = httpx.post(f"{url}/v1/audio/generations", json=body, headers=key, timeout=90)
            assert made.status_code == 201, made.text


def test_whoever_waits_is_answered_before_it_ends(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE])
    key = new_key(config, "me")
    with (
        running(tmp_path, config, "--production", "--grace", "1") as service,
        httpx.Client(base_url=f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}", headers=key, timeout=90) as http,
        ThreadPoolExecutor(16) as clients,
    ):

        def wait_for_job(number: int) -> httpx.Response:
            body = {"model": "tone", "input": {"prompt": f"{number}", "steps": 1000, "step_s": 0.1}}
            return http.post("/v1/jobs", json=body, headers={"Prefer": "wait=60"})

        answers = [clients.submit(wait_for_job, number) for number in range(16)]
        wait_for(lambda: len(http.get("/v1/jobs").json()["results"]), lambda count: count == 16)
        assert service.terminate() == 0
        assert [answer.result().status_code for answer in answers] == [202] * 16
        said = [*service.seen, service.wait_line("^stopping"), service.wait_line("^stopped")]
    assert [line.split()[0] for line in said] == ["ready", "stopping:", "stopped;"]  # nothing of Ray's between
    assert service.lines.empty()
