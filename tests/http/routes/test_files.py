"""The signed URLs of jobs; ranges, tags and the rest of the route are in tests/storage/test_files_route.py."""

import re
import time
from urllib.parse import quote

import httpx
import pytest

from tests.support.service import Json, Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


@pytest.fixture
async def output(service: Service) -> Json:
    return dict((await service.made("a file", seed=1))["outputs"][0])


async def test_a_url_is_signed_anew_at_each_read(service: Service, output: Json) -> None:
    store = service.runtime.storage
    old = store.url(output["key"], 60, now=time.time() - 61).url
    reply = await service.http.get(old)
    assert (reply.status_code, reply.json()["code"]) == (403, "expired")
    listed = (await service.http.get("/v1/jobs?limit=1")).json()["results"][0]["outputs"][0]
    assert (await service.http.get(listed["url"])).status_code == 200


@pytest.mark.parametrize(
    "key",
    ["../continuo.db", "..%2f..%2fcontinuo.db", "audio/../../secret", "%2e%2e/secret", "/etc/passwd", "//etc/passwd",
     "audio/%00", "secret", "", "audio", "audio\\..\\secret", "a" * 5000, "%F0%9F%94%94", "%ff"],
)  # fmt: skip
async def test_a_key_of_ones_own_making_opens_nothing(service: Service, output: Json, key: str) -> None:
    query = httpx.URL(output["url"]).query.decode()
    for path in (f"/v1/files/{key}?{query}", f"/v1/files/{key}"):
        reply = await service.http.get(path)
        assert reply.status_code in (403, 404)
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expires", "9999999999"),
        ("expires", ""),
        ("expires", "1e9"),
        ("signature", "0" * 64),
        ("signature", ""),
        ("signature", "é"),
        ("expires", "٣"),
    ],
)
async def test_a_changed_signature_is_refused(service: Service, output: Json, name: str, value: str) -> None:
    url = str(httpx.URL(output["url"]).copy_set_param(name, value))
    reply = await service.http.get(url)
    assert (reply.status_code, reply.json()["code"]) == (403, "bad_signature")
    assert "signature=" not in reply.text


async def test_a_browser_can_seek(service: Service, output: Json) -> None:
    whole = (await service.http.get(output["url"])).content
    part = await service.http.get(output["url"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{output['bytes']}"
    known = await service.http.get(output["url"], headers={"If-None-Match": f'"{output["sha256"]}"'})
    assert known.status_code == 304
    assert quote(output["key"]) in output["url"]


async def test_a_range_outside_is_a_problem_with_the_id_of_its_request(service: Service, output: Json) -> None:
    reply = await service.http.get(output["url"], headers={"Range": "bytes=99999999-"})
    assert (reply.status_code, reply.headers["content-range"]) == (416, f"bytes */{output['bytes']}")
    assert reply.json()["request_id"] == reply.headers["x-request-id"] != ""


async def test_a_file_may_be_kept_as_long_as_its_url_lives(service: Service, output: Json) -> None:
    for headers in ({}, {"Range": "bytes=0-9"}, {"If-None-Match": "*"}):
        reply = await service.http.get(output["url"], headers=headers)
        kept = re.fullmatch(r"private, max-age=(\d+), immutable", reply.headers["cache-control"])
        assert kept is not None
        assert 3500 < int(kept[1]) <= 3600
