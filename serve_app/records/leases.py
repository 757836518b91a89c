"""Who runs what: one row per living process, with a lease that the process renews.

    Lease.start -> a thread renews every few seconds, on a connection of its own
    reap        -> whoever finds a lease over (or its process dead) deletes the row and frees what it held
    a write     -> ... WHERE holder = :me AND claim = :mine; no row hit means lost

A process that was stopped and woke up changes nothing: either its row is still there and nobody has taken what it
holds, or the row is gone and none of its writes hits. All times of rows are the database's. Of its own right to act a
process trusts only its own clock since its last renewal, and with under a third left it begins nothing that cannot be
undone.
"""

import asyncio
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from serve_app.config import Leases
from serve_app.errors import ContinuoError, DatabaseUnavailable
from serve_app.logs import log
from serve_app.records.database import Database, Prepared
from serve_app.records.tables import QUEUED, deliveries, holders, jobs

Where = sa.ColumnElement[bool]
_RESOLUTION_S = 0.002  # of SQLite's clock, and some more
LOST, RELEASED = "ingress_lost", "released"
FRESH_WITHIN_S = 10.0  # how long what cannot be undone waits for a lease that is fresh, before it is put off


class now(FunctionElement[float]):
    """The database's clock, in seconds since 1970, at this statement."""

    type = sa.Float()
    inherit_cache = True


