import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from serve_app import runtime
from serve_app.errors import StorageUnavailable
from serve_app.replica.work import ReplicaGone
from tests.support.service import Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


async def test_alive_and_ready(service: Service) -> None:
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        reply = await service.http.get(path)
        assert (reply.status_code, reply.json()) == (200, {"status": status})
        assert reply.headers["x-request-id"]


async def test_not_ready_while_storage_is_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise StorageUnavailable("the bucket does not answer")

    monkeypatch.setattr(service.runtime.storage, "check", away)
    service.runtime.store_check.forget()
    reply = await service.http.get("/readyz")
    assert (reply.status_code, reply.json()["code"]) == (503, "storage_unavailable")
    assert reply.headers["retry-after"]
    assert (await service.http.get("/healthz")).status_code == 200
    service.runtime.store_check.forget()


async def test_many_who_look_cost_one_look_at_the_store(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[None] = []
    monkeypatch.setattr(service.runtime.storage, "check", lambda: looks.append(None))
    service.runtime.store_check.forget()
    replies = await asyncio.gather(*(service.http.get("/readyz") for _ in range(50)))
    assert {reply.status_code for reply in replies} == {200}
    assert len(looks) == 1
    service.runtime.store_check.forget()


class Unreachable:
    """A model that no call arrives at: it is lost, or it hangs."""

    def __init__(self, hangs: bool) -> None:
        self.hangs = hangs
        self.asked = 0

    async def status(self) -> dict[str, Any]:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        raise ReplicaGone("ActorUnavailableError")


@pytest.mark.parametrize("hangs", [False, True])
async def test_not_ready_while_no_model_can_be_reached(
    hangs: bool, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "REACHED_WITHIN_S", 0.2)
    away = {name: Unreachable(hangs) for name in service.runtime.handles}
    monkeypatch.setattr(service.runtime, "handles", away)
    monkeypatch.setattr(service.runtime, "_reached_until", 0.0)
    reply = await service.http.get("/readyz")
    assert (reply.status_code, reply.json()["code"]) == (503, "model_not_ready")
    assert all(model.asked == 1 for model in away.values())
    monkeypatch.undo()
    assert (await service.http.get("/readyz")).status_code == 200


async def test_not_ready_while_it_drains(service: Service) -> None:
    service.runtime.jobs.draining.set()
    reply = await service.http.get("/readyz")
    assert (reply.status_code, reply.json()["code"]) == (503, "draining")
    service.runtime.jobs.draining.clear()
    assert (await service.http.get("/readyz")).status_code == 200


async def test_the_interface_describes_itself(service: Service) -> None:
    described = (await service.http.get("/openapi.json")).json()
    for path in ("/v1/jobs", "/v1/jobs/{job_id}", "/v1/audio/generations", "/v1/models", "/v1/files/{key}"):
        assert path in described["paths"]
    for status in ("200", "201", "202", "400", "413", "415", "422", "429", "503"):
        assert status in described["paths"]["/v1/jobs"]["post"]["responses"]
    names = [item["operationId"] for path in described["paths"].values() for item in path.values()]
    assert len(names) == len(set(names))


async def test_the_documentation_page_needs_no_other_server(service: Service) -> None:
    page = await service.http.get("/docs")
    assert page.status_code == 200
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert any(source.endswith(".js") for source in sources)
    for source in sources:
        assert source.startswith("/")
        assert (await service.http.get(source)).status_code == 200


async def test_nothing_of_the_machine_shows(service: Service) -> None:
    folder = str(Path(service.runtime.args.database_url.removeprefix("sqlite:///")).parent)
    for path in ("/v1/models", "/openapi.json", "/metrics", "/readyz", "/v1/nothing"):
        assert folder not in (await service.http.get(path)).text
