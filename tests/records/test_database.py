import asyncio
import os
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from serve_app.errors import ConfigError, DatabaseMisconfigured, DatabaseUnavailable, StorageFull
from serve_app.records.database import Database, driver_said
from serve_app.records.tables import doomed

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


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a b", "ü", "100%", "a@b:c"])
def test_a_home_of_any_name_holds_its_own_databases(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    database = Database(f"sqlite:///{home}/continuo.db")
    database.migrate()
    database.write_now(add, "a")
    database.close()
    assert {file.name for file in home.iterdir()} >= {"continuo.db"}
    assert [file.name for file in tmp_path.iterdir()] == [name]


def modes(folder: Path) -> set[int]:
    return {file.stat().st_mode & 0o777 for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_may_read_a_database_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        database = Database(f"sqlite:///{tmp_path}/new/home/continuo.db")
        database.migrate()
        database.write_now(add, "a")
    finally:
        os.umask(before)
    assert (tmp_path / "new/home/continuo.db-wal").exists()
    assert modes(tmp_path / "new/home") == {0o600}
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "new/home")} == {0o700}
    database.close()


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    first = Database(f"sqlite:///{tmp_path}/continuo.db")
    first.migrate()
    first.write_now(add, "a")
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    (tmp_path / "other").write_text("not ours")
    (tmp_path / "other").chmod(0o644)
    tmp_path.chmod(0o755)
    second = Database(f"sqlite:///{tmp_path}/continuo.db")
    assert second.read_now(keys) == ["a"]
    found = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert found.pop("other") == 0o644
    assert set(found.values()) == {0o600}
    assert tmp_path.stat().st_mode & 0o777 == 0o755, "a folder that holds other things stays as it was"
    first.close()
    second.close()


def test_what_only_an_operator_can_mend_is_named_so(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("words " * 1000)
    text = Database(f"sqlite:///{tmp_path}/text.db")
    with pytest.raises(DatabaseMisconfigured, match="file is not a database"):
        text.migrate()
    text.close()
    newer = Database(f"sqlite:///{tmp_path}/newer.db")
    newer.migrate()
    newer.write_now(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'"))
    with pytest.raises(DatabaseMisconfigured, match="newer version"):
        newer.migrate()
    newer.close()


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (f"{tmp_path}/file/x.db", "/proc/none/x.db", f"{tmp_path}"):
        with pytest.raises(ConfigError, match=place.removesuffix("/x.db")):
            Database(f"sqlite:///{place}")


def test_what_a_driver_says_holds_no_password() -> None:
    gone = Database("postgresql://nobody:hidden@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnavailable) as refused:
        gone.read_now(keys)
    assert "127.0.0.1" in driver_said(refused.value)
    assert "hidden" not in driver_said(refused.value)
    gone.close()
    with pytest.raises(ConfigError) as wrong:
        Database("postgresql://nobody:hidden@h:port/none")
    assert "hidden" not in str(wrong.value)
