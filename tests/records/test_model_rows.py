"""What the rows tell about each model: its queue, and how the jobs ended that it was asked for."""

from typing import Any

import pytest
import sqlalchemy as sa

from serve_app.records import tables
from serve_app.records.database import Database
from serve_app.records.leases import now
from serve_app.records.model_rows import Outcome, outcomes, queues

_COMMON = {"owner": "ada", "task": "text-to-audio", "model": "auto", "input": {}, "seed": 1, "deadline": 0.0}


def insert(c: sa.Connection, *rows: dict[str, Any]) -> None:
    """Jobs in the order of their ids; `ago_s` is how long ago they were accepted and, if they have, ended."""
    moment = c.execute(sa.select(now())).scalar_one()
    for place, given in enumerate(rows):
        values = {"model_used": "tone", "planned_model": "tone", **given}
        at = moment - values.pop("ago_s", 0.0)
        ended = at if values["status"] in ("succeeded", "failed", "canceled") else None
        row = {**_COMMON, "id": f"job_{place:04}", "created_at": at, "completed_at": ended, **values}
        c.execute(sa.insert(tables.jobs), row)


def test_a_queue_is_what_waits_for_a_place_in_any_process(database: Database) -> None:
    database.write_now(
        insert,
        {"status": "queued", "queue_holder": "holder_a", "ago_s": 100},
        {"status": "queued", "queue_holder": "holder_b", "ago_s": 300},
        {"status": "queued", "ago_s": 200},
        {"status": "queued", "queue_holder": "holder_a", "model_used": "chime", "ago_s": 5},
        {"status": "running", "holder": "holder_a", "ago_s": 900},
        {"status": "failed", "ago_s": 900},
    )
    found = database.read_now(queues)
    assert {model: queue.depth for model, queue in found.items()} == {"tone": 3, "chime": 1}
    assert found["tone"].oldest_s == pytest.approx(300, abs=60)
    assert found["chime"].oldest_s == pytest.approx(5, abs=60)
    assert sum(queue.depth for queue in database.read_now(queues, most=2).values()) == 2


def test_no_queue_is_none(database: Database) -> None:
    assert database.read_now(queues) == {}
    assert database.read_now(outcomes) == []


def test_outcomes_are_those_of_jobs_that_a_model_was_at_work_for(database: Database) -> None:
    database.write_now(
        insert,
        {"status": "succeeded", "metrics": {"run_s": 0.5, "queue_s": 9}, "ago_s": 40},
        {"status": "failed", "error": {"code": "x"}, "ago_s": 30},
        {"status": "succeeded", "model_used": "chime", "metrics": {"run_s": 2}, "ago_s": 20},
        {"status": "succeeded", "planned_model": None, "ago_s": 10},  # of version 0.1
        {"status": "succeeded", "cached": True},
        {"status": "canceled"},
        {"status": "queued"},
        {"status": "running"},
        {"status": "succeeded", "ago_s": 25 * 3600},
    )
    assert database.read_now(outcomes) == [
        Outcome("tone", "tone", succeeded=True, run_s=None),
        Outcome("tone", "chime", succeeded=True, run_s=2.0),
        Outcome("tone", "tone", succeeded=False, run_s=None),
        Outcome("tone", "tone", succeeded=True, run_s=0.5),
    ]


def test_the_newest_count_however_they_ended(database: Database) -> None:
    old = [{"status": "failed", "ago_s": 1000 + i} for i in range(5)]
    new = [{"status": "succeeded", "ago_s": 100 + i} for i in range(3)]
    database.write_now(insert, *old, *new)
    assert [item.succeeded for item in database.read_now(outcomes, most=4)] == [True, True, True, False]
    assert len(database.read_now(outcomes, within_s=500)) == 3
