"""64 clients at once: `python bench/load.py [--seconds 60] [--clients 64] [--minutes 5] [--json FILE]`.

Starts its own service and asks it for distinct sounds: half of the clients wait for each job, half only hand jobs in,
so that the queue (of 96 jobs, --queue) fills and overload shows. Prints how often each status came, latencies, and the
memory of each process of the service in the first minute after a warm-up and in the last. With --minutes all clients
wait, as users who listen do. Stops by itself; everything is on loopback. Exit status 1 after any 5xx or an answer that
is not whole.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from serve_app.config_file import DEFAULT_CONFIG
from tests.support.live import Service, running

WARM_UP_S = 30.0
WINDOW_S = 60.0


@dataclass
class Tally:
    """What the clients were told."""

    statuses: Counter[str] = field(default_factory=Counter)
    waited_ms: list[float] = field(default_factory=list)
    handed_in_ms: list[float] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def take(self, answer: httpx.Response, took_ms: float, waits: bool) -> float:
        """Count an answer; returns the seconds to stay away."""
        try:
            said: dict[str, Any] = answer.json()
        except json.JSONDecodeError:
            self.broken.append(f"{answer.status_code} {answer.text[:80]!r}")
            return 0.0
        self.statuses[f"{answer.status_code} {said.get('code', said.get('status'))}"] += 1
        if answer.status_code >= 500 or answer.status_code in (400, 404, 422):
            self.broken.append(f"{answer.status_code} {said}")
        if answer.status_code != 429:
            (self.waited_ms if waits else self.handed_in_ms).append(took_ms)
            return 0.0
        if not answer.headers.get("retry-after", "").isdecimal():
            self.broken.append("429 without Retry-After")
            return 1.0
        return min(2.0, float(answer.headers["retry-after"]))


async def client(url: str, number: int, waits: bool, until: float, tally: Tally) -> None:
    """Ask for one distinct sound after the other."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as http:
        count = 0
        while time.monotonic() < until:
            count += 1
            model, duration_s = ("synth", 3) if (number + count) % 4 == 0 else ("tone", 1)
            prompt = f"rain number {count} over pad {number} at {70 + count % 80} bpm"
            body = {"model": model, "prompt": prompt, "duration_s": duration_s}
            headers = {"Prefer": "wait=60" if waits else "respond-async"}
            began = time.perf_counter()
            try:
                answer = await http.post("/v1/audio/generations", json=body, headers=headers)
            except httpx.TransportError as error:
                tally.broken.append(type(error).__name__)
                continue
            await asyncio.sleep(tally.take(answer, (time.perf_counter() - began) * 1e3, waits))


async def load(url: str, clients: int, seconds: float, all_wait: bool) -> Tally:
    """All clients at once for some seconds."""
    tally, until = Tally(), time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(url, number, all_wait or number % 2 == 0, until, tally))
    return tally


class Memory:
    """Samples the memory of every process of a service once a second: PSS where it can be read, else RSS."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.samples: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.kind = "pss"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Memory":
        self.began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            for process in self.service.family():
                try:
                    self.samples[label(process)].append((time.monotonic() - self.began, self._bytes(process) / 2**20))
                except (psutil.NoSuchProcess, psutil.ZombieProcess):
                    continue

    def _bytes(self, process: psutil.Process) -> int:
        if self.kind == "pss":
            try:
                return int(process.memory_full_info().pss)
            except psutil.AccessDenied:
                self.kind = "rss"
        return int(process.memory_info().rss)

    def windows(self) -> dict[str, dict[str, float]]:
        """Per process the mean of the first window after the warm-up, that of the last, and their ratio."""
        end_s = time.monotonic() - self.began
        warm_up_s, window_s = (WARM_UP_S, WINDOW_S) if end_s >= WARM_UP_S + 2 * WINDOW_S else (end_s / 3, end_s / 3)
        found = {}
        for name, samples in sorted(self.samples.items()):
            first = [mib for at, mib in samples if warm_up_s <= at < warm_up_s + window_s]
            last = [mib for at, mib in samples if at >= end_s - window_s]
            if first and last:
                means = float(np.mean(first)), float(np.mean(last))
                found[name] = {"first_mib": means[0], "last_mib": means[1], "ratio": means[1] / means[0]}
        return found


def label(process: psutil.Process) -> str:
    """What a process is, and its pid."""
    words = process.cmdline() or [process.name()]
    title = re.match(r"ray::[\w:]+", words[0])
    scripts = [Path(word).stem for word in words if word.endswith((".py", "gcs_server", "raylet"))]
    name = (
        title[0] if title else "continuo serve" if "serve_app.commands" in words else (scripts or [process.name()])[0]
    )
    return f"{name} ({process.pid})"


def small_queue(home: Path, jobs: int) -> Path:
    """The default configuration with a queue that so many clients fill."""
    document = yaml.safe_load(DEFAULT_CONFIG.read_text())
    document["applications"][0]["args"]["limits"] = {"queued_jobs": jobs, "queued_jobs_per_owner": jobs}
    file = home / "continuo.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def show(result: dict[str, Any]) -> None:
    """The figures as text."""
    clients, seconds, ready_s = result["clients"], result["seconds"], result["ready_s"]
    print(f"{clients} clients, {seconds:.0f} s, {os.cpu_count()} cores, ready after {ready_s:.1f} s")
    for status, count in sorted(result["statuses"].items()):
        print(f"  {status:24}{count:8}")
    for name in ("waited", "handed_in"):
        if result[name]:
            print(f"  {name:12} p50 {result[name]['p50_ms']:8.0f} ms   p99 {result[name]['p99_ms']:8.0f} ms")
    print(f"{'memory (' + result['memory_kind'] + '), MiB':50}{'first':>9}{'last':>9}{'ratio':>8}")
    for name, row in result["memory"].items():
        print(f"  {name[:48]:48}{row['first_mib']:9.1f}{row['last_mib']:9.1f}{row['ratio']:8.3f}")
    for text, count in Counter(result["broken"]).most_common(10):
        print(f"  BROKEN {count} times: {text}")


def percentiles(times_ms: list[float]) -> dict[str, float]:
    """p50 and p99, nothing when there were none."""
    if not times_ms:
        return {}
    p50, p99 = np.percentile(times_ms, [50, 99])
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


def main() -> None:
    """Start the service, load it, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--queue", type=int, default=96, help="unfinished jobs before new ones get 429")
    parser.add_argument("--minutes", type=float, help="a memory run of so many minutes after a warm-up of 30 s")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    seconds = options.minutes * 60 + WARM_UP_S if options.minutes else options.seconds
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="continuo-load-"))
    with running(home, small_queue(home, options.queue)) as service:
        service.wait_ready()
        ready_s = time.monotonic() - began
        with Memory(service) as memory:
            tally = asyncio.run(load(service.url, options.clients, seconds, bool(options.minutes)))
            windows = memory.windows()
        after = httpx.get(f"{service.url}/readyz", timeout=30).status_code
    if after != 200:
        tally.broken.append(f"/readyz says {after} afterwards")
    result = {
        "clients": options.clients,
        "seconds": seconds,
        "ready_s": ready_s,
        "statuses": tally.statuses,
        "waited": percentiles(tally.waited_ms),
        "handed_in": percentiles(tally.handed_in_ms),
        "memory_kind": memory.kind,
        "memory": windows,
        "broken": tally.broken,
    }
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    sys.exit(1 if tally.broken else 0)


if __name__ == "__main__":
    main()
