"""What lies in the database goes on after a restart: jobs, deliveries, the time to live of results."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from serve_app.launch.ports import free_port
from serve_app.notify import webhooks
from serve_app.records.database import Database
from tests.support.live import TONE, Service, config_file, fetched, running, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

WEBHOOKS = {"allow": ["127.0.0.0/8"], "allow_http": True, "retry_s": [1.0] * 60}


class Inbox(BaseHTTPRequestHandler):
    """Takes webhooks into `server.mail`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.mail.append((dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def inbox(port: int) -> Iterator[list[tuple[dict[str, str], bytes]]]:
    server = ThreadingHTTPServer(("127.0.0.1", port), Inbox)
    server.mail = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.mail  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_was_accepted_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Queued and running jobs, one that outlasts its grace, a pending webhook, an idempotency key."""
    config = config_file(tmp_path, [TONE], webhooks=WEBHOOKS)
    port = free_port()
    with running(tmp_path, config, "--grace", "0.5") as service:
        told = service.submit("tell me", webhook=f"http://127.0.0.1:{port}/hook", duration_s=1)
        done = service.ended(told["id"])
        assert done["status"] == "succeeded"
        [delivery] = wait_for(
            lambda: service.job(told["id"])["deliveries"], lambda found: bool(found and found[0]["tries"])
        )
        assert delivery["status"] == "pending"
        first = once(service)
        long = service.submit("outlasts its grace", steps=1000, step_s=0.1)
        jobs = [service.submit(f"job {n}", steps=80, step_s=0.1) for n in range(8)]
        for job in (long, *jobs[:3]):
            service.reach(job["id"], "running")
        assert service.job(jobs[-1]["id"])["status"] == "queued"
        assert service.terminate() == 0
    with inbox(port) as mail, running(tmp_path, config) as service:
        again = wait_for(lambda: service.job(long["id"]), lambda job: job["attempts"] == 2)
        assert again["attempt_log"][0]["outcome"] == "released"
        httpx.post(f"{service.url}/v1/jobs/{long['id']}/cancel", timeout=70).raise_for_status()
        ended = [service.ended(job["id"]) for job in jobs]
        assert [job["status"] for job in ended] == ["succeeded"] * 8
        delivered = wait_for(
            lambda: service.job(told["id"])["deliveries"][0], lambda found: found["status"] == "delivered"
        )
        assert delivered["id"] == delivery["id"]
        assert delivered["tries"][0].get("error")
        for job in ended:
            fetched(job["outputs"][0])
        replayed = once(service)
    assert [answer.status_code for answer in (first, replayed)] == [201, 200]
    assert replayed.headers["idempotency-replayed"] == "true"
    assert replayed.json()["id"] == first.json()["id"]
    [(headers, body)] = mail
    database = Database(f"sqlite:///{tmp_path}/continuo.db")
    secret = database.read_now(webhooks._read_secret, "local", "webhook")
    database.close()
    assert secret is not None
    event = Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert event["type"] == "job.completed"
    assert event["data"]["id"] == told["id"]
    assert event["data"]["status"] == "succeeded"


def once(service: Service) -> httpx.Response:
    body = {"model": "tone", "prompt": "once", "duration_s": 1}
    headers = {"Idempotency-Key": "once-and-only-once"}
    return httpx.post(f"{service.url}/v1/audio/generations", json=body, headers=headers, timeout=70)


def test_what_is_over_its_time_goes_with_its_objects(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE], retention={"jobs_s": 15, "sweep_every_s": 0.5, "idempotency_s": 1})
    with running(tmp_path, config) as service:
        first = service.ended(service.submit("short-lived", seed=1)["id"])
        url = first["outputs"][0]["url"]
        fetched(first["outputs"][0])
        running_on = service.submit("runs meanwhile", steps=1000, step_s=0.1)
        gone = wait_for(
            lambda: httpx.get(f"{service.url}/v1/jobs/{first['id']}", timeout=70), lambda seen: seen.status_code == 404
        )
        assert gone.json()["code"] == "not_found"
        assert httpx.get(url, timeout=70).status_code == 404
        assert not list((tmp_path / "objects").glob("audio/**/*.flac"))
        assert service.job(running_on["id"])["status"] == "running"  # only what has ended grows old
        httpx.post(running_on["urls"]["cancel"], timeout=70)
        assert service.ended(running_on["id"])["status"] == "canceled"
        again = service.ended(service.submit("short-lived", seed=1)["id"])
        assert not again["cached"]
        assert again["outputs"][0]["sha256"] == first["outputs"][0]["sha256"]
