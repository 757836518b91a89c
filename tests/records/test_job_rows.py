"""Statements over our tables, on every database that is supported."""

import asyncio
import time
from dataclasses import fields, replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from serve_app.records import event_rows, job_rows, object_rows, queue_rows, tables
from serve_app.records.database import Database
from serve_app.records.job_rows import Change, Ending
from serve_app.records.leases import ClaimLost, enter
from serve_app.records.object_rows import ObjectGone, Stored, mark_pending
from serve_app.records.rows import Attempt, Event, IdempotencyRow, JobRow, UsageRow

pytestmark = pytest.mark.anyio

ME = "holder_me"


@pytest.fixture
def database(database: Database) -> Database:
    """With this process as a holder."""
    database.write_now(enter, ME, 3600.0)
    return database


def job(owner: str = "ada", **values: Any) -> JobRow:
    now = time.time()
    made: dict[str, Any] = {
        "id": job_rows.new_id("job"), "owner": owner, "task": "text-to-audio", "model": "auto", "model_used": "tone",
        "planned_model": "tone", "status": "queued", "priority": 1, "seed": 2**32 - 1, "queue_holder": ME,
        "input": {"prompt": "Glöckchen 🔔 \u0000", "seed": 1}, "request_id": "req_1", "deadline": now + 60,
        "created_at": now, **values,
    }  # fmt: skip
    return JobRow(**made)


def key(row: JobRow, name: str = "k", ends_s: float = 60) -> IdempotencyRow:
    return IdempotencyRow(row.owner, name, "f", row.id, time.time() + ends_s)


async def put(database: Database, **values: Any) -> JobRow:
    row = job(**values)
    await database.write(job_rows.accept_job, row, None)
    return row


async def end(database: Database, row: JobRow, *keys: str, completed_at: float | None = None) -> None:
    last = replace(row, status="succeeded", completed_at=completed_at or time.time())
    made = [Stored(item, item, {"output": {"key": item, "bytes": 1}, "facts": {}}, 1) for item in keys]
    await database.write(lambda c: mark_pending(c, row, made))
    ending = Ending(last, made, [Event(2, "completed", {})])
    await database.write(job_rows.finish_job, job_rows.claim_of(row), ending)


async def test_a_job_reads_as_it_was_written(database: Database) -> None:
    row = await put(database)
    assert await database.read(job_rows.get_job, row.id) == row
    assert await database.read(job_rows.get_job, row.id, "ada") == row
    assert await database.read(job_rows.get_job, row.id, "bob") is None
    assert await database.read(job_rows.get_job, "job_none") is None
    [event] = await database.read(event_rows.events_after, row.id, 0)
    assert (event.seq, event.type) == (1, "queued")


def test_a_row_has_every_column_of_the_table() -> None:
    columns = {item.name for item in fields(JobRow)} - {"outputs", "deliveries"}
    assert columns | {"executor"} == set(tables.jobs.c.keys()) == set(job().columns())


async def test_an_attempt_reads_as_it_was_written(database: Database) -> None:
    """Running and ended ones; those of version 0.1 may lack what they have not."""
    attempts = (Attempt("a", 1.0, 2.0, "replica_lost"), Attempt("b", 3.0))
    row = await put(database, attempts=attempts)
    assert await database.read(job_rows.get_job, row.id) == row
    assert row.is_attempted
    assert row.end_attempt("released", 4.0).attempts == (attempts[0], Attempt("b", 3.0, 4.0, "released"))
    assert row.end_attempt("released", 4.0).end_attempt("succeeded", 5.0).outcomes("succeeded") == 0
    assert Attempt.read({"model": "a", "started_at": 1.0}) == Attempt("a", 1.0)


async def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = []
    for _ in range(5):
        ids.append(job_rows.new_id("job"))
        await asyncio.sleep(0.002)
    assert ids == sorted(ids)
    assert len({job_rows.new_id("job") for _ in range(10_000)}) == 10_000
    assert all(len(item) == len("job_") + 26 <= 40 for item in ids)


async def test_the_list_goes_by_owner_filter_and_cursor(database: Database) -> None:
    rows = [await put(database, id=f"job_{index}", status=("queued", "running")[index % 2]) for index in range(5)]
    await put(database, owner="bob", id="job_9")

    async def ids(**more: Any) -> list[str]:
        terms: dict[str, Any] = {"status": None, "model": None, "limit": 10, "before": None, **more}
        return [item.id for item in await database.read(job_rows.list_jobs, "ada", **terms)]

    assert await ids() == [row.id for row in reversed(rows)]
    assert await ids(limit=2) == ["job_4", "job_3"]
    assert await ids(limit=2, before="job_3") == ["job_2", "job_1"]
    assert await ids(status="running") == ["job_3", "job_1"]
    assert await ids(model="tone") == await ids(model="auto") == await ids()
    assert await ids(model="other") == []
    assert await ids(before="x' OR 1=1 --") == await ids()


