"""Which requests run in the next step: least slack first, within a budget of tokens near the knee of the step's cost.

A step costs about floor + slope * tokens seconds. Below the knee (floor / slope) another request is nearly free; far
above it, a fuller step only makes everybody wait. The set is chosen anew for every step: pausing is free, because a
request's whole state is one latent and its sampler.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from deployments.denoise.denoiser import Plan

PATIENCE = 8.0  # a request is late when it has taken this many times as long as it would take alone
KNEES = 4.0  # the budget in knees: there a step costs a fifth more per token than an endless one would


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
        slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(tokens, seconds, strict=True)) / spread if spread else 0
        slope = max(slope, 1e-3 * mean_y / mean_x)
        return cls(max(mean_y - slope * mean_x, 1e-3 * mean_y), slope)

    def step_s(self, tokens: float) -> float:
        """Seconds of a step with these tokens."""
        return self.floor_s + self.slope_s * tokens

    def solo_s(self, plan: Plan, steps: int | None = None) -> float:
        """Seconds that `steps` (default all) steps of this request take when it runs alone."""
        return (plan.steps if steps is None else steps) * self.step_s(plan.tokens * plan.rows)

    @property
    def budget(self) -> float:
        """Tokens of a full step."""
        return KNEES * self.floor_s / self.slope_s


class Candidate(Protocol):
    """What the policy looks at."""

    plan: Plan
    arrived_s: float

    @property
    def remaining(self) -> int:
        """Steps to go."""


C = TypeVar("C", bound=Candidate)


def slack_s(item: Candidate, cost: StepCost, now_s: float) -> float:
    """Seconds that this request could still idle and end within PATIENCE times its time alone."""
    return item.arrived_s + PATIENCE * cost.solo_s(item.plan) - now_s - cost.solo_s(item.plan, item.remaining)


def choose(waiting: Sequence[C], cost: StepCost, now_s: float, max_rows: int) -> list[C]:
    """The running set of the next step: the most urgent request and those of its key that fit beside it."""
    urgent = sorted(waiting, key=lambda item: slack_s(item, cost, now_s))
    chosen: list[C] = []
    tokens = rows = 0
    for item in urgent:
        if chosen and item.plan.key != chosen[0].plan.key:
            continue
        more = item.plan.tokens * item.plan.rows
        if chosen and (tokens + more > cost.budget or rows + item.plan.rows > max_rows):
            continue
        chosen.append(item)
        tokens += more
        rows += item.plan.rows
    return chosen
