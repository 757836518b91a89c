"""Leases instead of workflows, objects with rows, numbered events, usage.

Only adds: rows that version 0.1 wrote stay as they are. What it left unfinished is queued again; what it stored gets
rows in `objects`, under the keys that it has.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BATCH = 500
_NOW = {
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0",
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::double precision",
}


def upgrade() -> None:
    """Add tables, columns and indexes, and fill them from what is there."""
    _add_tables()
    _add_columns()
    connection = op.get_bind()
    now = connection.execute(sa.text(_NOW[connection.dialect.name])).scalar_one()
    tables = sa.MetaData()
    tables.reflect(connection, only=("jobs", "outputs", "objects", "doomed"))
    _name_objects(connection, tables.tables, now)
    _queue_again(connection, tables.tables["jobs"], now)


def _add_tables() -> None:
    op.create_table(
        "holders",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column("process", sa.String(120), nullable=False),
        sa.Column("lease_until", sa.Float(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "objects",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("address", sa.String(200), nullable=False),
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("state_at", sa.Float(), nullable=False),
        sa.Column("bytes", sa.BigInteger()),
        sa.Column("made", sa.JSON()),
    )
    op.create_index("objects_by_address", "objects", ["address", "state"])
    op.create_index("objects_by_job", "objects", ["job_id"])
    _partial_index("objects_deleted", "objects", ["state_at"], "state IN ('orphan', 'deleted')")
    op.create_table(
        "owners",
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("last_event", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("next_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "quotas",
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
    )
    counts = [sa.Column(name, sa.BigInteger(), nullable=False) for name in ("jobs", "images", "bytes", "cost_micro")]
    op.create_table(
        "usage",
        sa.Column("owner", sa.String(64), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("model", sa.String(64), primary_key=True),
        *counts,
        sa.Column("sound_s", sa.Float(), nullable=False),
        sa.Column("device_s", sa.Float(), nullable=False),
    )


def _add_columns() -> None:
    added = {
        "jobs": (
            sa.Column("holder", sa.String(40)),
            sa.Column("claim", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("queue_holder", sa.String(40)),
            sa.Column("planned_model", sa.String(64)),
            sa.Column("delete_requested", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("key_id", sa.String(16)),
            sa.Column("base_url", sa.Text()),
        ),
        "events": (sa.Column("owner", sa.String(64)), sa.Column("number", sa.BigInteger())),
        "deliveries": (
            sa.Column("holder", sa.String(40)),
            sa.Column("claim", sa.Integer(), nullable=False, server_default="0"),
        ),
        "api_keys": (sa.Column("scopes", sa.JSON()),),
    }
    for table, columns in added.items():
        for column in columns:
            op.add_column(table, column)
    unfinished = "status IN ('queued', 'running')"
    _partial_index("jobs_queued", "jobs", ["queue_holder", "priority", "id"], "status = 'queued' AND holder IS NULL")
    abandoned = "status = 'queued' AND holder IS NULL AND queue_holder IS NULL"
    _partial_index("jobs_abandoned", "jobs", ["priority", "id"], abandoned)
    _partial_index("jobs_held", "jobs", ["holder"], "holder IS NOT NULL")
    _partial_index("jobs_open", "jobs", ["owner"], unfinished)
    _partial_index("jobs_to_delete", "jobs", ["id"], "delete_requested")
    op.create_index("events_by_owner", "events", ["owner", "number"])
    _partial_index("deliveries_held", "deliveries", ["holder"], "holder IS NOT NULL")
    _partial_index("deliveries_due", "deliveries", ["next_at"], "status = 'pending' AND holder IS NULL")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _name_objects(connection: sa.Connection, tables: Any, now: float) -> None:
    """A row for each object that an output names, and one for each that was about to be deleted.

    In pages: there may be more outputs than fit into memory, and PostgreSQL ends a transaction that is idle for long.
    """
    outputs, jobs, objects, doomed = (tables[name] for name in ("outputs", "jobs", "objects", "doomed"))
    columns = (outputs.c.key, outputs.c.job_id, outputs.c.owner, outputs.c.facts, jobs.c.facts.label("told"))
    query = sa.select(*columns).join_from(outputs, jobs, outputs.c.job_id == jobs.c.id)
    query = query.order_by(outputs.c.key, outputs.c.job_id).limit(_BATCH)
    seen = ""
    while page := connection.execute(query.where(outputs.c.key > seen)).fetchall():
        first = {item.key: item for item in reversed(page)}  # of those that have an object: the job that made it
        connection.execute(sa.insert(objects), [_stored(item, now) for item in first.values()])
        seen = page[-1].key
    left = sa.select(doomed.c.key).where(doomed.c.key.not_in(sa.select(objects.c.key)))
    for batch in _batches([_object(key, now) for key in connection.execute(left).scalars()]):
        connection.execute(sa.insert(objects), batch)


def _stored(item: Any, now: float) -> dict[str, Any]:
    """The row of an object that an output names."""
    told = {name: value for name, value in item.told.items() if name != "fallback"}
    row = {**_object(item.key, now), "job_id": item.job_id, "owner": item.owner, "state": "stored"}
    return {**row, "bytes": item.facts.get("bytes"), "made": {"output": item.facts, "facts": told}}


def _object(key: str, at: float) -> dict[str, Any]:
    """The row of an object that is to be deleted."""
    row = {"key": key, "address": key, "job_id": "", "owner": "", "state": "orphan", "state_at": at}
    return {**row, "bytes": None, "made": None}


def _queue_again(connection: sa.Connection, jobs: sa.Table, now: float) -> None:
    """What nobody runs any more waits to be taken up, where it was in its chain of fallbacks."""
    columns = (jobs.c.id, jobs.c.attempts, jobs.c.model_used, jobs.c.facts)
    for row in connection.execute(sa.select(*columns).where(jobs.c.status.in_(("queued", "running")))).fetchall():
        attempts = list(row.attempts)
        if attempts and attempts[-1].get("ended_at") is None:
            attempts[-1] = {**attempts[-1], "ended_at": now, "outcome": "ingress_lost"}
        planned = attempts[0]["model"] if attempts else row.model_used
        values = {"status": "queued", "attempts": attempts, "planned_model": planned}
        if planned != row.model_used:  # version 0.1 wrote the reasons at the end only
            left = {item["model"]: item["outcome"] for item in attempts if item["model"] != row.model_used}
            because = [f"{model}: {outcome}" for model, outcome in left.items()]
            values["facts"] = {**row.facts, "fallback": {"from": planned, "because": because}}
        connection.execute(sa.update(jobs).where(jobs.c.id == row.id).values(values))


def _batches(rows: Sequence[dict[str, Any]]) -> list[Sequence[dict[str, Any]]]:
    return [rows[start : start + _BATCH] for start in range(0, len(rows), _BATCH)]


def downgrade() -> None:
    """Not possible: an older program would take finished work for lost."""
    raise NotImplementedError("restore a copy that was made before the upgrade")
