"""Statements over our tables: what is read and written about a job, each one transaction with `Database`.

Only the holder of a job's claim writes its row (leases.py); every such statement takes the Claim and raises ClaimLost
when it no longer holds. What it writes are columns of a JobRow that the holder has replaced (rows.py).
"""

import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from serve_app.errors import Overloaded
from serve_app.records import tables
from serve_app.records.database import Prepared
from serve_app.records.event_rows import add_events
from serve_app.records.leases import Claim, ClaimLost, check_holding, now
from serve_app.records.object_rows import Stored, mark_pending, orphan_leftovers, orphan_unused, reference_objects
from serve_app.records.rows import Column, DeliveryRow, Event, IdempotencyRow, JobRow, Json, UsageRow
from serve_app.records.states import FINISHED, UNFINISHED
from serve_app.records.tables import (
    candidates,
    deliveries,
    events,
    idempotency,
    jobs,
    objects,
    outputs,
    usage,
    voice_uses,
)
from serve_app.records.voice_rows import note_use

PlanDelivery = Callable[[sa.Connection], str]  # in the same transaction; returns the id of the delivery
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id(prefix: str) -> str:
    """An id that sorts by time: 48 bits of milliseconds and 80 random bits in Crockford's base 32 (as in ULID)."""
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    digits = "".join(_BASE32[number >> shift & 31] for shift in range(125, -1, -5))
    return f"{prefix}_{digits}"


_OF_JOB = (jobs.c.id == sa.bindparam("of_job"), jobs.c.claim == sa.bindparam("of_claim"))
_HELD = sa.update(jobs).where(*_OF_JOB, jobs.c.holder == sa.bindparam("of_holder"), jobs.c.status == "running")
_QUEUED = sa.update(jobs).where(*_OF_JOB, jobs.c.queue_holder == sa.bindparam("of_holder"), sa.text(tables.QUEUED))
_JOB = Prepared(lambda _insert: sa.insert(jobs))
_SHOWN = sa.select(outputs).where(outputs.c.position >= 0).order_by(outputs.c.position)
_OUTPUT = Prepared(lambda _insert: sa.insert(outputs))
_COUNTS = ("jobs", "sound_s", "images", "device_s", "bytes", "cost_micro")
_USED = Prepared(
    lambda insert: (
        insert(usage)
        .values({column.name: sa.bindparam(f"new_{column.name}", type_=column.type) for column in usage.c})
        .on_conflict_do_update(
            index_elements=["owner", "day", "model"],
            set_={name: usage.c[name] + sa.bindparam(f"new_{name}", type_=usage.c[name].type) for name in _COUNTS},
        )
    )
)


@cache
def _changing(held: bool, names: tuple[str, ...]) -> Prepared:
    """Changes these columns of a job that is held, or that waits."""
    which = _HELD if held else _QUEUED
    return Prepared(lambda _insert: which.values({name: sa.bindparam(name) for name in names}))


class KeyTaken(Exception):
    """The Idempotency-Key belongs to a job already."""

    def __init__(self, row: IdempotencyRow) -> None:
        super().__init__(row.job_id)
        self.row = row


@dataclass(frozen=True)
class QueueLimits:
    """How many accepted and unfinished jobs there may be, of all and of one owner."""

    total: int
    of_owner: int
    retry_after_s: float


def write_claimed(c: sa.Connection, job_id: str, claim: Claim, values: Mapping[str, Any]) -> None:
    """Change a job that this claim is for. Raises ClaimLost.

    Only the holder of the claim writes a row that runs or waits: no row hit means that another process has it by now.
    """
    named = {"of_job": job_id, "of_claim": claim.number, "of_holder": claim.holder}
    if not _changing(claim.held, tuple(values))(c, {**named, **values}).rowcount:
        raise ClaimLost(job_id)


