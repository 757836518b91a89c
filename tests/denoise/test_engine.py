"""The engine as a model drives it: company, cancelling, shared prompts, failures."""

import random
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
import torch

from deployments.contract import Cancelled, Context, OutOfMemory, Samples, Unhealthy
from deployments.denoise.engine import Engine, Settings
from deployments.denoise.samplers import LinearSampler, euler_flow, first_order, multistep
from deployments.denoise.schedules import discrete_schedule
from tests.support.denoisers import SmallDiT

Start = Callable[..., Engine]


@pytest.fixture
def start() -> Iterator[Start]:
    engines: list[Engine] = []

    def build(net: SmallDiT, **settings: Any) -> Engine:
        engines.append(Engine(net, Settings(step_tokens=1000, **settings)))
        net.encoded.clear()
        return engines[-1]

    yield build
    for engine in engines:
        engine.close()


def relative(a: Samples, b: Samples) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def mixture(net: SmallDiT, count: int) -> list[Any]:
    rng = random.Random(3)
    return [
        net.plan(f"sound {i % 5}", rng.choice((5, 10, 20, 30)), rng.choice((4, 9, 17)), rng.choice((1.0, 2.0, 7.0)))
        for i in range(count)
    ]


LEVELS = {"beta_schedule": "scaled_linear", "beta_start": 0.0015, "beta_end": 0.0195}
SAMPLERS: dict[str, Callable[[int, torch.Generator], LinearSampler]] = {
    "euler": lambda steps, _: euler_flow(steps),
    "ddim": lambda steps, _: first_order(discrete_schedule(LEVELS, steps)),
    "2m": lambda steps, _: multistep(discrete_schedule(LEVELS, steps, multistep=True)),
    "sde": lambda steps, generator: multistep(discrete_schedule(LEVELS, steps, multistep=True), generator),
}


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_a_seed_gives_the_same_sound_alone_and_in_any_company(start: Start, sampler: str) -> None:
    net = SmallDiT()
    net.sampler = SAMPLERS[sampler]
    engine = start(net)
    plans = mixture(net, 24)
    alone = [engine.submit(plan, Context(seed=i)).result(60) for i, plan in enumerate(plans)]
    net.forwards.clear()
    with engine.changed:  # the engine meets the first half at once, and the others while these are at work
        together = [engine.submit(plan, Context(seed=i)) for i, plan in enumerate(plans[:12])]
    together += [engine.submit(plan, Context(seed=i)) for i, plan in enumerate(plans[12:], 12)]
    for one, other in zip(together, alone, strict=True):
        assert relative(one.result(60), other) <= 1e-5
    assert max(net.forwards) > 4, "they never ran together"


def test_equal_prompts_are_encoded_once(start: Start) -> None:
    net = SmallDiT()
    engine = start(net, prompt_cache=2)
    for prompt in ("rain", "wind", "rain", "rain"):
        engine.submit(net.plan(prompt, 5, 2), Context(seed=1)).result(60)
    assert net.encoded == ["rain", "wind"]
    for prompt in ("sea", "wind"):  # wind is the one that was used least recently
        engine.submit(net.plan(prompt, 5, 2), Context(seed=1)).result(60)
    assert net.encoded == ["rain", "wind", "sea", "wind"]


def test_a_cancel_at_a_step_ends_it_before_the_next_but_one(start: Start) -> None:
    net = SmallDiT()
    engine = start(net)
    seen: list[int] = []
    context = Context(seed=1)

    def progress(step: int, steps: int) -> None:
        seen.append(step)
        if step == 5:
            context.cancelled.set()

    context.progress = progress
    doomed = engine.submit(net.plan("rain", 10, 50), context)
    other = engine.submit(net.plan("rain", 10, 20), Context(seed=2))
    with pytest.raises(Cancelled):
        doomed.result(60)
    assert seen == [1, 2, 3, 4, 5]
    assert np.isfinite(other.result(60)).all()


def test_closing_ends_what_is_unfinished(start: Start) -> None:
    net = SmallDiT()
    engine = start(net)
    begun = threading.Event()
    endless: Future[Samples] = engine.submit(
        net.plan("rain", 30, 100_000), Context(seed=1, progress=lambda *_: begun.set())
    )
    assert begun.wait(60)
    engine.close()
    with pytest.raises(Cancelled):
        endless.result(60)


