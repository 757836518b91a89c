"""Memory of the ingress while a long queue is worked off: `python bench/queue_memory.py [--jobs 10000] [--minutes 4]`.

Long jobs take the four places of the model until all others are accepted; then they are cancelled, and the queue is
worked off, `--job-s` for each of its jobs. Prints the ingress's mean PSS in each minute from then on and the ratio of
the last to the second; exit status 1 above 1.1.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.live import TONE, Service, config_file, running

CLIENTS = 16
PLACES = 4


async def hand_in(url: str, jobs: int, job_s: float) -> None:
    """Accept this many distinct jobs."""
    numbers = iter(range(jobs))

    async def client(http: httpx.AsyncClient) -> None:
        for number in numbers:
            work = {"prompt": f"job {number}", "seed": number, "duration_s": 0.1, "step_s": job_s}
            answer = await http.post("/v1/jobs", json={"model": "tone", "input": work})
            assert answer.status_code == 202, answer.text

    async with httpx.AsyncClient(base_url=url, timeout=120) as http, asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client(http))


def queued(service: Service) -> int:
    """Jobs that wait for a place at the model."""
    text = httpx.get(f"{service.url}/metrics", timeout=70).raise_for_status().text
    found = re.search(r'^continuo_queue_depth\{model="tone"\} (\S+)', text, re.MULTILINE)
    assert found, text
    return int(float(found[1]))


def minute(service: Service, ingress: psutil.Process) -> dict[str, Any]:
    """Mean PSS of the ingress in MiB over a minute, and how many jobs still wait at its end."""
    seen, until = [], time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(1.0)
        seen.append(ingress.memory_full_info().pss / 2**20)
    return {"pss_mib": round(statistics.mean(seen), 1), "queued": queued(service)}


def main() -> None:
    """Start the service, fill its queue, watch, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=4)
    parser.add_argument("--job-s", type=float, default=0.1)
    options = parser.parse_args()
    limits = dict.fromkeys(("queued_jobs", "queued_jobs_per_owner"), options.jobs + PLACES)
    with tempfile.TemporaryDirectory(prefix="queue-") as folder:
        home = Path(folder)
        with running(home, config_file(home, [TONE], limits=limits), "--grace", "1") as service:
            ingress = psutil.Process(service.pids("ingress")[0])
            empty_mib = ingress.memory_full_info().pss / 2**20
            began = time.monotonic()
            busy = [service.submit(f"busy {number}", steps=1000, step_s=10) for number in range(PLACES)]
            asyncio.run(hand_in(service.url, options.jobs, options.job_s))
            for job in busy:
                httpx.post(job["urls"]["cancel"], timeout=70).raise_for_status()
            print(json.dumps({"empty_mib": empty_mib, "accept_s": time.monotonic() - began}), flush=True)
            minutes = []
            for _ in range(options.minutes):
                minutes.append(minute(service, ingress))
                print(json.dumps(minutes[-1]), flush=True)
    assert minutes[-1]["queued"], "the queue is empty: ask for more jobs"
    ratio = minutes[-1]["pss_mib"] / minutes[1]["pss_mib"]
    print(f"last minute / second minute {ratio:.3f}")
    sys.exit(1 if ratio > 1.1 else 0)


if __name__ == "__main__":
    main()
