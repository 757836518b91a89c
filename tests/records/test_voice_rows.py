"""Rows of voices: an owner's names, the objects and the jobs that hang on a voice, on every database."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from serve_app.records import asset_rows, job_rows, object_rows, tables, voice_rows
from serve_app.records.database import Database
from serve_app.records.leases import enter
from serve_app.records.voice_rows import Gone, NameTaken, TooMany, VoiceGone, VoiceRow
from tests.records.test_job_rows import ME, job

MOST = 10


@pytest.fixture
def database(database: Database) -> Database:
    """With this process as a holder."""
    database.write_now(enter, ME, 3600.0)
    return database


def row(name: str, owner: str = "ada", **values: Any) -> VoiceRow:
    voice_id = job_rows.new_id("voice")
    made = {"languages": ["en"], "transcript": None, "facts": {"checks": {}}, **values}
    return VoiceRow(voice_id, owner, name, name.casefold(), f"private/{voice_id}.1.flac", **made)


def brought(database: Database, given: VoiceRow, most: int = MOST) -> VoiceRow:
    database.write_now(voice_rows.plan, given, most)
    return database.write_now(voice_rows.add, given, 100, most)


def accepted(database: Database, voice: str, owner: str = "ada", **values: Any) -> str:
    made = job(owner, input={"input": "x", "voice": voice}, **values)
    database.write_now(job_rows.accept_job, made, None)
    return made.id


def state_of(database: Database, key: str) -> str | None:
    return database.read_now(lambda c: c.scalar(sa.select(tables.objects.c.state).where(tables.objects.c.key == key)))


def uses(database: Database) -> list[tuple[str, str]]:
    query = sa.select(tables.voice_uses.c.job_id, tables.voice_uses.c.voice_id)
    return sorted((item[0], item[1]) for item in database.read_now(lambda c: c.execute(query).fetchall()))


def test_a_voice_is_found_by_its_owner_only(database: Database) -> None:
    kept = brought(database, row("Ada", consent_key_id="key1", transcript="hello"))
    assert 0 < kept.consent_at <= kept.created_at
    assert database.read_now(voice_rows.find, "ada", kept.id) == kept
    assert database.read_now(voice_rows.named, "ada", "ada") == kept
    assert database.read_now(voice_rows.keys_of, "ada", [kept.id]) == {kept.id: kept.key}
    assert state_of(database, kept.key) == "stored"
    assert database.read_now(voice_rows.find, "bob", kept.id) is None
    assert database.read_now(voice_rows.named, "bob", "ada") is None
    assert database.read_now(voice_rows.keys_of, "bob", [kept.id]) == {}
    assert database.write_now(voice_rows.delete, "bob", kept.id, outputs=True) is None
    newer = brought(database, row("Bea"))
    assert [item.id for item in database.read_now(voice_rows.all_of, "ada")] == [newer.id, kept.id]


def test_names_and_numbers_are_bounded_by_owner(database: Database) -> None:
    brought(database, row("a"))
    with pytest.raises(NameTaken):
        brought(database, row("A"))
    brought(database, row("a", owner="bob"))
    with pytest.raises(TooMany):
        brought(database, row("b"), most=1)


def test_the_second_of_two_voices_of_a_name_is_refused(database: Database) -> None:
    first, second = row("a"), row("a")
    database.write_now(voice_rows.plan, first, MOST)
    database.write_now(voice_rows.plan, second, MOST)
    outcomes: list[object] = []

    def add(given: VoiceRow) -> None:
        try:
            outcomes.append(database.write_now(voice_rows.add, given, 1, MOST).id)
        except (NameTaken, IntegrityError):
            outcomes.append(None)

    threads = [threading.Thread(target=add, args=(item,)) for item in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(None) == 1
    assert len(database.read_now(voice_rows.all_of, "ada")) == 1


def test_an_object_that_was_swept_is_no_voice(database: Database) -> None:
    given = row("late")
    database.write_now(voice_rows.plan, given, MOST)
    database.write_now(asset_rows.sweep, -1.0)
    assert state_of(database, given.key) == "orphan"
    with pytest.raises(LookupError):
        database.write_now(voice_rows.add, given, 1, MOST)
    assert database.read_now(voice_rows.all_of, "ada") == []


def test_a_job_notes_its_voice_and_forgets_it_when_it_goes(database: Database) -> None:
    kept = brought(database, row("a"))
    job_id = accepted(database, kept.id)
    accepted(database, "anna")  # a built-in one
    assert uses(database) == [(job_id, kept.id)]
    database.write_now(job_rows.delete_job, job_id)
    assert uses(database) == []


@pytest.mark.parametrize("owner", ["ada", "bob"])
def test_no_job_is_accepted_with_a_voice_that_its_owner_has_not(database: Database, owner: str) -> None:
    kept = brought(database, row("a"))
    if owner == "ada":
        database.write_now(voice_rows.delete, "ada", kept.id, outputs=False)
    with pytest.raises(VoiceGone):
        accepted(database, kept.id, owner)
    assert database.read_now(lambda c: c.scalar(sa.select(sa.func.count()).select_from(tables.jobs))) == 0


@pytest.mark.parametrize("outputs", [False, True])
def test_a_deletion_finds_objects_and_jobs(database: Database, outputs: bool) -> None:
    kept, other = brought(database, row("a")), brought(database, row("b"))
    database.write_now(voice_rows.derive, kept, "private/derived")
    waiting, ended, others = accepted(database, kept.id), accepted(database, kept.id), accepted(database, other.id)
    done = sa.update(tables.jobs).where(tables.jobs.c.id == ended).values(status="succeeded")
    database.write_now(lambda c: c.execute(done))
    gone = database.write_now(voice_rows.delete, "ada", kept.id, outputs=outputs)
    assert isinstance(gone, Gone)
    assert sorted(gone.keys) == sorted([kept.key, "private/derived"])
    assert sorted(gone.jobs) == sorted([waiting, ended] if outputs else [waiting])
    assert {state_of(database, key) for key in gone.keys} == {"orphan"}
    assert sorted(key for key, _ in database.read_now(object_rows.deletable, 0.0)) == sorted(gone.keys)
    columns = (tables.jobs.c.id, tables.jobs.c.cancel_requested, tables.jobs.c.delete_requested)
    found = {item[0]: (item[1], item[2]) for item in database.read_now(lambda c: c.execute(sa.select(*columns)).all())}
    assert found == {
        waiting: (True, outputs),
        ended: (outputs, outputs),
        others: (False, False),
    }
    assert uses(database) == [(others, other.id)]
    assert state_of(database, other.key) == "stored"
