import threading
from collections.abc import AsyncIterator

import pytest

from deployments.tone import Tone
from tests.support.service import Service, args_in, entry, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


class Slow(Tone):
    """Its weights are there when the test says so."""

    arrived = threading.Event()

    def load(self) -> None:
        assert self.arrived.wait(60)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    models = (
        entry("tone", fallback=["chime"]),
        entry("chime", "tests.support.models:Chime"),
        entry("slow", "tests.http.routes.test_models:Slow"),
        entry("broken", options={"fail_load": "no weights in /models"}),
    )
    async with running(args_in(tmp_path_factory.mktemp("service"), *models)) as service:
        yield service
        Slow.arrived.set()  # also when its test did not come to it


async def test_the_list_has_the_openai_shape_and_every_model(service: Service) -> None:
    found = (await service.http.get("/v1/models")).json()
    assert found["object"] == "list"
    assert [item["id"] for item in found["data"]] == ["tone", "chime", "slow", "broken"]
    assert all(item["object"] == "model" and item["owned_by"] and "created" in item for item in found["data"])


async def test_a_card_says_what_a_caller_needs(service: Service) -> None:
    card = (await service.http.get("/v1/models/tone")).json()
    assert card["task"] == "text-to-audio"
    assert card["capabilities"] == ["seed", "steps"]
    assert (card["sample_rate_hz"], card["channels"], card["max_duration_s"]) == (44_100, 2, 60)
    assert card["licence"] == {"weights": "Apache-2.0", "commercial": True}
    assert card["fallback"] == ["chime"]
    assert card["input_schema"]["properties"]["duration_s"]["maximum"] == 60
    assert "options" not in card


async def test_the_state_is_that_of_the_replica(service: Service) -> None:
    await until(lambda: service.replicas["tone"].loading.done() and service.replicas["broken"].loading.done())
    states = {item["id"]: item for item in (await service.http.get("/v1/models")).json()["data"]}
    assert (states["tone"]["status"], states["tone"]["replicas"], states["tone"]["reason"]) == ("ready", 1, None)
    assert (states["broken"]["status"], states["broken"]["reason"]) == ("failed", "no weights in /models")
    assert states["slow"]["status"] == "loading"
    Slow.arrived.set()
    await service.made(model="slow")
    assert (await service.http.get("/v1/models/slow")).json()["status"] == "ready"


async def test_the_schema_describes_what_is_accepted(service: Service) -> None:
    schema = (await service.http.get("/v1/models/chime")).json()["input_schema"]
    assert schema["additionalProperties"] is False
    assert "steps" not in schema["properties"]
    job = await service.made(model="chime", tempo_bpm=schema["properties"]["tempo_bpm"]["maximum"])
    assert job["status"] == "succeeded"
