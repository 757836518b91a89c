"""What the service costs when nobody asks it for anything, beside bare Ray and Serve: `python bench/idle.py`.

Starts Ray with Serve's controller and nothing else, then the default service, one after the other and each in processes
of its own; lets it settle, and sums over its whole family the share of a core and the memory (PSS, so that shared pages
count once) of `--seconds`. Then asks a model that is away for its first sound. `--rounds N` alternates both N times.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

BARE = """
import ray
from ray import serve
ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
         object_store_memory=100 << 20, _node_ip_address="127.0.0.1")
serve.start(proxy_location="Disabled")
print("up", flush=True)
input()
"""


def family(pid: int) -> list[psutil.Process]:
    main = psutil.Process(pid)
    return [main, *main.children(recursive=True)]


def name_of(process: psutil.Process) -> str:
    words = process.cmdline()
    if words and words[0].startswith("ray::"):
        return words[0].removeprefix("ray::")
    named = next((word for word in words[1:] if word.endswith(".py") or word.startswith("serve_app")), None)
    return Path(named or (words[0] if words else "gone")).name


def cost(pid: int, seconds: float) -> dict[str, Any]:
    """Share of a core in % and PSS in MB, in all and by process."""
    before = {process: sum(process.cpu_times()[:2]) for process in family(pid)}
    time.sleep(seconds)
    cpu, memory = Counter[str](), Counter[str]()
    for process in family(pid):
        try:
            name = name_of(process)
            cpu[name] += 100 * (sum(process.cpu_times()[:2]) - before.get(process, 0.0)) / seconds
            memory[name] += process.memory_full_info().pss / 1e6
        except psutil.NoSuchProcess:
            continue
    return {
        "cpu_percent": round(sum(cpu.values()), 2),
        "pss_mb": round(sum(memory.values()), 1),
        "by_process": {name: [round(cpu[name], 2), round(memory[name], 1)] for name in memory},
    }


@contextmanager
def bare() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", BARE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "up":
        assert process.poll() is None
    try:
        yield process.pid
    finally:
        process.communicate("\n", timeout=60)


def measure(settle_s: float, seconds: float) -> dict[str, Any]:
    from tests.support.live import running

    with bare() as pid:
        time.sleep(settle_s)
        alone = cost(pid, seconds)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="idle-") as folder, running(Path(folder), None) as service:
        ready_s = time.monotonic() - began
        httpx.post(f"{service.url}/v1/audio/generations", json={"prompt": "rain", "duration_s": 1}, timeout=120)
        time.sleep(settle_s)
        ours = cost(service.process.pid, seconds)
        cold = service.model("tone")["status"]
        began = time.monotonic()
        body = {"prompt": "a", "model": "tone", "duration_s": 1}
        httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=120).raise_for_status()
        first_s = time.monotonic() - began
    return {
        "bare": alone,
        "service": ours,
        "more_cpu_percent": round(ours["cpu_percent"] - alone["cpu_percent"], 2),
        "more_pss_mb": round(ours["pss_mb"] - alone["pss_mb"], 1),
        "ready_s": round(ready_s, 2),
        "tone": cold,
        "first_tone_s": round(first_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settle", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds = [measure(options.settle, options.seconds) for _ in range(options.rounds)]
    print(json.dumps(rounds, indent=1))
    for name in ("more_cpu_percent", "more_pss_mb", "ready_s", "first_tone_s"):
        print(f"{name:18} {statistics.median(item[name] for item in rounds):8.2f}")
    if options.json:
        options.json.write_text(json.dumps(rounds, indent=1) + "\n")


if __name__ == "__main__":
    main()
