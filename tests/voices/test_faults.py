"""Whatever moment a process dies at: a voice is there with its reference, or not there and nothing of it is left."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from serve_app.errors import DatabaseUnavailable, Invalid, StorageFull, StorageUnavailable
from serve_app.records import asset_rows, job_rows, voice_rows
from serve_app.voices.library import NewVoice, Voices
from tests.support.service import Service, args_in, entry, running
from tests.voices.recordings import file, speech

pytestmark = pytest.mark.anyio

WAV = file(speech(3.5, 16_000), 16_000)
MIMIC = entry("mimic", "tests.support.models:Mimic")
STEPS = 12  # more than either of both ways has


class Killed(BaseException):
    """The end of a process, which nothing that it does survives."""


@pytest.fixture
async def service(tmp_path: Path, database_url: str) -> AsyncIterator[Service]:
    async with running(args_in(tmp_path, MIMIC, database_url=database_url)) as service:
        yield service


def stored(folder: Path) -> list[str]:
    """What lies under `private/` in the store, by name."""
    return sorted(item.name.removesuffix("@") for item in (folder / "store").rglob("voice_*@"))


class Dying:
    """A database and a store that end the process before or after their step `at`, counted over both."""

    def __init__(self, service: Service, at: int, after: bool) -> None:
        self.database, self.storage = service.runtime.database, service.runtime.storage
        self.at, self.after, self.step = at, after, 0

    def _begin(self) -> bool:
        self.step += 1
        if self.step == self.at and not self.after:
            raise Killed
        return self.step == self.at

    async def write(self, statement: Callable[..., Any], *args: Any, **more: Any) -> Any:
        ends = self._begin()
        made = await self.database.write(statement, *args, **more)
        if ends:
            raise Killed
        return made

    async def read(self, statement: Callable[..., Any], *args: Any, **more: Any) -> Any:
        return await self.database.read(statement, *args, **more)

    def put(self, *args: Any) -> Any:
        ends = self._begin()
        made = self.storage.put(*args)
        if ends:
            raise Killed
        return made

    def delete(self, key: str) -> None:
        ends = self._begin()
        self.storage.delete(key)
        if ends:
            raise Killed


def another(service: Service) -> Voices:
    """The voices as another ingress of the same service has them."""
    runtime = service.runtime
    return Voices(runtime.assets, runtime.jobs, runtime.catalogue, runtime.args.voices)


async def swept(service: Service) -> None:
    """What other processes do about what is left, long after."""
    await service.runtime.database.write(asset_rows.sweep, -1.0)
    while await service.runtime.upkeep.sweep():
        pass


async def add(voices: Voices, name: str = "a") -> Any:
    with tempfile.TemporaryFile() as opened:
        opened.write(WAV)
        return await voices.add(NewVoice("local", name), opened, "/file")


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_while_a_voice_comes(service: Service, tmp_path: Path, after: bool) -> None:
    deaths = 0
    for at in range(1, STEPS):
        dying = Dying(service, at, after)
        voices = Voices(
            service.runtime.assets, service.runtime.jobs, service.runtime.catalogue, service.runtime.args.voices
        )
        voices.database, voices.storage = dying, dying  # type: ignore[assignment]
        try:
            await add(voices, f"name {at}")
        except Killed:
            deaths += 1
        await swept(service)
        rows = await service.runtime.voices.list("local")
        assert stored(tmp_path) == sorted(row.key.rpartition("/")[2] for row in rows)
        for row in rows:
            await service.runtime.voices.delete("local", row.id)
        if dying.step < at:
            break
    assert deaths == 3  # plan, put, add


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_while_a_voice_goes(service: Service, tmp_path: Path, after: bool) -> None:
    deaths = 0
    for at in range(1, STEPS):
        row = await add(service.runtime.voices, f"name {at}")
        body = {"model": "mimic", "input": {"input": "one two three", "voice": row.id}}
        job = await service.ended((await service.http.post("/v1/jobs", json=body)).json())
        dying = Dying(service, at, after)
        jobs = service.runtime.jobs
        voices = another(service)
        voices.database = jobs.database = dying  # type: ignore[assignment]
        jobs.storage = dying  # type: ignore[assignment]
        try:
            await voices.delete("local", row.id, outputs=True)
        except Killed:
            deaths += 1
        finally:
            jobs.database, jobs.storage = service.runtime.database, service.runtime.storage
        left = await service.runtime.voices.list("local")
        if left:
            assert (at, after) == (1, False)  # nothing was promised yet
            await service.runtime.voices.delete("local", row.id, outputs=True)
        await swept(service)
        assert stored(tmp_path) == []
        assert await service.runtime.database.read(job_rows.get_job, job["id"]) is None
        assert service.runtime.storage.stat(job["outputs"][0]["key"]) is None
        if dying.step < at:
            break
    assert deaths >= 3  # the rows, the object, its tombstone, and what follows of the jobs


@pytest.mark.parametrize("fault", [StorageFull, StorageUnavailable])
async def test_a_store_that_fails_leaves_no_voice(
    service: Service, tmp_path: Path, fault: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(*_args: Any) -> None:
        raise fault("no room")

    monkeypatch.setattr(service.runtime.storage, "put", put)
    with pytest.raises(fault):
        await add(service.runtime.voices)
    monkeypatch.undo()
    await swept(service)
    assert (await service.runtime.voices.list("local"), stored(tmp_path)) == ([], [])
    await add(service.runtime.voices)  # its name is free


async def test_a_store_that_deletes_nothing_now_is_asked_again(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await add(service.runtime.voices)

    def delete(_key: str) -> None:
        raise StorageUnavailable("away")

    monkeypatch.setattr(service.runtime.storage, "delete", delete)
    await service.runtime.voices.delete("local", row.id)
    assert len(stored(tmp_path)) == 1
    monkeypatch.undo()
    await swept(service)
    assert stored(tmp_path) == []


async def test_a_database_that_is_away_at_the_end_leaves_no_voice(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: Any) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(voice_rows, "add", away)
    with pytest.raises(DatabaseUnavailable):
        await add(service.runtime.voices)
    monkeypatch.undo()
    await swept(service)
    assert (await service.runtime.voices.list("local"), stored(tmp_path)) == ([], [])


async def test_one_name_at_two_ingresses_at_once_is_one_voice(service: Service, tmp_path: Path) -> None:
    others = [another(service) for _ in range(3)]
    found = await asyncio.gather(*(add(item) for item in others), return_exceptions=True)
    assert sorted(type(item).__name__ for item in found) == ["Invalid", "Invalid", "VoiceRow"]
    assert all(item.errors[0]["pointer"] == "/name" for item in found if isinstance(item, Invalid))
    await swept(service)
    assert len(stored(tmp_path)) == 1
    for item in others:
        await item.close()


async def test_a_caller_who_hangs_up_leaves_a_whole_voice(service: Service) -> None:
    voices = service.runtime.voices
    with tempfile.TemporaryFile() as opened:
        opened.write(WAV)
        caller = asyncio.create_task(voices.add(NewVoice("local", "a"), opened, "/file"))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    await asyncio.gather(*voices._under_way)
    [row] = await voices.list("local")
    assert service.runtime.storage.stat(row.key) is not None
