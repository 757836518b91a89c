"""The bytes of a streamed job, for those who listen to it."""

import asyncio
from collections.abc import Iterator

import pytest

from serve_app.errors import StorageFull
from serve_app.jobs import live as module
from serve_app.jobs.live import AHEAD, Broken, Listener, Live

pytestmark = pytest.mark.anyio

HEAD = {"media_type": "audio/wav"}


async def settled(task: "asyncio.Task[None]") -> bool:
    """Whether a task has ended when all that was ready has run."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def heard(live: Live, listener: Listener) -> bytes:
    return b"".join([data async for data in live.chunks(listener)])


async def write(live: Live, count: int) -> None:
    for number in range(count):
        await live.write(bytes([number]), HEAD)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is made before the listener who is furthest but AHEAD chunks."""
    monkeypatch.setattr(module, "AHEAD_BYTES", 0)


@pytest.fixture
def live() -> Iterator[Live]:
    made = Live()
    yield made
    made.end(False)


async def test_without_listeners_nothing_waits_and_who_comes_late_hears_all(live: Live) -> None:
    await write(live, 3 * AHEAD)
    live.end(True)
    assert live.begun
    other = Live()
    await write(other, 3)
    with other.listening() as listener:
        other.end(True)
        assert await heard(other, listener) == bytes(range(3))


@pytest.mark.usefixtures("near")
async def test_writing_waits_for_the_one_who_is_furthest_and_for_nobody_else(live: Live) -> None:
    with live.listening() as slow, live.listening() as quick:
        writing = asyncio.create_task(write(live, 2 * AHEAD))
        assert not await settled(writing)
        chunks = live.chunks(quick)
        for _ in range(AHEAD):
            await anext(chunks)
        assert await settled(writing)
        await chunks.aclose()  # type: ignore[attr-defined]
        live.end(True)
        assert await heard(live, slow) == bytes(range(2 * AHEAD))


async def test_one_who_listens_slowly_does_not_keep_what_makes_the_sound_waiting(live: Live) -> None:
    with live.listening() as slow:
        await asyncio.wait_for(write(live, 10 * AHEAD), 10)
        large = asyncio.create_task(live.write(bytes(module.AHEAD_BYTES), HEAD))
        assert await settled(large)
        assert not await settled(asyncio.create_task(live.write(b"more", HEAD)))
        chunks = live.chunks(slow)
        assert await anext(chunks) == b"\0"
        await chunks.aclose()  # type: ignore[attr-defined]


@pytest.mark.usefixtures("near")
async def test_writing_goes_on_when_the_last_listener_leaves(live: Live) -> None:
    with live.listening():
        writing = asyncio.create_task(write(live, 2 * AHEAD))
        assert not await settled(writing)
    assert await settled(writing)


async def test_what_ends_before_its_end_is_told(live: Live) -> None:
    with live.listening() as listener:
        await write(live, 2)
        chunks = live.chunks(listener)
        assert [await anext(chunks), await anext(chunks)] == [b"\0", b"\1"]
        live.end(False)
        with pytest.raises(Broken):
            await anext(chunks)


async def test_it_is_deserted_when_neither_it_nor_its_follower_has_a_listener() -> None:
    left: list[str] = []
    first, second = Live(lambda: left.append("first")), Live(lambda: left.append("second"))
    with second.listening() as listener:
        with first.listening():
            second.follow(first)
            await write(first, 2)
        assert left == []
        chunks = second.chunks(listener)
        assert await anext(chunks) == b"\0"
        await chunks.aclose()  # type: ignore[attr-defined]
    assert sorted(left) == ["first", "second"]
    second.end(False)
    first.end(False)


async def test_a_follower_hears_all_after_the_other_has_ended() -> None:
    first, second = Live(), Live()
    with second.listening() as listener:
        second.follow(first)
        await write(first, 3)
        first.end(True)
        second.end(True)
        assert await heard(second, listener) == bytes(range(3))


async def test_a_full_temporary_folder_is_an_error_of_its_own(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "SpooledTemporaryFile", full)
    with pytest.raises(StorageFull, match="No space left"):
        await live.write(b"x", HEAD)
