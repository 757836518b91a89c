"""Statements about what a candidate of a job goes on from: its note, when it is due again, its callbacks.

A candidate is known by job, model and seed: unlike its content address these are the same in the next version.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from serve_app.records.database import Prepared
from serve_app.records.job_rows import Change, is_unfinished, update_job, write_claimed
from serve_app.records.leases import Claim, ClaimLost, check_holding
from serve_app.records.rows import JobRow, Json
from serve_app.records.tables import candidates, jobs


@dataclass(frozen=True)
class CandidateId:
    """One output of a job at one model."""

    job_id: str
    model: str
    seed: int


@dataclass(frozen=True)
class Resumable:
    """What is known of a candidate: its newest note with its number, when it is due again (seconds since 1970), the
    newest attempt whose callback came.
    """

    number: int = 0
    note: Json | None = None
    retry_at: float | None = None
    called_back: int = 0


class Superseded(Exception):
    """Another attempt of the candidate has noted something since."""


_KEY = ["job_id", "model", "seed"]
_THIS = tuple(candidates.c[name] == sa.bindparam(name) for name in _KEY)
_READ = sa.select(candidates).where(*_THIS)


def read(c: sa.Connection, which: CandidateId) -> Resumable:
    """What is known of a candidate; of most nothing."""
    found = c.execute(_READ, asdict(which)).first()
    return Resumable(found.number, found.note, found.retry_at, found.called_back) if found else Resumable()


def _upsert(*names: str, where: Any = None) -> Prepared:
    """Sets these columns of a candidate, of one that has a row already only `where` that holds."""

    def build(insert: Any) -> sa.ClauseElement:
        made = insert(candidates).values({name: sa.bindparam(name) for name in (*_KEY, *names)})
        unless = {} if where is None else {"where": where(made.excluded)}
        set_ = {name: made.excluded[name] for name in names}
        statement: sa.ClauseElement = made.on_conflict_do_update(index_elements=_KEY, set_=set_, **unless)
        return statement

    return Prepared(build)


_NOTE = _upsert("number", "note", where=lambda new: candidates.c.number == new.number - 1)
_RETRY = _upsert("retry_at")
_CALLED = _upsert("called_back", "retry_at", where=lambda new: candidates.c.called_back < new.called_back)


def write_note(c: sa.Connection, claim: Claim, which: CandidateId, number: int, note: Mapping[str, Any]) -> None:
    """Keep the note that follows number - 1; the same one again changes nothing.

    Raises ClaimLost, and Superseded when another note has that number: a process that was cut off writes no more.
    """
    held = (jobs.c.id == which.job_id, jobs.c.holder == claim.holder, jobs.c.claim == claim.number)
    if c.execute(sa.select(jobs.c.id).where(*held, jobs.c.status == "running").with_for_update()).first() is None:
        raise ClaimLost(which.job_id)
    if not _NOTE(c, {**asdict(which), "number": number, "note": note}).rowcount:
        known = read(c, which)
        if (known.number, known.note) != (number, note):
            raise Superseded(which.job_id)


def put_off(c: sa.Connection, claim: Claim, change: Change, which: CandidateId, at: float, seen: int) -> None:
    """Close an attempt of a candidate that is due again `at`; at once, if a callback has come since `seen`."""
    update_job(c, claim, change)
    _RETRY(c, {**asdict(which), "retry_at": 0.0 if read(c, which).called_back > seen else at})


def hold(c: sa.Connection, claim: Claim, row: JobRow) -> None:
    """Take a queued job up without an attempt, so that no other process does. Raises ClaimLost."""
    check_holding(c, claim.holder)
    values = {"status": "running", "holder": claim.holder, "queue_holder": None, "claim": claim.number + 1}
    write_claimed(c, row.id, claim, values)


def call_back(c: sa.Connection, which: CandidateId, attempt: int) -> bool:
    """Let a candidate be due at once; False when this attempt's callback came before, or the job has ended."""
    if not is_unfinished(c, which.job_id):
        return False
    return bool(_CALLED(c, {**asdict(which), "called_back": attempt, "retry_at": 0.0}).rowcount)
