"""`serve deploy` of a changed configuration in the middle of jobs: every process is replaced, and no job is lost."""

import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve_app.launch.ports import free_port
from tests.jobs.test_several import check_rows
from tests.service.test_production import new_key
from tests.service.test_settings import deploying, rendered
from tests.support.live import wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow]

JOBS = 50
ENDED = ("succeeded", "failed", "canceled")
Json = dict[str, Any]


def answer(http: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """The first answer of a service that may be between two processes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            reply = http.request(method, path, **more)
            if reply.status_code < 500 and reply.status_code != 429:
                return reply
        time.sleep(0.05)
    raise AssertionError(f"nobody answers {method} {path}")


def accept(http: httpx.Client, ids: list[str]) -> None:
    """Make all jobs, one after the other."""
    for number in range(JOBS):
        body = {"model": "tone", "input": {"prompt": f"job {number}", "seed": number, "steps": 10, "step_s": 0.1}}
        headers = {"Idempotency-Key": f"deploy-{number}", "Prefer": "respond-async"}
        reply = answer(http, "POST", "/v1/jobs", json=body, headers=headers)
        assert reply.status_code in (200, 202), reply.text
        ids.append(reply.json()["id"])
        time.sleep(0.1)


@pytest.mark.parametrize("door", ["listener", "haproxy"])
def test_jobs_outlive_a_deploy(tmp_path: Path, door: str) -> None:
    port = free_port()
    listens = port if door == "listener" else 0
    document = rendered(tmp_path, listens)
    key = {} if listens else new_key(tmp_path / "continuo.yaml", "ada")
    ids: list[str] = []
    with deploying(tmp_path, 0 if listens else port) as ray:
        seen = [ray.deploy(document)]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=key, timeout=70) as http:
            wait_for(lambda: answer(http, "GET", "/readyz").status_code, lambda status: status == 200)
            clients = threading.Thread(target=accept, args=(http, ids))
            clients.start()
            for level in ("WARNING", "INFO"):
                wait_for(lambda: len(ids), lambda count: count >= (10 if level == "WARNING" else 25))  # noqa: B023
                seen.append(ray.deploy(rendered(tmp_path, listens, log_level=level)))
            clients.join(300)
            assert len(set(ids)) == JOBS
            jobs: list[Json] = []
            for job_id in ids:
                look = lambda path=f"/v1/jobs/{job_id}": answer(http, "GET", path).json()  # noqa: E731
                jobs.append(wait_for(look, lambda job: job["status"] in ENDED, timeout_s=180))
    for name in ("ingress", "tone"):
        assert len({tuple(replicas[name]) for replicas in seen}) == 3  # each deploy replaced them
    assert Counter(job["status"] for job in jobs) == {"succeeded": JOBS}
    check_rows(f"sqlite:///{tmp_path}/continuo.db")
