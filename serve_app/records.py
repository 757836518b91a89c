"""Statements over our tables: what is read and written about a job, each one transaction with `Database`."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from serve_app.schemas import FINISHED
from serve_app.tables import deliveries, doomed, events, idempotency, jobs, outputs

Row = dict[str, Any]
Event = tuple[int, str, Row]  # number, type, data
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """An id that sorts by time: 48 bits of milliseconds and 80 random bits in Crockford's base 32 (as in ULID)."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    digits = "".join(_BASE32[number >> shift & 31] for shift in range(125, -1, -5))
    return f"{prefix}_{digits}"


# Built once: on the path of every job, building a statement costs as much as running it.
_CHANGE = sa.update(jobs).where(jobs.c.id == sa.bindparam("changed_id"), jobs.c.status.in_(("queued", "running")))
_DOOMED = sa.select(doomed.c.key).where(doomed.c.key.in_(sa.bindparam("keys", expanding=True)))


class KeyTaken(Exception):
    """The Idempotency-Key belongs to a job already."""

    def __init__(self, row: Row) -> None:
        super().__init__(row["job_id"])
        self.row = row


def insert_job(c: sa.Connection, row: Row, key: Row | None) -> None:
    """Accept a job: its row, its first events, its idempotency key. Raises KeyTaken."""
    if key is not None:
        taken = find_key(c, key["owner"], key["key"])
        if taken is not None:
            raise KeyTaken(taken)
        mine = (idempotency.c.owner == key["owner"], idempotency.c.key == key["key"])
        c.execute(sa.delete(idempotency).where(*mine, idempotency.c.expires_at <= time.time()))
        c.execute(sa.insert(idempotency), key)
    c.execute(sa.insert(jobs), {name: value for name, value in row.items() if name in jobs.c})
    log: list[Event] = [(1, "queued", {})]
    if row["attempts"]:
        log.append((2, "started", {"attempt": 1, "model": row["model_used"]}))
    add_events(c, row["id"], log, row["created_at"])


def find_key(c: sa.Connection, owner: str, key: str) -> Row | None:
    """The live idempotency row of a key."""
    found = c.execute(
        sa.select(idempotency).where(
            idempotency.c.owner == owner, idempotency.c.key == key, idempotency.c.expires_at > time.time()
        )
    ).first()
    return dict(found._mapping) if found else None


def get_job(c: sa.Connection, job_id: str, owner: str | None = None) -> Row | None:
    """A job with its outputs and deliveries; None when there is none or it is another owner's."""
    query = sa.select(jobs).where(jobs.c.id == job_id)
    found = c.execute(query if owner is None else query.where(jobs.c.owner == owner)).first()
    return _complete(c, [dict(found._mapping)])[0] if found else None


def is_unfinished(c: sa.Connection, job_id: str) -> bool:
    """Whether there is such a job and it has not ended."""
    return (
        c.execute(sa.select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.status.not_in(FINISHED))).first() is not None
    )


def list_jobs(
    c: sa.Connection, owner: str, *, status: str | None, model: str | None, limit: int, before: str | None
) -> list[Row]:
    """A page of an owner's jobs, newest first."""
    query = sa.select(jobs).where(jobs.c.owner == owner).order_by(jobs.c.id.desc()).limit(limit)
    if status:
        query = query.where(jobs.c.status == status)
    if model:
        query = query.where(sa.or_(jobs.c.model == model, jobs.c.model_used == model))
    if before:
        query = query.where(jobs.c.id < before)
    return _complete(c, [dict(row._mapping) for row in c.execute(query)])


