"""Models composed with a scorer: every output has its score, the best comes first, and without one the job says why."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from serve_app.jobs.results import Made, ranked
from tests.support.models import Judge
from tests.support.service import Service, args_in, entry, running

pytestmark = pytest.mark.anyio
BROKEN = {"fail_load": "weights were looked for in /models/clap"}


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Service]:
    models = (
        entry("judge", "tests.support.models:Judge"),
        entry("broken", "tests.support.models:Judge", options=BROKEN),
        entry("plain"),
        entry("judged", parts={"scorer": "judge"}),
        entry("unjudged", parts={"scorer": "broken"}),
    )
    async with running(args_in(tmp_path_factory.mktemp("service"), *models)) as service:
        yield service


async def test_candidates_are_ranked_by_their_scores(service: Service) -> None:
    Judge.asked.clear()
    job = await service.made("a tone", model="judged", n=5, seed=3)
    outputs = job["outputs"]
    scores = [output["clap_score"] for output in outputs]
    assert len(set(scores)) == 5
    assert scores == sorted(scores, reverse=True)
    assert sorted(output["seed"] for output in outputs) == [3, 4, 5, 6, 7]
    assert job["scoring"] == {"off": None}
    assert Judge.asked == [("a tone", (22_050,), 44_100)] * 5
    again = await service.made("a tone", model="judged", n=5, seed=3)
    assert again["cached"]
    assert [output["key"] for output in again["outputs"]] == [output["key"] for output in outputs]


async def test_a_single_output_has_its_score_too(service: Service) -> None:
    job = await service.made("one tone", model="judged")
    assert isinstance(job["outputs"][0]["clap_score"], float)


async def test_without_a_scorer_the_sound_comes_and_the_job_says_why_it_has_no_score(service: Service) -> None:
    job = await service.made("a tone", model="unjudged", n=2, seed=1)
    assert job["status"] == "succeeded"
    assert [output["clap_score"] for output in job["outputs"]] == [None, None]
    assert [output["seed"] for output in job["outputs"]] == [1, 2]
    assert "weights were looked for in /models/clap" in job["scoring"]["off"]


async def test_a_model_of_its_own_has_no_scores_and_another_address(service: Service) -> None:
    plain = await service.made("a tone", model="plain", seed=3)
    assert "clap_score" not in plain["outputs"][0]
    assert plain["scoring"] is None
    judged = await service.made("a tone", model="judged", seed=3)
    assert judged["outputs"][0]["key"] != plain["outputs"][0]["key"]
    assert judged["outputs"][0]["sha256"] == plain["outputs"][0]["sha256"]


async def test_a_scorer_takes_no_jobs(service: Service) -> None:
    refused = await service.http.post("/v1/jobs", json={"model": "judge", "input": {"prompt": "x"}})
    assert refused.status_code == 422
    assert "scores the sounds of other models" in refused.json()["detail"]
    routed = await service.job("anything", model="auto")
    assert routed["model_used"] == "plain"


async def test_memory_is_told_where_a_model_tells_it(service: Service) -> None:
    cards = {card["id"]: card for card in (await service.http.get("/v1/models")).json()["data"]}
    assert cards["judge"]["memory_bytes"] == 12345
    assert cards["plain"]["memory_bytes"] is None
    metrics = (await service.http.get("/metrics")).text
    assert 'continuo_model_memory_bytes{model="judge"} 12345.0' in metrics


def test_candidates_keep_their_order_when_one_has_no_score() -> None:
    def made(score: Any) -> Made:
        return Made("address", {"clap_score": score}, {}, {}, cached=False)

    some = [made(0.1), made(None), made(0.9)]
    assert ranked(some) == some
    assert [item.output["clap_score"] for item in ranked([made(0.1), made(0.9), made(0.1)])] == [0.9, 0.1, 0.1]
