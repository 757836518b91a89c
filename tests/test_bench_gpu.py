"""bench/gpu.py runs its whole path without a GPU, so that it runs when one is at hand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.support.soak import at_length

ROOT = Path(__file__).parents[1]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.gpu", *words]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.timeout(900)
def test_every_path_runs_on_tiny_checkpoints(tmp_path: Path) -> None:
    models = at_length(["tangoflux", "audioldm2", "stable_audio"], ["tangoflux"])
    done = bench("--tiny", "--minutes", "0", "--models", ",".join(models), "--json", str(tmp_path / "gpu.json"))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["tiny"]
    assert set(report["models"]) == set(models)
    for figures in report["models"].values():
        for side in ("stock", "ours"):
            assert all(figures[side][name] > 0 for name in ("cold_start_s", "latency_s", "memory_bytes"))
        assert figures["ours"]["rates"]
        assert all(rate["p99_s"] >= rate["mean_s"] > 0 for rate in figures["ours"]["rates"])


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_figures_are_not_made_without_a_gpu() -> None:
    refused = bench()
    assert refused.returncode == 2
    assert "no CUDA device" in refused.stderr
