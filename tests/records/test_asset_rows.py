"""Rows of files that callers bring: their owner, their time, the room that they take, what becomes of their objects."""

import pytest
import sqlalchemy as sa

from serve_app.records import asset_rows, object_rows, tables
from serve_app.records.asset_rows import AssetRow, NoRoom, Room
from serve_app.records.database import Database

PLENTY = Room(100, 1 << 30)
TTL_S = 1000.0


def row(name: str, owner: str = "ada", generation: str = "1", size: int = 10) -> AssetRow:
    key = f"private/{owner}/{name}.{generation}"
    return AssetRow(f"ast_{name}", owner, "audio", "audio/wav", size, "0" * 64, {"channels": 1}, key)


def brought(database: Database, given: AssetRow, room: Room = PLENTY, ttl_s: float = TTL_S) -> AssetRow:
    database.write_now(asset_rows.plan, given, room)
    return database.write_now(asset_rows.add, given, room, ttl_s)


def state_of(database: Database, key: str) -> str | None:
    return database.read_now(lambda c: c.scalar(sa.select(tables.objects.c.state).where(tables.objects.c.key == key)))


def test_a_file_is_found_by_its_owner_only(database: Database) -> None:
    kept = brought(database, row("a"))
    assert database.read_now(asset_rows.find, "ada", "ast_a") == kept
    assert kept.facts == {"channels": 1}
    assert database.read_now(asset_rows.find, "bob", "ast_a") is None
    assert database.read_now(asset_rows.keys_of, "bob", ["ast_a"]) == {}
    assert not database.write_now(asset_rows.delete, "bob", "ast_a")
    assert state_of(database, kept.key) == "stored"


def test_the_second_of_two_equal_uploads_gets_the_first(database: Database) -> None:
    first, second = row("a"), row("a", generation="2")
    database.write_now(asset_rows.plan, second, PLENTY)
    kept = brought(database, first)
    assert database.write_now(asset_rows.add, second, PLENTY, TTL_S).key == kept.key
    assert state_of(database, second.key) == "orphan"


def test_pages_come_newest_first_and_go_on_where_the_last_one_ended(database: Database) -> None:
    rows = [brought(database, row(name)) for name in "abcde"]
    seen, before = [], None
    while found := database.read_now(asset_rows.page, "ada", 2, before):
        seen += found
        before = (found[-1].created_at, found[-1].id)
    assert sorted(item.id for item in seen) == [item.id for item in rows]
    assert [item.created_at for item in seen] == sorted((item.created_at for item in seen), reverse=True)


def test_files_and_bytes_of_an_owner_are_bounded(database: Database) -> None:
    brought(database, row("a"))
    with pytest.raises(NoRoom, match="1 files"):
        brought(database, row("b"), Room(1, 100))
    with pytest.raises(NoRoom, match="10 bytes"):
        brought(database, row("c"), Room(5, 19))
    brought(database, row("c"), Room(5, 20))
    brought(database, row("d", owner="bob"), Room(1, 10))


def test_use_prolongs_and_what_is_over_its_time_is_swept(database: Database) -> None:
    over, used = brought(database, row("a"), ttl_s=-10), brought(database, row("b"), ttl_s=5)
    assert database.read_now(asset_rows.find, "ada", over.id) is None
    prolonged = database.write_now(asset_rows.use, "ada", used.id, TTL_S)
    assert prolonged is not None
    assert prolonged.expires_at > used.expires_at + 100
    assert database.write_now(asset_rows.sweep, 1000.0) == 0  # a job may still need it
    assert database.read_now(asset_rows.keys_of, "ada", [over.id]) == {over.id: over.key}
    assert database.write_now(asset_rows.sweep, 1.0) == 1
    assert database.read_now(object_rows.deletable, 0.0) == [(over.key, False)]
    assert database.read_now(asset_rows.find, "ada", used.id) is not None


def test_a_file_that_is_brought_again_after_its_time_is_new(database: Database) -> None:
    old = brought(database, row("a"), ttl_s=-10)
    new = brought(database, row("a", generation="2"))
    assert (new.id, new.key != old.key) == (old.id, True)
    assert (state_of(database, old.key), state_of(database, new.key)) == ("orphan", "stored")


def test_an_upload_that_nobody_ends_is_swept(database: Database) -> None:
    left = row("a")
    database.write_now(asset_rows.plan, left, PLENTY)
    database.write_now(asset_rows.sweep, 1000.0)
    assert state_of(database, left.key) == "pending"
    database.write_now(asset_rows.sweep, -1.0)
    assert state_of(database, left.key) == "orphan"
