"""Several ingresses over one database: one is killed, stopped, cut off; nothing is lost or done twice."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from serve_app.errors import DatabaseUnavailable
from serve_app.records import tables
from serve_app.records.database import Database
from tests.records.test_leases import until
from tests.support.ingress_process import IngressProcess, ingress
from tests.support.pipe import Pipe
from tests.support.postgres import Postgres
from tests.support.service import HANGS_S, LONG, entry

pytestmark = [pytest.mark.timeout(300)]

LEASES = {"lease_s": 5.0, "renew_s": 0.5}  # nobody but who is stopped stands still for so long
Json = dict[str, Any]
Both = tuple[IngressProcess, IngressProcess]


def shared_args(folder: Path, database_url: str) -> Json:
    """What two ingresses share; on SQLite they overlap as they do while a service is replaced."""
    models = [
        entry("tone", at_once=2),
        entry("held", "tests.support.models:HeldTone", at_once=2),
        entry("broken", options={"fail_load": "no weights"}, fallback=["held"]),
        entry("narrow", at_once=1),
    ]
    storage = {"kind": "local", "path": str(folder / "store")}
    return {"storage": storage, "database_url": database_url, "models": models, "leases": LEASES}


@pytest.fixture
def args(tmp_path: Path, database_url: str) -> Json:
    """For a test that ends one of the two."""
    return shared_args(tmp_path, database_url)


@pytest.fixture
def hold(tmp_path: Path) -> Path:
    """A file that holds the jobs of the model `held` whose prompt names it, until it is removed."""
    file = tmp_path / "hold"
    file.touch()
    return file


@pytest.fixture
def mortal(args: Json) -> Iterator[Both]:
    with both_of(args) as both:
        yield both


@contextmanager
def both_of(args: Json) -> Iterator[Both]:
    with ThreadPoolExecutor(2) as starting, ExitStack() as stack:
        one, two = starting.map(lambda _: stack.enter_context(ingress(args)), range(2))
        yield one, two


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Two that outlive their tests."""
    folder = tmp_path_factory.mktemp("both")
    url = f"sqlite:///{folder}/continuo.db"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database("both")
    with both_of(shared_args(folder, url)) as pair:
        yield pair
    check_rows(url)


def ended(seen_by: IngressProcess, job: Json) -> Json:
    """The job when it has ended, as an ingress tells it."""
    until(lambda: seen_by.get(job)["status"] in ("succeeded", "failed", "canceled"))
    return seen_by.get(job)


def started(seen_by: IngressProcess, job: Json) -> None:
    until(lambda: bool(seen_by.get(job)["progress"]))


def stop_between_writes(one: IngressProcess, database_url: str) -> None:
    """Let one stand still, but not in the middle of a write, for whose end all others would wait."""

    def lock_all(c: sa.Connection) -> None:
        for table in (tables.holders, tables.jobs):
            c.execute(sa.select(table.c.id).with_for_update(nowait=True)).all()

    database = Database(database_url, patience_s=1)
    try:
        while True:
            one.stop()
            try:
                return database.write_now(lock_all)
            except DatabaseUnavailable:
                one.go_on()
    finally:
        database.close()


def check_rows(database_url: str) -> None:
    """No row was written under two claims, no event is out of its order or there twice."""
    database = Database(database_url)
    try:
        events = database.read_now(lambda c: c.execute(sa.select(tables.events).order_by("number")).mappings().all())
        jobs = database.read_now(lambda c: c.execute(sa.select(tables.jobs)).mappings().all())
    finally:
        database.close()
    by_job: dict[str, list[Any]] = {}
    for event in events:
        by_job.setdefault(event["job_id"], []).append(event)
    for job in jobs:
        log = by_job[job["id"]]
        assert [event["seq"] for event in log] == list(range(1, len(log) + 1)), log
        kinds = Counter(event["type"] for event in log)
        assert kinds["completed"] == (job["status"] in ("succeeded", "failed", "canceled"))
        assert kinds["started"] == len(job["attempts"])
    numbers = [event["number"] for event in events]
    assert numbers == list(range(1, len(numbers) + 1))


def test_what_a_killed_one_ran_and_kept_is_finished_by_the_other(mortal: Both, args: Json, hold: Path) -> None:
    one, two = mortal
    running = [one.job(str(hold), model="held", seed=index) for index in range(2)]
    waiting = [one.job(f"waits {index}", model="held", seed=10 + index) for index in range(10)]
    for job in running:
        started(two, job)
    one.kill()
    hold.unlink()
    found = [ended(two, job) for job in (*running, *waiting)]
    assert Counter(job["status"] for job in found) == {"succeeded": 12}
    assert [item["outcome"] for item in found[0]["attempt_log"]] == ["ingress_lost", "succeeded"]
    check_rows(args["database_url"])


def test_one_that_stood_still_beyond_its_lease_changes_nothing_when_it_goes_on(
    mortal: Both, args: Json, hold: Path
) -> None:
    one, two = mortal
    job = one.job(str(hold), model="held", seed=1)
    started(two, job)
    stop_between_writes(one, args["database_url"])
    until(lambda: two.get(job)["attempts"] == 2)
    hold.unlink()
    one.go_on()
    found = ended(two, job)
    assert found["status"] == "succeeded"
    assert [item["outcome"] for item in found["attempt_log"]] == ["ingress_lost", "succeeded"]
    assert one.get(job)["outputs"][0]["key"] == found["outputs"][0]["key"]
    again = one.job("after it stood still", seed=2)
    assert ended(two, again)["status"] == "succeeded"
    check_rows(args["database_url"])


