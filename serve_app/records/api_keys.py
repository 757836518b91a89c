"""API keys: `ck_<id>_<secret>`. The id is public; of the 256-bit secret only the SHA-256 is stored.

A plain hash is enough because the secret is random and long: there is no dictionary to try.
"""

import hashlib
import hmac
import re
import secrets
import string
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from serve_app.errors import DatabaseUnavailable, Invalid, StorageFull, Unauthenticated
from serve_app.records.database import Database
from serve_app.records.tables import api_keys

CACHE_S = 10.0
USED_EVERY_S = 60.0
ADMIN = "admin"  # the scope that opens what concerns the machine and all owners
_CACHED_KEYS = 4096
_ALPHABET = string.ascii_letters + string.digits
_SECRET_CHARACTERS = 43  # 62**43 > 2**256
_TOKEN = re.compile(r"ck_([A-Za-z0-9]{12})_([A-Za-z0-9]{43})", re.ASCII)


@dataclass(frozen=True)
class Principal:
    """On whose behalf a request acts: the owner, the API key that said so (None without one), what it may do."""

    owner: str
    key_id: str | None
    scopes: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """Whether it may see what concerns the machine and all owners."""
        return ADMIN in self.scopes


# Without keys, on loopback, whoever reaches the service is the one who started it.
LOCAL = Principal("local", None, frozenset({ADMIN}))


def scopes_of(owner: str, stored: Iterable[str] | None) -> frozenset[str]:
    """What a key may do: the scopes stored with it, or (None) the default ones of its owner."""
    if stored is not None:
        return frozenset(stored)
    return frozenset({ADMIN} if owner == "admin" else ())


@dataclass(frozen=True)
class Key:
    """A key as it may be shown: nothing here lets anybody in. Times are seconds since 1970."""

    id: str
    owner: str
    name: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None
    scopes: tuple[str, ...] | None = None  # None: the default ones of its owner

    @property
    def principal(self) -> Principal:
        """Whom the key stands for."""
        return Principal(self.owner, self.id, scopes_of(self.owner, self.scopes))


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `token` exists here only: it cannot be shown again."""

    token: str
    key: Key


def create(connection: sa.Connection, owner: str, name: str, ttl_s: float | None = None) -> NewKey:
    """Make a key that is valid for `ttl_s`, or until it is revoked. Raises Invalid."""
    problems = [
        {"pointer": f"/{field}", "detail": f"must be 1 to {longest} characters, not {len(text)}"}
        for field, text, longest in (("owner", owner, 64), ("name", name, 120))
        if not 1 <= len(text) <= longest
    ]
    if ttl_s is not None and not ttl_s > 0:
        problems.append({"pointer": "/ttl_s", "detail": f"must be over 0 s, not {ttl_s:g}"})
    if problems:
        raise Invalid("the key cannot be made: " + "; ".join(p["detail"] for p in problems), problems)
    now = time.time()
    secret = _random(_SECRET_CHARACTERS)
    key = Key(_random(12), owner, name, now, None if ttl_s is None else now + ttl_s, None, None)
    stored = {name: value for name, value in vars(key).items() if name in api_keys.c}
    connection.execute(api_keys.insert().values(hash=_sha256(secret), **stored))
    return NewKey(f"ck_{key.id}_{secret}", key)


def list_keys(connection: sa.Connection, owner: str | None = None) -> list[Key]:
    """All keys, or those of one owner, oldest first; expired and revoked ones too."""
    query = _select_key().order_by(api_keys.c.created_at, api_keys.c.id)
    if owner is not None:
        query = query.where(api_keys.c.owner == owner)
    return [_key(dict(row)) for row in connection.execute(query).mappings()]


def revoke(connection: sa.Connection, key_id: str) -> bool:
    """End a key; False when there is none with this id. A second time changes nothing."""
    this = api_keys.c.id == key_id
    connection.execute(api_keys.update().where(this, api_keys.c.revoked_at.is_(None)).values(revoked_at=time.time()))
    return connection.execute(sa.select(api_keys.c.id).where(this)).first() is not None


class Keys:
    """Tells whom a key stands for. A revoked key works for at most `CACHE_S` more in each process.

    Bad keys are not counted: nobody guesses 256 bits, and a limit would let one caller lock out others.
    """

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database, self._now = database, now
        self._known: OrderedDict[bytes, tuple[Key, float]] = OrderedDict()  # by digest: key, time of reading

    async def authenticate(self, authorization: str | None) -> Principal:
        """The principal named by an `Authorization: Bearer` header. Raises Unauthenticated."""
        if not authorization:
            raise Unauthenticated("an API key is needed: send the header 'Authorization: Bearer ck_...'")
        scheme, _, token = authorization.partition(" ")
        match = _TOKEN.fullmatch(token.strip()) if scheme.lower() == "bearer" else None
        digest = hashlib.sha256(authorization.encode(errors="replace")).digest()
        known = self._known.get(digest)
        if known and known[1] + CACHE_S > self._now() >= known[1] and _is_live(known[0], self._now()):
            return known[0].principal
        key = await self._find(*match.groups()) if match else None
        if key is None:
            self._known.pop(digest, None)
            raise Unauthenticated("the API key is not valid: it is unknown, expired or revoked")
        self._known[digest] = (key, self._now())
        self._known.move_to_end(digest)
        if len(self._known) > _CACHED_KEYS:
            self._known.popitem(last=False)
        return key.principal

    async def _find(self, key_id: str, secret: str) -> Key | None:
        found = await self._database.read(_read, key_id)
        key, stored = found or (None, "")
        now = self._now()
        # Compared in any case, so that an unknown id takes as long as a wrong secret.
        if not hmac.compare_digest(stored, _sha256(secret)) or key is None or not _is_live(key, now):
            return None
        if key.last_used_at is None or key.last_used_at <= now - USED_EVERY_S:
            with suppress(StorageFull, DatabaseUnavailable):  # a note; the caller must not suffer from it
                await self._database.write(_mark_used, key_id, now)
        return key


def _select_key() -> sa.Select[tuple[object, ...]]:
    return sa.select(*(column for column in api_keys.c if column.name != "hash"))


def _read(connection: sa.Connection, key_id: str) -> tuple[Key, str] | None:
    query = _select_key().add_columns(api_keys.c.hash).where(api_keys.c.id == key_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    values = dict(row)
    stored = values.pop("hash")
    return _key(values), stored


def _key(row: Mapping[str, Any]) -> Key:
    scopes = row.get("scopes")
    return Key(**{**row, "scopes": None if scopes is None else tuple(scopes)})


def _mark_used(connection: sa.Connection, key_id: str, now: float) -> None:
    stale = sa.or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= now - USED_EVERY_S)
    connection.execute(api_keys.update().where(api_keys.c.id == key_id, stale).values(last_used_at=now))


def _is_live(key: Key, now: float) -> bool:
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def _random(characters: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(characters))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
