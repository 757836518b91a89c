"""A model composed with CLAP in the real service: the score crosses a hop, and without weights the job says why not."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoints import clap
from tests.support.live import config_file, fetched, running, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]
PATH = "deployments.parts.clap:Clap"


def scored(name: str, scorer: str) -> dict[str, Any]:
    replicas = {"cpus": 0.25, "target_ongoing": 4}
    return {"name": name, "model": "deployments.tone:Tone", "replicas": replicas, "parts": {"scorer": scorer}}


def test_outputs_are_scored_and_ranked_across_processes(tmp_path: Path) -> None:
    models: list[dict[str, Any]] = [
        {
            "name": "clap",
            "model": PATH,
            "options": {"model_path": str(clap(tmp_path / "clap")), "device": "cpu"},
            "replicas": {"cpus": 0.25},
        },
        {
            "name": "absent",
            "model": PATH,
            "options": {"model_path": str(tmp_path / "nowhere")},
            "replicas": {"cpus": 0.25},
        },
        scored("judged", "clap"),
        scored("unjudged", "absent"),
    ]
    with running(tmp_path / "home", config_file(tmp_path, models), env={"OMP_NUM_THREADS": "1"}) as service:
        wait_for(lambda: service.model("clap")["status"], lambda status: status == "ready", timeout_s=240)
        wait_for(lambda: service.model("absent")["status"], lambda status: status == "failed", timeout_s=240)
        made = service.ended(service.submit("a tone", "judged", duration_s=1, n=3, seed=5)["id"])
        assert made["status"] == "succeeded", made["error"]
        scores = [output["clap_score"] for output in made["outputs"]]
        assert len(set(scores)) == 3
        assert scores == sorted(scores, reverse=True)
        assert made["scoring"] == {"off": None}
        assert fetched(made["outputs"][0])
        plain = service.ended(service.submit("a tone", "unjudged", duration_s=1, seed=5)["id"])
        assert plain["status"] == "succeeded"
        assert plain["outputs"][0]["clap_score"] is None
        assert str(tmp_path / "nowhere") in plain["scoring"]["off"]
