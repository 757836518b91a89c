"""Work that is done again and again beside the requests."""

import asyncio

import pytest

from serve_app.loops import Loops
from tests.support.service import HANGS_S

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("steps", range(4))
async def test_a_loop_that_is_woken_at_the_moment_of_its_end_ends(steps: int) -> None:
    loops, turned = Loops(), asyncio.Event()

    async def turn() -> float:
        turned.set()
        return HANGS_S * 10

    loops.start("turns", turn)
    await turned.wait()
    await asyncio.sleep(0)
    loops.wake("turns")
    for _ in range(steps):  # of the event loop: in one of them the pause is over and the loop not yet told
        await asyncio.sleep(0)
    async with asyncio.timeout(HANGS_S):
        await loops.close()
