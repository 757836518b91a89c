"""Statements over voices of owners, and over which jobs speak with them. See `tables.voices`, `tables.voice_uses`.

A voice's objects, its reference and whatever a model derives from that, have the voice's id as their address: one
transaction takes the voice away and leaves all of them to the sweeper.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from serve_app.records import tables
from serve_app.records.leases import now
from serve_app.records.rows import Json
from serve_app.records.tables import jobs, objects, voice_uses, voices

VOICE_ID = re.compile(r"voice_[0-9a-hjkmnp-tv-z]{26}")


@dataclass(frozen=True, slots=True)
class VoiceRow:
    """A voice that an owner has brought; `facts` holds what its reference is like: {reference, checks, hints}."""

    id: str
    owner: str
    name: str
    name_key: str
    key: str
    languages: list[str]
    transcript: str | None
    facts: Json
    consent_at: float = 0.0
    consent_key_id: str | None = None
    created_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Gone:
    """What a deleted voice leaves to do: its objects, the jobs that were asked to stop or to go."""

    keys: list[str]
    jobs: list[str]


class NameTaken(Exception):
    """The owner has a voice of this name."""


class TooMany(Exception):
    """The owner has as many voices as they may have."""


class VoiceGone(Exception):
    """A job names a voice that its owner has not, or not any more."""


def find(c: sa.Connection, owner: str, voice_id: str) -> VoiceRow | None:
    """A voice of this owner."""
    return _one(c, owner, voices.c.id == voice_id)


def named(c: sa.Connection, owner: str, name_key: str) -> VoiceRow | None:
    """A voice of this owner by its name."""
    return _one(c, owner, voices.c.name_key == name_key)


def _one(c: sa.Connection, owner: str, which: sa.ColumnElement[bool]) -> VoiceRow | None:
    found = c.execute(sa.select(voices).where(voices.c.owner == owner, which)).mappings().first()
    return VoiceRow(**found) if found else None


def all_of(c: sa.Connection, owner: str) -> list[VoiceRow]:
    """The owner's voices, newest first."""
    query = sa.select(voices).where(voices.c.owner == owner).order_by(voices.c.id.desc())
    return [VoiceRow(**row) for row in c.execute(query).mappings()]


def keys_of(c: sa.Connection, owner: str, ids: Iterable[str]) -> dict[str, str]:
    """Where the references of this owner's voices lie in storage, by id."""
    query = sa.select(voices.c.id, voices.c.key).where(voices.c.owner == owner, voices.c.id.in_(set(ids)))
    return {row.id: row.key for row in c.execute(query)}


def check_free(c: sa.Connection, owner: str, name_key: str, most: int) -> None:
    """Raise NameTaken or TooMany when a voice of this name cannot be added."""
    if named(c, owner, name_key) is not None:
        raise NameTaken
    if c.execute(sa.select(sa.func.count()).where(voices.c.owner == owner)).scalar_one() >= most:
        raise TooMany


def plan(c: sa.Connection, row: VoiceRow, most: int) -> None:
    """Note that the reference of a voice may be in storage from now on. Raises NameTaken, TooMany."""
    check_free(c, row.owner, row.name_key, most)
    derive(c, row, row.key)


def derive(c: sa.Connection, row: VoiceRow, key: str) -> None:
    """Note that an object that hangs on a voice may be in storage from now on; it goes with the voice."""
    planned = {"key": key, "address": row.id, "job_id": "", "owner": row.owner, "state": "pending"}
    c.execute(sa.insert(objects).values(**planned, state_at=now()))


def add(c: sa.Connection, row: VoiceRow, size: int, most: int) -> VoiceRow:
    """Note that a voice is there, with the time of the consent; returns it as it is. Raises NameTaken, TooMany, and
    sqlalchemy's IntegrityError when another transaction adds one of this name.
    """
    check_free(c, row.owner, row.name_key, most)
    stored = {"state": "stored", "state_at": now(), "bytes": size}
    mine = (objects.c.key == row.key, objects.c.state == "pending")
    if not c.execute(sa.update(objects).where(*mine).values(stored)).rowcount:
        raise LookupError(f"the object '{row.key}' was swept before its voice was there")
    c.execute(sa.insert(voices).values({**asdict(row), "consent_at": now(), "created_at": now()}))
    return VoiceRow(**c.execute(sa.select(voices).where(voices.c.id == row.id)).mappings().one())


def give_up(c: sa.Connection, key: str) -> None:
    """Leave the object of a voice that did not come to be to the sweeper."""
    c.execute(sa.update(objects).where(objects.c.key == key).values(state="orphan", state_at=now()))


def note_use(c: sa.Connection, job_id: str, owner: str, given: Mapping[str, Any]) -> None:
    """Note, where a job is accepted, that its input names a voice of its owner. Raises VoiceGone.

    The voice's row is locked: it is deleted before, and the job is refused, or afterwards, and the job is found.
    """
    voice = given.get("voice")
    if not isinstance(voice, str) or VOICE_ID.fullmatch(voice) is None:
        return
    mine = sa.select(voices.c.id).where(voices.c.id == voice, voices.c.owner == owner)
    if c.execute(mine.with_for_update(read=True)).first() is None:
        raise VoiceGone(voice)
    c.execute(sa.insert(voice_uses).values(job_id=job_id, voice_id=voice))


def delete(c: sa.Connection, owner: str, voice_id: str, *, outputs: bool) -> Gone | None:
    """Remove a voice: from now on no job is accepted with it, and its objects are the sweeper's; None if there is none.

    Its unfinished jobs are asked to stop; with `outputs` all its jobs are shown to nobody any more, and are removed
    when they have ended.
    """
    mine = (voices.c.id == voice_id, voices.c.owner == owner)
    if c.execute(sa.select(voices.c.id).where(*mine).with_for_update()).first() is None:
        return None
    c.execute(sa.delete(voices).where(*mine))
    kept = (objects.c.address == voice_id, objects.c.owner == owner, objects.c.state.not_in(("orphan", "deleted")))
    orphan = {"state": "orphan", "state_at": now()}
    keys = list(c.execute(sa.update(objects).where(*kept).values(orphan).returning(objects.c.key)).scalars())
    using = sa.select(voice_uses.c.job_id).where(voice_uses.c.voice_id == voice_id)
    theirs = sa.select(jobs.c.id).where(jobs.c.id.in_(using), jobs.c.owner == owner)
    values = {"cancel_requested": True, **({"delete_requested": True} if outputs else {})}
    if not outputs:
        theirs = theirs.where(sa.text(tables.UNFINISHED))
    ids = list(c.execute(theirs.order_by(jobs.c.id).with_for_update()).scalars())
    for start in range(0, len(ids), 1000):  # SQLite bounds the parameters of a statement
        c.execute(sa.update(jobs).where(jobs.c.id.in_(ids[start : start + 1000])).values(values))
    c.execute(sa.delete(voice_uses).where(voice_uses.c.voice_id == voice_id))
    return Gone(keys, ids)