def _complete(c: sa.Connection, rows: list[Row]) -> list[Row]:
    ids = [row["id"] for row in rows]
    by_job: dict[str, Row] = {row["id"]: row | {"outputs": [], "deliveries": []} for row in rows}
    for item in c.execute(sa.select(outputs).where(outputs.c.job_id.in_(ids)).order_by(outputs.c.position)):
        by_job[item.job_id]["outputs"].append(item.facts)
    if any(row["webhook"] for row in rows):
        for item in c.execute(sa.select(deliveries).where(deliveries.c.job_id.in_(ids)).order_by(deliveries.c.id)):
            by_job[item.job_id]["deliveries"].append(dict(item._mapping))
    return list(by_job.values())


def unfinished(c: sa.Connection, executors: Sequence[str]) -> list[str]:
    """Ids of the accepted jobs of these executors that have not ended."""
    query = sa.select(jobs.c.id).where(jobs.c.status.not_in(FINISHED), jobs.c.executor.in_(executors))
    return list(c.execute(query.order_by(jobs.c.id)).scalars())


def adopt(c: sa.Connection, executor: str, ranks: Sequence[str]) -> None:
    """Take over the unfinished jobs of executors that no longer exist."""
    c.execute(
        sa.update(jobs).where(jobs.c.status.not_in(FINISHED), jobs.c.executor.not_in(ranks)).values(executor=executor)
    )


def add_events(c: sa.Connection, job_id: str, log: Sequence[Event], at: float) -> None:
    """Append events of the time `at` to a job's log; they may be written later than they happened."""
    c.execute(
        sa.insert(events),
        [{"job_id": job_id, "seq": seq, "type": kind, "data": data, "at": at} for seq, kind, data in log],
    )


def events_after(c: sa.Connection, job_id: str, seq: int) -> list[Row]:
    """A job's events with a higher number than `seq`."""
    query = sa.select(events).where(events.c.job_id == job_id, events.c.seq > seq).order_by(events.c.seq)
    return [dict(row._mapping) for row in c.execute(query)]


def last_seq(c: sa.Connection, job_id: str) -> int:
    """The number of a job's newest event."""
    return c.execute(sa.select(sa.func.max(events.c.seq)).where(events.c.job_id == job_id)).scalar() or 0


def update_job(
    c: sa.Connection,
    job_id: str,
    values: Row,
    event: Event | None = None,
    also: Callable[[sa.Connection], str] | None = None,
    *,
    at: float,
) -> str | None:
    """Change an unfinished job, append an event, do what belongs to the moment; a finished job stays as it is."""
    changed = c.execute(_CHANGE, {"changed_id": job_id, **values})
    if not changed.rowcount:
        return None
    if event is not None:
        add_events(c, job_id, [event], at)
    return also(c) if also is not None else None


def request_cancel(c: sa.Connection, job_id: str) -> None:
    """Ask whichever process runs the job to stop it."""
    c.execute(sa.update(jobs).where(jobs.c.id == job_id).values(cancel_requested=True))


def cancel_requests(c: sa.Connection, executor: str) -> list[str]:
    """Jobs of an executor that somebody asked to stop."""
    query = sa.select(jobs.c.id).where(
        jobs.c.executor == executor, jobs.c.cancel_requested, jobs.c.status.not_in(FINISHED)
    )
    return list(c.execute(query).scalars())


class Doomed(Exception):
    """An object that this job would hand out is being deleted."""


@dataclass(frozen=True)
class Ending:
    """The end of a job: its last state, the facts of its outputs, its last events, what else belongs to the moment."""

    owner: str
    values: Row
    facts: Sequence[Row]
    log: Sequence[Event]
    also: Callable[[sa.Connection], str] | None = None


def finish_job(c: sa.Connection, job_id: str, ending: Ending) -> str | None:
    """End a job in one transaction; returns what `also` did, None when the job had ended before.

    Raises Doomed when one of the objects is being deleted at this moment.
    """
    values, facts, log = ending.values, ending.facts, ending.log
    keys = [item["key"] for item in facts]
    _hold(c, keys)
    if keys and c.execute(_DOOMED, {"keys": keys}).first():
        raise Doomed
    changed = c.execute(_CHANGE, {"changed_id": job_id, **values})
    if not changed.rowcount:
        return None
    rows = [
        {"job_id": job_id, "position": position, "key": item["key"], "owner": ending.owner, "facts": item}
        for position, item in enumerate(facts)
    ]
    if rows:
        c.execute(sa.insert(outputs), rows)
    add_events(c, job_id, log, values["completed_at"])
    return ending.also(c) if ending.also is not None else None


