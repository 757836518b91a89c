import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from serve_app.database import Database
from serve_app.errors import DatabaseUnavailable, StorageFull
from serve_app.tables import doomed

pytestmark = pytest.mark.anyio


def add(c: sa.Connection, key: str) -> None:
    c.execute(sa.insert(doomed), {"key": key})


def keys(c: sa.Connection) -> list[str]:
    return sorted(c.execute(sa.select(doomed.c.key)).scalars())


async def test_what_was_written_is_read(database: Database) -> None:
    await database.write(add, "a")
    assert await database.read(keys) == ["a"]
    assert database.read_now(keys) == ["a"]


async def test_an_error_takes_everything_of_its_transaction_back(database: Database) -> None:
    def half(c: sa.Connection) -> None:
        add(c, "half")
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(half)
    assert await database.read(keys) == []


async def test_many_writers_all_get_through(database: Database) -> None:
    await asyncio.gather(*(database.write(add, f"{index:03}") for index in range(200)))
    assert len(await database.read(keys)) == 200


async def test_two_processes_worth_of_writers_wait_for_each_other(database_url: str) -> None:
    first, second = Database(database_url), Database(database_url)
    first.migrate()
    await asyncio.gather(*((first, second)[i % 2].write(add, f"{i:03}") for i in range(100)))
    assert len(await second.read(keys)) == 100
    first.close()
    second.close()


async def test_readers_go_on_while_somebody_writes(database: Database) -> None:
    inside, leave = threading.Event(), threading.Event()

    def slow(c: sa.Connection) -> None:
        add(c, "slow")
        inside.set()
        leave.wait(60)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.to_thread(inside.wait, 60)
    async with asyncio.timeout(30):
        assert await database.read(keys) == []
    leave.set()
    await writing
    assert await database.read(keys) == ["slow"]


async def test_a_database_that_is_away_is_named_so(tmp_path: Path) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable, match="does not answer"):
        await gone.read(keys)
    gone.close()


async def test_a_full_disk_is_named_so_and_loses_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/full.db")
    database.migrate()
    await database.write(add, "before")

    def fill(c: sa.Connection) -> None:
        pages = c.exec_driver_sql("PRAGMA page_count").scalar_one()
        c.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        for index in range(10_000):
            add(c, f"{index:06}" + "x" * 150)

    with pytest.raises(StorageFull, match="full"):
        await database.write(fill)
    assert await database.read(keys) == ["before"]
    database.close()


async def test_a_committed_row_survives_a_power_cut(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/safe.db")
    database.migrate()
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    await database.write(add, "a")
    other = sqlite3.connect(tmp_path / "safe.db")
    assert other.execute("SELECT key FROM doomed").fetchall() == [("a",)]
    other.close()
    database.close()
    assert (tmp_path / "safe.db").exists()
