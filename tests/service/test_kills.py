"""Accepted jobs outlive kill -9 of the ingress and of the model, and restarts of the whole service."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.live import TONE, Service, config_file, running, wait_for
from tests.support.soak import at_length

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

JOBS = at_length(200, 40)  # and as many more as the kills take
ROUNDS = at_length(3, 1)
LIMITS = {"queued_jobs": 400, "queued_jobs_per_owner": 400}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def service(home: Path) -> Iterator[Service]:
    with running(home, config_file(home, [TONE], limits=LIMITS)) as service:
        yield service


def submit(service: Service, number: int) -> str:
    """An accepted job, however often the ingress dies before it answers; the key makes the repeats one job."""
    body = {"model": "tone", "input": {"prompt": f"job {number}", "seed": number, "steps": 5, "step_s": 0.1}}
    headers = {"Idempotency-Key": f"kill-{number}", "Prefer": "respond-async"}
    for _ in range(600):
        try:
            answer = httpx.post(f"{service.url}/v1/jobs", json=body, headers=headers, timeout=70)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code in (200, 202):
            return str(answer.json()["id"])
        assert answer.status_code in (429, 503), answer.text
        time.sleep(0.2)
    raise AssertionError(f"job {number} was never accepted")


def at_work(service: Service) -> list[str]:
    """The jobs that run, those among them whose replica or ingress was just killed."""
    found = httpx.get(f"{service.url}/v1/jobs", params={"status": "running", "limit": "100"}, timeout=70)
    return [job["id"] for job in found.raise_for_status().json()["results"]]


def wait_all(service: Service, ids: list[str], timeout_s: float = 240) -> list[dict[str, Any]]:
    left, ended = set(ids), {}
    deadline = time.monotonic() + timeout_s
    while left and time.monotonic() < deadline:
        for job_id in sorted(left):
            try:
                job = httpx.get(f"{service.url}/v1/jobs/{job_id}", timeout=70)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            assert job.status_code == 200, f"{job_id} is lost: {job.status_code}"
            if job.json()["status"] in ("succeeded", "failed", "canceled"):
                ended[job_id] = job.json()
                left.discard(job_id)
        time.sleep(0.2)
    assert not left, f"{len(left)} jobs have not ended"
    return [ended[job_id] for job_id in ids]


@pytest.mark.soak
def test_jobs_outlive_kills_of_ingress_and_model(service: Service, home: Path) -> None:
    ids: list[str] = []
    over = threading.Event()

    def keep_busy() -> None:
        while len(ids) < JOBS or not over.wait(0.2):  # slower than they are made, so that none piles up
            ids.append(submit(service, len(ids)))

    submitter = threading.Thread(target=keep_busy)
    submitter.start()
    killed: list[tuple[str, int]] = []
    recovery_s: list[float] = []
    for _round in range(ROUNDS):
        for victim in ("tone", "ingress"):
            wait_for(lambda: at_work(service), bool)
            killed.append((victim, service.kill(victim)))
            if victim == "ingress":
                recovery_s.append(service.wait_ready())
            wait_all(service, at_work(service))  # a job that meets all three kills of the model would rightly fail
    over.set()
    submitter.join(240)
    assert len(ids) == len(set(ids)) >= JOBS
    jobs = wait_all(service, ids)
    assert len({pid for _, pid in killed}) == 2 * ROUNDS  # the faults really happened, each to another process
    attempts = Counter(job["attempts"] for job in jobs)
    outcomes = Counter(item["outcome"] for job in jobs for item in job["attempt_log"])
    runs = sum(job["attempts"] for job in jobs)
    stored = len(list((home / "objects" / "audio").glob("*/*@")))
    figures = {"recovery_s": recovery_s, "runs": runs, "stored": stored, "attempts": attempts, "outcomes": outcomes}
    print(json.dumps(figures))
    assert [job for job in jobs if job["status"] != "succeeded"] == []
    assert stored == len(ids)  # whatever was run twice was stored once
    assert outcomes["replica_lost"] >= 1
    assert outcomes["ingress_lost"] >= 1
    for job in jobs[::20]:
        assert len(httpx.get(job["outputs"][0]["url"], timeout=70).content) == job["outputs"][0]["bytes"]


def test_an_input_that_kills_replicas_is_tried_three_times_and_never_again(service: Service) -> None:
    body = {"model": "tone", "input": {"prompt": "long", "steps": 600, "step_s": 0.1}}
    job = httpx.post(f"{service.url}/v1/jobs", json=body, timeout=70).json()
    for attempt in range(1, 4):
        deadline = time.monotonic() + 120
        while True:
            seen = httpx.get(job["urls"]["self"], timeout=70).json()
            if seen["attempts"] == attempt and seen["progress"]:
                break
            assert time.monotonic() < deadline
            time.sleep(0.1)
        service.kill("tone")
    ended = wait_all(service, [job["id"]])[0]
    assert ended["status"] == "failed"
    assert ended["error"]["code"] == "replica_lost"
    assert [item["outcome"] for item in ended["attempt_log"]] == ["replica_lost"] * 3


def test_jobs_outlive_the_death_of_the_whole_service(service: Service, home: Path) -> None:
    """Comes last: it ends the service of the others."""
    ids = [submit(service, number) for number in range(1000, 1030)]
    service.kill_all()
    with running(home, home / "continuo.yaml") as again:
        jobs = wait_all(again, ids)
    assert {job["status"] for job in jobs} == {"succeeded"}
