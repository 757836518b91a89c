"""Files on their way into storage: at once, cut off, refused by the store."""

import asyncio
import io
import tempfile
from pathlib import Path
from typing import BinaryIO

import pytest
import sqlalchemy as sa

from serve_app import config
from serve_app.assets.assets import Assets, Kept
from serve_app.config import LocalStorageConfig
from serve_app.errors import StorageFull
from serve_app.records import tables
from serve_app.records.database import Database
from serve_app.storage import Stat, Storage, open_storage
from tests.assets import files
from tests.support.service import until

pytestmark = pytest.mark.anyio

WAV = files.sound("WAV")


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage(LocalStorageConfig(path=str(tmp_path / "store")))


async def store(assets: Assets, data: bytes = WAV, owner: str = "ada") -> Kept:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        return await assets.store(owner, file, "/file")


def states(database: Database) -> list[str]:
    return sorted(database.read_now(lambda c: list(c.execute(sa.select(tables.objects.c.state)).scalars())))


async def test_equal_files_at_two_ingresses_at_once_are_one(database: Database, storage: Storage) -> None:
    ingresses = [Assets(database, storage, config.Assets()) for _ in range(2)]
    kept = await asyncio.gather(*(store(ingresses[place % 2]) for place in range(6)))
    assert [item.new for item in kept].count(True) == 1
    assert len({item.row.key for item in kept}) == 1
    assert storage.get(kept[0].row.key) == WAV
    assert states(database).count("stored") == 1
    assert set(states(database)) <= {"stored", "orphan"}
    for assets in ingresses:
        await assets.close()


async def test_a_caller_who_hangs_up_leaves_a_whole_file_or_none(database: Database, storage: Storage) -> None:
    assets = Assets(database, storage, config.Assets())
    caller = asyncio.create_task(store(assets))
    await until(lambda: bool(assets._storing))
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await assets.close()
    [row] = (await assets.list("ada", 10, None))[0]
    assert storage.get(row.key) == WAV


class Full:
    """A store without room."""

    def __init__(self, storage: Storage) -> None:
        self.stat, self.get = storage.stat, storage.get

    def put_file(self, key: str, file: BinaryIO, media_type: str) -> Stat:
        raise StorageFull(f"no room for {len(file.read())} bytes")


async def test_a_store_without_room_leaves_no_file(database: Database, storage: Storage) -> None:
    assets = Assets(database, Full(storage), config.Assets())  # type: ignore[arg-type]
    with pytest.raises(StorageFull):
        await store(assets)
    assert (await assets.list("ada", 10, None))[0] == []
    assert states(database) == ["orphan"]
    await assets.close()


async def test_a_file_is_read_from_its_start_wherever_its_writer_stands(database: Database, storage: Storage) -> None:
    assets = Assets(database, storage, config.Assets())
    with tempfile.SpooledTemporaryFile(max_size=1 << 20) as spooled:  # as a form's file, in memory while it is small
        spooled.write(WAV)
        spooled.seek(100, io.SEEK_SET)
        kept = await assets.store("ada", spooled, "/file")  # type: ignore[arg-type]
    assert kept.row.bytes == len(WAV)
    assert storage.get(kept.row.key) == WAV
    await assets.close()
