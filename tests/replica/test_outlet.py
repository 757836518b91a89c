"""Chunks on their way from a worker thread to an event loop."""

import asyncio

import pytest

from deployments.contract import Cancelled, Context
from serve_app.replica.outlet import AHEAD, Outlet
from serve_app.replica.work import Event

pytestmark = pytest.mark.anyio


async def test_a_thread_waits_while_nobody_takes_what_it_has_sent() -> None:
    events: asyncio.Queue[Event] = asyncio.Queue()
    context = Context(seed=0)
    outlet = Outlet(events.put_nowait, context)
    sending = asyncio.create_task(
        asyncio.to_thread(lambda: [outlet.send(bytes([number]), {"n": number}) for number in range(AHEAD + 2)])
    )
    for number in range(AHEAD):
        assert await events.get() == ("chunk", {"data": bytes([number]), "head": {"n": number}})
    assert events.empty()
    assert not sending.done()
    outlet.make_room()
    assert (await events.get())[1]["data"] == bytes([AHEAD])
    outlet.make_room()
    await sending
    assert outlet.waited_s > 0
    assert outlet.first_at is not None


async def test_a_thread_that_waits_notices_that_nobody_wants_the_sound() -> None:
    context = Context(seed=0)
    outlet = Outlet(lambda event: None, context)

    async def leave() -> None:
        context.cancelled.set()
        outlet.make_room()

    with pytest.raises(Cancelled):
        await asyncio.gather(
            asyncio.to_thread(lambda: [outlet.send(b"x", {}) for _ in range(AHEAD + 1)]),
            leave(),
        )
