"""Who runs what, as the rows say: leases, claims, what is freed when a holder is gone."""

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from serve_app.config import Leases, parse_args
from serve_app.errors import DatabaseUnavailable
from serve_app.records import event_rows, job_rows, leases, queue_rows, tables
from serve_app.records.database import Database
from serve_app.records.leases import ClaimLost, Lease, enter, leave, now, reap, renew
from serve_app.records.rows import Attempt, Event, JobRow
from tests.records.test_job_rows import job
from tests.support.service import HANGS_S

SHORT = Leases(lease_s=1.5, renew_s=0.1)


def held(holder: str, **values: Any) -> JobRow:
    """A job that a holder runs, in its first attempt."""
    attempts = (Attempt("tone", 1.0),)
    return job(holder=holder, queue_holder=None, claim=1, status="running", attempts=attempts, **values)


def begun(row: JobRow, seq: int) -> job_rows.Beginning:
    """A queued job begins to run."""
    return job_rows.Beginning(row.begin_attempt("tone", 2.0), Event(seq, "started", {}), [])


@pytest.fixture
def database(database: Database) -> Database:
    """With another process that looks after its like."""
    database.write_now(enter, "holder_b", 3600.0)
    return database


def row_of(database: Database, row: JobRow) -> JobRow:
    found = database.read_now(job_rows.get_job, row.id)
    assert found is not None
    return found


def expire(database: Database, holder: str) -> None:
    """Let a lease be over, and its process one of which nothing is known."""
    of_holder = sa.update(tables.holders).where(tables.holders.c.id == holder)
    database.write_now(lambda c: c.execute(of_holder.values(lease_until=0.0, process="elsewhere 1 1")))


@contextmanager
def lease_of(
    database: Database, settings: Leases = SHORT, on_lost: Callable[[], object] = lambda: None
) -> Iterator[Lease]:
    lease = Lease(database, settings, lambda: job_rows.new_id("holder"))
    lease.start(on_lost)
    try:
        yield lease
    finally:
        lease.close()


def until(true: Callable[[], bool]) -> None:
    """Return when what a thread does is done."""
    deadline = time.monotonic() + HANGS_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_database_tells_the_time(database: Database) -> None:
    told = database.read_now(lambda c: c.execute(sa.select(now())).scalar_one())
    assert abs(told - time.time()) < 5


def test_a_job_is_freed_when_its_holder_s_lease_is_over(database: Database) -> None:
    database.write_now(enter, "holder_a", 20.0)
    mine, waits = held("holder_a"), job(queue_holder="holder_a")
    for row in (mine, waits):
        database.write_now(job_rows.accept_job, row, None)
    assert database.write_now(reap, "holder_b") == []
    expire(database, "holder_a")
    assert database.read_now(queue_rows.poll, "holder_b", True).reapable
    assert database.write_now(reap, "holder_b") == ["holder_a"]
    found = row_of(database, mine)
    assert (found.status, found.holder, found.queue_holder, found.claim) == ("queued", None, None, 1)
    assert found.attempts[-1].outcome == "ingress_lost"
    assert row_of(database, waits).queue_holder is None
    assert database.read_now(queue_rows.poll, "holder_b", True).abandoned
    adopted = database.write_now(queue_rows.adopt, "holder_b", 10)
    assert {row.id for row in adopted} == {mine.id, waits.id}
    assert not database.read_now(queue_rows.poll, "holder_b", True).abandoned


def test_one_that_wakes_up_late_writes_nothing(database: Database) -> None:
    """Its lease is over, another one has its job, in a second claim: no write of the first one hits."""
    database.write_now(enter, "holder_a", 20.0)
    row = held("holder_a")
    database.write_now(job_rows.accept_job, row, None)
    old = job_rows.claim_of(row)
    expire(database, "holder_a")
    database.write_now(reap, "holder_b")
    [taken] = database.write_now(queue_rows.adopt, "holder_b", 1)
    database.write_now(job_rows.begin_job, job_rows.claim_of(taken), begun(taken, 3))
    assert row_of(database, row).claim == 2
    last = replace(row, status="succeeded", completed_at=3.0)
    ending = job_rows.Ending(last, [], [Event(4, "completed", {})])
    change = job_rows.Change(row, ("progress",), Event(4, "progress", {}), at=1.0)
    with pytest.raises(ClaimLost):
        database.write_now(job_rows.finish_job, old, ending)
    with pytest.raises(ClaimLost):
        database.write_now(lambda c: job_rows.update_job(c, old, change))
    assert database.write_now(renew, "holder_a", 20.0) is None
    found = row_of(database, row)
    assert (found.status, found.holder) == ("running", "holder_b")
    assert database.read_now(event_rows.last_seq, row.id) == 3


