"""What a candidate goes on from, and who may write it."""

import pytest
import sqlalchemy as sa

from serve_app.records import candidate_rows, job_rows, leases
from serve_app.records.candidate_rows import CandidateId, Resumable, Superseded
from serve_app.records.database import Database
from serve_app.records.job_rows import Change
from serve_app.records.leases import Claim, ClaimLost
from serve_app.records.rows import MOST_PUT_OFF, RETRY_LATER, JobRow

ONE, OTHER = CandidateId("job_1", "tone", 1), CandidateId("job_1", "tone", 2)


def job() -> JobRow:
    return JobRow(
        id="job_1", owner="ada", task="text-to-audio", model="tone", model_used="tone", planned_model="tone",
        status="queued", priority=1, input={}, seed=1, deadline=9e9, created_at=1.0, queue_holder="me",
    )  # fmt: skip


@pytest.fixture
def claim(database: Database) -> Claim:
    """On a job that runs."""
    with database.engine.begin() as c:
        leases.enter(c, "me", 60)
        row = job().replace(holder="me", queue_holder=None, claim=1).begin_attempt("tone", 2.0)
        job_rows.accept_job(c, row, None)
    return Claim("me", 1, held=True)


def known(database: Database, which: CandidateId = ONE) -> Resumable:
    with database.engine.begin() as c:
        return candidate_rows.read(c, which)


def test_the_newest_note_of_each_candidate_is_kept(database: Database, claim: Claim) -> None:
    assert known(database) == Resumable()
    with database.engine.begin() as c:
        candidate_rows.write_note(c, claim, ONE, 1, {"token": "a"})
        candidate_rows.write_note(c, claim, OTHER, 1, {"token": "b"})
        candidate_rows.write_note(c, claim, ONE, 2, {"id": 7})
        candidate_rows.write_note(c, claim, ONE, 2, {"id": 7})  # whose answer was lost
    assert (known(database).number, known(database).note) == (2, {"id": 7})
    assert known(database, OTHER).note == {"token": "b"}


@pytest.mark.parametrize("number", [1, 2, 4])
def test_an_attempt_that_was_cut_off_overwrites_nothing(database: Database, claim: Claim, number: int) -> None:
    with database.engine.begin() as c:
        candidate_rows.write_note(c, claim, ONE, 1, {"id": 1})
        candidate_rows.write_note(c, claim, ONE, 2, {"id": 2})
        with pytest.raises(Superseded):
            candidate_rows.write_note(c, claim, ONE, number, {"id": 3})
    assert known(database).note == {"id": 2}


@pytest.mark.parametrize("lost", [Claim("me", 0, held=True), Claim("she", 1, held=True)])
def test_only_the_claim_notes(database: Database, claim: Claim, lost: Claim) -> None:
    with database.engine.begin() as c, pytest.raises(ClaimLost):
        candidate_rows.write_note(c, lost, ONE, 1, {"id": 1})
    assert known(database) == Resumable()


def test_a_callback_counts_once_and_not_after_the_end(database: Database, claim: Claim) -> None:
    with database.engine.begin() as c:
        candidate_rows.write_note(c, claim, ONE, 1, {"id": 1})
        assert [candidate_rows.call_back(c, ONE, attempt) for attempt in (5, 5, 4, 6)] == [True, False, False, True]
    assert known(database) == Resumable(1, {"id": 1}, 0.0, 6)
    with database.engine.begin() as c:
        c.execute(sa.text("UPDATE jobs SET status = 'failed'"))
        assert not candidate_rows.call_back(c, ONE, 7)
        job_rows.delete_job(c, "job_1")
        assert not candidate_rows.call_back(c, ONE, 8)
    assert known(database) == Resumable()


@pytest.mark.parametrize(("seen", "due"), [(0, 0.0), (5, 100.0)])
def test_a_callback_that_came_before_a_wait_ends_it(database: Database, claim: Claim, seen: int, due: float) -> None:
    row = job().begin_attempt("tone", 2.0).end_attempt(RETRY_LATER, 3.0)
    with database.engine.begin() as c:
        candidate_rows.call_back(c, ONE, 5)
        candidate_rows.put_off(c, claim, Change(row, ("attempts",), None, 3.0), ONE, 100.0, seen)
        found = job_rows.get_job(c, "job_1")
    assert known(database).retry_at == due
    assert found is not None
    assert [item.outcome for item in found.attempts] == [RETRY_LATER]


def test_a_row_keeps_the_newest_attempts_that_were_put_off() -> None:
    row = job().begin_attempt("tone", 0.0).end_attempt("replica_lost", 0.5)
    for at in range(1, 200):
        row = row.begin_attempt("tone", at).end_attempt(RETRY_LATER, at + 0.5)
    assert len(row.attempts) == MOST_PUT_OFF + 2
    assert (row.attempts[0].outcome, row.attempts[-1].started_at) == ("replica_lost", 199)
