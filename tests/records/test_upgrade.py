"""What version 0.1.0 accepted, made and promised is kept by this program (tests/fixtures/upgrade)."""

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from deployments.contract import Audio, Context
from deployments.tone import Tone, ToneRequest
from serve_app.config import Args, parse_args
from serve_app.config_file import read_config
from serve_app.errors import DatabaseMisconfigured
from serve_app.records import tables
from serve_app.records.database import Database
from serve_app.records.migrations import NEWEST
from serve_app.upkeep import LONGEST_RUN_S, TOMBSTONE_S
from tests.notify.test_outbound import Receiver, answer
from tests.support.service import HANGS_S, Collector, Service, running
from tests.support.upgrade import CONFIG, Restored, lasting, restore_home, restore_postgres, tables_of

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
Restore = Callable[..., Restored]
BOTH = ["home", pytest.param("postgres", marks=pytest.mark.postgres)]


@dataclass(frozen=True)
class Upgraded:
    """This program on what the old one left, and the receiver of its webhooks."""

    left: Restored
    service: Service
    receiver: Receiver

    async def ask(self, method: str, path: str, owner: str = "local", **how: Any) -> Any:
        """The answer to a request of an owner."""
        headers = how.pop("headers", {}) | self.left.headers(owner)
        return await self.service.http.request(method, path, headers=headers, **how)

    async def again(self, name: str, **changes: Any) -> Any:
        """The answer to a request that the old program had, sent once more."""
        request, owner = self.left.jobs[name]["request"], self.left.jobs[name]["owner"]
        body: Json = deepcopy(request["body"])
        body.get("input", body).update(changes)
        return await self.ask("POST", request["path"], owner, json=body, headers=dict(request["headers"]))

    async def job(self, name: str) -> Json:
        """A job as it is now."""
        job = self.left.jobs[name]
        found = await self.ask("GET", f"/v1/jobs/{job['id']}", job["owner"])
        assert found.status_code == 200, (name, found.text)
        return dict(found.json())

    async def settled(self) -> None:
        """Return when every job has ended and no webhook waits."""
        for job in self.left.unfinished.values():
            await self.service.events(job)
        async with asyncio.timeout(HANGS_S):
            for name in ("attempts", "pending"):
                while any(item["status"] == "pending" for item in (await self.job(name))["deliveries"]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def gives(self, url: str, output: Json) -> None:
        """Look that the bytes behind a URL are those of an output."""
        data = (await self.service.http.get(url)).content
        assert hashlib.sha256(data).hexdigest() == output["sha256"], url


def args_of(left: Restored, **changes: Any) -> Args:
    """The configuration that the old program ran with."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in left.env.items():
            patch.setenv(name, value)
        return parse_args({**read_config(CONFIG), **changes})


_generate = Tone.generate


def at_once(self: Tone, request: ToneRequest, context: Context) -> Audio:
    """What a tone makes, its steps taking no time."""
    return _generate(self, request.model_copy(update={"step_s": 0.0}), context)


@asynccontextmanager
async def started(left: Restored, receiver: Receiver, **changes: Any) -> AsyncIterator[Upgraded]:
    """The service on what the old program left, or on what the service before left of that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tone, "generate", at_once)
        async with running(args_of(left, **changes)) as service:
            upgraded = Upgraded(left, service, receiver)
            await upgraded.settled()
            yield upgraded


@asynccontextmanager
async def first_start(restore: Restore, folder: Path) -> AsyncIterator[Upgraded]:
    async with Receiver(answer(204)).listening() as receiver:
        left = restore(folder, receiver.url().removesuffix("/hook"))
        async with started(left, receiver) as upgraded:
            yield upgraded


def restorer(request: pytest.FixtureRequest) -> Restore:
    """Restores what the old program left in SQLite or in PostgreSQL: into a folder, its webhooks to a receiver."""
    if request.param == "home":
        return restore_home
    server = request.getfixturevalue("postgres")
    return lambda folder, receiver="": restore_postgres(folder, server, receiver)


@pytest.fixture(scope="module", params=BOTH)
async def upgraded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[Upgraded]:
    """The service on what the old program left, for the tests that lose nothing of it."""
    async with first_start(restorer(request), tmp_path_factory.mktemp(request.param)) as upgraded:
        yield upgraded


@pytest.fixture(params=BOTH)
def restore(request: pytest.FixtureRequest) -> Restore:
    return restorer(request)