async def test_a_key_belongs_to_one_owner_and_ends(database: Database) -> None:
    first, second, other = job(), job(), job(owner="bob")
    await database.write(job_rows.accept_job, first, key(first))
    with pytest.raises(job_rows.KeyTaken) as taken:
        await database.write(job_rows.accept_job, second, key(second))
    assert taken.value.row.job_id == first.id
    assert await database.read(job_rows.get_job, second.id) is None
    await database.write(job_rows.accept_job, other, key(other))
    late = job()
    await database.write(job_rows.accept_job, late, key(late, "late", ends_s=-1))
    assert await database.read(job_rows.find_key, "ada", "late") is None
    again = job()
    await database.write(job_rows.accept_job, again, key(again, "late"))
    found = await database.read(job_rows.find_key, "ada", "late")
    assert found is not None
    assert found.job_id == again.id


async def test_of_many_with_one_key_one_is_accepted(database: Database) -> None:
    async def accept() -> str:
        row = job()
        try:
            await database.write(job_rows.accept_job, row, key(row, "race"))
        except job_rows.KeyTaken as taken:
            return taken.row.job_id
        except IntegrityError:
            found = await database.read(job_rows.find_key, "ada", "race")
            assert found is not None
            return found.job_id
        return row.id

    ids = await asyncio.gather(*(accept() for _ in range(32)))
    assert len(set(ids)) == 1
    assert await database.read(queue_rows.unfinished) == (0, 1)


async def test_a_finished_job_stays_as_it_is(database: Database) -> None:
    row = await put(database)
    await end(database, row, "audio/a.flac")
    claim = job_rows.claim_of(row)
    late = Ending(replace(row, status="failed", completed_at=2.0), [], [Event(3, "completed", {})])
    change = Change(replace(row, status="running"), ("status",), Event(9, "progress", {}), at=2.0)
    for write in (
        lambda c: job_rows.update_job(c, claim, change),
        lambda c: job_rows.finish_job(c, claim, late),
    ):
        with pytest.raises(ClaimLost):
            await database.write(write)
    found = await database.read(job_rows.get_job, row.id)
    assert found is not None
    assert (found.status, found.outputs) == ("succeeded", ({"key": "audio/a.flac", "bytes": 1},))
    assert await database.read(event_rows.last_seq, row.id) == 2
    assert not await database.read(job_rows.is_unfinished, row.id)


async def test_an_object_lives_as_long_as_a_job_refers_to_it(database: Database) -> None:
    first, second = await put(database), await put(database)
    await end(database, first, "shared", "own")
    await end(database, second, "shared")
    assert await database.write(job_rows.delete_job, first.id) == ["own"]
    assert await database.read(object_rows.find_stored, "own") is None
    found = await database.read(object_rows.find_stored, "shared")
    assert found is not None
    assert await database.write(job_rows.delete_job, second.id) == ["shared"]
    third = await put(database)
    with pytest.raises(ObjectGone):
        await end(database, third, "shared")
    still = await database.read(job_rows.get_job, third.id)
    assert still is not None
    assert (still.status, still.outputs) == ("queued", ())  # nothing of that end was written
    assert sorted(await database.read(object_rows.deletable, 3600.0)) == [("own", False), ("shared", False)]
    for key in ("own", "shared"):
        await database.write(object_rows.mark_deleted, key)
    assert await database.read(object_rows.deletable, 3600.0) == []  # a late store may still come
    await database.write(lambda c: c.execute(sa.update(tables.objects).values(state_at=0.0)))
    assert sorted(await database.read(object_rows.deletable, 3600.0)) == [("own", True), ("shared", True)]
    for key in ("own", "shared"):
        await database.write(object_rows.remove_tombstone, key)
    assert await database.read(object_rows.deletable, 3600.0) == []
    assert await database.write(job_rows.delete_job, "job_none") == []