@pytest.mark.parametrize("together", [2, 3, 7])
def test_with_fixed_rows_company_changes_no_bit(start: Start, together: int) -> None:
    net = SmallDiT()
    engine = start(net, fixed_rows=8)
    rng = random.Random(together)
    plans = [net.plan(f"sound {i}", rng.choice((5, 30)), 6, rng.choice((1.0, 3.0))) for i in range(together)]
    alone = [engine.submit(plan, Context(seed=i)).result(60) for i, plan in enumerate(plans)]
    for one, other in zip(at_once(engine, plans), alone, strict=True):
        assert np.array_equal(one, other)
    assert set(net.forwards[-6:]) == {8}
    assert set(net.decoded) == {1}


def at_once(engine: Engine, plans: list[Any]) -> list[Samples]:
    """Submitted so that the engine sees all of them before its next step."""
    with engine.changed:
        made = [engine.submit(plan, Context(seed=i)) for i, plan in enumerate(plans)]
    return [future.result(60) for future in made]


def test_finished_latents_of_one_length_are_decoded_together(start: Start) -> None:
    net = SmallDiT()
    engine = start(net, max_decodes=3)
    at_once(engine, [net.plan("rain", 5, 3, 1.0) for _ in range(8)])
    assert sum(net.decoded) == 8
    assert max(net.decoded) <= 3


class Failing(SmallDiT):
    """Fails in forwards of more rows than it has room for, and for a prompt that it cannot read."""

    room = 1000
    error: type[Exception] = torch.OutOfMemoryError

    def encode(self, prompt: Any) -> Any:
        if prompt == "unreadable":
            raise ValueError("no such words")
        return super().encode(prompt)

    def forward(self, latents: Any, timesteps: Any, packed: Any) -> Any:
        if len(latents) > self.room:
            raise self.error("no room")
        return super().forward(latents, timesteps, packed)


def test_a_step_without_room_is_done_in_halves(start: Start) -> None:
    net = Failing()
    engine = start(net)
    plans = [net.plan("rain", 10, 4) for _ in range(4)]
    alone = [engine.submit(plan, Context(seed=i)).result(60) for i, plan in enumerate(plans)]
    net.room = 4
    for one, other in zip(at_once(engine, plans), alone, strict=True):
        assert relative(one, other) <= 1e-5
    net.room = 1
    with pytest.raises(OutOfMemory, match=r"tried twice: no room"):
        at_once(engine, plans[:1])


def test_an_error_ends_those_it_met_and_nobody_else(start: Start) -> None:
    net = Failing()
    net.error = RuntimeError
    engine = start(net)
    with pytest.raises(ValueError, match="no such words"):
        engine.submit(net.plan("unreadable", 5, 3), Context(seed=1)).result(60)
    net.room = 1
    with pytest.raises(RuntimeError, match="no room"):
        engine.submit(net.plan("rain", 5, 3), Context(seed=1)).result(60)
    assert engine.submit(net.plan("rain", 5, 3, 1.0), Context(seed=1)).result(60).shape[0] == 2


def test_a_listener_that_fails_ends_its_own_request_only(start: Start) -> None:
    def refuse(step: int, steps: int) -> None:
        raise RuntimeError(f"not interested in {step} of {steps}")

    net = SmallDiT()
    engine = start(net)
    with pytest.raises(RuntimeError, match="not interested in 1 of 3"):
        engine.submit(net.plan("rain", 5, 3), Context(seed=1, progress=refuse)).result(60)
    assert engine.submit(net.plan("rain", 5, 3), Context(seed=1)).result(60).shape[0] == 2


def test_a_deadline_ends_it(start: Start) -> None:
    net = SmallDiT()
    with pytest.raises(Cancelled):
        start(net).submit(net.plan("rain", 5, 100_000), Context(seed=1, deadline=time.monotonic() + 0.3)).result(60)


class LostDevice:
    """The end of a step on a device whose context a kernel has destroyed."""

    def synchronize(self) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


