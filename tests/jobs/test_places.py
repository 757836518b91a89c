import asyncio

import pytest

from serve_app.config import ModelEntry
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.places import Places, Slots
from tests.support.service import HANGS_S, entry, until

pytestmark = pytest.mark.anyio


class Queue:
    """Jobs that hold a place until the test lets them go; `order` is that of their turns."""

    def __init__(self, capacity: int) -> None:
        self.slots = Slots(capacity)
        self.order: list[str] = []
        self.done: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, owner: str = "ada", priority: int = 1) -> None:
        self.done[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(name, owner, priority))
        await settle()

    async def _work(self, name: str, owner: str, priority: int) -> None:
        async with self.slots.take(name, owner, priority):
            self.order.append(name)
            await self.done[name].wait()

    async def leave(self, name: str) -> None:
        self.done[name].set()
        await self.tasks[name]
        await settle()

    async def finish(self) -> list[str]:
        for event in self.done.values():
            event.set()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        assert self.slots.busy == 0
        assert self.slots.waiting == []
        return self.order


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_highest_priority_then_the_first() -> None:
    queue = Queue(1)
    await queue.come("runs")
    for name, priority in (("low", 2), ("normal", 1), ("high", 0), ("high 2", 0), ("normal 2", 1)):
        await queue.come(name, priority=priority)
    assert [queue.slots.position(name) for name in ("high", "high 2", "normal", "normal 2", "low")] == [1, 2, 3, 4, 5]
    assert queue.slots.position("runs") is None
    assert await queue.finish() == ["runs", "high", "high 2", "normal", "normal 2", "low"]


async def test_the_owner_with_the_least_under_way_is_next() -> None:
    queue = Queue(2)
    for name in ("ada 1", "ada 2", "ada 3", "ada 4"):
        await queue.come(name, "ada")
    await queue.come("bob 1", "bob")
    await queue.leave("ada 1")
    assert queue.order == ["ada 1", "ada 2", "bob 1"]
    await queue.leave("ada 2")
    assert queue.order[-1] == "ada 3"
    await queue.finish()


async def test_who_is_cancelled_while_waiting_gives_way() -> None:
    queue = Queue(1)
    for name in ("runs", "goes", "stays"):
        await queue.come(name)
    queue.tasks["goes"].cancel()
    await settle()
    assert queue.slots.position("stays") == 1
    assert await queue.finish() == ["runs", "stays"]


async def test_a_cancel_at_the_moment_of_the_turn_loses_no_place() -> None:
    queue = Queue(1)
    for name in ("runs", "unlucky", "next"):
        await queue.come(name)
    queue.done["runs"].set()
    await queue.tasks["runs"]  # the place is granted to "unlucky", who has not woken up yet
    queue.tasks["unlucky"].cancel()
    await settle()
    assert queue.order in (["runs", "next"], ["runs", "unlucky", "next"])
    await queue.finish()


async def test_a_reserved_place_is_nobody_elses() -> None:
    slots = Slots(1)
    assert slots.reserve("job", "ada")
    assert not slots.reserve("other", "bob")
    async with slots.take("job", "ada", 1, reserved=True):
        assert slots.busy == 1
    assert slots.busy == 0
    assert slots.reserve("other", "bob")
    slots.release("other", "bob")
    assert slots.busy == 0


async def test_a_closed_queue_grants_nothing_and_lets_work_end() -> None:
    queue = Queue(1)
    await queue.come("runs")
    await queue.come("waits")
    queue.slots.close()
    await queue.leave("runs")
    await queue.come("late")
    assert queue.order == ["runs"]
    assert queue.slots.busy == 0
    for name in ("waits", "late"):
        queue.tasks[name].cancel()
    await queue.finish()


async def test_a_closed_queue_lets_jobs_that_have_begun_end() -> None:
    """A job of three candidates at two places."""
    slots = Slots(2)
    entered: list[int] = []
    leave = asyncio.Event()

    async def candidate(number: int) -> None:
        async with slots.take("job", "ada", 1):
            entered.append(number)
            await leave.wait()

    async with asyncio.timeout(HANGS_S), asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(candidate(number))
        other = group.create_task(candidate_of(slots, "other"))
        await until(lambda: len(slots.waiting) == 2)
        slots.close()
        leave.set()
        await until(lambda: len(entered) == 3)
        other.cancel()
    assert slots.busy == 0
    assert not slots.jobs


async def candidate_of(slots: Slots, job: str) -> None:
    async with slots.take(job, "bob", 1):
        raise AssertionError("a closed queue let a new job in")


async def test_more_places_are_granted_at_once() -> None:
    slots = Slots(1)
    async with slots.take("job", "ada", 1), asyncio.timeout(HANGS_S):
        waiting = asyncio.create_task(taken(slots))
        await until(lambda: bool(slots.waiting))
        slots.resize(2)
        await waiting


async def taken(slots: Slots) -> None:
    async with slots.take("second", "ada", 1):
        pass


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 5, 7])
async def test_the_parts_of_several_processes_are_all_places_and_no_more(processes: int) -> None:
    catalogue = Catalogue(ModelEntry(**entry(f"model-{at_once}", at_once=at_once)) for at_once in range(1, 12))
    parts = [Places(catalogue) for _ in range(processes)]
    for rank, places in enumerate(parts):
        places.share(processes, rank)
    for item in catalogue:
        capacities = [places[item.name].capacity for places in parts]
        assert sum(capacities) == max(processes, item.entry.replicas.target_ongoing), item.name
        assert max(capacities) - min(capacities) <= 1
