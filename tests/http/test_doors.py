"""Pages of other sites: which may read, which may write, and under which names the service answers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from serve_app.config import parse_args
from serve_app.errors import CrossSite, Misdirected
from serve_app.http.doors import Doors
from tests.support.service import Service, args_in, entry, running

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

BODY = {"prompt": "a tone", "duration_s": 0.1}


def doors(**args: Any) -> Doors:
    return Doors(parse_args({"models": [entry("tone")], **args}))


def look(through: Doors, method: str = "POST", **headers: str) -> None:
    given = {"host": "localhost:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    through.check(method, Headers(given))


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:9", "[::1]", "[::1]:8000", "localhost."]
)
def test_without_keys_the_names_of_this_machine_are_answered(host: str) -> None:
    look(doors(), "GET", host=host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "evil.example:8000",
     "localhost@evil", "localhost/evil", "[::2]", "0.0.0.0:8000", "127.0.0.2", "localhost:8000:1", "a b",
     "localhost:x", ""],
)  # fmt: skip
def test_without_keys_no_other_name_is_answered(host: str) -> None:
    with pytest.raises(Misdirected, match="public_url"):
        look(doors(), "GET", host=host)
    look(doors(auth={"mode": "keys"}), "GET", host=host)


def test_the_names_of_the_configuration_are_answered() -> None:
    look(doors(public_url="https://sound.example/x"), "GET", host="sound.example")
    look(doors(listen={"host": "127.0.0.3"}), "GET", host="127.0.0.3:8000")
    Doors(parse_args({"models": [entry("tone")]})).check("GET", Headers({}))  # HTTP/1.0 names no host


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"origin": "http://localhost", "host": "localhost:80"},
        {"origin": "https://localhost", "host": "localhost"},
        {"origin": "http://localhost:8000", "sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
    ],
    ids=str,
)
def test_a_write_of_our_own_pages_or_of_no_browser_is_let_in(headers: dict[str, str]) -> None:
    look(doors(), **headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://localhost:80001"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "localhost:8000"},
        {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
        {"origin": "http://localhost:3000", "sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site"},
    ],
    ids=str,
)
def test_a_write_from_another_site_is_refused(headers: dict[str, str]) -> None:
    for mode in ("loopback", "keys"):
        with pytest.raises(CrossSite, match="cors_origins"):
            look(doors(auth={"mode": mode}), **headers)
        for safe in ("GET", "HEAD", "OPTIONS"):
            look(doors(auth={"mode": mode}), safe, **headers)


def test_origins_that_are_named_may_write() -> None:
    named = doors(cors_origins=["https://app.example"], public_url="https://sound.example")
    for origin in ("https://app.example", "https://sound.example"):
        look(named, origin=origin, sec_fetch_site="cross-site")
    with pytest.raises(CrossSite):
        look(named, origin="https://app.example.evil")
    look(doors(cors_origins=["*"], auth={"mode": "keys"}), origin="https://any.example", sec_fetch_site="cross-site")


async def test_a_page_that_points_a_name_of_its_own_at_us_gets_nothing(service: Service) -> None:
    for path in ("/v1/jobs", "/docs", "/healthz"):
        reply = await service.http.get(path, headers={"Host": "evil.example"})
        assert (reply.status_code, reply.json()["code"]) == (421, "misdirected")
        assert reply.json()["request_id"] == reply.headers["x-request-id"]


async def test_a_page_of_another_site_makes_no_job(service: Service) -> None:
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    reply = await service.http.post("/v1/audio/generations", json=BODY, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (403, "cross_site")
    assert (await service.http.get("/v1/jobs")).json()["results"] == []
    reply = await service.http.options("/v1/jobs", headers={**headers, "Access-Control-Request-Method": "POST"})
    assert reply.status_code == 405
    assert "access-control-allow-origin" not in reply.headers


class TestWithOrigins:
    @pytest.fixture(scope="class")
    async def service(self, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
        folder: Path = tmp_path_factory.mktemp("cors")
        async with running(args_in(folder, cors_origins=["https://app.example"])) as service:
            yield service

    async def test_a_named_page_asks_first_and_then_uses_everything(self, service: Service) -> None:
        origin = {"Origin": "https://app.example"}
        asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,prefer"}
        reply = await service.http.options("/v1/audio/generations", headers=origin | asked)
        assert reply.status_code == 200
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        assert "POST" in reply.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in reply.headers
        cross = {**origin, "Sec-Fetch-Site": "cross-site"}
        made = await service.http.post("/v1/audio/generations", json=BODY, headers=cross)
        assert made.status_code == 201
        assert made.headers["access-control-allow-origin"] == "https://app.example"
        assert "Location" in made.headers["access-control-expose-headers"]
        wrong = await service.http.post("/v1/audio/generations", json={}, headers=cross)
        assert (wrong.status_code, wrong.headers["access-control-allow-origin"]) == (422, "https://app.example")

    async def test_another_page_is_told_no(self, service: Service) -> None:
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        reply = await service.http.options("/v1/jobs", headers=headers)
        assert reply.status_code == 400
        assert "access-control-allow-origin" not in reply.headers
        assert (await service.http.post("/v1/jobs", json={}, headers=headers)).status_code == 403
