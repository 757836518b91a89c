"""Statements of several processes that share the jobs: what each sees of the others, and who takes which queued job."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from serve_app.records import tables
from serve_app.records.database import Prepared
from serve_app.records.job_rows import complete
from serve_app.records.leases import check_holding, is_dead, now
from serve_app.records.rows import JobRow
from serve_app.records.tables import duties, events, holders, jobs

_WAITING = (sa.text(tables.QUEUED),)  # in the words of their index
_ABANDONED = (sa.text(tables.ABANDONED),)


@dataclass(frozen=True)
class Polled:
    """What concerns a process, as the database tells it now and then."""

    processes: int  # that have a lease
    rank: int  # of this one among them, in an order that all of them see
    reapable: bool  # there are leases that it may end: they are over, or their processes of this machine dead
    draining: bool
    cancels: Sequence[str]  # jobs that it runs and somebody asked to stop
    abandoned: bool  # there are queued jobs in nobody's memory


def poll(c: sa.Connection, me: str, by_time: bool) -> Polled:
    """What other processes want of this one. Not `by_time`: leases that are over are not its to end."""
    leases = c.execute(sa.select(holders, (holders.c.lease_until < now()).label("over"))).fetchall()
    mine = (jobs.c.status == "running", jobs.c.holder == me)
    cancels = c.execute(sa.select(jobs.c.id).where(*mine, jobs.c.cancel_requested)).scalars().all()
    # Ordered as the index of these rows is: for any of them PostgreSQL would read the table.
    abandoned = sa.select(jobs.c.id).where(*_ABANDONED).order_by(jobs.c.priority, jobs.c.id).limit(1)
    return Polled(
        processes=len(leases),
        rank=sum(item.id < me for item in leases),
        reapable=any(item.id != me and ((by_time and item.over) or is_dead(item.process)) for item in leases),
        draining=any(item.id == me and item.draining for item in leases),
        cancels=cancels,
        abandoned=c.execute(abandoned).first() is not None,
    )


def assigned(c: sa.Connection, me: str) -> list[str]:
    """The jobs whose rows say that this process runs them or has them in its queue."""
    running = sa.select(jobs.c.id).where(jobs.c.holder == me)
    waiting = sa.select(jobs.c.id).where(*_WAITING, jobs.c.queue_holder == me)
    return [*c.execute(running).scalars(), *c.execute(waiting).scalars()]


def newest(c: sa.Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """The number of the newest event of each of these jobs."""
    query = sa.select(events.c.job_id, sa.func.max(events.c.seq)).where(events.c.job_id.in_(job_ids))
    return {row[0]: row[1] for row in c.execute(query.group_by(events.c.job_id))}


def adopt(c: sa.Connection, me: str, limit: int) -> list[JobRow]:
    """Take queued jobs that are in nobody's memory into this process's queue, first come first."""
    return _move(c, me, sa.select(jobs.c.id).where(*_ABANDONED), limit)


def steal(c: sa.Connection, me: str, model: str, limit: int) -> list[JobRow]:
    """Take queued jobs of a model out of another process's queue, for places that are free here."""
    others = sa.select(jobs.c.id).where(*_WAITING, jobs.c.queue_holder != me, jobs.c.model_used == model)
    return _move(c, me, others, limit)


def can_steal(c: sa.Connection, me: str, model: str) -> bool:
    """Whether a queued job of a model waits in another process."""
    others = sa.select(jobs.c.id).where(*_WAITING, jobs.c.queue_holder != me, jobs.c.model_used == model)
    return c.execute(others.limit(1)).first() is not None


def take(c: sa.Connection, me: str, job_ids: Sequence[str]) -> list[JobRow]:
    """Take those of these jobs that are queued into this process's queue."""
    return _move(c, me, sa.select(jobs.c.id).where(*_WAITING, jobs.c.id.in_(job_ids)), len(job_ids))


def _move(c: sa.Connection, me: str, which: sa.Select[Any], limit: int) -> list[JobRow]:
    check_holding(c, me)
    ids = list(
        c.execute(which.order_by(jobs.c.priority, jobs.c.id).limit(limit).with_for_update(skip_locked=True)).scalars()
    )
    c.execute(sa.update(jobs).where(jobs.c.id.in_(ids)).values(queue_holder=me))
    found = c.execute(sa.select(jobs).where(jobs.c.id.in_(ids)).order_by(jobs.c.priority, jobs.c.id))
    return complete(c, found.fetchall())


def drain_all(c: sa.Connection) -> None:
    """Tell every process to take no more work."""
    c.execute(sa.update(holders).values(draining=True))


def unfinished(c: sa.Connection) -> tuple[int, int]:
    """How many accepted jobs run, and how many have not ended, in all processes."""
    query = sa.select(jobs.c.status, sa.func.count()).where(sa.text(tables.UNFINISHED)).group_by(jobs.c.status)
    found: dict[str, int] = {row[0]: row[1] for row in c.execute(query)}
    return found.get("running", 0), sum(found.values())


_UNLESS_THERE = Prepared(lambda insert: insert(duties).on_conflict_do_nothing())


def take_duty(c: sa.Connection, name: str, every_s: float) -> bool:
    """Whether it is this process's turn to do what one of all does every `every_s` seconds."""
    _UNLESS_THERE(c, {"name": name, "next_at": 0.0})
    due = sa.update(duties).where(duties.c.name == name, duties.c.next_at <= now())
    return bool(c.execute(due.values(next_at=now() + every_s)).rowcount)


def pass_duty_on(c: sa.Connection, name: str) -> None:
    """Leave the rest of a duty to whoever comes first."""
    c.execute(sa.update(duties).where(duties.c.name == name).values(next_at=now()))