def test_one_whose_row_is_still_there_goes_on_however_late(database: Database) -> None:
    """A laptop that slept: the lease is over, and nobody has taken anything."""
    database.write_now(enter, "holder_a", 20.0)
    row = held("holder_a")
    database.write_now(job_rows.accept_job, row, None)
    expire(database, "holder_a")
    assert database.write_now(renew, "holder_a", 20.0) is not None
    assert database.write_now(reap, "holder_b") == []
    assert row_of(database, row).holder == "holder_a"


def test_a_process_of_this_machine_that_is_dead_is_seen_at_once(database: Database) -> None:
    dead = subprocess.run(
        [sys.executable, "-c", "from serve_app.records.leases import this_process; print(this_process())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert leases.is_dead(dead)
    assert not leases.is_dead(leases.this_process())
    other_boot = leases.this_process().replace("-", "0", 1)
    for unknown in (other_boot, "elsewhere 1 1", ""):
        assert not leases.is_dead(unknown)  # nothing is known of it: its lease decides
    recycled = " ".join([*leases.this_process().split()[:2], "1"])
    assert leases.is_dead(recycled)  # another process has its number
    database.write_now(enter, "holder_a", 3600.0)
    of_it = sa.update(tables.holders).where(tables.holders.c.id == "holder_a").values(process=dead)
    database.write_now(lambda c: c.execute(of_it))
    assert database.write_now(reap, "holder_b") == ["holder_a"]


def test_a_zombie_is_dead() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    try:
        until(lambda: leases.is_dead(f"{leases._place()} {child} 1"))
    finally:
        os.waitpid(child, 0)


def test_who_leaves_frees_what_it_held(database: Database) -> None:
    database.write_now(enter, "holder_a", 20.0)
    row = held("holder_a")
    database.write_now(job_rows.accept_job, row, None)
    database.write_now(leave, "holder_a")
    found = row_of(database, row)
    assert (found.status, found.attempts[-1].outcome) == ("queued", "released")


@pytest.mark.parametrize("status", ["queued", "running"])
def test_no_row_names_a_holder_that_is_gone(database: Database, status: str) -> None:
    """A process that was replaced and still accepts: nobody would ever free such a job."""
    row = held("holder_a") if status == "running" else job(queue_holder="holder_a")
    with pytest.raises(ClaimLost):
        database.write_now(job_rows.accept_job, row, None)
    assert database.read_now(job_rows.get_job, row.id) is None
    orphan = job(queue_holder=None)
    database.write_now(job_rows.accept_job, replace(orphan, queue_holder="holder_b"), None)
    database.write_now(leave, "holder_b")
    with pytest.raises(ClaimLost):
        database.write_now(queue_rows.adopt, "holder_a", 10)


def test_a_queued_job_is_taken_by_one_of_many(database: Database) -> None:
    rows = [job(queue_holder="gone") for _ in range(20)]
    for holder in ("a", "b", "c", "gone"):
        database.write_now(enter, holder, 20.0)
    for row in rows:
        database.write_now(job_rows.accept_job, row, None)
    database.write_now(leave, "gone")
    taken = [item.id for me in ("a", "b", "c") for item in database.write_now(queue_rows.adopt, me, 7)]
    assert sorted(taken) == sorted(row.id for row in rows)
    assert database.read_now(queue_rows.can_steal, "a", "tone")
    stolen = database.write_now(queue_rows.steal, "a", "tone", 2)
    assert len(stolen) == 2
    loser = replace(stolen[0], queue_holder="b")
    with pytest.raises(ClaimLost):
        database.write_now(job_rows.begin_job, job_rows.claim_of(loser), begun(loser, 2))
    assert database.write_now(queue_rows.steal, "a", "other", 2) == []


def test_a_lease_is_renewed_by_itself_and_tells_what_is_left(database: Database) -> None:
    with lease_of(database) as lease:
        until_of = sa.select(tables.holders.c.lease_until).where(tables.holders.c.id == lease.holder)
        first = database.read_now(lambda c: c.execute(until_of).scalar_one())
        until(lambda: database.read_now(lambda c: c.execute(until_of).scalar_one()) > first)
        until(lambda: lease.is_fresh)
        assert lease.is_renewing
        assert abs(lease.time() - time.time()) < 5
    assert not lease.is_renewing
    assert database.read_now(lambda c: c.execute(until_of).first()) is None


def test_who_begins_waits_for_another_writer_longer_than_who_renews(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/continuo.db")
    database.migrate()
    writes = threading.Event()

    def slow(c: sa.Connection) -> None:
        writes.set()
        time.sleep(2.5)  # a renewal would have given up, and so would the process that begins

    with ThreadPoolExecutor(1) as other:
        written = other.submit(database.write_now, slow)
        assert writes.wait(HANGS_S)
        with lease_of(database) as lease:
            written.result(HANGS_S)
            assert database.read_now(queue_rows.poll, lease.holder, True).processes == 1
    database.close()


@pytest.mark.slow
def test_a_call_that_holds_the_interpreter_for_ten_seconds_loses_no_lease(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/continuo.db")
    database.migrate()
    database.write_now(enter, "holder_b", 3600.0)
    with lease_of(database, Leases()) as lease:
        holder = lease.holder
        ctypes.PyDLL(None).usleep(10_000_000)  # C code that does not let go of the interpreter's lock
        assert database.write_now(reap, "holder_b") == []
        until(lambda: lease.is_fresh)
        assert lease.holder == holder
    database.close()


def test_who_cannot_renew_begins_nothing_and_who_was_replaced_becomes_another(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [True]

    def renew_if_there(c: sa.Connection, holder: str, lease_s: float) -> float | None:
        if away[0]:
            raise DatabaseUnavailable("the job database does not answer")
        return renew(c, holder, lease_s)

    lost: list[str] = []
    monkeypatch.setattr(leases, "renew", renew_if_there)
    with lease_of(database, on_lost=lambda: lost.append(lease.holder)) as lease:
        first = lease.holder
        until(lambda: not lease.is_fresh)
        expire(database, first)
        assert database.write_now(reap, "holder_b") == [first]
        away[0] = False
        until(lambda: bool(lost))
        assert lost == [lease.holder] != [first]
        until(lambda: lease.is_fresh)


def test_a_lease_is_renewed_well_before_it_is_over() -> None:
    with pytest.raises(ValueError, match="at most a third of lease_s"):
        parse_args({"models": [{"name": "tone", "model": "deployments.tone:Tone"}], "leases": {"renew_s": 10}})


def test_who_was_not_steady_itself_takes_nobodys_silence_for_death(database: Database) -> None:
    """After a database that was away every lease is over; only those are reaped whose process is known to be dead."""
    database.write_now(enter, "holder_a", 20.0)
    expire(database, "holder_a")
    assert database.write_now(reap, "holder_b", False) == []
    assert not database.read_now(queue_rows.poll, "holder_b", False).reapable
    assert database.write_now(reap, "holder_b", True) == ["holder_a"]
    with lease_of(database, Leases(lease_s=3600.0, renew_s=0.1)) as lease:
        assert not lease.is_steady
    with lease_of(database) as lease:
        until(lambda: lease.is_steady)


def test_a_beginning_that_comes_after_the_end_of_its_lease_is_refused(database: Database) -> None:
    database.write_now(enter, "holder_a", 20.0)
    row = job(queue_holder="holder_a")
    database.write_now(job_rows.accept_job, row, None)
    gone = sa.delete(tables.holders).where(tables.holders.c.id == "holder_a")
    database.write_now(lambda c: c.execute(gone))  # the first statement of a reaper
    with pytest.raises(ClaimLost):
        database.write_now(job_rows.begin_job, job_rows.claim_of(row), begun(row, 2))