class Breaking(SmallDiT):
    """Raises `error` in the method that `breaks` names, from the time on when that is set."""

    breaks: str | None = None
    error: Exception = RuntimeError("CUDA error: device-side assert triggered")

    def _perhaps(self, method: str) -> None:
        if self.breaks == method:
            raise self.error

    def encode(self, prompt: Any) -> Any:
        self._perhaps("encode")
        return super().encode(prompt)

    def forward(self, latents: Any, timesteps: Any, packed: Any) -> Any:
        self._perhaps("forward")
        return super().forward(latents, timesteps, packed)

    def needed(self, plan: Any, latent: Any) -> Any:
        self._perhaps("needed")
        return super().needed(plan, latent)

    def decode(self, latents: Any) -> Any:
        self._perhaps("decode")
        return super().decode(latents)


def test_an_idle_engine_holds_no_sound(start: Start) -> None:
    net = SmallDiT()
    engine = start(net)
    plans = [net.plan("rain", length, steps) for length, steps in ((5, 3), (10, 4), (5, 3))]
    held = [weakref.ref(samples) for samples in at_once(engine, plans)]
    while any(samples() is not None for samples in held):  # its threads have still to come to rest
        time.sleep(0.01)
    assert not engine.unfinished


def running_request(engine: Engine, net: SmallDiT) -> "Future[Samples]":
    """A request that is between two of its many steps."""
    begun = threading.Event()
    made = engine.submit(net.plan("rain", 5, 100_000), Context(seed=1, progress=lambda *_: begun.set()))
    assert begun.wait(60)
    return made


@pytest.mark.parametrize("method", ["encode", "forward", "needed", "decode"])
def test_a_lost_device_ends_the_engine_and_everybody_is_told(start: Start, method: str) -> None:
    net = Breaking()
    engine = start(net)
    running = running_request(engine, net)
    assert engine.failure is None
    net.breaks = method
    met = engine.submit(net.plan("wind", 5, 2), Context(seed=2))
    for waiting in (met, running):
        with pytest.raises(Unhealthy, match="device-side assert"):
            waiting.result(60)
    assert "device-side assert" in str(engine.failure)
    with pytest.raises(Unhealthy, match="device-side assert"):
        engine.submit(net.plan("rain", 5, 2), Context(seed=3))


def test_an_error_between_two_steps_ends_the_engine_and_everybody_is_told(start: Start) -> None:
    net = SmallDiT()
    engine = start(net)
    running = running_request(engine, net)
    with engine.changed:
        engine.stepper.ends.append(LostDevice())
    with pytest.raises(Unhealthy, match="illegal memory access"):
        engine.submit(net.plan("rain", 5, 2), Context(seed=2)).result(60)
    with pytest.raises(Unhealthy, match="illegal memory access"):
        running.result(60)


@pytest.mark.parametrize("loop", ["_sweep", "_alike"])
def test_a_defect_of_the_engine_itself_leaves_nobody_waiting(start: Start, loop: str) -> None:
    def defect() -> None:
        raise AssertionError("a defect")

    net = SmallDiT()
    engine = start(net)
    running = running_request(engine, net)
    setattr(engine, loop, defect)
    for waiting in (engine.submit(net.plan("rain", 5, 2), Context(seed=2)), running):
        with pytest.raises(Unhealthy, match="AssertionError: a defect"):
            waiting.result(60)
    with pytest.raises(Unhealthy, match="AssertionError: a defect"):
        engine.submit(net.plan("rain", 5, 2), Context(seed=3))


@pytest.mark.parametrize("method", ["encode", "forward", "needed", "decode"])
def test_what_can_pass_ends_its_own_request_only(start: Start, method: str) -> None:
    net = Breaking()
    net.error = RuntimeError("a bad prompt")
    engine = start(net)
    net.breaks = method
    with pytest.raises(RuntimeError, match="a bad prompt"):
        engine.submit(net.plan("rain", 5, 2), Context(seed=1)).result(60)
    net.breaks = None
    assert engine.submit(net.plan("rain", 5, 2), Context(seed=1)).result(60).shape[0] == 2
    assert engine.failure is None
