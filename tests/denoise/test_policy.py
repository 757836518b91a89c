"""Who runs in the next step."""

from dataclasses import dataclass

import pytest

from deployments.denoise.denoiser import Plan
from deployments.denoise.policy import KNEES, StepCost, Waiting

COST = StepCost(floor_s=1e-3, slope_s=1e-5)  # the knee is at 100 tokens


@dataclass(eq=False)
class Item:
    plan: Plan
    arrived_s: float = 0.0
    remaining: int = 10


def item(tokens: int = 50, steps: int = 10, arrived_s: float = 0.0, key: object = None) -> Item:
    plan = Plan("", (tokens,), steps, guidance_scale=1, tokens=tokens, frames=1, key=key)
    return Item(plan, arrived_s, steps)


def waiting(*items: Item, **more: object) -> Waiting[Item]:
    made: Waiting[Item] = Waiting(COST, **{"max_rows": 64, **more})  # type: ignore[arg-type]
    for one in items:
        made.add(one)
    return made


def test_the_fit_finds_floor_and_slope() -> None:
    found = StepCost.fitted([10, 20, 40, 80], [COST.step_s(tokens) for tokens in (10, 20, 40, 80)])
    assert (found.floor_s, found.slope_s) == (pytest.approx(1e-3), pytest.approx(1e-5))


@pytest.mark.parametrize("seconds", [[4e-3, 3e-3, 2e-3], [1e-3, 2e-3, 8e-3], [1e-3]])
def test_a_noisy_measurement_still_gives_a_cost_that_grows(seconds: list[float]) -> None:
    found = StepCost.fitted([10, 20, 40][: len(seconds)], seconds)
    assert found.floor_s > 0
    assert found.slope_s > 0


def test_a_short_request_goes_before_a_long_one_that_came_with_it_but_not_for_ever() -> None:
    long, short = item(steps=100), item(steps=10)
    assert waiting(long, short, budget=50).take() == [short]
    patient = 4 * COST.solo_s(long.plan)
    late = item(steps=10, arrived_s=patient)
    assert waiting(long, late, budget=50).take() == [long], "a stream of short ones would starve it"


def test_a_running_request_keeps_its_place_against_its_equals() -> None:
    first, second = item(), item(arrived_s=1e-6)
    queue = waiting(first, second, budget=50)
    for _ in range(9):
        assert queue.take() == [first]
        first.remaining -= 1
        queue.add(first)


def test_a_step_is_filled_up_to_the_budget_and_with_what_still_fits() -> None:
    big, bigger, small = item(60), item(80, arrived_s=1), item(30, arrived_s=2)
    queue = waiting(big, bigger, small, budget=100)
    assert queue.take() == [big, small]
    assert queue.take() == [bigger], "the first always runs, whatever it takes"
    assert len(queue) == 0


def test_the_budget_grows_with_the_backlog_between_its_bounds() -> None:
    few = waiting(*(item(100) for _ in range(4)))
    assert len(few.take()) == 4
    many = waiting(*(item(100) for _ in range(30)))
    assert len(many.take()) == 15
    assert COST.budget(0) == KNEES[0] * 100
    assert COST.budget(1e9) == KNEES[1] * 100


def test_rows_are_bounded_and_a_guided_request_has_two() -> None:
    guided = [Item(Plan("", (5,), 10, 3.0, tokens=5, frames=1)) for _ in range(9)]
    assert len(waiting(*guided, max_rows=8).take()) == 4


def test_only_equal_keys_share_a_step_and_with_one_shape_only_equal_shapes() -> None:
    assert len(waiting(item(key="a"), item(key="b"), item(key="a")).take()) == 2
    shapes = item(50), item(40, arrived_s=1), item(50, arrived_s=2)
    assert len(waiting(*shapes).take()) == 3
    assert waiting(*shapes, same_shape=True).take() == [shapes[0], shapes[2]]


def test_those_who_are_gone_are_forgotten() -> None:
    stays, goes = item(), item()
    queue = waiting(stays, goes)
    queue.drop(lambda one: one is goes)
    assert queue.take() == [stays]
    assert len(queue) == 0
