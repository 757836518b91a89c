"""Latency under load against request-level batching: steps are priced, so the figures are the same each time."""

import pytest

from bench.denoise import facts, side_by_side, trace
from deployments.denoise.policy import StepCost
from tests.support.denoisers import COMPUTE, LAUNCH, Size, SmallDiT

FIGURES = ("throughput_hz", "mean_s", "p99_s", "p99_of_100_steps_s")


def ratios(size: Size, cost: StepCost, load: float) -> list[float]:
    """Step-level over request-level: throughput, mean, p99, p99 of the longest, at a share of the latter's capacity."""
    net = SmallDiT(size)
    saturated = side_by_side(net, trace(500, 0, 11), cost, real=False)
    rate = load * facts(saturated["request"])["throughput_hz"]
    found = {name: facts(replay) for name, replay in side_by_side(net, trace(500, rate, 11), cost, real=False).items()}
    return [found["step"][name] / found["request"][name] for name in FIGURES]


@pytest.mark.parametrize("load", [0.5, 0.8, 0.95])
def test_where_batching_gains_everybody_waits_half_as_long(load: float) -> None:
    _, mean, p99, longest = ratios(LAUNCH, StepCost(7e-4, 1.1e-5), load)
    assert mean <= 0.5
    assert p99 <= 0.6
    assert longest <= 1.3


@pytest.mark.parametrize("knee", [20, 50])
@pytest.mark.parametrize("load", [0.8, 0.95])
def test_where_it_gains_little_nobody_loses(load: float, knee: float) -> None:
    throughput, mean, p99, _ = ratios(COMPUTE, StepCost(knee * 1e-4, 1e-4), load)
    assert throughput >= 0.98
    assert mean <= 1.05
    assert p99 <= 1.05