@pytest.fixture
def left(restore: Restore, tmp_path: Path) -> Restored:
    """What the old program left, for tests that start no service on it."""
    return restore(tmp_path)


async def test_finished_jobs_read_as_before(upgraded: Upgraded) -> None:
    for name, job in upgraded.left.finished.items():
        assert lasting(await upgraded.job(name)) == lasting(job["shown"]), name


async def test_every_job_is_listed_for_its_owner(upgraded: Upgraded) -> None:
    jobs = upgraded.left.jobs.values()
    for owner in ("local", "alice"):
        listed = {job["id"] for job in (await upgraded.ask("GET", "/v1/jobs?limit=100", owner)).json()["results"]}
        assert {job["id"] for job in jobs if job["owner"] == owner} <= listed
        assert not {job["id"] for job in jobs if job["owner"] != owner} & listed


async def test_urls_of_then_and_of_now_give_the_same_bytes(upgraded: Upgraded) -> None:
    given = 0
    for name, job in upgraded.left.finished.items():
        for then, now in zip(job["shown"]["outputs"], (await upgraded.job(name))["outputs"], strict=True):
            await upgraded.gives(then["url"], then)
            await upgraded.gives(now["url"], then)
            given += 1
    assert given == 11


async def test_unfinished_jobs_end(upgraded: Upgraded) -> None:
    for name, job in upgraded.left.unfinished.items():
        now, after = await upgraded.job(name), job["after"]
        succeeds = after["status"] == "succeeded"
        assert now["status"] == after["status"], (name, now)
        assert (now["error"] or {}).get("code") == after.get("error"), name
        outcomes = [item["outcome"] for item in now["attempt_log"]]
        assert outcomes == after["attempts"] + ["succeeded"] * succeeds, name
        assert len(now["outputs"]) == now["input"]["n"] * succeeds, name
        for output in now["outputs"]:
            await upgraded.gives(output["url"], output)


async def test_a_job_goes_on_where_it_was_in_its_chain_of_fallbacks(upgraded: Upgraded) -> None:
    now = await upgraded.job("attempts")
    assert [item["model"] for item in now["attempt_log"]] == ["small", "tone", "tone", "tone"]
    assert (now["model"], now["model_used"]) == ("small", "tone")
    assert now["fallback"] == {"from": "small", "because": ["small: model_not_ready"]}


async def test_events_go_on_after_those_that_were_written(upgraded: Upgraded) -> None:
    for name, job in upgraded.left.jobs.items():
        path = f"/v1/jobs/{job['id']}/events"
        found = numbered((await upgraded.ask("GET", path, job["owner"])).text)
        assert [item for item in found if item[1] != "progress"][: len(job["events"])] == job["events"], name
        assert [number for number, _ in found] == list(range(1, len(found) + 1)), name
        assert found[-1][1] == "completed", name
        resumed = await upgraded.ask("GET", path, job["owner"], headers={"Last-Event-ID": str(job["last_event"])})
        assert numbered(resumed.text) == found[job["last_event"] :], name
        assert (len(found) > job["last_event"]) == (name in upgraded.left.unfinished), name


