"""Behind a proxy: what it tells of the caller's address is believed if it is one of ours, and of nobody else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serve_app.http.application import create_app
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
        from serve_app.records import api_keys

        made = await service.runtime.database.write(api_keys.create, "ada", "x")
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
    asking = Forwarded(app, ["10.0.0.0/8"], doors, lambda _: True, True)  # type: ignore[arg-type]
    for client in ("198.51.100.7", "10.0.0.1"):
        told = [(b"x-forwarded-proto", b"https")]
        scope = {"type": "http", "scheme": "https", "path": "/", "client": (client, 1), "headers": told}
        await asking(scope, None, None)  # type: ignore[arg-type]
    assert seen == ["http", "https"]


async def test_the_caller_is_the_nearest_address_that_is_no_proxy_of_ours(tmp_path: Path) -> None:
    seen: list[object] = []

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        seen.append(scope["client"])

    doors = Doors(args_in(tmp_path, auth={"mode": "keys"}))
    asking = Forwarded(app, ["10.0.0.0/8"], doors, lambda _: True)  # type: ignore[arg-type]
    for told in (b"203.0.113.9, 10.0.0.2", b"6.6.6.6, 203.0.113.9,10.0.0.2"):
        for client in ("10.0.0.1", "198.51.100.7"):
            scope = {"type": "http", "path": "/", "client": (client, 1), "headers": [(b"x-forwarded-for", told)]}
            await asking(scope, None, None)  # type: ignore[arg-type]
    assert [address for address, _ in seen] == ["203.0.113.9", "198.51.100.7"] * 2  # type: ignore[misc, attr-defined]


async def test_without_the_setting_nobody_is_believed(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running(args_in(tmp_path_factory.mktemp("bare"), entry("tone"))) as bare:
        reply = await bare.http.get("/v1/jobs/", headers=TOLD)
        assert reply.headers["location"] == "http://localhost/v1/jobs"


@pytest.mark.parametrize("prefix", ["/v1", "/v1/jobs", "/docs"])
async def test_a_prefix_may_look_like_a_path_of_ours(service: Service, prefix: str) -> None:
    told = {**TOLD, "X-Forwarded-Prefix": prefix}
    base = f"https://sound.example{prefix}"
    for sent in ("", prefix):  # whether the proxy removes it or not
        reply = await service.http.get(f"{sent}/v1/jobs?limit=1", headers=told)
        assert reply.status_code == 200
        reply = await service.http.get(f"{sent}/v1/jobs/", headers=told)
        assert (reply.status_code, reply.headers["location"]) == (307, f"{base}/v1/jobs")
        assert (await service.http.get(f"{sent}/v1/nothing", headers=told)).status_code == 404
    job = (await service.http.post("/v1/audio/generations", json=BODY, headers=told)).json()
    assert job["urls"]["self"] == f"{base}/v1/jobs/{job['id']}"


@pytest.mark.parametrize("public", ["https://sound.example", "https://sound.example:8443/a/b/", "http://x.example/v1"])
async def test_all_urls_are_those_of_public_url(tmp_path: Path, public: str) -> None:
    base = public.rstrip("/")
    prefix = httpx.URL(base).raw_path.decode().rstrip("/")
    async with running(args_in(tmp_path, entry("tone"), public_url=public)) as named:
        for sent in {"", prefix}:
            reply = await named.http.get(f"{sent}/v1/jobs/?limit=1", headers={"Host": "127.0.0.1:9"})
            assert (reply.status_code, reply.headers["location"]) == (307, f"{base}/v1/jobs?limit=1")
        reply = await named.http.post("/v1/audio/generations", json=BODY)
        job = reply.json()
        assert reply.headers["location"] == job["urls"]["self"] == f"{base}/v1/jobs/{job['id']}"
        assert job["outputs"][0]["url"].startswith(f"{base}/v1/files/")
        assert f"{prefix}/openapi.json" in (await named.http.get("/docs")).text
        assert (await named.http.get("/v1/jobs", headers={"Host": "evil.example"})).status_code == 421


async def test_public_url_counts_before_what_a_proxy_says(tmp_path: Path) -> None:
    more = {"public_url": "https://sound.example/own", "trusted_proxies": ["127.0.0.0/8"], "auth": {"mode": "keys"}}
    async with running(args_in(tmp_path, entry("tone"), **more)) as named:
        for told in ({}, {"X-Forwarded-Host": "other.example", "X-Forwarded-Prefix": "/audio"}):
            reply = await named.http.get("/v1/jobs/", headers=told)
            assert (reply.status_code, reply.headers["location"]) == (307, "https://sound.example/own/v1/jobs")


@pytest.mark.parametrize("behind_serve", [False, True])
@pytest.mark.parametrize("host", ["a b", "x:99999", "x:", "[::1", "x/y", "é", "a@b", "", "a,b"])
async def test_a_host_that_is_none_is_refused(service: Service, host: str, behind_serve: bool) -> None:
    inner = httpx.ASGITransport(create_app(service.runtime, behind_serve), client=("127.0.0.1", 4242))
    async with httpx.AsyncClient(transport=inner, base_url="http://10.0.0.7:20001") as http:
        for path in ("/v1/jobs/", "/v1/jobs", "/healthz"):
            reply = await http.get(path, headers=[(b"Host", host.encode("latin-1"))])
            assert (reply.status_code, reply.json()["code"]) == (400, "malformed")
            assert "Host" in reply.json()["detail"]
            assert "20001" not in reply.text + str(reply.headers)


async def test_behind_serve_no_port_from_inside_is_told(service: Service) -> None:
    """HTTP/1.0 has no Host: a reference is then relative, as RFC 9110 allows for Location."""
    told: dict[str, str] = {}

    async def send(message: dict[str, Any]) -> None:
        told.update({name.decode(): value.decode() for name, value in message.get("headers", ())})

    scope = {"type": "http", "http_version": "1.0", "method": "GET", "path": "/v1/jobs/", "query_string": b""}
    scope |= {"scheme": "http", "headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 20001)}
    await create_app(service.runtime, behind_serve=True)(scope, asyncio.Event().wait, send)  # type: ignore[arg-type]
    assert told["location"] == "/v1/jobs"
