"""How the database finds rows when there are many: what is done often reads an index, never a whole table."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from serve_app.notify import webhooks
from serve_app.records import asset_rows, job_rows, model_rows, object_rows, queue_rows, voice_rows
from serve_app.records.database import Database
from serve_app.records.leases import enter, reap
from serve_app.records.states import UNFINISHED
from tests.records.test_job_rows import ME, job

QUEUED, FINISHED = 10_000, 100_000
BIG = {"jobs", "events", "outputs", "objects", "deliveries", "assets", "voices", "voice_uses"}
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n)",
    "postgresql": "generate_series(0, {last}) AS n(i)",
}

Statement = Callable[[sa.Connection], Any]


def fill(c: sa.Connection) -> None:
    """Many jobs of two owners, each finished one with an event, an object and a delivery."""
    dialect = c.dialect.name

    def insert(table: str, values: dict[str, str], count: int) -> None:
        numbers = _NUMBERS[dialect].format(last=count - 1)
        c.exec_driver_sql(
            f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {numbers}"
        )

    no, yes = ("0", "1") if dialect == "sqlite" else ("false", "true")
    padded = "substr('00000000' || i, -8)" if dialect == "sqlite" else "lpad(i::text, 8, '0')"
    common = {
        "owner": "CASE WHEN i - 10 * (i / 10) = 0 THEN 'ada' ELSE 'bob' END", "version": "2", "task": "'text-to-audio'",
        "model": "'auto'", "model_used": "'tone'", "planned_model": "'tone'", "priority": "1",
        "input": "'{}'", "seed": "1", "attempts": "'[]'",
        "cached": no, "facts": "'{}'", "metrics": "'{}'", "deadline": "0", "created_at": "i", "cancel_requested": no,
        "delete_requested": f"CASE WHEN i - 10000 * (i / 10000) = 5 THEN {yes} ELSE {no} END",
        "executor": "'0'", "request_id": "''", "claim": "0",
    }  # fmt: skip
    done = {**common, "id": f"'job_a' || {padded}", "status": "'succeeded'", "completed_at": "i"}
    insert("jobs", done, FINISHED)
    insert("jobs", {**common, "id": f"'job_b' || {padded}", "status": "'queued'", "queue_holder": f"'{ME}'"}, QUEUED)
    of_job = f"'job_a' || {padded}"
    event = {
        "job_id": of_job,
        "seq": "1",
        "type": "'queued'",
        "data": "'{}'",
        "at": "i",
        "owner": "'bob'",
        "number": "i",
    }
    insert("events", event, FINISHED)
    key = {"key": f"'audio/' || {padded}", "owner": "'bob'", "job_id": of_job}
    insert("outputs", {**key, "position": "0", "facts": "'{}'"}, FINISHED)
    states = "CASE WHEN i - 1000 * (i / 1000) = 7 THEN 'deleted' ELSE 'stored' END"
    insert("objects", {**key, "address": key["key"], "state": states, "state_at": "i", "made": "'{}'"}, FINISHED)
    sent = {"id": f"'msg_' || {padded}", "job_id": of_job, "owner": "'bob'", "event": "'job.completed'", "url": "''"}
    pending = "CASE WHEN i - 1000 * (i / 1000) = 3 THEN 'pending' ELSE 'delivered' END"
    insert("deliveries", {**sent, "status": pending, "tries": "'[]'", "next_at": "i", "claim": "0"}, FINISHED)
    file = {"id": f"'ast_' || {padded}", "owner": common["owner"], "kind": "'audio'", "media_type": "'audio/wav'"}
    size = {"bytes": "1", "sha256": "''", "facts": "'{}'", "key": "''", "created_at": "i", "expires_at": "4e9 + i"}
    insert("assets", {**file, **size}, FINISHED)
    voice = {"id": f"'voice_' || {padded}", "owner": common["owner"], "name": "'a'", "name_key": padded, "key": "''"}
    more = {"languages": "'[]'", "facts": "'{}'", "consent_at": "0", "created_at": "0"}
    insert("voices", {**voice, **more}, FINISHED // 10)
    insert("voice_uses", {"job_id": of_job, "voice_id": "'voice_' || (i / 10)"}, FINISHED)
    c.exec_driver_sql("ANALYZE")


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('full')}/continuo.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database("full")
    database = Database(url)
    database.migrate()
    database.write_now(fill)
    for holder in (ME, "holder_other"):
        database.write_now(enter, holder, 3600.0)
    yield database
    database.close()


def whole_reads(database: Database, statement: Statement) -> list[str]:
    """The steps of the plans of all SQL of a statement that read a big table from its first row to its last."""
    said: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, text: str, given: Any, *_rest: Any) -> None:
        if text.split(maxsplit=1)[0] in ("SELECT", "UPDATE", "DELETE"):
            said.append((text, given))

    with database.engine.connect() as c, c.begin():
        if database.is_sqlite:
            c.exec_driver_sql("BEGIN IMMEDIATE")
        sa.event.listen(c, "before_cursor_execute", hear)
        statement(c)
        sa.event.remove(c, "before_cursor_execute", hear)
        assert said
        found = [step for text, given in said for step in _plan(c, text, given)]
        c.rollback()
    return found


def _plan(c: sa.Connection, text: str, given: Any) -> list[str]:
    if c.dialect.name == "sqlite":
        steps = [row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)]
        return [step for step in steps if step.startswith("SCAN") and step.split()[1] in BIG and "USING" not in step]
    plan = c.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {text}", given).scalar_one()
    return list(_sequential((plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]))


def _sequential(node: dict[str, Any]) -> Iterator[str]:
    if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in BIG:
        yield f"Seq Scan on {node['Relation Name']}"
    for inner in node.get("Plans", ()):
        yield from _sequential(inner)


def listed(c: sa.Connection, **terms: Any) -> Any:
    return job_rows.list_jobs(c, "ada", **{"status": None, "model": None, "limit": 20, "before": None, **terms})


OFTEN: dict[str, Statement] = {
    "poll": lambda c: queue_rows.poll(c, ME, True),
    "reap": lambda c: (enter(c, "holder_gone", -1.0), reap(c, ME)),
    "adopt": lambda c: queue_rows.adopt(c, "holder_other", 200),
    "has_stealable": lambda c: queue_rows.can_steal(c, "holder_other", "tone"),
    "steal": lambda c: queue_rows.steal(c, "holder_other", "tone", 2),
    "take": lambda c: queue_rows.take(c, "holder_other", ["job_b00000001", "job_b00000002"]),
    "newest": lambda c: queue_rows.newest(c, ["job_a00000001"]),
    "get_job": lambda c: job_rows.get_job(c, "job_a00000001", "bob"),
    "list_jobs": listed,
    "list_jobs, further": lambda c: listed(c, before="job_a00050000"),
    "request_cancels": lambda c: job_rows.request_cancels(c, "ada", status="queued", model="tone", limit=1000),
    "request_deletes": lambda c: job_rows.request_deletes(c, "ada", ["job_a00000001", "job_a00000002"]),
    "having_status": lambda c: job_rows.having_status(c, ["job_a00000001", "job_a00000002"], UNFINISHED),
    "find_stored": lambda c: object_rows.find_stored(c, "audio/00000001"),
    "made_elsewhere": lambda c: object_rows.made_elsewhere(c, "audio/00000001", "job_00000002", ME),
    "stored_by": lambda c: object_rows.stored_by(c, "job_a00000001"),
    "delete_job": lambda c: job_rows.delete_job(c, "job_a00000001"),
    "deletable": lambda c: object_rows.deletable(c, 3600.0),
    "assigned": lambda c: queue_rows.assigned(c, ME),
    "claimed_by": lambda c: webhooks.claimed_by(c, ME),
    "to_remove": job_rows.to_remove,
    "finished_before": lambda c: job_rows.finished_before(c, 5.0),
    "take_due": lambda c: webhooks.take_due(c, ME, 16),
    "next_due_s": webhooks.next_due_s,
    "accept_job": lambda c: job_rows.accept_job(c, job(), None, limits=job_rows.QueueLimits(10**6, 10**6, 1.0)),
    "unfinished": queue_rows.unfinished,
    "queues": model_rows.queues,
    "outcomes": model_rows.outcomes,
    "use": lambda c: asset_rows.use(c, "ada", "ast_00000010", 60.0),
    "keys_of": lambda c: asset_rows.keys_of(c, "ada", ["ast_00000010"]),
    "page": lambda c: asset_rows.page(c, "ada", 21, None),
    "page, further": lambda c: asset_rows.page(c, "ada", 21, (50_000.0, "ast_00050000")),
    "delete": lambda c: asset_rows.delete(c, "ada", "ast_00000010"),
    "sweep": lambda c: asset_rows.sweep(c, 3600.0),
    "voice by name": lambda c: voice_rows.named(c, "ada", "00000010"),
    "voices of jobs": lambda c: voice_rows.keys_of(c, "ada", ["voice_00000010"]),
    "voices of an owner": lambda c: voice_rows.all_of(c, "nobody"),
    "delete a voice": lambda c: voice_rows.delete(c, "ada", "voice_00000010", outputs=True),
}


@pytest.mark.parametrize("name", OFTEN)
def test_what_is_done_often_reads_no_table_whole(full: Database, name: str) -> None:
    assert whole_reads(full, OFTEN[name]) == []


def test_a_whole_read_is_noticed(full: Database) -> None:
    by_prompt = sa.text("SELECT id FROM jobs WHERE request_id = 'x'")
    assert whole_reads(full, lambda c: c.execute(by_prompt)) != []
