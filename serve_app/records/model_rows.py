"""What the jobs of all processes tell about their models, by reads that stay small however many jobs there are."""

from dataclasses import dataclass

import sqlalchemy as sa

from serve_app.records import tables
from serve_app.records.leases import now
from serve_app.records.tables import jobs

MOST_QUEUED = 10_000
NEWEST_ENDED = 500
ENDED_WITHIN_S = 24 * 3600.0


@dataclass(frozen=True)
class Queue:
    """How many jobs wait for a place at a model, and for how long the oldest of them has."""

    depth: int
    oldest_s: float


@dataclass(frozen=True)
class Outcome:
    """How a job ended that a model was asked for; `run_s` are seconds in the model that made it."""

    planned: str
    used: str
    succeeded: bool
    run_s: float | None


def queues(c: sa.Connection, most: int = MOST_QUEUED) -> dict[str, Queue]:
    """The queue of each model that has one; not more than `most` jobs of all models are looked at."""
    order = (jobs.c.queue_holder, jobs.c.priority, jobs.c.id)  # of the index of these rows
    waiting = sa.select(jobs.c.model_used, jobs.c.created_at).where(sa.text(tables.QUEUED)).order_by(*order)
    waits = waiting.limit(most).subquery()
    oldest_s = now() - sa.func.min(waits.c.created_at)
    query = sa.select(waits.c.model_used, sa.func.count(), oldest_s).group_by(waits.c.model_used)
    return {model: Queue(depth, max(0.0, waited_s)) for model, depth, waited_s in c.execute(query)}


def outcomes(c: sa.Connection, most: int = NEWEST_ENDED, within_s: float = ENDED_WITHIN_S) -> list[Outcome]:
    """Of the newest `most` jobs that succeeded or failed those of that time that no cache answered, newest first.

    Two reads of an index, which go no further: a condition on what it does not hold might look at every job, and so
    would one on the time, because PostgreSQL compares each row with a clock that moves on.
    """
    columns = (jobs.c.planned_model, jobs.c.model_used, jobs.c.status, jobs.c.cached)
    run_s, ago_s = jobs.c.metrics["run_s"].as_float().label("run_s"), (now() - jobs.c.completed_at).label("ago_s")
    query = sa.select(*columns, run_s, ago_s).order_by(jobs.c.completed_at.desc()).limit(most)
    ended = [row for status in ("succeeded", "failed") for row in c.execute(query.where(jobs.c.status == status))]
    newest = sorted(ended, key=lambda row: float(row.ago_s))[:most]
    return [
        Outcome(row.planned_model or row.model_used, row.model_used, row.status == "succeeded", row.run_s)
        for row in newest
        if row.ago_s <= within_s and not row.cached
    ]
