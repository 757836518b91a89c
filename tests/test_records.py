"""Statements over our tables, on every database that is supported."""

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from serve_app import records
from serve_app.database import Database
from serve_app.records import Ending, Row

pytestmark = pytest.mark.anyio


def job(owner: str = "ada", **values: Any) -> Row:
    now = time.time()
    return {
        "id": records.new_id("job"), "owner": owner, "version": 1, "task": "text-to-audio", "model": "auto",
        "model_used": "tone", "status": "queued", "priority": 1, "input": {"prompt": "Glöckchen 🔔 \u0000", "seed": 1},
        "seed": 2**32 - 1, "attempts": [], "progress": None, "error": None, "cached": False, "facts": {}, "metrics": {},
        "webhook": None, "deadline": now + 60, "created_at": now, "started_at": None, "completed_at": None,
        "cancel_requested": False, "executor": "0", "request_id": "req_1", "outputs": [], "deliveries": [], **values,
    }  # fmt: skip


def key(row: Row, name: str = "k", ends_s: float = 60) -> Row:
    return {
        "owner": row["owner"],
        "key": name,
        "fingerprint": "f",
        "job_id": row["id"],
        "expires_at": time.time() + ends_s,
    }


async def put(database: Database, **values: Any) -> Row:
    row = job(**values)
    await database.write(records.insert_job, row, None)
    return row


async def end(database: Database, row: Row, *keys: str, completed_at: float | None = None) -> None:
    values = {"status": "succeeded", "completed_at": completed_at or time.time()}
    facts = [{"key": item, "bytes": 1} for item in keys]
    await database.write(records.finish_job, row["id"], Ending("ada", values, facts, [(2, "completed", {})]))


async def test_a_job_reads_as_it_was_written(database: Database) -> None:
    row = await put(database)
    assert await database.read(records.get_job, row["id"]) == row
    assert await database.read(records.get_job, row["id"], "ada") == row
    assert await database.read(records.get_job, row["id"], "bob") is None
    assert await database.read(records.get_job, "job_none") is None
    [event] = await database.read(records.events_after, row["id"], 0)
    assert (event["seq"], event["type"]) == (1, "queued")


async def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = []
    for _ in range(5):
        ids.append(records.new_id("job"))
        await asyncio.sleep(0.002)
    assert ids == sorted(ids)
    assert len({records.new_id("job") for _ in range(10_000)}) == 10_000
    assert all(len(item) == len("job_") + 26 <= 40 for item in ids)


async def test_the_list_goes_by_owner_filter_and_cursor(database: Database) -> None:
    rows = [await put(database, id=f"job_{index}", status=("queued", "running")[index % 2]) for index in range(5)]
    await put(database, owner="bob", id="job_9")

    async def ids(**more: Any) -> list[str]:
        terms: dict[str, Any] = {"status": None, "model": None, "limit": 10, "before": None, **more}
        return [item["id"] for item in await database.read(records.list_jobs, "ada", **terms)]

    assert await ids() == [row["id"] for row in reversed(rows)]
    assert await ids(limit=2) == ["job_4", "job_3"]
    assert await ids(limit=2, before="job_3") == ["job_2", "job_1"]
    assert await ids(status="running") == ["job_3", "job_1"]
    assert await ids(model="tone") == await ids(model="auto") == await ids()
    assert await ids(model="other") == []
    assert await ids(before="x' OR 1=1 --") == await ids()


async def test_a_key_belongs_to_one_owner_and_ends(database: Database) -> None:
    first, second, other = job(), job(), job(owner="bob")
    await database.write(records.insert_job, first, key(first))
    with pytest.raises(records.KeyTaken) as taken:
        await database.write(records.insert_job, second, key(second))
    assert taken.value.row["job_id"] == first["id"]
    assert await database.read(records.get_job, second["id"]) is None
    await database.write(records.insert_job, other, key(other))
    late = job()
    await database.write(records.insert_job, late, key(late, "late", ends_s=-1))
    assert await database.read(records.find_key, "ada", "late") is None
    again = job()
    await database.write(records.insert_job, again, key(again, "late"))
    found = await database.read(records.find_key, "ada", "late")
    assert found is not None
    assert found["job_id"] == again["id"]


