"""Streamed sound through the real service: a replica's process on the other side of a call."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.live import TONE, Service, config_file, fetched, running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

# More than the windows and buffers on its way hold, so that one who does not read holds it up.
WIDE = {"duration_s": 60, "format": "wav", "bit_depth": 32, "sample_rate_hz": 192_000}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("streamed")
    with running(home, config_file(home, [TONE])) as service:
        yield service


def asking(client: httpx.Client, **fields: Any) -> Any:
    body = {"model": "tone", "prompt": "a tone", "stream": True, **fields}
    return client.stream("POST", "/v1/audio/generations", json=body)


def test_what_is_heard_is_what_is_stored(service: Service) -> None:
    with service.client() as client:
        for format in ("pcm", "mp3", "flac"):
            with asking(client, duration_s=5, format=format) as reply:
                heard = reply.read()
            job = service.ended(reply.headers["x-job-id"])
            assert fetched(job["outputs"][0]) == heard


def test_a_client_that_does_not_read_holds_up_its_own_sound_only(service: Service) -> None:
    with service.client() as client, asking(client, **WIDE) as reply:
        parts = reply.iter_raw()
        size = len(next(parts))
        with service.client() as other, asking(other, duration_s=5, format="mp3") as quick:
            quick.read()
        assert service.ended(quick.headers["x-job-id"])["status"] == "succeeded"
        assert service.job(reply.headers["x-job-id"])["status"] == "running"
        size += sum(len(part) for part in parts)
    assert size == service.ended(reply.headers["x-job-id"])["outputs"][0]["bytes"]


def test_who_leaves_cancels_the_work_in_the_replica(service: Service) -> None:
    with service.client() as client, asking(client, **WIDE) as reply:
        parts = reply.iter_raw()
        next(parts)
    assert service.ended(reply.headers["x-job-id"])["status"] == "canceled"


def test_a_replica_that_is_killed_cuts_the_transfer_and_fails_the_job(service: Service) -> None:
    with service.client() as client, asking(client, **WIDE) as reply:
        parts = reply.iter_raw()
        next(parts)
        service.kill("tone")
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            for _ in parts:
                pass
    job = service.ended(reply.headers["x-job-id"])
    assert (job["status"], job["error"]["code"], job["attempts"]) == ("failed", "replica_lost", 1)