@pytest.mark.parametrize("seen", ["running", "queued"])
def test_a_cancel_reaches_a_job_of_another_one(both: Both, seen: str) -> None:
    one, two = both
    plug = one.job("plug", model="narrow", **LONG)
    started(two, plug)
    job = plug if seen == "running" else one.job("waits", model="narrow", **LONG)
    assert two.http.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200
    until(lambda: two.get(job)["status"] == "canceled")
    if job is not plug:
        assert two.get(plug)["status"] == "running"
        assert one.http.post(f"/v1/jobs/{plug['id']}/cancel").status_code == 200
        until(lambda: one.get(plug)["status"] == "canceled")
    assert one.get(job)["status"] == "canceled"


def test_a_deleted_job_of_another_one_is_gone_with_what_it_had_stored(mortal: Both, tmp_path: Path) -> None:
    one, two = mortal
    job = one.job("deleted", n=2, seed=1, model="narrow", steps=20, step_s=0.05)
    until(lambda: bool(stored(tmp_path)))  # the first of two candidates is there
    assert two.http.delete(f"/v1/jobs/{job['id']}").status_code == 204
    for either in mortal:
        assert either.http.get(f"/v1/jobs/{job['id']}").status_code == 404
    until(lambda: not stored(tmp_path))
    assert one.http.get("/v1/jobs").json()["results"] == []


def stored(folder: Path) -> list[Path]:
    """The objects in the store."""
    return list((folder / "store").glob("objects/audio/*/*@"))


def test_a_job_goes_on_in_its_chain_of_fallbacks(mortal: Both, hold: Path) -> None:
    one, two = mortal
    job = one.job(str(hold), model="broken")
    until(lambda: two.get(job)["model_used"] == "held" and bool(two.get(job)["progress"]))
    one.kill()
    hold.unlink()
    found = ended(two, job)
    assert (found["status"], found["model"], found["model_used"]) == ("succeeded", "broken", "held")
    assert [item["model"] for item in found["attempt_log"]] == ["broken", "held", "held"]
    assert found["fallback"]["from"] == "broken"


def test_places_and_limits_hold_over_both(args: Json) -> None:
    limited = {**args, "limits": {"queued_jobs": 6, "queued_jobs_per_owner": 6}}
    with both_of(limited) as (one, two):
        until(
            lambda: all("continuo_ingress_processes 2.0" in either.http.get("/metrics").text for either in (one, two))
        )
        plugs = [one.job(f"plug {index}", **LONG) for index in range(4)]
        codes = []
        for index in range(6):
            body = {"model": "tone", "input": {"prompt": f"more {index}", **LONG}}
            codes.append((one, two)[index % 2].http.post("/v1/jobs", json=body).status_code)
        assert sorted(codes) == [202, 202, 429, 429, 429, 429]
        for job in plugs:
            two.http.post(f"/v1/jobs/{job['id']}/cancel")


def test_free_places_of_one_take_what_waits_at_the_other(both: Both) -> None:
    one, two = both
    plug = one.job("plug", model="narrow", **LONG)
    started(one, plug)
    waiting = one.job("waits at the first", model="narrow", seed=3)
    assert ended(two, waiting)["status"] == "succeeded"  # while the plug still runs
    assert one.get(plug)["status"] == "running"
    one.http.post(f"/v1/jobs/{plug['id']}/cancel")


def test_equal_requests_to_both_are_made_once(both: Both, hold: Path) -> None:
    one, two = both
    first = one.job(str(hold), model="held", seed=5)
    started(one, first)
    second = two.job(str(hold), model="held", seed=5)
    other = two.job(str(hold), model="held", seed=6)
    started(two, other)  # that one goes on at once
    assert not two.get(second)["progress"]
    hold.unlink()
    made = [ended(two, job)["outputs"][0]["key"] for job in (first, second, other)]
    assert made[0] == made[1] != made[2]


def test_one_who_waits_for_another_ones_job_makes_it_when_that_is_stopped(both: Both, hold: Path) -> None:
    one, two = both
    first = one.job(str(hold), model="held", seed=7)
    started(one, first)
    second = two.job(str(hold), model="held", seed=7)
    one.http.post(f"/v1/jobs/{first['id']}/cancel")
    started(two, second)
    hold.unlink()
    assert ended(two, second)["status"] == "succeeded"


@pytest.mark.parametrize("fault", ["cut", "silent"])
@pytest.mark.postgres
def test_one_that_is_cut_off_from_the_database_loses_its_jobs_and_comes_back(
    tmp_path: Path, postgres: Postgres, fault: str, hold: Path
) -> None:
    url = postgres.new_database("cut_off")
    with Pipe(postgres.socket) as pipe:
        far = url.partition("?")[0] + f"?host=127.0.0.1&port={pipe.port}"
        args = shared_args(tmp_path, url)
        with ingress({**args, "database_url": far}) as one, ingress(args) as two:
            job = one.job(str(hold), model="held", seed=1)
            started(two, job)
            getattr(pipe, fault)()
            until(lambda: two.get(job)["attempts"] == 2)
            hold.unlink()
            found = ended(two, job)
            pipe.mend()
            assert found["status"] == "succeeded"
            until(lambda: answers(one, job))
            assert ended(two, one.job("afterwards", seed=2))["status"] == "succeeded"
        check_rows(url)


def answers(one: IngressProcess, job: Json) -> bool:
    """Whether an ingress sees the end of a job that it lost."""
    try:
        reply = one.http.get(f"/v1/jobs/{job['id']}", timeout=HANGS_S)
    except httpx.TransportError:
        return False
    return reply.status_code == 200 and reply.json()["status"] == "succeeded"
