"""Webhooks out, signed as Standard Webhooks (standardwebhooks.com) asks, so that published verifiers accept.

A delivery is a row: it is planned in the transaction that changes the job and tried until it is delivered or
given up. Receivers may see one more than once, always with the same `webhook-id`.
"""

import base64
import hashlib
import hmac
import random
import secrets as random_bytes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from serve_app import config, outbound
from serve_app.database import Database
from serve_app.tables import deliveries, secrets

LONGEST_RETRY_AFTER_S = 3600.0
_LONGEST_ERROR = 200
_PREFIX = "whsec_"


def new_secret() -> str:
    """A signing secret with 32 random bytes."""
    return _PREFIX + base64.b64encode(random_bytes.token_bytes(32)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message. `timestamp`: seconds since 1970; receivers refuse one over 5 minutes off."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


async def secret_of(database: Database, owner: str) -> str:
    """The owner's signing secret, made at first use. Callers at the same time get the same one."""
    found = await database.read(_read_secret, owner)
    if found is not None:
        return found
    return await database.write(_make_secret, owner)


def _read_secret(connection: sa.Connection, owner: str) -> str | None:
    query = sa.select(secrets.c.value).where(secrets.c.owner == owner, secrets.c.name == "webhook")
    return connection.scalar(query)


def _make_secret(connection: sa.Connection, owner: str) -> str:
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {"owner": owner, "name": "webhook", "value": new_secret()}
    connection.execute(insert(secrets).values(row).on_conflict_do_nothing())
    made = _read_secret(connection, owner)  # somebody else's when they were first
    assert made is not None
    return made


class Webhooks:
    """Plans and tries deliveries."""

    def __init__(
        self,
        database: Database,
        settings: config.Webhooks,
        resolver: outbound.Resolver = outbound.system_resolver,
    ) -> None:
        self._database, self._settings, self._resolver = database, settings, resolver
        policy = outbound.Policy.parse(settings.allow, settings.allow_http)
        self._client = outbound.Client(policy, settings.timeout_s, resolver)

    async def check_url(self, url: str) -> None:
        """Raises Invalid that points at /webhook/url when the URL may not be called."""
        await outbound.check_url(url, self._client.policy, self._resolver)

    @staticmethod
    def plan(connection: sa.Connection, job_id: str, owner: str, event: str, url: str) -> str:
        """Insert a pending delivery and return its id; ids sort by time. Part of the caller's transaction."""
        delivery_id = f"msg_{time.time_ns():016x}{random_bytes.token_hex(8)}"
        row = {"id": delivery_id, "job_id": job_id, "owner": owner, "event": event, "url": url}
        connection.execute(deliveries.insert().values(**row, status="pending", tries=[], next_at=time.time()))
        return delivery_id

    async def attempt(self, delivery_id: str, body: bytes) -> float | None:
        """Try once. Returns the seconds until the next try, or None when the delivery is finished or gone."""
        row = await self._database.read(_read_pending, delivery_id)
        if row is None:
            return None
        secret = await secret_of(self._database, row["owner"])
        outcome = await self._post(delivery_id, secret, row["url"], body)
        return await self._database.write(_record, delivery_id, outcome, self._settings.retry_s)

    async def _post(self, delivery_id: str, secret: str, url: str, body: bytes) -> "_Outcome":
        now = time.time()
        headers = sign(secret, delivery_id, int(now), body)
        headers |= {"Content-Type": "application/json", "User-Agent": "Continuo-Webhooks/1"}
        try:
            reply = await self._client.post(url, body, headers)
        except outbound.Refused as error:
            return _Outcome({"at": now, "error": f"blocked: {error}"[:_LONGEST_ERROR]}, "failed")
        except outbound.Unreachable as error:
            return _Outcome({"at": now, "error": str(error)[:_LONGEST_ERROR]}, "pending")
        entry: dict[str, Any] = {"at": now, "status_code": reply.status_code}
        if 200 <= reply.status_code < 300:
            return _Outcome(entry, "delivered")
        if reply.status_code == 410:
            return _Outcome(entry | {"error": "the receiver is gone for good"}, "failed")
        if 300 <= reply.status_code < 400:
            entry["error"] = "redirects are not followed: give the URL that it leads to"
        return _Outcome(entry, "pending", retry_after_s(reply.headers.get("retry-after"), now))


@dataclass(frozen=True)
class _Outcome:
    """One try: its entry in `tries`, what becomes of the delivery, the wait that the receiver asked for."""

    entry: dict[str, Any]
    status: Literal["delivered", "failed", "pending"]
    asked_s: float = 0.0


def retry_after_s(header: str | None, now: float) -> float:
    """The seconds of a Retry-After header (a number or a date), at most an hour; 0 for none or nonsense."""
    try:
        text = (header or "").strip()
        is_seconds = text.isascii() and text.isdigit()
        wait_s = float(text) if is_seconds else parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return 0.0
    return min(max(wait_s, 0.0), LONGEST_RETRY_AFTER_S)


def _read_pending(connection: sa.Connection, delivery_id: str) -> sa.RowMapping | None:
    return connection.execute(_pending(delivery_id)).mappings().first()


def _pending(delivery_id: str) -> sa.Select[Any]:
    return sa.select(deliveries).where(deliveries.c.id == delivery_id, deliveries.c.status == "pending")


def _record(connection: sa.Connection, delivery_id: str, outcome: _Outcome, retry_s: Sequence[float]) -> float | None:
    row = connection.execute(_pending(delivery_id).with_for_update()).mappings().first()
    if row is None:  # removed with its job, or another try was faster
        return None
    tries = [*row["tries"], outcome.entry]
    status, wait_s = outcome.status, None
    if status == "pending" and len(tries) > len(retry_s):
        status = "failed"
    elif status == "pending":
        wait_s = max(retry_s[len(tries) - 1] * random.uniform(0.8, 1.2), outcome.asked_s)
    next_at = None if wait_s is None else time.time() + wait_s
    change = deliveries.update().where(deliveries.c.id == delivery_id)
    connection.execute(change.values(tries=tries, status=status, next_at=next_at))
    return wait_s