def numbered(stream: str) -> list[list[Any]]:
    """Numbers and types of server-sent events."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in stream.split("\n\n") if block]
    return [[int(block["id"]), block["event"]] for block in blocks if "id" in block]


@pytest.mark.parametrize("name", ["once", "once_of_alice", "running"])
async def test_an_idempotency_key_of_then_holds(name: str, upgraded: Upgraded) -> None:
    replayed = await upgraded.again(name)
    assert (replayed.status_code, replayed.json()["id"]) == (200, upgraded.left.jobs[name]["id"])
    assert replayed.headers["idempotency-replayed"] == "true"
    assert (await upgraded.again(name, duration_s=0.3)).status_code == 422


async def test_the_same_seed_is_answered_with_the_object_of_then(upgraded: Upgraded) -> None:
    for name in ("flac", "wav", "fallback"):
        [then] = upgraded.left.jobs[name]["shown"]["outputs"]
        now = await upgraded.service.ended((await upgraded.again(name)).json())
        [output] = now["outputs"]
        assert (now["cached"], output["key"]) == (True, then["key"]), name
        await upgraded.gives(output["url"], then)


async def test_webhook_secrets_stay(upgraded: Upgraded) -> None:
    for owner, secret in upgraded.left.expected["webhook_secrets"].items():
        assert (await upgraded.ask("GET", "/v1/webhooks/secret", owner)).json()["secret"] == secret


async def test_pending_deliveries_arrive_and_others_are_not_tried_again(upgraded: Upgraded) -> None:
    for name in ("attempts", "pending"):
        then, now = upgraded.left.jobs[name]["shown"]["deliveries"], (await upgraded.job(name))["deliveries"]
        assert [item["id"] for item in now][: len(then)] == [item["id"] for item in then]
        for old, new in zip(then, now, strict=False):
            assert new["tries"][: len(old["tries"])] == old["tries"]
        assert {(item["status"], item["tries"][-1]["status_code"]) for item in now} == {("delivered", 204)}
    told = [item["event"] for item in (await upgraded.job("attempts"))["deliveries"]]
    assert told == ["job.started"] * 4 + ["job.completed"]
    for name in ("delivered", "refused"):
        assert (await upgraded.job(name))["deliveries"] == upgraded.left.jobs[name]["shown"]["deliveries"]
    arrived = {headers["webhook-id"] for headers, _ in upgraded.receiver.requests}
    assert len(arrived) == len(upgraded.receiver.requests) == 6
    for headers, body in upgraded.receiver.requests:
        owner = json.loads(body)["data"]["owner"]
        Webhook(upgraded.left.expected["webhook_secrets"][owner]).verify(body, headers)


async def test_the_key_that_signs_urls_stays(upgraded: Upgraded) -> None:
    signing = hashlib.sha256((upgraded.left.home / "secret").read_bytes()).hexdigest()
    assert signing == upgraded.left.expected["signing_secret_sha256"]


async def test_a_key_that_had_ended_does_not_stand_for_its_owner(upgraded: Upgraded) -> None:
    path = f"/v1/jobs/{upgraded.left.jobs['two']['id']}"
    for name, status in (("alice", 200), ("revoked", 404)):
        assert (await upgraded.ask("GET", path, name)).status_code == status, name


async def test_what_was_half_deleted_goes_and_can_be_made_again(upgraded: Upgraded) -> None:
    deleted = upgraded.left.expected["jobs"]["deleted"]
    assert (await upgraded.ask("GET", f"/v1/jobs/{deleted['id']}")).status_code == 404
    again = await upgraded.ask("POST", "/v1/jobs", json=deleted["request"]["body"])
    made = await upgraded.service.ended(again.json())
    assert (made["status"], made["cached"]) == ("succeeded", False)
    await upgraded.service.runtime.database.write(age_tombstones)
    await upgraded.service.runtime.upkeep.sweep()
    assert not upgraded.left.stored(deleted["key"])
    kept = [*made["outputs"], *(one for job in upgraded.left.finished.values() for one in job["shown"]["outputs"])]
    for output in kept:
        await upgraded.gives(output["url"], output)


def age_tombstones(c: sa.Connection) -> None:
    """Let the time pass that is kept between the two deletions of an object."""
    deleted = sa.update(tables.objects).where(tables.objects.c.state == "deleted")
    c.execute(deleted.values(state_at=tables.objects.c.state_at - 2 * (TOMBSTONE_S + LONGEST_RUN_S)))


async def test_an_object_of_then_goes_with_the_last_job_that_has_it(restore: Restore, tmp_path: Path) -> None:
    async with first_start(restore, tmp_path) as upgraded:
        first, second = (upgraded.left.jobs[name] for name in ("flac", "cached"))
        [output] = first["shown"]["outputs"]
        assert (await upgraded.ask("DELETE", f"/v1/jobs/{first['id']}")).status_code == 204
        await upgraded.gives(output["url"], output)
        assert (await upgraded.ask("DELETE", f"/v1/jobs/{second['id']}")).status_code == 204
        assert (await upgraded.ask("GET", output["url"])).status_code == 404
        assert not upgraded.left.stored(output["key"])


async def test_a_second_start_changes_nothing_and_says_nothing(
    restore: Restore, tmp_path: Path, log: Collector
) -> None:
    async with first_start(restore, tmp_path) as upgraded:
        assert log.errors == []
    before, sent = rows_of(upgraded.left), len(upgraded.receiver.requests)
    log.lines.clear()
    async with started(upgraded.left, upgraded.receiver) as upgraded:
        await upgraded.service.runtime.upkeep.poll()
        await upgraded.service.runtime.deliveries.deliver()
        await upgraded.service.runtime.upkeep.sweep()
    assert rows_of(upgraded.left) == before
    assert len(upgraded.receiver.requests) == sent
    said = [json.loads(line) for line in log.lines]
    assert {item["event"] for item in said if item["level"] != "INFO"} == {"model failed to load"}  # as configured


def rows_of(left: Restored) -> dict[str, list[Any]]:
    """All rows but those that are about processes."""
    return {name: rows for name, rows in tables_of(left).items() if name not in ("holders", "duties")}


async def test_where_keys_are_asked_for_those_of_then_let_in_or_not(restore: Restore, tmp_path: Path) -> None:
    left = restore(tmp_path)
    async with running(args_of(left, auth={"mode": "keys"}, webhooks={})) as service:
        for name, status in (("alice", 200), ("admin", 200), ("revoked", 401), ("expired", 401), ("local", 401)):
            found = await service.http.get("/v1/jobs", headers=left.headers(name))
            assert found.status_code == status, name


async def test_processes_that_upgrade_at_once_do_it_once(left: Restored) -> None:
    with opened(left) as one, opened(left) as two, opened(left) as three:
        await asyncio.gather(*(asyncio.to_thread(database.migrate) for database in (one, two, three)))
    assert tables_of(left)["alembic_version"][1:] == [repr((NEWEST,))]
    assert len(tables_of(left)["jobs"]) - 1 == len(left.jobs)


async def test_every_object_gets_its_row_however_many_there_are_and_share_one(left: Restored) -> None:
    shared, deleted = left.jobs["flac"]["shown"]["outputs"][0]["key"], left.expected["jobs"]["deleted"]["key"]
    keys = [f"audio/{place:04}.flac" for place in range(1100)] + [shared] * 600
    common = {"job_id": left.jobs["flac"]["id"], "owner": "local", "facts": {"bytes": 1}}
    rows = [{**common, "position": place, "key": key} for place, key in enumerate(keys, start=1)]
    with opened(left) as database:
        database.write_now(lambda c: c.execute(sa.insert(tables.outputs), rows))
        named = database.read_now(lambda c: c.execute(sa.select(tables.outputs.c.key)).scalars().all())
        database.migrate()
        found = database.read_now(lambda c: c.execute(sa.select(tables.objects)).fetchall())
    assert {row.key: row.state for row in found} == dict.fromkeys(named, "stored") | {deleted: "orphan"}


async def test_what_sqlite_held_of_workflows_goes_with_the_upgrade(tmp_path: Path) -> None:
    left = restore_home(tmp_path)
    workflows = left.home / "continuo.workflows.db"
    assert workflows.exists()
    workflows.with_name(workflows.name + "-wal").touch()
    migrate(left)
    assert not list(left.home.glob("*workflows*"))
    workflows.touch()  # by somebody else: nothing of ours has that name any more
    migrate(left)
    assert workflows.exists()


@contextmanager
def opened(left: Restored) -> Iterator[Database]:
    database = Database(left.database_url)
    try:
        yield database
    finally:
        database.close()


def migrate(left: Restored) -> None:
    with opened(left) as database:
        database.migrate()


def set_version(c: sa.Connection, version: str) -> None:
    c.execute(sa.text("UPDATE alembic_version SET version_num = :version"), {"version": version})


MIGRATE_AND_DIE = """
import os, signal, sys
import sqlalchemy as sa
from serve_app.records.database import Database

@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def die(connection, cursor, statement, *more):
    if statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

Database(sys.argv[1]).migrate()
"""


@pytest.mark.parametrize("statement", ["INSERT INTO objects", "UPDATE alembic_version"])
async def test_an_upgrade_that_is_killed_leaves_what_was_there(statement: str, left: Restored) -> None:
    before, files = tables_of(left), sorted(left.home.glob("*.db"))
    program = (sys.executable, "-c", MIGRATE_AND_DIE, left.database_url, statement)
    killed = await asyncio.to_thread(subprocess.run, program, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert tables_of(left) == before
    assert sorted(left.home.glob("*.db")) == files
    migrate(left)
    assert tables_of(left)["alembic_version"][1:] == [repr((NEWEST,))]


async def test_a_database_of_a_newer_program_is_refused_and_left_as_it_is(left: Restored) -> None:
    migrate(left)
    with opened(left) as database:
        database.write_now(set_version, "9999")
    before = tables_of(left)
    with pytest.raises(DatabaseMisconfigured, match="made by a newer version"):
        migrate(left)
    assert tables_of(left) == before
