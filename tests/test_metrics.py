from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serve_app.metrics import Metrics
from tests.records.test_job_rows import job
from tests.support.service import LONG, Service

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quiet")]

NAMES = {
    "continuo_jobs", "continuo_job_failures", "continuo_cache_hits", "continuo_lost_attempts", "continuo_queue_seconds",
    "continuo_run_seconds", "continuo_job_seconds", "continuo_real_time_factor", "continuo_queue_depth",
    "continuo_queue_age_seconds", "continuo_places_busy",
}  # fmt: skip


async def samples(service: Service) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels, read as Prometheus reads it."""
    reply = await service.http.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(reply.text))
    assert {family.name for family in families} >= NAMES
    assert all(family.documentation for family in families)
    found = [sample for family in families for sample in family.samples]
    return {(sample.name, tuple(sample.labels.values())): sample.value for sample in found}


async def test_jobs_are_counted_by_model_and_end(service: Service) -> None:
    await service.made("counted", seed=1)
    await service.made("counted", seed=1)
    await service.made(duration_s=1e-6)
    stopped = await service.job(**LONG)
    await service.reach(stopped, "started")
    during = await samples(service)
    assert during["continuo_places_busy", ("tone",)] == 1
    assert during["continuo_queue_age_seconds", ("tone",)] > 0
    await service.http.post(f"/v1/jobs/{stopped['id']}/cancel")
    found = await samples(service)
    assert found["continuo_jobs_total", ("tone", "succeeded")] == 2
    assert found["continuo_jobs_total", ("tone", "failed")] == 1
    assert found["continuo_jobs_total", ("tone", "canceled")] == 1
    assert found["continuo_job_failures_total", ("invalid", "tone")] == 1
    assert found["continuo_cache_hits_total", ("tone",)] == 1
    assert found["continuo_run_seconds_count", ("tone",)] == 1
    assert found["continuo_job_seconds_count", ("tone",)] == 4
    assert found["continuo_real_time_factor_count", ("tone",)] == 1
    assert found["continuo_places_busy", ("tone",)] == 0
    assert found["continuo_queue_depth", ("chime",)] == 0
    assert found["continuo_queue_age_seconds", ("tone",)] == 0


async def test_what_waits_shows(service: Service) -> None:
    jobs = [await service.job(**LONG) for _ in range(6)]
    found = await samples(service)
    assert (found["continuo_queue_depth", ("tone",)], found["continuo_places_busy", ("tone",)]) == (2, 4)
    for waiting in reversed(jobs):
        await service.http.post(f"/v1/jobs/{waiting['id']}/cancel")


async def test_a_refused_caller_is_told_a_time_between_a_second_and_a_minute() -> None:
    metrics = Metrics()
    row = job(status="succeeded")
    for total_s, expected_s in ((0.001, 1), (1000.0, 60)):
        for _ in range(100):
            metrics.finished(replace(row, metrics={"queue_s": 0.0, "total_s": total_s}))
        assert metrics.expected_wait_s() == expected_s