def _hold(c: sa.Connection, keys: Sequence[str]) -> None:
    """Let no other transaction of this kind see these objects until this one ends; SQLite has one writer anyway."""
    if c.dialect.name == "postgresql":
        for key in sorted(set(keys)):
            c.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))


def find_output(c: sa.Connection, key: str) -> tuple[Row, Row] | None:
    """The facts of an object that some job made, and what the model told about it; None if it is (being) deleted."""
    if c.execute(sa.select(doomed.c.key).where(doomed.c.key == key)).first():
        return None
    query = sa.select(outputs.c.facts, jobs.c.facts).join_from(outputs, jobs, outputs.c.job_id == jobs.c.id)
    found = c.execute(query.where(outputs.c.key == key).limit(1)).first()
    return (found[0], found[1]) if found else None


def forget_output(c: sa.Connection, key: str) -> None:
    """Drop the rows of an object that is no longer in storage, so that it is made again."""
    c.execute(sa.delete(outputs).where(outputs.c.key == key))


def delete_job(c: sa.Connection, job_id: str) -> list[str]:
    """Remove a job and all that hangs on it. Returns the keys of objects that nobody refers to any more: now doomed."""
    keys = list(c.execute(sa.select(outputs.c.key).where(outputs.c.job_id == job_id)).scalars())
    _hold(c, keys)
    for table in (outputs, events, deliveries, idempotency):
        c.execute(sa.delete(table).where(table.c.job_id == job_id))
    c.execute(sa.delete(jobs).where(jobs.c.id == job_id))
    kept = set(c.execute(sa.select(outputs.c.key).where(outputs.c.key.in_(keys))).scalars())
    orphans = sorted(set(keys) - kept)
    known = set(c.execute(sa.select(doomed.c.key).where(doomed.c.key.in_(orphans))).scalars())
    for key in orphans:
        if key not in known:
            c.execute(sa.insert(doomed), {"key": key})
    return orphans


def doomed_keys(c: sa.Connection) -> list[str]:
    """Keys whose objects are still to be deleted (a process may have died in between)."""
    return list(c.execute(sa.select(doomed.c.key)).scalars())


def absolve(c: sa.Connection, key: str) -> None:
    """The object is gone; its key may be used again."""
    c.execute(sa.delete(doomed).where(doomed.c.key == key))


def finished_before(c: sa.Connection, moment: float, limit: int = 100) -> list[str]:
    """Ids of jobs that ended before `moment`."""
    query = sa.select(jobs.c.id).where(jobs.c.status.in_(FINISHED), jobs.c.completed_at < moment)
    return list(c.execute(query.limit(limit)).scalars())


def sweep_keys(c: sa.Connection) -> None:
    """Forget idempotency keys that are over."""
    c.execute(sa.delete(idempotency).where(idempotency.c.expires_at < time.time()))


def pending_deliveries(c: sa.Connection) -> list[str]:
    """Webhook deliveries that have not come to an end."""
    return list(c.execute(sa.select(deliveries.c.id).where(deliveries.c.status == "pending")).scalars())


def delivery_job(c: sa.Connection, delivery_id: str) -> tuple[Row, str] | None:
    """The job that a delivery tells about, and the name of the event."""
    found = c.execute(sa.select(deliveries.c.job_id, deliveries.c.event).where(deliveries.c.id == delivery_id)).first()
    job = get_job(c, found.job_id) if found else None
    return (job, found.event) if found and job else None
