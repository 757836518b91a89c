"""Statements over the events of jobs, in the order of which owners see what happens."""

from collections.abc import Sequence

import sqlalchemy as sa

from serve_app.records.database import Prepared
from serve_app.records.rows import Event, EventRow
from serve_app.records.tables import events, owners

_EVENT = Prepared(lambda _insert: sa.insert(events))
_RAISED = Prepared(
    lambda insert: (
        insert(owners)
        .values(owner=sa.bindparam("of_owner"), last_event=sa.bindparam("more"))
        .on_conflict_do_update(
            index_elements=["owner"], set_={"last_event": owners.c.last_event + sa.bindparam("more")}
        )
        .returning(owners.c.last_event)
    )
)


def add_events(c: sa.Connection, job_id: str, owner: str, log: Sequence[Event], at: float) -> None:
    """Append events of the time `at` to a job's log; they may be written later than they happened.

    The owner's row stays locked until the transaction ends, so that their numbers become visible in order.
    """
    last: int = _RAISED(c, {"of_owner": owner, "more": len(log)}).scalar_one()
    common = {"job_id": job_id, "owner": owner, "at": at}
    rows = [
        {**common, "seq": seq, "type": kind, "data": data, "number": last - len(log) + place}
        for place, (seq, kind, data) in enumerate(log, start=1)
    ]
    _EVENT(c, rows)


def events_after(c: sa.Connection, job_id: str, seq: int) -> list[EventRow]:
    """A job's events with a higher number than `seq`."""
    query = sa.select(events).where(events.c.job_id == job_id, events.c.seq > seq).order_by(events.c.seq)
    return [EventRow(row.job_id, row.seq, row.type, row.data, row.at) for row in c.execute(query)]


def last_seq(c: sa.Connection, job_id: str) -> int:
    """The number of a job's newest event."""
    return c.execute(sa.select(sa.func.max(events.c.seq)).where(events.c.job_id == job_id)).scalar() or 0
