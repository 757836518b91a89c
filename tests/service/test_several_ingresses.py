"""Two ingress replicas behind HAProxy over one PostgreSQL and one bucket: either serves every job, either may die."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.service.test_production import new_key
from tests.service.test_storage_faults import S3_KEYS
from tests.support.live import TONE, Service, config_file, running, wait_for
from tests.support.postgres import Postgres
from tests.support.s3_servers import moto_server

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.postgres]

JOBS = 60


def accept(client: httpx.Client, number: int) -> str:
    """An accepted job, whichever ingress takes it and however often one dies before it answers."""
    body = {"model": "tone", "input": {"prompt": f"job {number}", "seed": number, "steps": 5, "step_s": 0.1}}
    headers = {"Idempotency-Key": f"job-{number}", "Prefer": "respond-async"}

    def post() -> httpx.Response | None:
        try:
            return client.post("/v1/jobs", json=body, headers=headers)
        except httpx.TransportError:
            return None

    answer = wait_for(post, lambda seen: seen is not None and seen.status_code in (200, 202))
    assert answer is not None
    return str(answer.json()["id"])


def ended(client: httpx.Client, job_id: str) -> dict[str, object]:
    def look() -> dict[str, object]:
        try:
            answer = client.get(f"/v1/jobs/{job_id}")
        except httpx.TransportError:
            return {"status": "unknown"}
        return dict(answer.json()) if answer.status_code == 200 else {"status": "unknown"}

    return wait_for(look, lambda job: job["status"] in ("succeeded", "failed", "canceled"), timeout_s=180)


def client_of(service: Service, key: dict[str, str]) -> httpx.Client:
    url = f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}"
    return httpx.Client(base_url=url, headers=key, timeout=30)


def test_jobs_outlive_either_of_two_ingresses(tmp_path: Path, postgres: Postgres) -> None:
    with moto_server() as s3:
        storage = {"kind": "s3", "bucket": s3.bucket, "endpoint_url": s3.endpoint_url}
        config = config_file(
            tmp_path,
            [TONE],
            storage=storage,
            database_url=postgres.new_database("several"),
            ingress_replicas=2,
            limits={"queued_jobs": 400, "queued_jobs_per_owner": 400},
        )
        key = new_key(config, "ada")
        with running(tmp_path, config, "--production", env=S3_KEYS) as service, client_of(service, key) as client:
            wait_for(lambda: service.pids("ingress"), lambda pids: len(pids) == 2)
            with ThreadPoolExecutor(4) as clients:
                accepted = clients.map(lambda number: accept(client, number), range(JOBS))
                killed = [service.kill("ingress")]
                wait_for(lambda: service.pids("ingress"), lambda pids: len(set(pids) - set(killed)) == 2)
                killed.append(service.kill("ingress"))
                ids = list(accepted)
                jobs = list(clients.map(lambda job_id: ended(client, job_id), ids))
            assert len(set(ids)) == JOBS
            assert len(set(killed)) == 2
            assert Counter(job["status"] for job in jobs) == {"succeeded": JOBS}
