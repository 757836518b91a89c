"""Statements over the rows of objects: what is, may be and must no longer be in storage. See `tables.objects`."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from serve_app.records.database import Prepared
from serve_app.records.leases import now
from serve_app.records.rows import JobRow, Json
from serve_app.records.tables import UNWANTED, jobs, objects, outputs

_OF_KEY = objects.c.key == sa.bindparam("of_key")
_STATE = Prepared(lambda _insert: sa.select(objects.c.state).where(_OF_KEY).with_for_update())
_STORED = Prepared(
    lambda _insert: (
        sa.update(objects)
        .where(_OF_KEY, sa.or_(objects.c.state == "pending", objects.c.state == "lost"))
        .values(
            state="stored", state_at=now(), bytes=sa.bindparam("of_bytes"), made=sa.bindparam("of_made", type_=sa.JSON)
        )
    )
)
_PLANNED = Prepared(
    lambda insert: (
        insert(objects)
        .values(
            {name: sa.bindparam(name) for name in ("key", "address", "job_id", "owner")}
            | {"state": "pending", "state_at": now()}
        )
        .on_conflict_do_nothing()
    )
)
_NEWEST = (
    sa.select(objects.c.key, objects.c.made)
    .where(objects.c.address == sa.bindparam("at"), objects.c.state == "stored")
    .order_by(objects.c.state_at.desc())
    .limit(1)
)
_NEWEST_OF = _NEWEST.where(objects.c.owner == sa.bindparam("of_owner"))


class ObjectGone(Exception):
    """An object that this job would hand out was deleted meanwhile; it must be made again."""


@dataclass(frozen=True)
class Stored:
    """An object that a job has stored or will; `made` holds its output and facts for a job that finds it."""

    key: str
    address: str
    made: Json | None = None
    bytes: int | None = None
    own: bool = True  # made by the job itself, not found or shared


def mark_pending(c: sa.Connection, row: JobRow, pending: Sequence[Stored]) -> None:
    """Note what a job may store from now on; what is there of an earlier attempt stays as it is."""
    if not pending:
        return
    common = {"job_id": row.id, "owner": row.owner}
    _PLANNED(c, [{"key": item.key, "address": item.address, **common} for item in pending])


def reference_objects(c: sa.Connection, made: Sequence[Stored]) -> None:
    """Let a job that ends refer to these objects; nobody deletes them until its transaction is over.

    Raises ObjectGone when one was deleted meanwhile.
    """
    for item in sorted(made, key=lambda item: item.key):  # in one order, or two jobs may wait for each other
        if item.own and mark_stored(c, item):
            continue
        state = _STATE(c, {"of_key": item.key}).scalar()
        if state == "pending":  # of a job that is not yet over itself
            mark_stored(c, item)
        elif state != "stored":
            raise ObjectGone(item.key)


def mark_stored(c: sa.Connection, item: Stored) -> bool:
    """Note that an object is in storage, with its output and facts; False when it was, or is deleted."""
    done = _STORED(c, {"of_key": item.key, "of_bytes": item.bytes, "of_made": item.made})
    return bool(done.rowcount)


def orphan_leftovers(c: sa.Connection, job_id: str, but: Sequence[str], unrequested: Sequence[str]) -> None:
    """Leave to the sweeper what a job began to store and does not hand out; forget what it never began."""
    if unrequested:
        c.execute(sa.delete(objects).where(objects.c.key.in_(unrequested), objects.c.state == "pending"))
    left = (objects.c.job_id == job_id, objects.c.key.not_in(but), objects.c.state.in_(("pending", "stored")))
    keys = list(c.execute(sa.select(objects.c.key).where(*left).order_by(objects.c.key).with_for_update()).scalars())
    if keys:
        orphan_unused(c, keys)


def orphan_unused(c: sa.Connection, keys: Sequence[str]) -> list[str]:
    """Make orphans of those locked objects that no output names any more, and return their keys."""
    kept = set(c.execute(sa.select(outputs.c.key).where(outputs.c.key.in_(keys))).scalars())
    unused = [key for key in keys if key not in kept]
    gone = {"state": "orphan", "state_at": now(), "made": None}  # what it was made from is forgotten with it
    c.execute(sa.update(objects).where(objects.c.key.in_(unused)).values(gone))
    return unused


def find_stored(c: sa.Connection, address: str, owner: str | None = None) -> tuple[str, Json] | None:
    """The newest object of this content address (of this owner): its key, its output and facts."""
    query, named = (_NEWEST, {}) if owner is None else (_NEWEST_OF, {"of_owner": owner})
    found = c.execute(query, {"at": address, **named}).first()
    return (found.key, found.made) if found else None


def made_elsewhere(c: sa.Connection, address: str, job_id: str, me: str, owner: str | None = None) -> str | None:
    """The oldest job, older than this one, that another process than me runs and that stores the same (of an owner)."""
    mine = (objects.c.address == address, objects.c.state == "pending", objects.c.job_id < job_id)
    whose = () if owner is None else (objects.c.owner == owner,)
    running = (jobs.c.id == objects.c.job_id, jobs.c.status == "running", jobs.c.holder != me)
    query = sa.select(jobs.c.id).where(*mine, *whose, *running, sa.not_(jobs.c.cancel_requested))
    found: str | None = c.execute(query.order_by(jobs.c.id).limit(1)).scalar()
    return found


def stored_by(c: sa.Connection, job_id: str) -> dict[str, Json]:
    """The outputs that a job has stored already, by content address: in an earlier life."""
    query = sa.select(objects).where(objects.c.job_id == job_id, objects.c.state == "stored")
    return {item.address: item.made for item in c.execute(query) if item.made is not None}


def mark_lost(c: sa.Connection, key: str) -> None:
    """Note that an object is no longer in storage: it is made again; outputs that name it stay."""
    mine = (objects.c.key == key, objects.c.state == "stored")
    c.execute(sa.update(objects).where(*mine).values(state="lost", state_at=now()))


def deletable(c: sa.Connection, late_s: float, limit: int = 100) -> list[tuple[str, bool]]:
    """Keys of orphans, and of objects that were deleted `late_s` ago, which nobody can still be about to store.

    With each, whether it is to be deleted for the last time.
    """
    due = sa.or_(objects.c.state == "orphan", objects.c.state_at < now() - late_s)
    found = sa.select(objects.c.key, objects.c.state).where(sa.text(UNWANTED), due)
    return [(row.key, row.state == "deleted") for row in c.execute(found.order_by(objects.c.state_at).limit(limit))]


def mark_deleted(c: sa.Connection, key: str) -> None:
    """Note that an orphan was deleted: a tombstone is left."""
    c.execute(sa.update(objects).where(objects.c.key == key, sa.text(UNWANTED)).values(state="deleted", state_at=now()))


def postpone_deletion(c: sa.Connection, key: str) -> None:
    """Let others come first: this object could not be deleted."""
    c.execute(sa.update(objects).where(objects.c.key == key, sa.text(UNWANTED)).values(state_at=now()))


def remove_tombstone(c: sa.Connection, key: str) -> None:
    """Remove the row of an object that is gone for good."""
    c.execute(sa.delete(objects).where(objects.c.key == key, objects.c.state == "deleted"))
