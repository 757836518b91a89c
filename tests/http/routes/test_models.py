import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import ClassVar

import pytest

from deployments.contract import ImageInfo, ImageRequest, ModelInfo
from deployments.tone import Tone
from serve_app import __version__
from serve_app.config import parse_args
from serve_app.http.routes import models
from serve_app.http.schemas import ModelCard, ModelHealth, ModelList, ModelPage
from serve_app.jobs.catalogue import Catalogue
from tests.support.models import CountingTone
from tests.support.service import HANGS_S, Json, Service, args_in, entry, running, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]


class Slow(Tone):
    """Its weights are there when the test says so."""

    arrived = threading.Event()

    def load(self) -> None:
        assert self.arrived.wait(60)


class Painter(Tone):
    """What a model of pictures tells of itself."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(
        update={"task": "image", "sound": None, "image": ImageInfo(max_pixels=1 << 20, multiple_of=8)}
    )
    Request: ClassVar[type[ImageRequest]] = ImageRequest  # type: ignore[assignment]


async def health(service: Service, name: str, **known: object) -> Json:
    """The health of a model as soon as it says these things; it is told anew every two seconds."""
    async with asyncio.timeout(HANGS_S):
        while True:
            found = dict((await service.http.get(f"/v1/models/{name}")).json()["health"])
            if found.items() >= known.items():
                return found
            await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    models = (
        entry("tone", fallback=["chime"]),
        entry("chime", "tests.support.models:Chime"),
        entry("slow", "tests.http.routes.test_models:Slow"),
        entry("broken", options={"fail_load": "no weights in /models"}),
        entry("judge", "tests.support.models:Judge"),
    )
    async with running(args_in(tmp_path_factory.mktemp("service"), *models)) as service:
        yield service
        Slow.arrived.set()  # also when its test did not come to it


async def test_the_list_has_the_openai_shape_and_every_model(service: Service) -> None:
    found = (await service.http.get("/v1/models")).json()
    assert found["object"] == "list"
    assert [item["id"] for item in found["data"]] == ["tone", "chime", "slow", "broken", "judge"]
    assert all(item["object"] == "model" and item["owned_by"] and "created" in item for item in found["data"])


async def test_a_card_says_what_a_caller_needs(service: Service) -> None:
    card = (await service.http.get("/v1/models/tone")).json()
    assert card["task"] == "text-to-audio"
    assert card["capabilities"] == ["seed", "steps", "streaming"]
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


async def test_the_documentation_says_what_is_answered(service: Service) -> None:
    found = (await service.http.get("/v1/models")).json()
    ModelList.model_validate(found, strict=True, extra="forbid")
    for listed in found["data"]:
        page = (await service.http.get(f"/v1/models/{listed['id']}")).json()
        ModelPage.model_validate(page, strict=True, extra="forbid")
        assert page.keys() == listed.keys() | {"health"}
        assert page["health"].keys() == ModelHealth.model_fields.keys()
    sounds = {"sample_rate_hz", "channels", "max_duration_s"}
    tone, judge = found["data"][0].keys(), found["data"][-1].keys()
    assert (tone & sounds, judge & sounds) == (sounds, set())
    shapes = (await service.http.get("/openapi.json")).json()["components"]["schemas"]
    assert sounds.isdisjoint(shapes["ModelCard"]["required"])
    assert "health" in shapes["ModelPage"]["required"]
    assert "health" not in shapes["ModelCard"]["properties"]


async def test_health_tells_of_jobs_and_of_whom_they_were_left_to(tmp_path: Path) -> None:
    args = args_in(
        tmp_path,
        entry("tone"),
        entry("unloadable", options={"fail_load": "no weights"}, fallback=["tone"]),
        entry("nan", options={"fault": "nan"}),
        entry("idle"),
    )
    async with running(args) as service:
        jobs = [await service.made(model="tone", seed=seed) for seed in (1, 2, 1)]
        assert [job["cached"] for job in jobs] == [False, False, True]
        assert (await service.made(model="unloadable"))["model_used"] == "tone"
        assert (await service.made(model="nan"))["status"] == "failed"
        tone = await health(service, "tone", sample=3)
        assert tone["run_p50_s"] > 0
        assert tone == {
            "version": f"tone-1+{__version__}", "queue_depth": 0, "oldest_queued_s": None, "success_ratio": 1.0,
            "run_p50_s": tone["run_p50_s"], "sample": 3,
        }  # fmt: skip
        for name in ("unloadable", "nan"):
            bad = await health(service, name, sample=1)
            assert (bad["success_ratio"], bad["run_p50_s"]) == (0.0, None)
        idle = await health(service, "idle")
        assert (idle["sample"], idle["success_ratio"], idle["run_p50_s"], idle["queue_depth"]) == (0, None, None, 0)


async def test_health_is_that_of_all_ingresses(tmp_path: Path) -> None:
    args = args_in(tmp_path, entry("single", "tests.support.models:CountingTone", at_once=1))
    async with running(args) as one, running(args) as other:
        CountingTone.held.update(("first", "second"))
        try:
            first = await one.job("first", model="single")
            await one.reach(first, "started")
            second = await one.job("second", model="single")
            waits = await health(other, "single", queue_depth=1)
            assert waits["oldest_queued_s"] >= 0
            assert (waits["sample"], waits["success_ratio"]) == (0, None)
            await one.http.post(f"/v1/jobs/{second['id']}/cancel")
        finally:
            CountingTone.held.clear()
        assert (await one.ended(first))["status"] == "succeeded"
        done = await health(other, "single", queue_depth=0, sample=1)
        assert (done["success_ratio"], done["oldest_queued_s"]) == (1.0, None)  # the canceled one does not count


async def test_a_model_of_pictures_tells_of_pictures() -> None:
    args = parse_args({"models": [entry("painter", "tests.http.routes.test_models:Painter")]})
    shown = models.card(Catalogue(args.models)["painter"], {"status": "cold", "reason": None, "replicas": 0})
    assert ModelCard.model_validate(shown, strict=True, extra="forbid").max_pixels == 1 << 20
    assert shown["multiple_of"] == 8
    assert "sample_rate_hz" not in shown


async def test_a_model_that_nobody_configured_has_no_health(service: Service) -> None:
    reply = await service.http.get("/v1/models/tonne")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
