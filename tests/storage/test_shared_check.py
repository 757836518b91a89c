import asyncio

import pytest

from serve_app.errors import StorageUnavailable
from serve_app.storage.shared_check import BAD_FOR_S, GOOD_FOR_S, SharedCheck

pytestmark = pytest.mark.anyio


class Store:
    """Counts how often it is looked at; `open` lets a look end."""

    def __init__(self) -> None:
        self.time_s, self.looks, self.at_once, self.most_at_once = 100.0, 0, 0, 0
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def look(self) -> None:
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.open.wait()
        self.at_once -= 1
        if self.error is not None:
            raise self.error

    def check(self) -> SharedCheck:
        return SharedCheck(self.look, lambda: self.time_s)


async def test_many_who_ask_at_once_share_one_look() -> None:
    store = Store()
    store.open.clear()
    check = store.check()
    asking = [asyncio.create_task(check()) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()  # who made it goes away
    store.open.set()
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert results[1:] == [None] * 99
    assert (store.looks, store.most_at_once) == (1, 1)


async def test_a_result_is_kept_for_a_while() -> None:
    store = Store()
    check = store.check()
    for _ in range(10):
        await check()
    store.time_s += GOOD_FOR_S - 0.01
    await check()
    assert store.looks == 1
    store.time_s += 0.01
    await check()
    assert store.looks == 2
    check.forget()
    await check()
    assert store.looks == 3


async def test_a_failure_reaches_all_and_is_forgotten_sooner() -> None:
    store = Store()
    store.error = StorageUnavailable("away", retry_after_s=3)
    check = store.check()
    for _ in range(10):
        with pytest.raises(StorageUnavailable, match="away") as found:
            await check()
        assert found.value.retry_after_s == 3
    assert store.looks == 1
    store.error = None
    store.time_s += BAD_FOR_S
    await check()
    assert store.looks == 2


async def test_what_is_no_answer_is_not_kept() -> None:
    store = Store()
    store.error = RuntimeError("a bug")
    check = store.check()
    for looks in (1, 2):
        with pytest.raises(RuntimeError):
            await check()
        assert store.looks == looks
