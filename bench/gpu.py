"""Our engine against the stock pipelines at the published sizes, with random weights: one command on a CUDA machine.

    python -m bench.gpu [--models tangoflux,audioldm2,stable_audio] [--minutes 30] [--json docs/benchmarks/gpu.json]
    python -m bench.gpu --tiny        every path on a CPU with tiny checkpoints; its figures mean nothing

For each model, stock and ours in bfloat16 (float32 with --tiny):

- cold start: from files in the page cache to the first finished sound
- latency: one guided sound of 10 s in 50 steps, alone, the median of a few
- memory: the most that was allocated during that
- throughput at equal p99: stock serves a Poisson trace of mixed lengths and steps one after another at 80 % of what it
  can; its p99 is the limit. Ours serves traces of the same mix at rising rates; its rate is the last one whose p99
  stays within the limit. Stock's queue is computed from the measured time of each kind of request, because nothing
  there depends on who else waits; ours runs in real time.

Results are written after each model. Without --tiny the program refuses to run on a machine without CUDA.
"""

import argparse
import gc
import json
import platform
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from bench import shapes, stock
from deployments.contract import Context
from deployments.sound.audioldm2 import AudioLDM2
from deployments.sound.stable_audio import StableAudio
from deployments.sound.tangoflux import TangoFlux
from tests.support.checkpoints import BUILDERS

OURS: dict[str, Any] = {"tangoflux": TangoFlux, "audioldm2": AudioLDM2, "stable_audio": StableAudio}
GROWTH = 1.3  # from one rate to the next


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    device: str
    dtype: torch.dtype
    durations_s: tuple[float, ...]
    steps: tuple[int, ...]
    typical: tuple[float, int]
    repeats: int
    requests: int
    measure_s: float
    until: float  # time.monotonic()


@dataclass(frozen=True)
class Arrival:
    """A request of a trace."""

    at_s: float
    duration_s: float
    steps: int


def trace(plan: Plan, rate_hz: float, seed: int = 0) -> list[Arrival]:
    """Poisson arrivals of the mix."""
    draw, at = random.Random(seed), 0.0
    made = []
    for _ in range(plan.requests):
        at += draw.expovariate(rate_hz)
        made.append(Arrival(at, draw.choice(plan.durations_s), draw.choice(plan.steps)))
    return made


def p99(latencies: Sequence[float]) -> float:
    """The 99th percentile, of few values the largest."""
    return sorted(latencies)[min(len(latencies) - 1, int(0.99 * len(latencies)))]


def in_turn(arrivals: Sequence[Arrival], seconds: dict[tuple[float, int], float]) -> list[float]:
    """Latencies when requests are served one after another and each kind takes its measured time."""
    free, found = 0.0, []
    for item in arrivals:
        free = max(free, item.at_s) + seconds[item.duration_s, item.steps]
        found.append(free - item.at_s)
    return found


def together(model: Any, arrivals: Sequence[Arrival]) -> list[float]:
    """Latencies of our engine under a trace in real time."""
    began, ended = time.monotonic(), [0.0] * len(arrivals)
    done = threading.Semaphore(0)

    def finish(index: int, future: Any) -> None:
        future.result()
        ended[index] = time.monotonic() - began
        done.release()

    for index, item in enumerate(arrivals):
        time.sleep(max(0.0, began + item.at_s - time.monotonic()))
        request = model.Request(
            prompt=f"rain {index}", duration_s=item.duration_s, steps=item.steps, guidance_scale=3.5
        )
        future = model.engine.submit(model.plan(request), Context(seed=index))
        future.add_done_callback(lambda made, index=index: finish(index, made))
    for _ in arrivals:
        done.acquire()
    return [end - item.at_s for end, item in zip(ended, arrivals, strict=True)]


class Peak:
    """The most memory in use during a block: on CUDA what torch allocated, on a CPU the resident set at its end."""

    def __init__(self, device: str) -> None:
        self.device, self.bytes = device, 0

    def __enter__(self) -> "Peak":
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        return self

    def __exit__(self, *_: object) -> None:
        from deployments.weights.memory import resident

        self.bytes = torch.cuda.max_memory_allocated() if self.device == "cuda" else resident()