@compiles(now, "sqlite")
def _now_in_sqlite(_element: Any, _compiler: Any, **_more: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_in_postgresql(_element: Any, _compiler: Any, **_more: Any) -> str:
    return "extract(epoch FROM clock_timestamp())::double precision"


@dataclass(frozen=True)
class Claim:
    """A process's right to write one row. `held`: the row names the process; else it only waits in its queue."""

    holder: str
    number: int
    held: bool

    def taken(self) -> "Claim":
        """The claim when the row has been taken up by it."""
        return Claim(self.holder, self.number + 1, held=True)


class ClaimLost(Exception):
    """Somebody else runs this by now, or it has ended: whatever was to be written was not."""


def enter(c: sa.Connection, holder: str, lease_s: float) -> float:
    """Begin a lease; returns the database's time."""
    row = {"id": holder, "process": this_process(), "lease_until": now() + lease_s, "draining": False}
    made = c.execute(sa.insert(holders).values(row).returning(holders.c.lease_until))
    return float(made.scalar_one()) - lease_s


def renew(c: sa.Connection, holder: str, lease_s: float) -> float | None:
    """Go on; returns the database's time, or None when the row is gone and others have what it held."""
    mine = sa.update(holders).where(holders.c.id == holder)
    until = c.execute(mine.values(lease_until=now() + lease_s).returning(holders.c.lease_until)).scalar()
    return None if until is None else float(until) - lease_s


def leave(c: sa.Connection, holder: str) -> None:
    """End a lease of one's own: what it held is free for others at once."""
    if c.execute(sa.delete(holders).where(holders.c.id == holder)).rowcount:
        free(c, [holder], RELEASED)


_HOLDING = Prepared(
    lambda _insert: (
        sa.select(holders.c.id).where(holders.c.id == sa.bindparam("holder")).with_for_update(read=True, key_share=True)
    )
)


def check_holding(c: sa.Connection, holder: str) -> None:
    """Raise ClaimLost unless this holder's row is there, and keep it there until the transaction ends.

    Whoever deletes it waits for that and frees what the transaction gave to the holder: no row names one that is gone.
    """
    if _HOLDING(c, {"holder": holder}).first() is None:
        raise ClaimLost(holder)


def reap(c: sa.Connection, me: str, by_time: bool = True) -> list[str]:
    """End the leases that are over, and those of processes of this machine that are dead; free what they held.

    Not `by_time`: the dead ones only.
    """
    check_holding(c, me)
    over = holders.c.lease_until < (now() if by_time else sa.literal(0.0))
    others = c.execute(sa.select(holders.c.id, holders.c.process, over).where(holders.c.id != me)).fetchall()
    dead = [item.id for item in others if is_dead(item.process)]
    if not dead and not any(item[2] for item in others):
        return []
    gone = sa.delete(holders).where(holders.c.id != me, sa.or_(over, holders.c.id.in_(dead))).returning(holders.c.id)
    ended = list(c.execute(gone).scalars())
    free(c, ended, LOST)
    return ended


def free(c: sa.Connection, ids: Sequence[str], outcome: str) -> None:
    """Queue again what these holders ran, in nobody's memory; a row that another transaction frees is left to it."""
    if ids:
        _free(c, jobs.c.holder.in_(ids), jobs.c.queue_holder.in_(ids), deliveries.c.holder.in_(ids), outcome)


def release(c: sa.Connection, me: str, job_ids: Sequence[str], delivery_ids: Sequence[str]) -> None:
    """Free what the rows say this process has and it knows nothing of: an answer of the database was lost."""
    running = sa.and_(jobs.c.id.in_(job_ids), jobs.c.holder == me)
    waiting = sa.and_(jobs.c.id.in_(job_ids), jobs.c.queue_holder == me)
    tried = sa.and_(deliveries.c.id.in_(delivery_ids), deliveries.c.holder == me)
    _free(c, running, waiting, tried, RELEASED)


def _free(c: sa.Connection, running: Where, waiting: Where, tried: Where, outcome: str) -> None:
    """Queue again what runs and free what waits and what is tried, of those rows that the conditions name."""
    held = sa.select(jobs.c.id, jobs.c.attempts).where(jobs.c.status == "running", running)
    for row in c.execute(held.with_for_update()).fetchall():
        attempts = list(row.attempts)
        if attempts and attempts[-1]["ended_at"] is None:
            attempts[-1] = {**attempts[-1], "ended_at": c.execute(sa.select(now())).scalar(), "outcome": outcome}
        values = {"status": "queued", "holder": None, "queue_holder": None, "attempts": attempts, "progress": None}
        c.execute(sa.update(jobs).where(jobs.c.id == row.id).values(values))
    c.execute(sa.update(jobs).where(sa.text(QUEUED), waiting).values(queue_holder=None))
    c.execute(sa.update(deliveries).where(tried).values(holder=None))


def this_process() -> str:
    """Tells this process from every other one that ever was: boot, pid namespace, pid, start time."""
    pid = os.getpid()
    return f"{_place()} {pid} {_started(pid)}"


def is_dead(process: str) -> bool:
    """Whether a process of this boot and pid namespace has ended; of others nothing is known, so they are not."""
    place, _, rest = process.partition(" ")
    pid, _, started = rest.partition(" ")
    if not pid or place != _place() or not place:
        return False
    try:
        return _started(int(pid)) != started
    except OSError:  # it cannot be looked at, which says nothing
        return False


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""  # not Linux: others are known by their leases alone


def _started(pid: int) -> str:
    """When a process started, in ticks since the boot; empty when it has ended, seen by its parent or not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _moment() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Lease:
    """This process as a holder. `start` before the first claim, `close` when nothing of it runs any more."""

    def __init__(self, database: Database, settings: Leases, new_id: Callable[[], str]) -> None:
        self.settings, self._new_id = settings, new_id
        self.holder = new_id()
        self._shared = database
        self._database = Database(database.url, patience_s=max(1, int(settings.lease_s / 4)))
        self._renewed_at, self._offset_s, self._steady_since = -1e9, 0.0, 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, on_lost: Callable[[], object]) -> None:
        """Begin to hold; blocks for a write, as long as any write may wait. Raises DatabaseUnavailable.

        `on_lost` is called, in the renewing thread, when others took what this one held; the lease then has a new id.
        """
        self._renewal(enter, self._shared)  # there is no lease yet that would be over meanwhile
        self._thread = threading.Thread(target=self._go_on, args=(on_lost,), name="lease", daemon=True)
        self._thread.start()

    def time(self) -> float:
        """The database's time as of the last renewal, carried on by this machine's clock."""
        return time.time() + self._offset_s

    @property
    def left_s(self) -> float:
        """Seconds for which nobody can have taken what this process holds, by its own clock."""
        return self._renewed_at + self.settings.lease_s - _moment()

    @property
    def is_fresh(self) -> bool:
        """Whether there is time to begin what cannot be undone."""
        return self.left_s > self.settings.lease_s / 3

    @property
    def is_steady(self) -> bool:
        """Whether it was renewed in time for as long as a lease lasts: who cannot reach the database must not take the
        silence of others, who may not reach it either, for their death.
        """
        return self._renewed_at - self._steady_since >= self.settings.lease_s

    async def fresh(self, patience_s: float = math.inf) -> None:
        """Return when there is time to begin what cannot be undone. Raises DatabaseUnavailable after `patience_s`."""
        until = _moment() + patience_s
        while not self.is_fresh:
            if _moment() > until:
                raise DatabaseUnavailable("the lease of this process cannot be renewed")
            await asyncio.sleep(0.05)

    def claim(self) -> Claim:
        """The claim on a new row that waits in this process's queue."""
        return Claim(self.holder, 0, held=False)

    @property
    def is_renewing(self) -> bool:
        """Whether the thread lives; a service without it loses what it runs."""
        return self._thread is not None and self._thread.is_alive()

    def _renewal(self, how: Callable[[sa.Connection, str, float], float | None], database: Database) -> bool:
        begun, wall = _moment(), time.time()
        found = database.write_now(how, self.holder, self.settings.lease_s)
        if found is None:
            return False
        if begun - self._renewed_at > self.settings.lease_s / 2:
            self._steady_since = begun
        self._renewed_at = begun
        between = min(max(found, wall - _RESOLUTION_S), time.time())  # what its clock would say, were it this one
        self._offset_s = found - between
        return True

    def _go_on(self, on_lost: Callable[[], object]) -> None:
        wait_s = self.settings.renew_s
        while not self._ended.wait(wait_s):
            try:
                if not self._renewal(renew, self._database):
                    log.warning("lease lost: others have taken up what this process ran", extra={"holder": self.holder})
                    self.holder = self._new_id()
                    on_lost()  # before: the answer of the next statement may be lost
                    self._renewal(enter, self._database)
                wait_s = self.settings.renew_s
            except ContinuoError as error:
                log.warning("lease not renewed", extra={"code": error.code, "left_s": round(self.left_s, 1)})
                wait_s = min(1.0, self.settings.renew_s)
            except Exception:  # noqa: BLE001  (the edge of a thread: without it the service would lose its jobs)
                log.error("lease not renewed by a defect", exc_info=True)
                wait_s = 1.0

    def close(self) -> None:
        """End the lease; what is left of it is free for others at once. A database that is away is given a moment."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            try:
                self._database.write_now(leave, self.holder)
            except ContinuoError as error:
                log.warning("lease not ended; it runs out", extra={"code": error.code})
        self._database.close()
