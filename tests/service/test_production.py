"""`continuo serve --production`: HAProxy before the ingress, keys at every door, nothing else open."""

from pathlib import Path

import httpx
import psutil
import pytest

from serve_app import keys
from serve_app.config import parse_args
from serve_app.database import Database
from serve_app.launch import read_config
from tests.support.live import TONE, Service, config_file, running

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def new_key(config: Path, owner: str) -> dict[str, str]:
    database = Database(parse_args(read_config(config)).database_url)
    database.migrate()
    token = database.write_now(keys.create, owner, "test").token
    database.close()
    return {"Authorization": f"Bearer {token}"}


def listening(service: Service) -> dict[int, str]:
    """Ports of the service's processes that can be reached from outside, with the process that holds them."""
    family = [psutil.Process(service.process.pid), *psutil.Process(service.process.pid).children(recursive=True)]
    found = {}
    for member in family:
        try:
            for connection in member.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and not connection.laddr.ip.startswith("127."):
                    found[connection.laddr.port] = " ".join(member.cmdline())[:60]
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def answers_http(port: int, path: str) -> httpx.Response | None:
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5)
    except httpx.HTTPError:
        return None


def test_keys_at_every_door(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE])
    alice, bob = new_key(config, "alice"), new_key(config, "bob")
    with running(tmp_path, config, "--production") as service:
        url = f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}"
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
        ports = listening(service)
        assert int(url.rsplit(":", 1)[1]) in ports
        for port, process in ports.items():  # whoever answers HTTP there gives nothing away
            for path in ("/v1/jobs", "/api/jobs/", "/api/serve/applications/"):
                answer = answers_http(port, path)
                assert answer is None or not answer.is_success, (port, process, path)


def test_two_productions_side_by_side(tmp_path: Path) -> None:
    configs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        configs.append(config_file(tmp_path / name, [TONE]))
    one_key, two_key = (new_key(config, "me") for config in configs)
    with (
        running(tmp_path / "one", configs[0], "--production") as one,
        running(tmp_path / "two", configs[1], "--production") as two,
    ):
        for service, key in ((one, one_key), (two, two_key)):
            url = f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}"
            body = {"prompt": "hi", "duration_s": 1}
            made = httpx.post(f"{url}/v1/audio/generations", json=body, headers=key, timeout=90)
            assert made.status_code == 201, made.text
