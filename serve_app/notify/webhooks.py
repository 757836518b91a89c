"""Webhooks out, signed as Standard Webhooks (standardwebhooks.com) asks, so that published verifiers accept.

A delivery is a row: it is planned in the transaction that changes the job, and whoever finds it due claims it, tries
it once and writes when it is due again, until it is delivered or given up. Receivers may see one more than once, always
with the same `webhook-id`.
"""

import base64
import hashlib
import hmac
import random
import secrets as random_bytes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import sqlalchemy as sa

from serve_app import config
from serve_app.notify import outbound
from serve_app.records.database import Database, Prepared
from serve_app.records.leases import check_holding, now
from serve_app.records.rows import JobRow
from serve_app.records.tables import DUE, deliveries, secrets

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


async def secret_of(database: Database, owner: str, name: str = "webhook") -> str:
    """The owner's secret of a name, made at first use. Callers at the same time get the same one."""
    found = await database.read(_read_secret, owner, name)
    if found is not None:
        return found
    return await database.write(_make_secret, owner, name)


def _read_secret(connection: sa.Connection, owner: str, name: str) -> str | None:
    query = sa.select(secrets.c.value).where(secrets.c.owner == owner, secrets.c.name == name)
    return connection.scalar(query)


_UNLESS_THERE = Prepared(lambda insert: insert(secrets).on_conflict_do_nothing())


def _make_secret(connection: sa.Connection, owner: str, name: str) -> str:
    row = {"owner": owner, "name": name, "value": new_secret()}
    _UNLESS_THERE(connection, row)
    made = _read_secret(connection, owner, name)  # somebody else's when they were first
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
        connection.execute(deliveries.insert().values(**row, status="pending", tries=[], next_at=now()))
        return delivery_id

    async def attempt(self, due: "Due", body: bytes) -> float | None:
        """Try a claimed delivery once and give it back; returns the seconds until the next try, None after the last."""
        secret = await secret_of(self._database, due.owner)
        outcome = await self._post(due.id, secret, due.url, body)
        return await self._database.write(_record, due, outcome, self._settings.retry_s)

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


def plan_webhook(row: JobRow, event: str) -> Callable[[sa.Connection], str] | None:
    """What to write beside an event of a job whose caller wants to be told of it."""
    wanted = row.webhook
    if not wanted or event not in wanted["events"]:
        return None
    return lambda c: Webhooks.plan(c, row.id, row.owner, f"job.{event}", wanted["url"])


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


@dataclass(frozen=True)
class Due:
    """A delivery that this process has claimed."""

    id: str
    job_id: str
    owner: str
    event: str
    url: str
    holder: str
    claim: int


_WAITING = (sa.text(DUE),)  # in the words of their index


def take_due(c: sa.Connection, me: str, limit: int) -> list[Due]:
    """Claim deliveries that are due, those first that have waited longest."""
    check_holding(c, me)
    due = sa.select(deliveries.c.id).where(*_WAITING, deliveries.c.next_at <= now())
    due = due.order_by(deliveries.c.next_at).limit(limit).with_for_update(skip_locked=True)
    ids = list(c.execute(due).scalars())
    if not ids:
        return []
    taken = sa.update(deliveries).where(deliveries.c.id.in_(ids))
    c.execute(taken.values(holder=me, claim=deliveries.c.claim + 1))
    rows = c.execute(sa.select(deliveries).where(deliveries.c.id.in_(ids)))
    return [Due(row.id, row.job_id, row.owner, row.event, row.url, me, row.claim) for row in rows]


def next_due_s(c: sa.Connection) -> float | None:
    """Seconds until the next delivery is due, 0 or less when one is; None when none waits."""
    query = sa.select(sa.func.min(deliveries.c.next_at) - now()).where(*_WAITING)
    found = c.execute(query).scalar()
    return None if found is None else float(found)


def postpone(c: sa.Connection, due: Due, wait_s: float) -> None:
    """Give a claimed delivery back untried."""
    c.execute(_claimed(due).values(holder=None, next_at=now() + wait_s))


def drop(c: sa.Connection, due: Due) -> None:
    """Give up a delivery whose job is gone."""
    c.execute(_claimed(due).values(holder=None, next_at=None, status="failed"))


def claimed_by(c: sa.Connection, me: str) -> list[str]:
    """The deliveries whose rows say that this process tries them."""
    return list(c.execute(sa.select(deliveries.c.id).where(deliveries.c.holder == me)).scalars())


def _claimed(due: Due) -> sa.Update:
    mine = (deliveries.c.id == due.id, deliveries.c.holder == due.holder, deliveries.c.claim == due.claim)
    return sa.update(deliveries).where(*mine)


def _record(connection: sa.Connection, due: Due, outcome: _Outcome, retry_s: Sequence[float]) -> float | None:
    """Write a try, unless the claim was lost meanwhile: then whoever has it writes its own."""
    query = sa.select(deliveries.c.tries).where(deliveries.c.id == due.id)
    row = connection.execute(query.with_for_update()).first()
    if row is None:  # removed with its job
        return None
    tries = [*row.tries, outcome.entry]
    status: str = outcome.status
    wait_s = None
    if status == "pending" and len(tries) > len(retry_s):
        status = "failed"
    elif status == "pending":
        wait_s = max(retry_s[len(tries) - 1] * random.uniform(0.8, 1.2), outcome.asked_s)
    next_at = None if wait_s is None else now() + wait_s
    connection.execute(_claimed(due).values(tries=tries, status=status, holder=None, next_at=next_at))
    return wait_s
