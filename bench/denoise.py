"""Step-level against request-level batching: real compute on one thread, a clock of CPU seconds, Poisson arrivals.

    python bench/denoise.py [--requests 2000] [--json docs/benchmarks/denoise.json] [--plot docs/denoise.svg]

Both policies run the same network, samplers and stepper over the same trace: steps 10/25/50/100, durations
5/10/20/30 s, guidance 3.5. `request` is dynamic batching of whole requests: the head of the line waits 50 ms at most
for up to 7 others of its steps and duration. `step` is the engine's own policy. Virtual time advances by the CPU time
that the work took, so that other load on the machine counts little; idle gaps are skipped. The policies take turns.

On the small net, `launch`, operators cost more than arithmetic, as on a GPU at batch 1, and every step is computed. On
`compute`, where arithmetic dominates and batching gains next to nothing, 2,000 requests would take hours: there a step
takes what a line through measured steps says (`--real` computes them all the same).
"""

import argparse
import json
import os
import platform
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from deployments.contract import Context
from deployments.denoise.policy import StepCost, Waiting, measured
from deployments.denoise.samplers import euler_flow
from deployments.denoise.stepper import Job, Stepper
from tests.support.denoisers import COMPUTE, LAUNCH, SmallDiT

STEPS, DURATIONS_S = (10, 25, 50, 100), (5, 10, 20, 30)
BATCH, WAIT_S = 8, 0.05
LOADS = (0.5, 0.8, 0.95)
NETS = {"launch": LAUNCH, "compute": COMPUTE}
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


class Priced:
    """A stepper that computes nothing: `owed` is what the steps would have taken, in seconds."""

    def __init__(self, cost: StepCost) -> None:
        self.cost, self.owed = cost, 0.0

    def step(self, jobs: Sequence[Job]) -> None:
        self.owed += self.cost.step_s(sum(job.plan.tokens * job.plan.rows for job in jobs))
        for job in jobs:
            job.sampler = job.sampler or euler_flow(job.plan.steps)
            job.sampler.step += 1


class Replay:
    """A trace replayed over a network; `now` is virtual time in seconds, `used` what the work took in seconds."""

    def __init__(self, net: SmallDiT, arrivals: Sequence[Arrival], price: StepCost | None = None) -> None:
        self.net = net
        self.stepper: Stepper | Priced = Stepper(net) if price is None else Priced(price)
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
        """Let virtual time pass by the CPU time since `began`, or by what the steps since then are priced at."""
        took = time.process_time() - began
        if isinstance(self.stepper, Priced):
            took, self.stepper.owed = self.stepper.owed, 0.0
        self.now += took
        self.used += took

    def job(self, item: Arrival) -> Job:
        """A request as the engine has it, its prompt encoded."""
        job = Job(self.net.plan(f"prompt {item.seed}", item.duration_s, item.steps), Context(item.seed), item.at_s)
        if isinstance(self.stepper, Stepper):
            job.condition = self.net.encode(job.plan.prompt)
        return job

    def decode(self, jobs: Sequence[Job]) -> None:
        """Latents to samples, those of one length together."""
        for shape in {job.plan.shape for job in jobs}:
            latents = [job.latent for job in jobs if job.plan.shape == shape and job.latent is not None]
            if latents:
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


def side_by_side(net: SmallDiT, arrivals: Sequence[Arrival], cost: StepCost, *, real: bool) -> dict[str, Replay]:
    """Both policies over one trace, their work in turns, so that a slow moment of the machine meets both."""
    replays = {policy: Replay(net, arrivals, None if real else cost) for policy in ("request", "step")}
    running = {"request": replays["request"].request_level(), "step": replays["step"].step_level(cost)}
    while running:
        behind = min(running, key=lambda policy: replays[policy].used)
        if next(running[behind], ENDED) is ENDED:
            del running[behind]
    return replays


def alone(net: SmallDiT, duration_s: int) -> float:
    """CPU seconds of a whole request of this length that nobody shares a step with, text and decoding included."""
    took = []
    for _ in range(3):
        replay = Replay(net, [Arrival(0, 0.0, 10, duration_s)])
        for _ in replay.request_level():
            pass
        took.append(replay.used)
    return min(took)


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


