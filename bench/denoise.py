"""Step-level against request-level batching: real compute on one thread, a clock of CPU seconds, Poisson arrivals.

    python bench/denoise.py [--requests 2000] [--json docs/benchmarks/denoise.json] [--plot docs/denoise.svg]

Both policies run the same network, samplers and stepper over the same trace: steps 10/25/50/100, durations
5/10/20/30 s, guidance 3.5. `request` is dynamic batching of whole requests: the head of the line waits 50 ms at most
for up to 7 others of its steps and duration. `step` is the engine's own policy. Virtual time advances by the CPU time
that the work took, so that other load on the machine counts little; idle gaps are skipped. The policies take turns.
"""

import argparse
import json
import platform
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from deployments.contract import Context
from deployments.denoise.policy import StepCost, Waiting, measured
from deployments.denoise.stepper import Job, Stepper
from tests.support.denoisers import COMPUTE, LAUNCH, SmallDiT

STEPS, DURATIONS_S = (10, 25, 50, 100), (5, 10, 20, 30)
BATCH, WAIT_S = 8, 0.05
LOADS = (0.5, 0.8, 0.95)
ENDED = object()


@dataclass(frozen=True)
class Arrival:
    """One request of a trace."""

    seed: int
    at_s: float
    steps: int
    duration_s: int


def trace(count: int, rate_hz: float, seed: int) -> list[Arrival]:
    """Poisson arrivals at `rate_hz`; all at 0 when it is 0."""
    rng, at, made = random.Random(seed), 0.0, []
    for i in range(count):
        at += rng.expovariate(rate_hz) if rate_hz else 0.0
        made.append(Arrival(i, at, rng.choice(STEPS), rng.choice(DURATIONS_S)))
    return made


class Replay:
    """A trace replayed over a network; `now` is virtual time in seconds, `used` CPU time in seconds."""

    def __init__(self, net: SmallDiT, arrivals: Sequence[Arrival]) -> None:
        self.net, self.stepper = net, Stepper(net)
        self.coming = sorted(arrivals, key=lambda item: item.at_s, reverse=True)
        self.now = self.used = 0.0
        self.ends: list[tuple[Arrival, float]] = []

    def arrived(self) -> list[Arrival]:
        """Who has come since the last look."""
        found = []
        while self.coming and self.coming[-1].at_s <= self.now:
            found.append(self.coming.pop())
        return found

    def pass_time(self, began: float) -> None:
        """Let virtual time pass by the CPU time since `began`."""
        took = time.process_time() - began
        self.now += took
        self.used += took

    def job(self, item: Arrival) -> Job:
        """A request as the engine has it, its prompt encoded."""
        job = Job(self.net.plan(f"prompt {item.seed}", item.duration_s, item.steps), Context(item.seed), item.at_s)
        job.condition = self.net.encode(job.plan.prompt)
        return job

    def decode(self, jobs: Sequence[Job]) -> None:
        """Latents to samples, those of one length together."""
        for shape in {job.plan.shape for job in jobs}:
            latents = [job.latent for job in jobs if job.plan.shape == shape and job.latent is not None]
            self.net.decode(torch.stack(latents))

    def step_level(self, cost: StepCost) -> Iterator[None]:
        """The engine's policy: a set chosen anew for every step."""
        waiting: Waiting[Job] = Waiting(cost, max_rows=64)
        whose: dict[Job, Arrival] = {}
        while self.coming or waiting:
            if not waiting:
                self.now = max(self.now, self.coming[-1].at_s)
            fresh = self.arrived()
            began = time.process_time()
            for item in fresh:
                job = self.job(item)
                whose[job] = item
                waiting.add(job)
            running = waiting.take()
            self.stepper.step(running)
            done = [job for job in running if not job.remaining]
            for job in running:
                if job.remaining:
                    waiting.add(job)
            self.decode(done)
            self.pass_time(began)
            self.ends += [(whose[job], self.now - whose.pop(job).at_s) for job in done]
            yield

    def request_level(self) -> Iterator[None]:
        """Whole requests of equal steps and duration, at most BATCH, WAIT_S behind the head of the line."""
        queue: list[Arrival] = []
        while self.coming or queue:
            if not queue:
                self.now = max(self.now, self.coming[-1].at_s)
            queue += self.arrived()
            head, until = queue[0], queue[0].at_s + WAIT_S
            while self.now < until and self.coming and len(alike(queue, head)) < BATCH:
                self.now = max(self.now, min(self.coming[-1].at_s, until))
                queue += self.arrived()
            batch = alike(queue, head)[:BATCH]
            queue = [item for item in queue if item not in batch]
            began = time.process_time()
            jobs = [self.job(item) for item in batch]
            while jobs[0].remaining:
                self.stepper.step(jobs)
                self.pass_time(began)
                yield
                began = time.process_time()
            self.decode(jobs)
            self.pass_time(began)
            self.ends += [(item, self.now - item.at_s) for item in batch]


