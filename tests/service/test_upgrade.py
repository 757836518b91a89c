"""`continuo serve` on the home of version 0.1.0. What is in it, and PostgreSQL: tests/records/test_upgrade.py."""

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from serve_app.launch.ports import free_port
from tests.service.test_restart import inbox
from tests.support.live import fetched, running, wait_for
from tests.support.upgrade import CONFIG, lasting, restore_home

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]


def all_delivered(job: dict[str, Any]) -> bool:
    return {item["status"] for item in job["deliveries"]} == {"delivered"}


def test_the_service_goes_on_with_what_the_old_version_left(tmp_path: Path) -> None:
    port = free_port()
    left = restore_home(tmp_path, f"http://127.0.0.1:{port}")
    with inbox(port) as mail, running(left.home, CONFIG, env=left.env) as service:

        def job(name: str) -> dict[str, Any]:
            asked = left.jobs[name]
            url = f"{service.url}/v1/jobs/{asked['id']}"
            found = httpx.get(url, headers=left.headers(asked["owner"]), timeout=70)
            return dict(found.raise_for_status().json())

        for name, then in left.finished.items():
            now = job(name)
            assert lasting(now) == lasting(then["shown"]), name
            for old, new in zip(then["shown"]["outputs"], now["outputs"], strict=True):
                assert fetched({**old, "url": service.url + old["url"]}) == fetched(new)
        for name, then in left.unfinished.items():
            now = wait_for(partial(job, name), lambda seen: seen["completed_at"] is not None)
            assert now["status"] == then["after"]["status"], name
            outcomes = [item["outcome"] for item in now["attempt_log"]]
            assert outcomes[: len(then["after"]["attempts"])] == then["after"]["attempts"], name
            for output in now["outputs"]:
                fetched(output)
        for name in ("attempts", "pending"):
            wait_for(partial(job, name), all_delivered)
        assert service.terminate() == 0
    secrets = left.expected["webhook_secrets"]
    told = {"pending": "alice", "attempts": "local"}
    for name, owner in told.items():
        ids = {item["id"] for item in left.jobs[name]["shown"]["deliveries"]}
        mine = [(headers, body) for headers, body in mail if headers["webhook-id"] in ids]
        assert len(mine) == len(ids), name
        for headers, body in mine:
            Webhook(secrets[owner]).verify(body, headers)