async def test_of_many_with_one_key_one_is_accepted(database: Database) -> None:
    async def accept() -> str:
        row = job()
        try:
            await database.write(records.insert_job, row, key(row, "race"))
        except records.KeyTaken as taken:
            return str(taken.row["job_id"])
        except IntegrityError:
            found = await database.read(records.find_key, "ada", "race")
            assert found is not None
            return str(found["job_id"])
        return str(row["id"])

    ids = await asyncio.gather(*(accept() for _ in range(32)))
    assert len(set(ids)) == 1
    assert len(await database.read(records.unfinished, ["0"])) == 1


async def test_a_finished_job_stays_as_it_is(database: Database) -> None:
    row = await put(database)
    await end(database, row, "audio/a.flac")
    assert (
        await database.write(records.update_job, row["id"], {"status": "running"}, (9, "progress", {}), at=2.0) is None
    )
    late = Ending("ada", {"status": "failed"}, [{"key": "audio/b.flac"}], [(3, "completed", {})])
    assert await database.write(records.finish_job, row["id"], late) is None
    found = await database.read(records.get_job, row["id"])
    assert found is not None
    assert (found["status"], found["outputs"]) == ("succeeded", [{"key": "audio/a.flac", "bytes": 1}])
    assert await database.read(records.last_seq, row["id"]) == 2
    assert not await database.read(records.is_unfinished, row["id"])


async def test_an_object_lives_as_long_as_a_job_refers_to_it(database: Database) -> None:
    first, second = await put(database), await put(database)
    await end(database, first, "shared", "own")
    await end(database, second, "shared")
    assert await database.write(records.delete_job, first["id"]) == ["own"]
    assert await database.read(records.find_output, "own") is None
    assert await database.read(records.find_output, "shared") is not None
    assert await database.write(records.delete_job, second["id"]) == ["shared"]
    assert sorted(await database.read(records.doomed_keys)) == ["own", "shared"]
    third = await put(database)
    with pytest.raises(records.Doomed):
        await end(database, third, "shared")
    await database.write(records.absolve, "shared")
    await end(database, third, "shared")
    assert await database.write(records.delete_job, "job_none") == []


async def test_deleting_a_job_leaves_no_row_of_it(database: Database) -> None:
    row = job(webhook={"url": "https://example.com", "events": ["completed"]})
    await database.write(records.insert_job, row, key(row))
    await end(database, row, "x")
    await database.write(records.delete_job, row["id"])
    from serve_app.tables import metadata

    def left(c: sa.Connection) -> dict[str, int]:
        found = {
            table.name: c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        return {name: count for name, count in found.items() if count and name != "doomed"}

    assert await database.read(left) == {}


async def test_the_jobs_of_executors_that_are_gone_are_adopted(database: Database) -> None:
    rows = {name: await put(database, executor=name) for name in ("0", "1", "2")}
    done = await put(database, executor="2")
    await end(database, done)
    await database.write(records.adopt, "0", ["0", "1"])
    assert await database.read(records.unfinished, ["0"]) == sorted([rows["0"]["id"], rows["2"]["id"]])
    assert await database.read(records.unfinished, ["1"]) == [rows["1"]["id"]]


async def test_a_cancel_is_found_by_the_executor_that_runs_the_job(database: Database) -> None:
    mine, other = await put(database, executor="0"), await put(database, executor="1")
    for row in (mine, other):
        await database.write(records.request_cancel, row["id"])
    assert await database.read(records.cancel_requests, "0") == [mine["id"]]
    await end(database, mine)
    assert await database.read(records.cancel_requests, "0") == []


async def test_what_is_old_is_found_by_its_end(database: Database) -> None:
    old, new, _unfinished = await put(database), await put(database), await put(database, created_at=0.0)
    await end(database, old, completed_at=100.0)
    await end(database, new)
    assert await database.read(records.finished_before, 1000.0) == [old["id"]]
    row = job()
    await database.write(records.insert_job, row, key(row, ends_s=-1))
    await database.write(records.sweep_keys)
    assert await database.read(records.find_key, "ada", "k") is None
