"""Which requests run in the next step: the most urgent first, within a budget of tokens near the knee of a step's cost.

A step costs about floor + slope * tokens seconds. Below the knee (floor / slope) another request is nearly free; far
above it, a fuller step only makes everybody wait. The set is chosen anew for every step: pausing is free, because a
request's whole state is one latent and its sampler.
"""

import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from deployments.contract import Context
from deployments.denoise.denoiser import Denoiser, Plan
from deployments.denoise.stepper import Job, Stepper

# A request is due PATIENCE times the time that it still needs alone after its arrival. Slack against a fixed deadline
# (8 times the time alone) was tried first: it grows while a request runs, so that equals preempt each other, and where
# batching gains nothing its p99 was up to 1.2 times that of request-level batching; with this rule it is below 1.05.
PATIENCE = 4.0
# The budget in knees: at 8 a token costs an eighth more than in an endless step. When many wait, that makes all of
# them wait longer, so half of the waiting tokens may run, until at 64 knees there is nothing more to gain.
KNEES = (8.0, 64.0)
LOOK_PAST = 8  # requests that do not fit are passed over for smaller ones, this many per step
MEASURED_AT = (1, 2, 4, 8)  # requests per step
MEASURED_ROUNDS = 4
MEASURED_STEPS = 3
MEASURED_FOR_S = 2.0


@dataclass(frozen=True)
class StepCost:
    """Seconds of a step by its tokens."""

    floor_s: float
    slope_s: float

    @classmethod
    def fitted(cls, tokens: Sequence[float], seconds: Sequence[float]) -> "StepCost":
        """The line through measured steps (least squares), its floor and its slope at least a little above zero."""
        mean_x, mean_y = sum(tokens) / len(tokens), sum(seconds) / len(seconds)
        spread = sum((x - mean_x) ** 2 for x in tokens)
        joint = sum((x - mean_x) * (y - mean_y) for x, y in zip(tokens, seconds, strict=True))
        slope = joint / spread if spread else mean_y / mean_x
        slope = max(slope, 1e-3 * mean_y / mean_x)
        return cls(max(mean_y - slope * mean_x, 1e-3 * mean_y), slope)

    def step_s(self, tokens: float) -> float:
        """Seconds of a step with these tokens."""
        return self.floor_s + self.slope_s * tokens

    def solo_s(self, plan: Plan, steps: int | None = None) -> float:
        """Seconds that `steps` (default all) steps of this request take when it runs alone."""
        return (plan.steps if steps is None else steps) * self.step_s(plan.tokens * plan.rows)

    def budget(self, waiting_tokens: float) -> float:
        """Tokens of a full step while so many wait, those who run included."""
        knee = self.floor_s / self.slope_s
        return min(max(KNEES[0] * knee, waiting_tokens / 2), KNEES[1] * knee)


class Candidate(Protocol):
    """What the policy looks at."""

    plan: Plan
    arrived_s: float

    @property
    def remaining(self) -> int:
        """Steps to go."""


C = TypeVar("C", bound=Candidate)


class Waiting(Generic[C]):
    """The requests that could run, the least slack first: due time (see PATIENCE) minus now.

    Only a request that runs changes its place in that order, and only forward. So a heap keeps it, a choice costs what
    the running set costs however many wait, and a set stays together until somebody more urgent comes.
    `same_shape`: only latents of equal shape may share a step.
    """

    def __init__(self, cost: StepCost, max_rows: int, budget: float | None = None, *, same_shape: bool = False) -> None:
        self.cost, self.max_rows, self.same_shape = cost, max_rows, same_shape
        self.fixed_budget, self.tokens = budget, 0
        self.heap: list[tuple[float, int, C]] = []
        self.ticket = itertools.count()

    def __len__(self) -> int:
        return len(self.heap)

    def __iter__(self) -> Iterator[C]:
        return (entry[2] for entry in self.heap)

    def add(self, item: C) -> None:
        """Let a request wait for its next step."""
        due_s = item.arrived_s + PATIENCE * self.cost.solo_s(item.plan, item.remaining)
        heapq.heappush(self.heap, (due_s, next(self.ticket), item))
        self.tokens += item.plan.tokens * item.plan.rows

    def drop(self, gone: Callable[[C], bool]) -> None:
        """Forget those who do not want to run any more."""
        self.heap = [entry for entry in self.heap if not gone(entry[2])]
        heapq.heapify(self.heap)
        self.tokens = sum(item.plan.tokens * item.plan.rows for item in self)

    def take(self) -> list[C]:
        """The running set of the next step, out of the queue: the most urgent and those of its key that fit beside."""
        chosen: list[C] = []
        passed: list[tuple[float, int, C]] = []
        budget = self.cost.budget(self.tokens) if self.fixed_budget is None else self.fixed_budget
        tokens = rows = 0
        while self.heap and len(passed) < LOOK_PAST:
            entry = heapq.heappop(self.heap)
            plan = entry[2].plan
            more = plan.tokens * plan.rows
            fits = tokens + more <= budget and rows + plan.rows <= self.max_rows
            if chosen and not (fits and self._alike(plan, chosen[0].plan)):
                passed.append(entry)
                continue
            chosen.append(entry[2])
            tokens += more
            rows += plan.rows
        for entry in passed:
            heapq.heappush(self.heap, entry)
        self.tokens -= tokens
        return chosen

    def _alike(self, plan: Plan, first: Plan) -> bool:
        return plan.key == first.key and (plan.shape == first.shape or not self.same_shape)


def measured(
    denoiser: Denoiser, clock: Callable[[], float] = time.process_time, for_s: float = MEASURED_FOR_S
) -> StepCost:
    """Run steps of the model's example at several fillings and fit their cost; this is also the warm-up.

    The fillings take turns and the quickest of each counts, so that other load on the machine moves the fit little. A
    slow network is measured less: after `for_s` no step is begun, and such a one gains nothing from fuller steps.
    """
    plan = denoiser.example()
    condition = denoiser.encode(plan.prompt)
    best: dict[int, float] = {}
    began = clock()
    for count in [count for _ in range(MEASURED_ROUNDS) for count in MEASURED_AT]:
        stepper = Stepper(denoiser)
        jobs = [Job(plan, Context(seed), 0.0, condition=condition) for seed in range(count)]
        for _ in range(min(MEASURED_STEPS, plan.steps)):
            if best and clock() - began > for_s:
                break
            start = clock()
            stepper.step(jobs)
            stepper.settle()
            best[count] = min(best.get(count, math.inf), clock() - start)
    each = plan.tokens * plan.rows
    return StepCost.fitted([count * each for count in best], list(best.values()))