def alike(queue: Sequence[Arrival], head: Arrival) -> list[Arrival]:
    """Those of the queue that a request-level batch with this head may take."""
    return [item for item in queue if (item.steps, item.duration_s) == (head.steps, head.duration_s)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def side_by_side(net: SmallDiT, arrivals: Sequence[Arrival], cost: StepCost) -> dict[str, Replay]:
    """Both policies over one trace, their work in turns, so that a slow moment of the machine meets both."""
    replays = {policy: Replay(net, arrivals) for policy in ("request", "step")}
    running = {"request": replays["request"].request_level(), "step": replays["step"].step_level(cost)}
    while running:
        behind = min(running, key=lambda policy: replays[policy].used)
        if next(running[behind], ENDED) is ENDED:
            del running[behind]
    return replays


def facts(replay: Replay) -> dict[str, float]:
    """Latencies in seconds and throughput."""
    waits = [wait for _, wait in replay.ends]
    found = {
        "throughput_hz": len(waits) / replay.now,
        "mean_s": sum(waits) / len(waits),
        "p50_s": percentile(waits, 0.5),
        "p99_s": percentile(waits, 0.99),
    }
    for steps in STEPS:
        found[f"p99_of_{steps}_steps_s"] = percentile([w for item, w in replay.ends if item.steps == steps], 0.99)
    return found


def compared(name: str, net: SmallDiT, count: int, loads: Sequence[float]) -> dict[str, Any]:
    """Both policies saturated (load 0) and at `loads` times the request-level capacity."""
    cost = measured(net)
    result: dict[str, Any] = {
        "floor_ms": cost.floor_s * 1e3,
        "slope_us_per_token": cost.slope_s * 1e6,
        "budget_tokens": cost.budget,
    }
    capacity_hz = 0.0
    for load in (0, *loads):
        replays = side_by_side(net, trace(count, load * capacity_hz, 11), cost)
        point: dict[str, Any] = {policy: facts(replay) for policy, replay in replays.items()}
        capacity_hz = capacity_hz or point["request"]["throughput_hz"]
        ratio = {key: point["step"][key] / value for key, value in point["request"].items()}
        result[f"load_{load}" if load else "saturated"] = point | {"step_over_request": ratio}
        print(name, load or "saturated", {key: round(value, 3) for key, value in ratio.items()}, flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--loads", type=float, nargs="*", default=LOADS)
    parser.add_argument("--net", choices=["launch", "compute"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    nets = {"launch": LAUNCH, "compute": COMPUTE}
    made: dict[str, Any] = {
        "what": "step-level against request-level batching, CPU seconds on one thread",
        "machine": {"cpu": platform.processor() or platform.machine(), "torch": torch.__version__},
        "trace": {"requests": args.requests, "steps": STEPS, "durations_s": DURATIONS_S, "guidance": 3.5},
        "request_level": {"batch": BATCH, "wait_s": WAIT_S},
    }
    with torch.inference_mode():
        for name, size in nets.items():
            if args.net in (None, name):
                made[name] = compared(name, SmallDiT(size), args.requests, args.loads)
    if args.json:
        args.json.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