def compared(name: str, net: SmallDiT, count: int, loads: Sequence[float], *, real: bool) -> dict[str, Any]:
    """Both policies saturated (load 0) and at `loads` times the request-level capacity."""
    cost = measured(net)
    short, long = (alone(net, seconds) for seconds in (5, 30))
    result: dict[str, Any] = {
        "clock": "CPU seconds of computed steps" if real else "steps priced by a line through measured ones",
        "5_s_over_30_s": short / long,
        "floor_ms": cost.floor_s * 1e3,
        "slope_us_per_token": cost.slope_s * 1e6,
        "knee_tokens": cost.floor_s / cost.slope_s,
    }
    capacity_hz = 0.0
    for load in (0, *loads):
        replays = side_by_side(net, trace(count, load * capacity_hz, 11), cost, real=real)
        point: dict[str, Any] = {policy: facts(replay) for policy, replay in replays.items()}
        capacity_hz = capacity_hz or point["request"]["throughput_hz"]
        ratio = {key: point["step"][key] / value for key, value in point["request"].items()}
        result[f"load_{load}" if load else "saturated"] = point | {"step_over_request": ratio}
        print(name, load or "saturated", {key: round(value, 3) for key, value in ratio.items()}, flush=True)
    return result


def drawing(made: dict[str, Any]) -> str:
    """The ratios as an SVG: for each net and load a bar for each figure, and a line where both policies are equal."""
    figures = {"mean_s": "#4878a8", "p99_s": "#c46a3c", "p99_of_100_steps_s": "#8a8a8a"}
    points = [(net, load) for net in NETS if net in made for load in ("saturated", *(f"load_{at}" for at in LOADS))]
    points = [(net, load) for net, load in points if load in made[net]]
    width, height, base = 110 * len(points) + 60, 300, 230
    size = f'width="{width}" height="{height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">']
    parts.append('<rect width="100%" height="100%" fill="white"/>')
    parts.append('<text x="50" y="18">step-level / request-level batching (lower is better; 1 = equal)</text>')
    for level in (0.25, 0.5, 0.75, 1.0):
        y = base - 180 * level
        parts.append(f'<line x1="45" x2="{width - 10}" y1="{y}" y2="{y}" stroke="{"#333" if level == 1 else "#ddd"}"/>')
        parts.append(f'<text x="12" y="{y + 4}">{level}</text>')
    for at, (net, load) in enumerate(points):
        x = 60 + 110 * at
        for bar, (figure, colour) in enumerate(figures.items()):
            tall = 180 * made[net][load]["step_over_request"][figure]
            parts.append(
                f'<rect x="{x + 26 * bar}" y="{base - tall:.1f}" width="22" height="{tall:.1f}" fill="{colour}"/>'
            )
        parts.append(
            f'<text x="{x}" y="{base + 16}">{net}</text><text x="{x}" y="{base + 30}">{load.replace("_", " ")}</text>'
        )
    for bar, (figure, colour) in enumerate(figures.items()):
        parts.append(f'<rect x="{60 + 130 * bar}" y="275" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{78 + 130 * bar}" y="285">{figure.replace("_", " ")[:-2]}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def machine() -> dict[str, Any]:
    """What it ran on."""
    told = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.*)", told)
    return {
        "cpu": found[1] if found else platform.machine(),
        "cores": os.cpu_count(),
        "threads_used": 1,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--loads", type=float, nargs="*", default=LOADS)
    parser.add_argument("--net", choices=list(NETS))
    parser.add_argument("--real", action="store_true", help="compute every step of the compute-bound net too")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    made: dict[str, Any] = {
        "what": "step-level against request-level batching, CPU seconds on one thread",
        "machine": machine(),
        "trace": {"requests": args.requests, "steps": STEPS, "durations_s": DURATIONS_S, "guidance": 3.5},
        "request_level": {"batch": BATCH, "wait_s": WAIT_S},
    }
    with torch.inference_mode():
        for name, size in NETS.items():
            if args.net in (None, name):
                made[name] = compared(
                    name, SmallDiT(size), args.requests, args.loads, real=args.real or name == "launch"
                )
    if args.json:
        args.json.write_text(json.dumps(made, indent=1) + "\n")
    if args.plot:
        args.plot.write_text(drawing(made))


if __name__ == "__main__":
    main()