def accept_job(
    c: sa.Connection,
    row: JobRow,
    key: IdempotencyRow | None,
    *,
    pending: Sequence[Stored] = (),
    limits: QueueLimits | None = None,
    ending: "Ending | None" = None,
) -> str | None:
    """Accept a job: its row, its first events, its idempotency key, what it will store, even its end (then `row` has
    ended already).

    Returns the id of a planned delivery. Raises KeyTaken, Overloaded over the `limits` (None: the caller has counted),
    ObjectGone, VoiceGone, ClaimLost when this process holds nothing any more.
    """
    if key is not None:
        taken = find_key(c, key.owner, key.key)
        if taken is not None:
            raise KeyTaken(taken)
        mine = (idempotency.c.owner == key.owner, idempotency.c.key == key.key)
        c.execute(sa.delete(idempotency).where(*mine, idempotency.c.expires_at <= now()))
        c.execute(sa.insert(idempotency), asdict(key))
    if limits is not None:
        _admit(c, row.owner, limits)
    note_use(c, row.id, row.owner, row.input)
    claim = claim_of(row)
    check_holding(c, claim.holder)
    log = [Event(1, "queued", {})]
    if ending is not None:
        _JOB(c, ending.row.replace(holder=None, queue_holder=None).columns())
        return _write_end(c, ending, log)
    _JOB(c, row.columns())
    if row.attempts:
        log.append(Event(2, "started", {"attempt": 1, "model": row.model_used}))
    add_events(c, row.id, row.owner, log, row.created_at)
    mark_pending(c, row, pending)
    return None


def claim_of(row: JobRow) -> Claim:
    """The claim that a row names."""
    if row.holder is None:
        return Claim(row.queue_holder or "", row.claim, held=False)
    return Claim(row.holder, row.claim, held=True)


def _admit(c: sa.Connection, owner: str, limits: QueueLimits) -> None:
    """Count over all processes, one acceptance at a time."""
    if c.dialect.name == "postgresql":
        c.execute(sa.text("SELECT pg_advisory_xact_lock(7203662)"))
    unfinished = sa.select(sa.func.count()).select_from(jobs).where(sa.text(tables.UNFINISHED))
    total = c.execute(unfinished).scalar_one()
    mine = c.execute(unfinished.where(jobs.c.owner == owner)).scalar_one()
    if total >= limits.total or mine >= limits.of_owner:
        text = (
            f"{total} jobs are accepted and unfinished (limit {limits.total}), {mine} of them yours ({limits.of_owner})"
        )
        raise Overloaded(text, retry_after_s=limits.retry_after_s)


@dataclass(frozen=True)
class Beginning:
    """A job begins to run, or begins with another model: its row as it is then, what it will store from now on."""

    row: JobRow
    event: Event
    pending: Sequence[Stored]
    plan_delivery: PlanDelivery | None = None


BEGUN: tuple[Column, ...] = ("progress", "status", "started_at", "attempts", "model_used", "facts")


def begin_job(c: sa.Connection, claim: Claim, beginning: Beginning) -> str | None:
    """Take a queued job up, or note its next model. Returns the id of a planned delivery. Raises ClaimLost."""
    row, taken = beginning.row, dict[str, Any]()
    if not claim.held:
        check_holding(c, claim.holder)
        taken = {"holder": claim.holder, "queue_holder": None, "claim": claim.number + 1}
    write_claimed(c, row.id, claim, {**row.only(BEGUN), **taken})
    mark_pending(c, row, beginning.pending)
    add_events(c, row.id, row.owner, [beginning.event], row.attempts[-1].started_at)
    return beginning.plan_delivery(c) if beginning.plan_delivery is not None else None


def find_key(c: sa.Connection, owner: str, key: str) -> IdempotencyRow | None:
    """The live idempotency row of a key."""
    found = c.execute(
        sa.select(idempotency).where(
            idempotency.c.owner == owner, idempotency.c.key == key, idempotency.c.expires_at > now()
        )
    ).first()
    return IdempotencyRow(**found._mapping) if found else None


def get_job(c: sa.Connection, job_id: str, owner: str | None = None) -> JobRow | None:
    """A job with its outputs and deliveries; None when there is none or it is another owner's."""
    query = sa.select(jobs).where(jobs.c.id == job_id, sa.not_(jobs.c.delete_requested))
    found = c.execute(query if owner is None else query.where(jobs.c.owner == owner)).first()
    return complete(c, [found])[0] if found else None


def is_unfinished(c: sa.Connection, job_id: str) -> bool:
    """Whether there is such a job and it has not ended."""
    return (
        c.execute(sa.select(jobs.c.id).where(jobs.c.id == job_id, jobs.c.status.not_in(FINISHED))).first() is not None
    )


