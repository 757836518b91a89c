"""Diffusion models in the real service: from zero and back, progress, cancel, many different jobs at once."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.checkpoints import BUILDERS
from tests.support.live import Service, config_file, fetched, running, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]
CLASSES = {"audioldm2": "deployments.sound.audioldm2:AudioLDM2", "tangoflux": "deployments.sound.tangoflux:TangoFlux"}
LONGEST_S = {"audioldm2": 1.5, "tangoflux": 0.7}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("diffusion")
    models = [
        {
            "name": name,
            "model": model,
            "options": {"model_path": str(BUILDERS[name](home / name)), "download": False},
            "replicas": {"min": 0, "max": 1, "cpus": 0.5, "target_ongoing": 50, "idle_s": 10},
        }
        for name, model in CLASSES.items()
    ]
    with running(home, config_file(home, models), env={"OMP_NUM_THREADS": "1"}) as service:
        yield service


def events(service: Service, job_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of a job as they come; ends with it."""
    with httpx.stream("GET", f"{service.url}/v1/jobs/{job_id}/events", timeout=120) as stream:
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                yield kind, json.loads(line.removeprefix("data:"))


@pytest.mark.parametrize("model", list(CLASSES))
def test_a_job_comes_from_zero_and_tells_of_its_steps(service: Service, model: str) -> None:
    steps = 500
    job = service.submit("rain on a roof", model, duration_s=LONGEST_S[model], steps=steps, seed=1)
    seen = list(events(service, job["id"]))
    told = [data for kind, data in seen if kind == "progress"]
    done = [data["step"] for data in told]
    assert len(done) >= 2
    assert done == sorted(set(done))
    assert {data["steps"] for data in told} == {steps}
    assert all(data["eta_s"] >= 0 for data in told[1:])
    ended = service.ended(job["id"])
    assert (ended["status"], ended["progress"]["step"]) == ("succeeded", steps)
    assert len(told) <= 4 * ended["metrics"]["total_s"] + 1
    [output] = ended["outputs"]
    assert output["duration_s"] == pytest.approx(LONGEST_S[model], abs=1e-4)
    fetched(output)


def test_a_cancelled_job_makes_room_for_the_next(service: Service) -> None:
    job = service.submit("a long one", "audioldm2", duration_s=30, steps=1000)
    stream = events(service, job["id"])
    step = next(data["step"] for kind, data in stream if kind == "progress")
    assert step < 1000
    httpx.post(f"{service.url}/v1/jobs/{job['id']}/cancel", timeout=70).raise_for_status()
    rest = [data for kind, data in stream if kind == "progress"]
    assert service.ended(job["id"])["status"] == "canceled"
    assert all(data["step"] < 1000 for data in rest)
    after = service.submit("a short one", "audioldm2", duration_s=0.5, steps=3)
    assert service.ended(after["id"])["status"] == "succeeded"


def test_fifty_different_jobs_at_once_end_right(service: Service) -> None:
    jobs = {}
    for number in range(50):
        model = list(CLASSES)[number % 2]
        fields: dict[str, Any] = {
            "duration_s": round(LONGEST_S[model] * (1 + number % 4) / 4, 3),
            "steps": 2 + number % 7,
            "guidance_scale": (1.0, 2.0, 4.5)[number % 3],
            "seed": number,
        }
        job = service.submit(("rain", "a dog barks", "bells in the wind")[number % 3], model, **fields)
        jobs[job["id"]] = fields
    sums = set()
    for job_id, fields in jobs.items():
        ended = service.ended(job_id)
        assert ended["status"] == "succeeded", ended["error"]
        [output] = ended["outputs"]
        assert output["duration_s"] == pytest.approx(fields["duration_s"], abs=1e-3)
        assert ended["seed"] == fields["seed"]
        fetched(output)
        sums.add(output["sha256"])
    assert len(sums) == 50


@pytest.mark.parametrize("model", list(CLASSES))
def test_an_idle_model_goes_away(service: Service, model: str) -> None:
    wait_for(lambda: service.model(model)["status"], lambda status: status == "cold", timeout_s=180)
    wait_for(lambda: service.pids(model), lambda pids: pids == [], timeout_s=120)