async def test_what_a_job_began_to_store_and_does_not_hand_out_is_left_to_the_sweeper(database: Database) -> None:
    row = await put(database)
    begun = [Stored(name, name) for name in ("tried", "done", "untried", "handed-out")]
    await database.write(lambda c: mark_pending(c, row, begun))
    made = {"output": {"key": "done"}, "facts": {}}
    await database.write(lambda c: object_rows.mark_stored(c, Stored("done", "done", made, 3)))
    out = Stored("handed-out", "handed-out", {"output": {"key": "handed-out"}, "facts": {}}, 3)
    last = replace(row, status="succeeded", completed_at=1.0)
    ending = Ending(last, [out], [Event(2, "completed", {})], unrequested=["untried", "handed-out"])
    await database.write(job_rows.finish_job, job_rows.claim_of(row), ending)

    def states(c: sa.Connection) -> dict[str, str]:
        return {item.key: item.state for item in c.execute(sa.select(tables.objects))}

    assert await database.read(states) == {"tried": "orphan", "done": "orphan", "handed-out": "stored"}


async def test_a_lost_object_is_made_again_and_still_told_of(database: Database) -> None:
    row = await put(database)
    await end(database, row, "gone")
    await database.write(object_rows.mark_lost, "gone")
    assert await database.read(object_rows.find_stored, "gone") is None
    found = await database.read(job_rows.get_job, row.id)
    assert found is not None
    assert [item["key"] for item in found.outputs] == ["gone"]


async def test_deleting_a_job_leaves_no_row_of_it(database: Database) -> None:
    row = job(webhook={"url": "https://example.com", "events": ["completed"]})
    await database.write(job_rows.accept_job, row, key(row))
    await end(database, row, "x")
    await database.write(job_rows.delete_job, row.id)
    from serve_app.records.tables import metadata

    def left(c: sa.Connection) -> dict[str, int]:
        found = {
            table.name: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        kept = ("objects", "owners", "holders")  # the tombstone, and the number of the owner's newest event
        return {name: count for name, count in found.items() if count and name not in kept}

    assert await database.read(left) == {}


async def test_events_of_an_owner_have_numbers_in_the_order_in_which_they_become_visible(database: Database) -> None:
    """Many writers at once, and a reader that never sees a number before one that is smaller."""
    rows = [await put(database, owner=("ada", "bob")[index % 2]) for index in range(8)]
    seen: list[int] = []
    over = asyncio.Event()

    def numbers(c: sa.Connection) -> list[int]:
        after = sa.select(tables.events.c.number).where(tables.events.c.owner == "ada")
        return list(c.execute(after.where(tables.events.c.number > (seen or [0])[-1]).order_by("number")).scalars())

    async def read() -> None:
        while not over.is_set():
            seen.extend(await database.read(numbers))

    async def write(row: JobRow) -> None:
        for seq in range(2, 12):
            log = [Event(seq, "progress", {})]
            await database.write(event_rows.add_events, row.id, row.owner, log, 0.0)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await asyncio.gather(*map(write, rows))
        over.set()
    await reader
    seen.extend(await database.read(numbers))
    assert seen == list(range(1, 4 * 11 + 1))


async def test_usage_adds_up_by_owner_day_and_model(database: Database) -> None:
    used = UsageRow("ada", "2026-01-31", "tone", 1, sound_s=2.5, device_s=0.5, bytes=3_000_000_000, cost_micro=7)
    for _ in range(3):
        row = await put(database)
        last = replace(row, status="succeeded", completed_at=1.0)
        ending = Ending(last, [], [Event(2, "completed", {})], used=used)
        await database.write(job_rows.finish_job, job_rows.claim_of(row), ending)
    [found] = await database.read(lambda c: c.execute(sa.select(tables.usage)).mappings().all())
    assert (found["jobs"], found["sound_s"], found["device_s"]) == (3, 7.5, 1.5)
    assert (found["bytes"], found["cost_micro"]) == (9_000_000_000, 21)


async def test_a_duty_is_one_process_s_at_a_time(database: Database) -> None:
    turns = await asyncio.gather(*(database.write(queue_rows.take_duty, "sweep", 3600.0) for _ in range(8)))
    assert sorted(turns) == [False] * 7 + [True]
    await database.write(lambda c: c.execute(sa.update(tables.duties).values(next_at=0.0)))
    assert await database.write(queue_rows.take_duty, "sweep", 3600.0)


async def test_what_is_old_is_found_by_its_end(database: Database) -> None:
    old, new, _unfinished = await put(database), await put(database), await put(database, created_at=0.0)
    await end(database, old, completed_at=100.0)
    await end(database, new)
    assert await database.read(job_rows.finished_before, 1000.0) == [old.id]
    row = job()
    await database.write(job_rows.accept_job, row, key(row, ends_s=-1))
    await database.write(job_rows.delete_expired_keys)
    assert await database.read(job_rows.find_key, "ada", "k") is None
