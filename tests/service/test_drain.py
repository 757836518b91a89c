"""SIGTERM under load: every answer that came is whole, and what was accepted ends after the next start."""

import json
import socket
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.live import TONE, Service, config_file, fetched, running, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

CLIENTS = 16
LIMITS = {"queued_jobs": 60, "queued_jobs_per_owner": 60}


@dataclass
class Seen:
    """What the clients were told, by all of them together."""

    statuses: Counter[str] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    reset: list[str] = field(default_factory=list)  # prompts whose connection nobody took any more
    refused_at: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def client(service: Service, number: int, seen: Seen) -> None:
    """Ask until nobody listens any more: even numbers wait for their jobs, odd ones do not."""
    count = 0
    while True:
        count += 1
        prompt = f"{number}-{count}"
        body = {"model": "tone", "input": {"prompt": prompt, "steps": 5, "step_s": 0.1}}
        headers = {"Prefer": "wait=20" if number % 2 == 0 else "respond-async"}
        try:
            answer = httpx.post(f"{service.url}/v1/jobs", json=body, headers=headers, timeout=60)
        except httpx.ConnectError:
            with seen.lock:
                seen.refused_at.append(time.time())
            return
        except httpx.ReadError:  # it lay in the kernel's queue when the door closed
            with seen.lock:
                seen.reset.append(prompt)
            continue
        except httpx.TransportError as error:
            with seen.lock:
                seen.broken.append(f"{type(error).__name__}: {error}")
            continue
        with seen.lock:
            take(answer, seen)
        if answer.status_code in (429, 503):
            time.sleep(0.05)


def take(answer: httpx.Response, seen: Seen) -> None:
    try:
        said: dict[str, Any] = answer.json()
    except json.JSONDecodeError:
        seen.broken.append(f"{answer.status_code} {answer.text[:80]!r}")
        return
    seen.statuses[f"{answer.status_code} {said.get('code', said.get('status'))}"] += 1
    if answer.status_code in (200, 201, 202):
        seen.ids.add(said["id"])
    elif answer.status_code not in (429, 503) or "retry-after" not in answer.headers:
        seen.broken.append(f"{answer.status_code} {said}")


def time_of(service: Service, event: str) -> float:
    """When the service logged this for the last time, in seconds since the epoch."""
    lines = [json.loads(line) for line in service.log_lines()]
    return datetime.fromisoformat([line["at"] for line in lines if line["event"] == event][-1]).timestamp()


def prompts(service: Service) -> set[str]:
    """The prompts of every job there is."""
    found, cursor = set(), ""
    while cursor is not None:
        more = {"cursor": cursor} if cursor else {}
        page = httpx.get(f"{service.url}/v1/jobs", params={"limit": "100", **more}, timeout=30).json()
        found |= {job["input"]["prompt"] for job in page["results"]}
        cursor = page["next"]
    return found


def held(home: Path) -> list[Any]:
    """Holders that are left, and jobs that name one."""
    with closing(sqlite3.connect(home / "continuo.db")) as database:
        holders = database.execute("SELECT id FROM holders").fetchall()
        return [*holders, *database.execute("SELECT id FROM jobs WHERE status = 'running'").fetchall()]


def test_sigterm_under_load_breaks_no_answer_and_loses_no_job(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE], limits=LIMITS)
    seen = Seen()
    with running(tmp_path, config) as service:
        threads = [threading.Thread(target=client, args=(service, number, seen)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        wait_for(lambda: {status[:3] for status in seen.statuses.copy()}, lambda codes: codes >= {"202", "429"})
        port = int(service.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)):  # opened ahead and never used, as browsers do
            stopped_at = time.monotonic()
            status = service.terminate()
            took_s = time.monotonic() - stopped_at
        for thread in threads:
            thread.join(120)
        drained_at = time_of(service, "drained")
        left = service.lines
        said = [left.get() for _ in range(left.qsize())]
    print(
        json.dumps(
            {"seconds": round(took_s, 2), "answers": seen.statuses, "accepted": len(seen.ids), "reset": seen.reset}
        )
    )
    assert status == 0
    assert held(tmp_path) == []
    assert seen.broken == []
    assert any("accepted jobs wait for the next start" in line for line in said), said
    assert seen.statuses["503 draining"] > 0
    assert len(seen.refused_at) == CLIENTS
    assert len(seen.reset) <= 1
    assert min(seen.refused_at) >= drained_at  # the door closes at the end, not before
    with running(tmp_path, config) as service:
        jobs = [service.ended(job_id) for job_id in sorted(seen.ids)]
        assert Counter(job["status"] for job in jobs) == {"succeeded": len(seen.ids)}
        for job in jobs[::10]:
            fetched(job["outputs"][0])
        assert not set(seen.reset) & prompts(service)  # what got no answer was not accepted
