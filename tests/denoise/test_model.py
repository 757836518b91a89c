"""A diffusion model inside a replica: progress of every step that is told, cancel, and company over the one engine."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.contract import Unhealthy
from serve_app.config import LocalStorageConfig, ModelEntry
from serve_app.jobs.catalogue import Catalogue
from serve_app.replica.replica import Replica
from serve_app.replica.work import Work
from tests.support.service import entry, until

pytestmark = pytest.mark.anyio
OPTIONS = {"engine": {"step_tokens": 4000}}


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    made = ModelEntry.model_validate(entry("it", "tests.support.denoisers:Small", at_once=64, options=OPTIONS))
    replica = Replica(made, LocalStorageConfig(path=str(tmp_path)))
    yield replica
    replica.model.engine.close()  # type: ignore[attr-defined]
    replica.workers.shutdown(cancel_futures=True)


def work(replica: Replica, seed: int = 1, **fields: Any) -> Work:
    plan = Catalogue([replica.entry]).plan(
        "it", {"prompt": "rain", "duration_s": 1, "seed": seed, **fields}, prefix="/input"
    )
    [item] = plan.candidates
    return Work("job_1", "req_1", item.key, item.seed, item.request, item.settings)


async def test_progress_rises_to_the_last_step(replica: Replica) -> None:
    events = [event async for event in replica.run(work(replica, steps=300))]
    steps = [data["step"] for kind, data in events if kind == "progress"]
    assert events[-1][0] == "output"
    assert steps == sorted(set(steps))
    assert steps[-1] == 300
    assert {data["steps"] for kind, data in events if kind == "progress"} == {300}
    assert events[-1][1]["output"]["duration_s"] == 1.0


async def test_a_cancel_frees_the_engine(replica: Replica) -> None:
    stream = replica.run(work(replica, steps=100_000))
    assert [(await anext(stream))[0] for _ in range(2)] == ["taken", "progress"]
    await stream.aclose()  # type: ignore[attr-defined]
    events = [event async for event in replica.run(work(replica, seed=2, steps=5))]
    assert events[-1][0] == "output"
    engine: Any = replica.model.engine  # type: ignore[attr-defined]
    await until(lambda: len(engine.waiting) == 0)


async def test_a_dead_engine_makes_its_replica_unhealthy(replica: Replica) -> None:
    assert [event async for event in replica.run(work(replica))][-1][0] == "output"
    await replica.check_health()

    def lost(*_: Any) -> Any:
        raise RuntimeError("CUDA error: unspecified launch failure")

    net: Any = replica.model.net  # type: ignore[attr-defined]
    net.forward = lost
    for seed in (2, 3):  # the one that meets it, and one that comes later
        kind, data = [event async for event in replica.run(work(replica, seed=seed))][-1]
        assert (kind, data["code"]) == ("error", "model_not_ready")
        assert "unspecified launch failure" in data["detail"]
    with pytest.raises(Unhealthy, match="unspecified launch failure"):
        await replica.check_health()


async def test_many_at_once_share_their_steps(replica: Replica) -> None:
    async def last(item: Work) -> Any:
        return [event async for event in replica.run(item)][-1]

    works = [work(replica, seed=n, steps=3 + n % 5, duration_s=0.5 + n % 3) for n in range(24)]
    ends = await asyncio.gather(*(last(item) for item in works))
    assert [kind for kind, _ in ends] == ["output"] * 24
    assert [data["output"]["duration_s"] for _, data in ends] == [0.5 + n % 3 for n in range(24)]
    net: Any = replica.model.net  # type: ignore[attr-defined]
    assert net.encoded.count("rain") == 1
    assert max(net.forwards) > 4
