"""The service over an S3 server behind a network that breaks: jobs end, and a URL never leads to a broken object."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.fault_proxy import FaultProxy
from tests.support.live import TONE, Service, config_file, fetched, running, wait_for
from tests.support.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server
from tests.support.soak import at_length

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

JOBS = at_length(8, 4)
S3_KEYS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Remote:
    """A service whose every request to its storage passes the proxy."""

    service: Service
    proxy: FaultProxy


def connected(stack: ExitStack, server: S3Server, home: Path) -> Remote:
    proxy = stack.enter_context(FaultProxy(server.port))
    storage = {
        "kind": "s3",
        "bucket": server.bucket,
        "prefix": "made",
        "endpoint_url": f"http://127.0.0.1:{proxy.port}",
        "connect_timeout_s": 1.0,
        "read_timeout_s": 1.0,
        "deadline_s": 5.0,
    }
    service = stack.enter_context(running(home, config_file(home, [TONE], storage=storage), env=S3_KEYS))
    return Remote(service, proxy)


@pytest.fixture(scope="module")
def remote(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    """Over moto or over radosgw: one service at a time."""
    with ExitStack() as stack:
        found = connected(stack, request.getfixturevalue(request.param), tmp_path_factory.mktemp("home"))
        works_again(found.service, "the start")  # so that what it finds out about the server at first is behind it
        yield found


over_moto = pytest.mark.parametrize("remote", ["moto"], indirect=True)
over_radosgw = pytest.mark.parametrize("remote", ["radosgw"], indirect=True)


def through(remote: Remote, mode: str, value: float, times: int | None) -> list[dict[str, Any]]:
    """The ends of some jobs that were made while the network had this fault; every URL of theirs holds."""
    service, proxy = remote.service, remote.proxy
    name = f"{mode} {value} {times} {proxy.faults}"
    before = proxy.faults
    proxy.mode(mode, value, times)
    try:
        ids = [service.submit(f"{name} {n}", duration_s=1)["id"] for n in range(JOBS)]
        ended = [service.ended(job_id, timeout_s=90) for job_id in ids]
    finally:
        proxy.mode("ok")
    assert proxy.faults > before, "the fault never happened"
    print(json.dumps({name: Counter((job["error"] or job)["code" if job["error"] else "status"] for job in ended)}))
    for job in ended:
        if job["status"] == "succeeded":
            fetched(service.job(job["id"])["outputs"][0])
        else:
            assert job["error"]["code"] == "storage_unavailable", job
            assert job["error"]["retryable"]
            assert job["outputs"] == []
    works_again(service, name)
    return ended


def works_again(service: Service, name: str) -> None:
    job = service.ended(service.submit(f"after {name}", duration_s=1)["id"])
    assert job["status"] == "succeeded", job["error"]
    fetched(job["outputs"][0])
    ready(service, 200)


def ready(service: Service, status: int) -> httpx.Response:
    """What /readyz answers as soon as it is this; looks at the store are shared for some seconds."""
    return wait_for(lambda: httpx.get(f"{service.url}/readyz", timeout=30), lambda seen: seen.status_code == status)


FAULTS = [
    pytest.param("refuse", 1.0, None, {"failed"}, id="refused"),
    pytest.param("refuse", 1.0, 3, {"succeeded"}, id="refused for a moment"),
    pytest.param("http500", 1.0, None, {"failed"}, id="500 always"),
    pytest.param("http500", 0.5, None, {"succeeded", "failed"}, id="500 half of the time"),
    pytest.param("http503", 1.0, 4, {"succeeded"}, id="503 for a moment"),
    pytest.param("slow", 400_000, None, {"succeeded", "failed"}, id="slow"),
    pytest.param("lag", 0.3, None, {"succeeded"}, id="lag"),
    pytest.param("hang", 1.0, 4, {"succeeded", "failed"}, id="hanging for a moment"),
    pytest.param("cut_up", 20_000, None, {"failed"}, id="every upload cut in the middle"),
    pytest.param("cut_up", 20_000, 3, {"succeeded"}, id="some uploads cut in the middle"),
    pytest.param("lost_reply", 1.0, None, {"failed"}, id="every reply lost"),
    pytest.param("lost_reply", 1.0, 4, {"succeeded"}, id="some replies lost"),
    pytest.param("lost_reply", 0.4, None, {"succeeded", "failed"}, id="replies lost now and then"),
]


@over_moto
@pytest.mark.soak
@pytest.mark.parametrize(("mode", "value", "times", "ends"), at_length(FAULTS, FAULTS[::2]))
def test_jobs_end_and_urls_hold(mode: str, value: float, times: int | None, ends: set[str], remote: Remote) -> None:
    ended = through(remote, mode, value, times)
    assert {job["status"] for job in ended} <= ends


@over_moto
def test_a_waited_job_answers_503_and_the_same_request_can_be_sent_again(remote: Remote) -> None:
    service, proxy = remote.service, remote.proxy
    body = {"model": "tone", "prompt": "sent twice", "duration_s": 1, "seed": 5}
    before = proxy.faults
    proxy.mode("refuse")
    answer = httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=70)
    refused = ready(service, 503)
    proxy.mode("ok")
    assert proxy.faults > before
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] == "storage_unavailable"
    assert "retry-after" in answer.headers
    assert refused.json()["code"] == "storage_unavailable"
    again = httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=70)
    assert again.status_code in (200, 201), again.text
    fetched(again.json()["outputs"][0])
    # now it is stored, and a look at it needs the storage too
    before = proxy.faults
    proxy.mode("refuse")
    cached = httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=70)
    proxy.mode("ok")
    assert proxy.faults > before
    assert cached.status_code == 503, cached.text
    assert cached.json()["code"] == "storage_unavailable"
    assert httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=70).json()["cached"]


@pytest.mark.s3
@over_radosgw
@pytest.mark.parametrize(
    ("mode", "value", "times"),
    [("http500", 0.5, None), ("cut_up", 20_000, 3), ("lost_reply", 0.4, None), ("refuse", 1.0, None)],
)
def test_on_a_real_server_too(mode: str, value: float, times: int | None, remote: Remote) -> None:
    through(remote, mode, value, times)
