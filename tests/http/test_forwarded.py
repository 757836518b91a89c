"""Behind a proxy: what it tells of the caller's address is believed if it is one of ours, and of nobody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from serve_app.http.doors import Doors
from serve_app.http.forwarded import Forwarded
from tests.support.service import Service, args_in, entry, running

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

TOLD = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "sound.example",
    "X-Forwarded-Prefix": "/audio/",
    "X-Forwarded-For": "203.0.113.9",
}
BODY = {"prompt": "a tone", "duration_s": 0.1}
BASE = "https://sound.example/audio"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    folder = tmp_path_factory.mktemp("proxied")
    more = {"trusted_proxies": ["127.0.0.0/8"], "public_url": None, "auth": {"mode": "keys"}}
    async with running(args_in(folder, entry("tone"), **more)) as service:
        from serve_app.http import keys

        made = await service.runtime.database.write(keys.create, "ada", "x")
        service.http.headers["Authorization"] = f"Bearer {made.token}"
        yield service


async def test_urls_lead_through_the_proxy(service: Service) -> None:
    reply = await service.http.post("/v1/audio/generations", json=BODY, headers=TOLD)
    job = reply.json()
    assert reply.status_code == 201
    assert reply.headers["location"] == job["urls"]["self"] == f"{BASE}/v1/jobs/{job['id']}"
    assert job["urls"]["events"].startswith(f"{BASE}/v1/jobs/")
    sound = job["outputs"][0]["url"]
    assert sound.startswith(f"{BASE}/v1/files/")
    assert (await service.http.get(sound.removeprefix(BASE), headers=TOLD)).status_code == 200
    [listed] = (await service.http.get("/v1/jobs", headers=TOLD)).json()["results"]
    assert listed["urls"] == job["urls"]


async def test_redirects_and_the_documentation_keep_the_prefix(service: Service) -> None:
    reply = await service.http.get("/v1/jobs/", headers=TOLD)
    assert (reply.status_code, reply.headers["location"]) == (307, f"{BASE}/v1/jobs")
    page = (await service.http.get("/docs", headers=TOLD)).text
    assert "/audio/openapi.json" in page
    assert "/audio/docs/assets/" in page
    assert (await service.http.get("/openapi.json", headers=TOLD)).json()["servers"] == [{"url": "/audio"}]
    assert "servers" not in (await service.http.get("/openapi.json")).json()


async def test_a_proxy_that_keeps_the_prefix_in_the_path_is_understood(service: Service) -> None:
    reply = await service.http.get("/audio/v1/jobs", headers=TOLD)
    assert reply.status_code == 200
    assert (await service.http.get("/audio/v1/jobs")).status_code == 404


@pytest.mark.parametrize(
    "told",
    [
        {"X-Forwarded-Host": "evil/../x"},
        {"X-Forwarded-Host": "a b"},
        {"X-Forwarded-Host": "user@host"},
        {"X-Forwarded-Prefix": "//evil.example"},
        {"X-Forwarded-Prefix": "/../x"},
        {"X-Forwarded-Prefix": "audio"},
        {"X-Forwarded-Prefix": "/"},
        {"X-Forwarded-Proto": "javascript"},
        {"X-Forwarded-Proto": ""},
    ],
    ids=str,
)
async def test_nonsense_of_a_proxy_is_left_out(service: Service, told: dict[str, str]) -> None:
    reply = await service.http.get("/v1/jobs/", headers=told)
    assert reply.headers["location"] == "http://localhost/v1/jobs"


async def test_of_several_values_the_nearest_proxys_counts(service: Service) -> None:
    told = {"X-Forwarded-Host": "evil.example, sound.example"}
    reply = await service.http.get("/v1/jobs/", headers=told)
    assert reply.headers["location"] == "http://sound.example/v1/jobs"


async def test_nobody_else_is_believed(service: Service) -> None:
    stranger = httpx.ASGITransport(service.app, client=("198.51.100.7", 1))
    async with httpx.AsyncClient(transport=stranger, base_url="http://localhost") as http:
        reply = await http.get("/v1/jobs/", headers=TOLD)
        assert reply.headers["location"] == "http://localhost/v1/jobs"
        assert (await http.get("/audio/v1/jobs", headers=TOLD)).status_code == 404


async def test_a_page_that_comes_from_a_trusted_address_names_no_host_of_ours(tmp_path: Path) -> None:
    """Its own name, pointed at 127.0.0.1, is what the browser sends as Host; any other header it may set itself."""
    async with running(args_in(tmp_path, entry("tone"), trusted_proxies=["127.0.0.0/8"])) as keyless:
        reply = await keyless.http.get("/v1/jobs", headers={"Host": "evil.example", "X-Forwarded-Host": "localhost"})
        assert (reply.status_code, reply.json()["code"]) == (421, "misdirected")
        told = {"Host": "localhost", "X-Forwarded-Host": "localhost", "X-Forwarded-Prefix": "/audio"}
        assert (await keyless.http.get("/v1/jobs", headers=told)).status_code == 200


async def test_behind_serve_nobody_else_says_that_it_was_https(tmp_path: Path) -> None:
    seen: list[object] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["scheme"])

    doors = Doors(args_in(tmp_path, auth={"mode": "keys"}))
    asking = Forwarded(app, ["10.0.0.0/8"], doors, behind_serve=True)  # type: ignore[arg-type]
    for client in ("198.51.100.7", "10.0.0.1"):
        told = [(b"x-forwarded-proto", b"https")]
        scope = {"type": "http", "scheme": "https", "path": "/", "client": (client, 1), "headers": told}
        await asking(scope, None, None)  # type: ignore[arg-type]
    assert seen == ["http", "https"]


async def test_the_caller_is_the_nearest_address_that_is_no_proxy_of_ours(tmp_path: Path) -> None:
    seen: list[object] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["client"])

    asking = Forwarded(app, ["10.0.0.0/8"], Doors(args_in(tmp_path, auth={"mode": "keys"})))  # type: ignore[arg-type]
    for told in (b"203.0.113.9, 10.0.0.2", b"6.6.6.6, 203.0.113.9,10.0.0.2"):
        for client in ("10.0.0.1", "198.51.100.7"):
            scope = {"type": "http", "path": "/", "client": (client, 1), "headers": [(b"x-forwarded-for", told)]}
            await asking(scope, None, None)  # type: ignore[arg-type]
    assert [address for address, _ in seen] == ["203.0.113.9", "198.51.100.7"] * 2  # type: ignore[misc, attr-defined]


async def test_without_the_setting_nobody_is_believed(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running(args_in(tmp_path_factory.mktemp("bare"), entry("tone"))) as bare:
        reply = await bare.http.get("/v1/jobs/", headers=TOLD)
        assert reply.headers["location"] == "http://localhost/v1/jobs"
