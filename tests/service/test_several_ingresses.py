"""Two ingress replicas behind HAProxy over one PostgreSQL and one bucket: either serves every job, either may die."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.jobs.test_several import check_rows
from tests.service.test_production import new_key
from tests.service.test_storage_faults import S3_KEYS
from tests.support.live import TONE, Service, config_file, running, wait_for
from tests.support.postgres import Postgres
from tests.support.s3_servers import S3Server
from tests.support.soak import at_length

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.postgres]

CLIENTS = 16
LASTS_S = at_length(300, 40)
KILL_EVERY_S = 20
Json = dict[str, Any]


class Client:
    """Makes jobs one after the other, whichever ingress takes them and however often one dies before it answers."""

    def __init__(self, number: int, http: httpx.Client, over: threading.Event) -> None:
        self.number, self.http, self.over = number, http, over
        self.accepted: list[str] = []
        self.seconds: list[float] = []  # of each acceptance, from the first try

    def run(self) -> None:
        """Until it is over; every job is waited for, so that no queue grows."""
        while not self.over.is_set():
            name = f"{self.number}-{len(self.accepted)}"
            started = time.monotonic()
            job = self._accept(name)
            self.seconds.append(time.monotonic() - started)
            self.accepted.append(job["id"])
            self.ended(job["id"])

    def _accept(self, name: str) -> Json:
        body = {"model": "tone", "input": {"prompt": name, "steps": 5, "step_s": 0.1}}
        headers = {"Idempotency-Key": name, "Prefer": "respond-async"}
        while True:
            with suppress(httpx.TransportError):
                answer = self.http.post("/v1/jobs", json=body, headers=headers)
                if answer.status_code in (200, 202):
                    return dict(answer.json())
                assert answer.status_code in (429, 502, 503, 504), answer.text
            time.sleep(0.05)

    def ended(self, job_id: str) -> Json:
        """The job when it has ended. Fails for one that is not found."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                answer = self.http.get(f"/v1/jobs/{job_id}")
                assert answer.status_code != 404, f"{job_id} is lost"
                if answer.status_code == 200 and answer.json()["status"] in ("succeeded", "failed", "canceled"):
                    return dict(answer.json())
            time.sleep(0.1)
        raise AssertionError(f"{job_id} does not end")


def client_of(service: Service, key: dict[str, str]) -> httpx.Client:
    url = f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}"
    return httpx.Client(base_url=url, headers=key, timeout=30)


@pytest.mark.soak
def test_jobs_outlive_either_of_two_ingresses(tmp_path: Path, postgres: Postgres, moto: S3Server) -> None:
    storage = {"kind": "s3", "bucket": moto.bucket, "endpoint_url": moto.endpoint_url, "prefix": "several"}
    database_url = postgres.new_database("several")
    wide = {**TONE, "replicas": {**TONE["replicas"], "target_ongoing": 8}}
    args = {"storage": storage, "database_url": database_url, "ingress_replicas": 2}
    config = config_file(tmp_path, [wide], **args)
    key = new_key(config, "ada")
    over = threading.Event()
    with running(tmp_path, config, "--production", env=S3_KEYS) as service, client_of(service, key) as http:
        wait_for(lambda: service.pids("ingress"), lambda pids: len(pids) == 2)
        clients = [Client(number, http, over) for number in range(CLIENTS)]
        killed: list[int] = []
        with ThreadPoolExecutor(CLIENTS) as pool:
            running_clients = [pool.submit(client.run) for client in clients]
            try:
                for _ in range(LASTS_S // KILL_EVERY_S):
                    time.sleep(KILL_EVERY_S / 2)
                    killed.append(service.kill("ingress"))
                    time.sleep(KILL_EVERY_S / 2)
            finally:
                over.set()
            for done in running_clients:
                done.result()
        jobs = [client.ended(job_id) for client in clients for job_id in client.accepted]
    check_rows(database_url)
    seconds = sorted(second for client in clients for second in client.seconds)
    outcomes = Counter(item["outcome"] for job in jobs for item in job["attempt_log"])
    p99 = seconds[int(0.99 * len(seconds))]
    print(json.dumps({"accepted": len(jobs), "kills": len(killed), "accept_p99_s": p99, "outcomes": outcomes}))
    assert len({job["id"] for job in jobs}) == len(jobs) > CLIENTS
    assert len(set(killed)) == len(killed)
    assert Counter(job["status"] for job in jobs) == {"succeeded": len(jobs)}
    assert outcomes["ingress_lost"] >= 1
