"""`/v1/status`: the findings, for administrators only."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from serve_app.errors import StorageUnavailable
from serve_app.records import api_keys
from tests.support.service import Service, args_in, entry, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


async def test_the_local_owner_sees_what_the_doctor_sees(service: Service) -> None:
    reply = await service.http.get("/v1/status")
    assert reply.status_code == 200
    body = reply.json()
    assert body["status"] in ("ok", "warning")
    assert body["version"]
    found = {item["name"]: item for item in body["checks"]}
    assert {"Python", "memory", "GPU", "engine", "Ray", "database", "store", "permissions"} <= found.keys()
    assert not any(name.startswith(("port", "compiler")) for name in found)
    assert "put, got, signed and deleted" in found["store"]["detail"]
    assert "writable, version" in found["database"]["detail"]
    assert found["permissions"]["status"] == "ok"
    assert all(set(item) == {"name", "status", "detail", "remedy"} for item in body["checks"])


async def test_it_is_part_of_the_documentation(service: Service) -> None:
    described = (await service.http.get("/openapi.json")).json()["paths"]["/v1/status"]["get"]
    assert {"200", "403"} <= described["responses"].keys()


async def test_a_loop_that_does_not_get_on_is_told(tmp_path: Path) -> None:
    async def fail() -> float:
        raise StorageUnavailable("the bucket does not answer")

    async with running(args_in(tmp_path, entry("tone"))) as service:
        service.runtime.loops.start("broken", fail)
        await until(lambda: "broken" in service.runtime.loops.failing())
        body = (await service.http.get("/v1/status")).json()
        [told] = [item for item in body["checks"] if item["name"] == "loop broken"]
        assert (body["status"], told["status"]) == ("failed", "failed")
        assert "the bucket does not answer" in told["detail"]


class TestWithKeys:
    @pytest.fixture(scope="class")
    async def service(self, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
        args = args_in(tmp_path_factory.mktemp("keys"), entry("tone"), auth={"mode": "keys"})
        async with running(args) as service:
            yield service

    @pytest.mark.parametrize(("owner", "status"), [("admin", 200), ("local", 403), ("ada", 403), ("Admin", 403)])
    async def test_only_the_owner_admin_sees_it(self, service: Service, owner: str, status: int) -> None:
        made = await service.runtime.database.write(api_keys.create, owner, "x")
        reply = await service.http.get("/v1/status", headers={"Authorization": f"Bearer {made.token}"})
        assert reply.status_code == status
        if status == 403:
            assert reply.json()["code"] == "forbidden"
            assert "--owner admin" in reply.json()["detail"]
            assert str(service.runtime.args.database_url) not in reply.text

    async def test_without_a_key_it_asks_for_one(self, service: Service) -> None:
        assert (await service.http.get("/v1/status")).status_code == 401
