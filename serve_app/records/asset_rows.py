"""Statements over the files that callers bring. See `tables.assets`; their objects have rows in `tables.objects`."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from serve_app.records.leases import now
from serve_app.records.rows import Json
from serve_app.records.tables import UNFINISHED_UPLOAD, assets, objects

Place = tuple[float, str]  # in a list, newest first: time of creation, id


@dataclass(frozen=True, slots=True)
class AssetRow:
    """A file of an owner; `facts` is what its kind has: length and rate of a sound, size of a picture."""

    id: str
    owner: str
    kind: str
    media_type: str
    bytes: int
    sha256: str
    facts: Json
    key: str
    created_at: float = 0.0
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What all files of an owner may take together."""

    files: int
    bytes: int


class NoRoom(Exception):
    """The owner's files would take more than they may."""


def _owned(owner: str, asset_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return assets.c.id == asset_id, assets.c.owner == owner


def find(c: sa.Connection, owner: str, asset_id: str) -> AssetRow | None:
    """A file of this owner whose time is not over."""
    found = c.execute(sa.select(assets).where(*_owned(owner, asset_id), assets.c.expires_at > now())).mappings().first()
    return AssetRow(**found) if found else None


def use(c: sa.Connection, owner: str, asset_id: str, ttl_s: float) -> AssetRow | None:
    """`find`, and keep the file for `ttl_s` from now on."""
    alive = (*_owned(owner, asset_id), assets.c.expires_at > now())
    c.execute(sa.update(assets).where(*alive).values(expires_at=now() + ttl_s))
    return find(c, owner, asset_id)


def keys_of(c: sa.Connection, owner: str, ids: Iterable[str]) -> dict[str, str]:
    """Where the files of this owner lie in storage, by id, as long as they are there."""
    query = sa.select(assets.c.id, assets.c.key).where(assets.c.owner == owner, assets.c.id.in_(set(ids)))
    return {row.id: row.key for row in c.execute(query)}


def page(c: sa.Connection, owner: str, limit: int, before: Place | None) -> list[AssetRow]:
    """The owner's files, newest first, of those that come after `before`."""
    query = sa.select(assets).where(assets.c.owner == owner, assets.c.expires_at > now())
    if before is not None:
        query = query.where(sa.tuple_(assets.c.created_at, assets.c.id) < sa.tuple_(*before))
    query = query.order_by(assets.c.created_at.desc(), assets.c.id.desc()).limit(limit)
    return [AssetRow(**row) for row in c.execute(query).mappings()]


def check_room(c: sa.Connection, row: AssetRow, room: Room) -> None:
    """Raise NoRoom when the owner's files and this one are more than they may be."""
    others = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(assets.c.bytes), 0))
    files, taken = c.execute(others.where(assets.c.owner == row.owner, assets.c.id != row.id)).one()
    if files >= room.files:
        raise NoRoom(f"there are {files} files, and {room.files} are possible")
    if taken + row.bytes > room.bytes:
        raise NoRoom(f"there are {taken} bytes in files, and {room.bytes} are possible")


def plan(c: sa.Connection, row: AssetRow, room: Room) -> None:
    """Note that the object of a file may be in storage from now on. Raises NoRoom."""
    check_room(c, row, room)
    planned = {"key": row.key, "address": row.id, "job_id": "", "owner": row.owner, "state": "pending"}
    c.execute(sa.insert(objects).values(**planned, state_at=now()))


def add(c: sa.Connection, row: AssetRow, room: Room, ttl_s: float) -> AssetRow:
    """Note that a file is there; returns it as it is, which is another one's if that came first. Raises NoRoom."""
    known = use(c, row.owner, row.id, ttl_s)
    if known is not None:
        _orphan(c, [row.key])
        return known
    check_room(c, row, room)
    delete(c, row.owner, row.id)  # one whose time is over
    stored = {"state": "stored", "state_at": now(), "bytes": row.bytes}
    c.execute(sa.update(objects).where(objects.c.key == row.key).values(stored))
    values = {**asdict(row), "created_at": now(), "expires_at": now() + ttl_s}
    c.execute(sa.insert(assets).values(values))
    return AssetRow(**c.execute(sa.select(assets).where(assets.c.id == row.id)).mappings().one())


def delete(c: sa.Connection, owner: str, asset_id: str) -> bool:
    """Remove a file's row and leave its object to the sweeper; False when there is no such file."""
    keys = c.execute(sa.delete(assets).where(*_owned(owner, asset_id)).returning(assets.c.key)).scalars().all()
    _orphan(c, keys)
    return bool(keys)


def give_up(c: sa.Connection, key: str) -> None:
    """Leave the object of a file that did not come to be to the sweeper."""
    _orphan(c, [key])


def _orphan(c: sa.Connection, keys: Iterable[str]) -> None:
    gone = {"state": "orphan", "state_at": now()}
    c.execute(sa.update(objects).where(objects.c.key.in_(list(keys))).values(gone))


def sweep(c: sa.Connection, late_s: float, limit: int = 100) -> int:
    """Remove files whose time was over `late_s` ago, and uploads that nobody ends; returns how many files.

    A job that was accepted just in time may still need its file.
    """
    over = sa.select(assets.c.id).where(assets.c.expires_at < now() - late_s).order_by(assets.c.expires_at).limit(limit)
    keys = c.execute(sa.delete(assets).where(assets.c.id.in_(over)).returning(assets.c.key)).scalars().all()
    _orphan(c, keys)
    left = sa.select(objects.c.key).where(sa.text(UNFINISHED_UPLOAD), objects.c.state_at < now() - late_s).limit(limit)
    _orphan(c, c.execute(left).scalars().all())
    return len(keys)
