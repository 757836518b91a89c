"""Many jobs at once: stopped, removed, and nobody else's touched."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from serve_app.errors import StorageUnavailable
from serve_app.http.schemas import MOST_AT_ONCE
from serve_app.records import api_keys
from tests.support.models import CountingTone
from tests.support.service import LONG, Json, Service, args_in, entry, running, until

pytestmark = pytest.mark.anyio

MODELS = (entry("tone"), entry("counting", "tests.support.models:CountingTone", at_once=2))
Headers = dict[str, str]


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with running(args_in(tmp_path, *MODELS, auth={"mode": "keys"})) as service:
        yield service


async def key_of(service: Service, owner: str) -> Headers:
    made = await service.runtime.database.write(api_keys.create, owner, "test")
    return {"Authorization": f"Bearer {made.token}"}


async def post(service: Service, action: str, headers: Headers, **body: Any) -> Json:
    reply = await service.http.post(f"/v1/jobs/{action}", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def start(service: Service, headers: Headers, count: int, model: str = "counting") -> list[Json]:
    """Jobs that end when they are stopped."""
    return [await service.job(f"{index}", model=model, headers=headers, **LONG) for index in range(count)]


async def ids(service: Service, headers: Headers, status: str) -> set[str]:
    found = (await service.http.get(f"/v1/jobs?status={status}&limit=100", headers=headers)).json()["results"]
    return {job["id"] for job in found}


@pytest.mark.usefixtures("quiet")
async def test_all_of_the_callers_unfinished_jobs_are_stopped_and_nobody_elses(service: Service) -> None:
    ada, bob = await key_of(service, "ada"), await key_of(service, "bob")
    done = await service.made(headers=ada)
    others = await start(service, bob, 2)
    mine = await start(service, ada, 4)  # no place is left for them
    tone = await start(service, ada, 1, "tone")
    wanted = {job["id"] for job in (*mine, *tone)}
    reply = await service.http.post("/v1/jobs/cancel", headers=ada)  # no body is an empty one
    assert set(reply.json()["canceled"]) == wanted == await ids(service, ada, "canceled")
    assert await ids(service, ada, "succeeded") == {done["id"]}
    assert (await post(service, "cancel", ada))["canceled"] == []
    assert {job["id"] for job in others} == await ids(service, bob, "queued") | await ids(service, bob, "running")
    for job in (*mine, *tone):
        assert [event["type"] for event in await service.events(job)][-1] == "completed"
    await post(service, "cancel", bob)


@pytest.mark.usefixtures("quiet")
async def test_what_is_stopped_is_narrowed_by_model_and_state(service: Service) -> None:
    ada = await key_of(service, "ada")
    jobs = await start(service, ada, 4)
    tone = await start(service, ada, 1, "tone")
    for job in jobs[:2]:
        await service.reach(job, "started")
    assert (await post(service, "cancel", ada, model="other"))["canceled"] == []
    queued = await post(service, "cancel", ada, status="queued", model="counting")
    assert set(queued["canceled"]) == {job["id"] for job in jobs[2:]}
    assert not any(prompt in ("2", "3") for prompt, _ in CountingTone.calls)
    on_tone = await post(service, "cancel", ada, model="tone")
    assert on_tone["canceled"] == [tone[0]["id"]]
    assert set((await post(service, "cancel", ada, status="running"))["canceled"]) == {job["id"] for job in jobs[:2]}
    assert service.runtime.execution.slots["counting"].busy == 0


@pytest.mark.usefixtures("quiet")
async def test_jobs_that_another_process_runs_or_that_nobody_does_are_stopped_too(tmp_path: Path) -> None:
    args = args_in(tmp_path, *MODELS)
    async with running(args) as one, running(args) as two:
        await until(lambda: one.runtime.execution.slots.processes == two.runtime.execution.slots.processes == 2)
        jobs = [await one.job(f"{index}", model="counting", **LONG) for index in range(3)]
        assert set((await post(two, "cancel", {}))["canceled"]) == {job["id"] for job in jobs}
        again = [await one.job(f"{index}", model="counting", **LONG) for index in range(3)]
        wanted = [job["id"] for job in again]
        assert await post(two, "delete", {}, ids=wanted) == {"deleted": wanted, "not_found": []}
        for job in again:
            assert (await one.http.get(f"/v1/jobs/{job['id']}")).status_code == 404
        # What the other one took out of its queue it may not have heard of yet.
        await until(lambda: not one.runtime.execution.running and not two.runtime.execution.running)


@pytest.mark.usefixtures("quiet")
async def test_jobs_are_removed_with_their_objects_and_nobody_elses(service: Service) -> None:
    ada, bob = await key_of(service, "ada"), await key_of(service, "bob")
    made = [await service.made(f"{index}", headers=ada) for index in range(10)]
    other = await service.made("other", headers=bob)
    at_work = await start(service, ada, 3)
    mine = [job["id"] for job in (*made, *at_work)]
    asked = [*mine[::-1], other["id"], "job_x", mine[0]]
    found = await post(service, "delete", ada, ids=asked)
    assert found == {"deleted": mine[::-1], "not_found": [other["id"], "job_x"]}
    assert (await service.http.get("/v1/jobs", headers=ada)).json()["results"] == []
    for job in made:
        assert service.runtime.storage.stat(job["outputs"][0]["key"]) is None
    assert not service.runtime.execution.running
    assert (await service.http.get(f"/v1/jobs/{other['id']}", headers=bob)).json()["status"] == "succeeded"
    assert service.runtime.storage.stat(other["outputs"][0]["key"]) is not None
    assert (await post(service, "delete", ada, ids=mine[:2])) == {"deleted": [], "not_found": mine[:2]}


async def test_what_cannot_be_removed_now_is_removed_by_the_sweep(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = await key_of(service, "ada")
    made = [await service.made(f"{index}", headers=ada) for index in range(3)]
    delete, key = service.runtime.storage.delete, made[1]["outputs"][0]["key"]

    def refuse_one(asked: str) -> None:
        if asked == key:
            raise StorageUnavailable("the bucket does not answer")
        delete(asked)

    monkeypatch.setattr(service.runtime.storage, "delete", refuse_one)
    assert len((await post(service, "delete", ada, ids=[job["id"] for job in made]))["deleted"]) == 3
    left = [service.runtime.storage.stat(job["outputs"][0]["key"]) is not None for job in made]
    assert left == [False, True, False]
    monkeypatch.undo()
    await service.runtime.upkeep.sweep()
    assert service.runtime.storage.stat(key) is None


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("action", "body", "at"),
    [
        ("cancel", {"status": "succeeded"}, "/status"),
        ("cancel", {"status": None, "model": 7}, "/model"),
        ("cancel", {"modell": "tone"}, "/modell"),
        ("delete", {}, "/ids"),
        ("delete", {"ids": []}, "/ids"),
        ("delete", {"ids": "job_x"}, "/ids"),
        ("delete", {"ids": [7]}, "/ids/0"),
        ("delete", {"ids": ["job_x"] * (MOST_AT_ONCE + 1)}, "/ids"),
    ],
)
async def test_a_wrong_request_changes_nothing(service: Service, action: str, body: Json, at: str) -> None:
    ada = await key_of(service, "ada")
    job = await service.made(headers=ada)
    reply = await service.http.post(f"/v1/jobs/{action}", json=body, headers=ada)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid")
    assert at in [item["pointer"] for item in reply.json()["errors"]]
    if at == "/modell":
        assert "did you mean 'model'?" in reply.json()["detail"]
    assert await ids(service, ada, "succeeded") == {job["id"]}