def timed(call: Callable[[], Any], repeats: int) -> float:
    """The median time of a call that ends with samples on the CPU, in seconds."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def measure_stock(name: str, folder: Path, plan: Plan) -> tuple[dict[str, Any], dict[tuple[float, int], float]]:
    """Figures of the upstream pipeline, and the time of each kind of request of the mix."""
    began = time.perf_counter()
    make = stock.load(name, folder, plan.device, plan.dtype)
    seconds, steps = plan.typical
    make(seconds, min(plan.steps), 0)
    cold_s = time.perf_counter() - began
    with Peak(plan.device) as peak:
        latency_s = timed(lambda: make(seconds, steps, 1), plan.repeats)
    kinds = {(d, s): timed(lambda d=d, s=s: make(d, s, 2), 1) for d in plan.durations_s for s in plan.steps}
    return {"cold_start_s": cold_s, "latency_s": latency_s, "memory_bytes": peak.bytes}, kinds


def measure_ours(name: str, folder: Path, plan: Plan, limit_s: float, rate_hz: float) -> dict[str, Any]:
    """Figures of our engine; `rate_hz` is where the search for the rate within the limit begins."""
    kind = OURS[name]
    half = plan.dtype != torch.float32
    engine = {"measure_s": plan.measure_s}
    model = kind(kind.Options(model_path=str(folder), device=plan.device, use_half_precision=half, engine=engine))
    seconds, steps = plan.typical

    def make(steps: int) -> Any:
        request = model.Request(prompt="rain on a tin roof", duration_s=seconds, steps=steps, guidance_scale=3.5)
        return model.generate(request, Context(seed=1))

    began = time.perf_counter()
    model.load()
    make(min(plan.steps))
    cold_s = time.perf_counter() - began
    with Peak(plan.device) as peak:
        latency_s = timed(lambda: make(steps), plan.repeats)
    rates: list[dict[str, float]] = []
    while not rates or (rates[-1]["p99_s"] <= limit_s and time.monotonic() < plan.until):
        latencies = together(model, trace(plan, rate_hz))
        rates.append({"rate_hz": rate_hz, "mean_s": statistics.mean(latencies), "p99_s": p99(latencies)})
        rate_hz *= GROWTH
    model.engine.close()
    held = [item["rate_hz"] for item in rates if item["p99_s"] <= limit_s]
    figures: dict[str, Any] = {"cold_start_s": cold_s, "latency_s": latency_s, "memory_bytes": peak.bytes}
    return figures | {"rates": rates, "rate_hz": max(held, default=None)}


def compare(name: str, folder: Path, plan: Plan) -> dict[str, Any]:
    """Both sides of one model, and ours over stock's."""
    theirs, kinds = measure_stock(name, folder, plan)
    free()
    capacity_hz = 1 / statistics.mean(kinds.values())
    base_hz = 0.8 * capacity_hz
    limit_s = p99(in_turn(trace(plan, base_hz), kinds))
    ours = measure_ours(name, folder, plan, limit_s, base_hz)
    free()
    theirs |= {
        "kinds_s": {f"{d:g} s, {s} steps": t for (d, s), t in kinds.items()},
        "rate_hz": base_hz,
        "p99_s": limit_s,
    }
    return {
        "stock": theirs,
        "ours": ours,
        "throughput_at_equal_p99": None if ours["rate_hz"] is None else ours["rate_hz"] / base_hz,
        "latency": ours["latency_s"] / theirs["latency_s"],
        "memory": ours["memory_bytes"] / theirs["memory_bytes"],
        "cold_start": ours["cold_start_s"] / theirs["cold_start_s"],
    }


def free() -> None:
    """Give the memory of what was measured back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def machine(device: str) -> dict[str, str]:
    """On what it was measured."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    return {
        "device": name,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }


def planned(tiny: bool, minutes: float) -> Plan:
    """What is measured: on CUDA the published sizes, with --tiny next to nothing."""
    until = time.monotonic() + 60 * minutes
    if tiny:
        return Plan("cpu", torch.float32, (0.3, 0.5), (2,), (0.5, 2), 1, 6, 0, until)
    return Plan("cuda", torch.bfloat16, (5, 10, 20, 30), (10, 25, 50), (10, 50), 5, 120, 2, until)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="every path on a CPU; the figures mean nothing")
    parser.add_argument("--models", default=",".join(OURS))
    parser.add_argument("--minutes", type=float, default=30.0, help="for each model: begin no trace after that")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if not given.tiny and not torch.cuda.is_available():
        parser.error("this machine has no CUDA device; --tiny runs the paths without figures")
    torch.manual_seed(0)
    results: dict[str, Any] = {}
    report = {"tiny": given.tiny, **machine("cpu" if given.tiny else "cuda"), "models": results}
    for name in given.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            (BUILDERS if given.tiny else shapes.PUBLISHED)[name](Path(folder))
            free()
            results[name] = compare(name, Path(folder), planned(given.tiny, given.minutes))
        text = json.dumps(report, indent=1)
        print(text, flush=True)
        if given.json is not None:
            given.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
