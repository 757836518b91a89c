"""A model that pays a provider, on the real service: its process dies, the ingress dies, the provider calls back."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.live import Service, config_file, running, wait_for
from tests.support.provider import Provider, provider

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

PUBLIC = "http://sounds.example"


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, there: Provider) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("home")
    models = [
        {
            "name": name,
            "model": "deployments.remote_tone:RemoteTone",
            "options": {"url": there.url, "poll_s": poll_s},
            "replicas": {"min": 1, "max": 1, "cpus": 0.1, "target_ongoing": 10},
        }
        for name, poll_s in (("remote", 0.1), ("called", 3600))
    ]
    with running(home, config_file(home, models, public_url=PUBLIC)) as service:
        yield service


def test_a_song_is_paid_once_though_replica_and_ingress_die(service: Service, there: Provider) -> None:
    there.submits, there.looks, there.held = [], 0, True
    job = service.submit("a song", model="remote", duration_s=1)
    for victim in ("remote", "ingress"):
        seen = wait_for(lambda: there.looks, bool)
        service.kill(victim)
        if victim == "ingress":
            service.wait_ready()
        wait_for(lambda: there.looks, lambda looks, seen=seen: looks > seen + 5)  # type: ignore[misc]
    there.held = False
    ended = service.ended(job["id"])
    assert ended["status"] == "succeeded", ended["error"]
    assert [item["outcome"] for item in ended["attempt_log"]] == ["replica_lost", "ingress_lost", "succeeded"]
    assert len(there.submits) == 1


def test_a_callback_reaches_the_process_that_waits(service: Service, there: Provider) -> None:
    there.submits, there.looks, there.held = [], 0, False
    job = service.submit("a song", model="called", duration_s=1)
    wait_for(lambda: there.looks, bool)
    url = there.submits[0]["callback"].replace(PUBLIC, service.url)
    answer = httpx.post(url, json={"status": "whatever"}, timeout=70)
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.ended(job["id"])["status"] == "succeeded"
    assert there.looks == 2
