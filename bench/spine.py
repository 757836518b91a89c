"""Latency of the spine: `python bench/spine.py [--production] [--json FILE]`.

Starts its own service on a free port with a home of its own, asks it one request at a time over one kept-open
connection, and prints percentiles in milliseconds. A bare Starlette application answers the same client in the same
run, so that ratios can be told on any machine. Takes about a minute; ends what it started.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.baseline import baseline
from tests.support.live import cli, running

PROMPT = "gentle rain with a warm low pad"
OTHER_PROMPTS = (
    PROMPT,
    "slow ambient pad in D minor",
    "bright plucked arpeggio",
    "deep bass drone",
    "wind over a soft choir",
    "calm piano at 70 bpm",
)
PARTS = ("run_s", "finish_s", "encode_s", "store_s")
Job = dict[str, Any]
Times = list[float]


@contextmanager
def service(production: bool) -> Iterator[tuple[httpx.Client, float]]:
    """A client of a service of our own, and the seconds from its start to /readyz."""
    home = Path(tempfile.mkdtemp(prefix="continuo-bench-"))
    headers, options = {}, []
    if production:
        headers = {"Authorization": "Bearer " + cli(home, "keys", "create", "bench").stdout.strip()}
        options = ["--production"]
    began = time.monotonic()
    with running(home, None, *options) as started:
        started.wait_ready()
        ready_s = time.monotonic() - began
        url = started.url.replace("0.0.0.0", "127.0.0.1")
        with httpx.Client(base_url=url, headers=headers, timeout=120) as http:
            yield http, ready_s


def ask(http: httpx.Client, **fields: Any) -> tuple[float, Job]:
    """One waited generation: milliseconds as the client sees them, and the job."""
    began = time.perf_counter()
    answer = http.post("/v1/audio/generations", json=fields)
    took_ms = (time.perf_counter() - began) * 1e3
    if answer.status_code not in (200, 201):
        raise SystemExit(f"{answer.status_code}: {answer.text}")
    return took_ms, answer.json()


def repeat(count: int, one: Callable[[int], float]) -> Times:
    """The times of `count` requests, one after the other."""
    return [one(number) for number in range(count)]


def cold(http: httpx.Client, format: str) -> Callable[[int], float]:
    """10 s of the synth that nobody asked for before."""

    def one(number: int) -> float:
        prompt = f"{OTHER_PROMPTS[number % len(OTHER_PROMPTS)]}, take {number} {format}"
        took_ms, job = ask(http, model="synth", prompt=prompt, duration_s=10, format=format)
        assert not job["cached"]
        return took_ms

    return one


def cached(http: httpx.Client) -> Callable[[int], float]:
    """The same request with its seed again."""
    body = {"model": "synth", "prompt": PROMPT, "duration_s": 10, "seed": 7}
    ask(http, **body)

    def one(_number: int) -> float:
        took_ms, job = ask(http, **body)
        assert job["cached"]
        return took_ms

    return one


def overhead(http: httpx.Client) -> Callable[[int], float]:
    """The client's time less what the job's metrics give for generating, finishing, encoding and storing."""

    def one(number: int) -> float:
        took_ms, job = ask(http, model="tone", prompt=f"tone {number}", duration_s=1)
        assert not job["cached"]
        return took_ms - 1e3 * sum(job["metrics"][part] for part in PARTS)

    return one


def bare(stack: ExitStack) -> Callable[[int], float]:
    """A POST of the same size to the bare application."""
    http = stack.enter_context(httpx.Client(base_url=stack.enter_context(baseline()), timeout=30))

    def one(number: int) -> float:
        began = time.perf_counter()
        http.post("/", json={"model": "tone", "prompt": f"tone {number}", "duration_s": 1}).raise_for_status()
        return (time.perf_counter() - began) * 1e3

    return one


def measure(production: bool, count: int) -> dict[str, Any]:
    """Every row of the table: p50, p90, p99 in ms and the number of requests."""
    with ExitStack() as stack:
        http, ready_s = stack.enter_context(service(production))
        rows = {
            "10 s FLAC, synth, cold": (cold(http, "flac"), count),
            "10 s FLAC, synth, cached": (cached(http), count),
            "10 s Opus, synth, cold": (cold(http, "opus"), count // 3),
            "10 s MP3, synth, cold": (cold(http, "mp3"), count // 3),
            "1 s tone, overhead of the spine": (overhead(http), 2 * count),
            "bare Starlette, no-op": (bare(stack), 2 * count),
        }
        found = {}
        for name, (one, times) in rows.items():
            repeat(max(5, times // 10), lambda number, one=one: one(-1 - number))  # type: ignore[misc]
            p50, p90, p99 = np.percentile(repeat(times, one), [50, 90, 99])
            found[name] = {"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "requests": times}
    return {"mode": "production" if production else "default", "ready_s": ready_s, "rows": found}


def show(result: dict[str, Any]) -> None:
    """The table as text."""
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    print(f"{result['mode']} settings, {machine}; start to /readyz {result['ready_s']:.1f} s")
    print(f"{'':34}{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}{'requests':>10}")
    for name, row in result["rows"].items():
        print(f"{name:34}{row['p50_ms']:9.1f}{row['p90_ms']:9.1f}{row['p99_ms']:9.1f}{row['requests']:10}")
    rows = result["rows"]
    ratio = rows["1 s tone, overhead of the spine"]["p50_ms"] / rows["bare Starlette, no-op"]["p50_ms"]
    print(f"overhead of the spine over a bare request: {ratio:.1f} times")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--production", action="store_true", help="HAProxy ingress and throughput settings")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--count", type=int, default=100, help="requests of the main row")
    options = parser.parse_args()
    result = measure(options.production, options.count)
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