def list_jobs(
    c: sa.Connection, owner: str, *, status: str | None, model: str | None, limit: int, before: str | None
) -> list[JobRow]:
    """A page of an owner's jobs, newest first."""
    mine = sa.select(jobs).where(jobs.c.owner == owner, sa.not_(jobs.c.delete_requested))
    query = _filtered(mine.order_by(jobs.c.id.desc()).limit(limit), status, model)
    if before:
        query = query.where(jobs.c.id < before)
    return complete(c, c.execute(query).fetchall())


def _filtered(query: sa.Select[Any], status: str | None, model: str | None) -> sa.Select[Any]:
    """Those in a state, and asked for or made with a model."""
    if status:
        query = query.where(jobs.c.status == status)
    if model:
        query = query.where(sa.or_(jobs.c.model == model, jobs.c.model_used == model))
    return query


def complete(c: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[JobRow]:
    """Jobs from their columns, with their outputs and deliveries."""
    ids = [row.id for row in rows]
    made: dict[str, list[Json]] = {job_id: [] for job_id in ids}
    planned: dict[str, list[DeliveryRow]] = {job_id: [] for job_id in ids}
    for item in c.execute(_SHOWN.where(outputs.c.job_id.in_(ids))):
        made[item.job_id].append(item.facts)
    if any(row.webhook for row in rows):
        for item in c.execute(sa.select(deliveries).where(deliveries.c.job_id.in_(ids)).order_by(deliveries.c.id)):
            found = DeliveryRow(item.id, item.event, item.status, item.tries, item.next_at)
            planned[item.job_id].append(found)
    return [JobRow.read(row._asdict(), made[row.id], planned[row.id]) for row in rows]


@dataclass(frozen=True)
class Change:
    """What is written of a job that runs: columns of its row as it was at this moment, an event."""

    row: JobRow
    columns: tuple[Column, ...]
    event: Event | None
    at: float


def update_job(c: sa.Connection, claim: Claim, change: Change) -> None:
    """Change a job that runs, append an event. Raises ClaimLost, also when it has ended."""
    write_claimed(c, change.row.id, claim, change.row.only(change.columns))
    if change.event is not None:
        add_events(c, change.row.id, change.row.owner, [change.event], change.at)


def request_cancel(c: sa.Connection, job_id: str) -> None:
    """Ask whichever process runs the job to stop it."""
    unfinished = jobs.c.status.in_(UNFINISHED)
    c.execute(sa.update(jobs).where(jobs.c.id == job_id, unfinished).values(cancel_requested=True))


def request_cancels(c: sa.Connection, owner: str, *, status: str | None, model: str | None, limit: int) -> list[str]:
    """`request_cancel` for an owner's unfinished jobs, the oldest first; returns their ids."""
    mine = sa.select(jobs.c.id).where(sa.text(tables.UNFINISHED), jobs.c.owner == owner)
    query = _filtered(mine.where(sa.not_(jobs.c.delete_requested)), status, model)
    return _mark(c, query.limit(limit), cancel_requested=True)


def request_deletes(c: sa.Connection, owner: str, job_ids: Sequence[str]) -> list[str]:
    """Show an owner's jobs to nobody any more; whoever runs them stops, and they are removed when they have ended.

    Returns which of these jobs were the owner's, and were not deleted before.
    """
    mine = (jobs.c.id.in_(job_ids), jobs.c.owner == owner, sa.not_(jobs.c.delete_requested))
    return _mark(c, sa.select(jobs.c.id).where(*mine), cancel_requested=True, delete_requested=True)


def _mark(c: sa.Connection, which: sa.Select[Any], **values: bool) -> list[str]:
    """Change several jobs, locked in one order: two callers that name the same ones wait for each other once."""
    ids = list(c.execute(which.order_by(jobs.c.id).with_for_update()).scalars())
    c.execute(sa.update(jobs).where(jobs.c.id.in_(ids)).values(**values))
    return ids


def having_status(c: sa.Connection, job_ids: Sequence[str], statuses: Collection[str]) -> list[str]:
    """Which of these jobs are there and in one of these states."""
    if not job_ids:
        return []
    query = sa.select(jobs.c.id).where(jobs.c.id.in_(job_ids), jobs.c.status.in_(statuses))
    return list(c.execute(query.order_by(jobs.c.id)).scalars())


@dataclass(frozen=True)
class Ending:
    """The end of a job: its row as it is then, its outputs, its last events, its usage, the delivery that tells of it.

    `beside` is what is stored beside the outputs. `unrequested` are keys of pending objects that no replica was asked
    for; `leftovers`: there may be objects that are no outputs.
    """

    row: JobRow
    made: Sequence[Stored]
    log: Sequence[Event]
    beside: Sequence[Stored] = ()
    used: UsageRow | None = None
    unrequested: Sequence[str] = ()
    leftovers: bool = True
    plan_delivery: PlanDelivery | None = None


_ENDED: tuple[Column, ...] = ("status", "error", "cached", "facts", "metrics", "attempts", "model_used")
_ENDED += ("started_at", "completed_at")


def finish_job(c: sa.Connection, claim: Claim, ending: Ending) -> str | None:
    """End a job in one transaction; returns the id of a planned delivery.

    Raises ClaimLost, and ObjectGone when an object that it found was deleted meanwhile.
    """
    # The last report may have come too soon after another one for an event of its own.
    names = (*_ENDED, "progress") if ending.row.status == "succeeded" else _ENDED
    write_claimed(c, ending.row.id, claim, {**ending.row.only(names), "holder": None, "queue_holder": None})
    return _write_end(c, ending)


def _write_end(c: sa.Connection, ending: Ending, before: Sequence[Event] = ()) -> str | None:
    """What an end brings beside the row: outputs, events (those `before` the end too), usage."""
    job_id, owner = ending.row.id, ending.row.owner
    referenced = [*ending.made, *ending.beside]
    if referenced:
        reference_objects(c, referenced)
        shown = [(place, item) for place, item in enumerate(ending.made)]
        hidden = [(-1 - place, item) for place, item in enumerate(ending.beside)]
        common = {"job_id": job_id, "owner": owner}
        _OUTPUT(
            c,
            [
                {**common, "position": place, "key": item.key, "facts": item.made["output"] if item.made else {}}
                for place, item in (*shown, *hidden)
            ],
        )
    if ending.leftovers:
        orphan_leftovers(c, job_id, [item.key for item in referenced], ending.unrequested)
    add_events(c, job_id, owner, [*before, *ending.log], ending.row.completed_at or 0.0)
    if ending.used is not None:
        _count(c, ending.used)
    return ending.plan_delivery(c) if ending.plan_delivery is not None else None


def _count(c: sa.Connection, used: UsageRow) -> None:
    """Add to what an owner has used of a model on a day."""
    _USED(c, {f"new_{column.name}": getattr(used, column.name) for column in usage.c})


def delete_job(c: sa.Connection, job_id: str) -> list[str]:
    """Remove a job and all that hangs on it. Returns the keys of its objects that nobody refers to any more."""
    shown = set(c.execute(sa.select(outputs.c.key).where(outputs.c.job_id == job_id)).scalars())
    own = sa.or_(objects.c.job_id == job_id, objects.c.key.in_(shown))
    keys = list(c.execute(sa.select(objects.c.key).where(own).order_by(objects.c.key).with_for_update()).scalars())
    for table in (outputs, events, deliveries, idempotency, candidates, voice_uses):
        c.execute(sa.delete(table).where(table.c.job_id == job_id))
    c.execute(sa.delete(jobs).where(jobs.c.id == job_id))
    return orphan_unused(c, keys)


def to_remove(c: sa.Connection, limit: int = 100) -> list[str]:
    """Ids of jobs that have ended and that somebody asked to delete."""
    query = sa.select(jobs.c.id).where(sa.text(tables.TO_DELETE), jobs.c.status.in_(FINISHED))
    return list(c.execute(query.limit(limit)).scalars())


def finished_before(c: sa.Connection, moment: float, limit: int = 100) -> list[str]:
    """Ids of jobs that ended before `moment`."""
    query = sa.select(jobs.c.id).where(jobs.c.status.in_(FINISHED), jobs.c.completed_at < moment)
    return list(c.execute(query.limit(limit)).scalars())


def delete_expired_keys(c: sa.Connection) -> None:
    """Forget idempotency keys that are over."""
    c.execute(sa.delete(idempotency).where(idempotency.c.expires_at < now()))


def delivery_job(c: sa.Connection, delivery_id: str) -> tuple[JobRow, str] | None:
    """The job that a delivery tells about, and the name of the event."""
    found = c.execute(sa.select(deliveries.c.job_id, deliveries.c.event).where(deliveries.c.id == delivery_id)).first()
    job = get_job(c, found.job_id) if found else None
    return (job, found.event) if found and job else None
