"""The whole service on PostgreSQL, as on a cluster, with an ingress that goes away."""

import asyncio
from pathlib import Path

import pytest

from tests.support.models import CountingTone
from tests.support.postgres import Postgres
from tests.support.service import args_in, entry, running

pytestmark = [pytest.mark.anyio, pytest.mark.postgres, pytest.mark.usefixtures("quiet")]


async def test_jobs_live_through_a_restart_of_the_ingress(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database("service")
    args = args_in(
        tmp_path, entry("tone"), entry("single", "tests.support.models:CountingTone", at_once=1), database_url=url
    )
    body = {"model": "tone", "input": {"prompt": "Glöckchen \u0000 🔔", "duration_s": 0.5}}
    CountingTone.held.add("runs")
    async with running(args) as service:
        headers = {"Idempotency-Key": "k", "Prefer": "wait=60"}
        replies = await asyncio.gather(*(service.http.post("/v1/jobs", json=body, headers=headers) for _ in range(32)))
        assert len({reply.json()["id"] for reply in replies}) == 1
        assert {reply.status_code for reply in replies} <= {200, 201}
        assert (await service.http.get(replies[0].json()["outputs"][0]["url"])).status_code == 200
        for path in ("/v1/jobs?cursor=%00", "/v1/jobs?model=a%00", "/v1/jobs/%00", "/v1/jobs/%00/events"):
            assert (await service.http.get(path)).status_code in (400, 404), path
        runs = await service.job("runs", model="single", seed=5)
        waits = await service.job("waits", model="single")
        await service.reach(runs, "started")
    CountingTone.held.clear()
    async with running(args) as service:
        for job in (runs, waits):
            assert (await service.ended(job))["status"] == "succeeded"
        assert [item["outcome"] for item in (await service.get(runs))["attempt_log"]] == ["released", "succeeded"]
        assert (await service.made("runs", model="single", seed=5))["cached"]
        page = (await service.http.get("/v1/jobs?limit=100")).json()
        assert [job["id"] for job in page["results"]] == sorted((job["id"] for job in page["results"]), reverse=True)
        await service.http.delete(f"/v1/jobs/{runs['id']}")
