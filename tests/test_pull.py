"""`continuo models pull` and the configuration of all models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_app.config import parse_args
from serve_app.graph import Catalogue
from serve_app.launch import read_config
from serve_app.pull import ALL_MODELS
from tests.support.checkpoints import clap
from tests.support.hub import Hub, serving
from tests.test_cli import run

PUBLISHED = "8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the tiny CLAP under the published name and revision; MODELS_DIR is empty."""
    with serving(**{"laion__clap-htsat-unfused": clap(tmp_path / "published")}) as hub:
        hub.commit = PUBLISHED
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def test_a_pull_leaves_the_weights_where_the_model_looks_for_them(hub: Hub, tmp_path: Path) -> None:
    done = run("models", "pull", "clap")
    assert done.exit_code == 0, done.output
    folder = tmp_path / "models" / "laion" / "clap-htsat-unfused"
    assert str(folder) in done.stdout
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "published" / "model.safetensors").read_bytes()
    asked = len(hub.asked)
    assert run("models", "pull", "clap").exit_code == 0
    assert len(hub.asked) == asked


def test_what_cannot_be_pulled_is_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean 'clap'" in run("models", "pull", "clapp").output
    assert "has no weights to fetch" in run("models", "pull", "tone").output
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    failed = run("models", "pull", "clap")
    assert failed.exit_code == 1
    assert "could not be reached" in failed.output


def test_the_configuration_of_all_models_is_valid_and_each_tells_its_facts() -> None:
    catalogue = Catalogue(parse_args(read_config(ALL_MODELS)).models)
    assert {"synth", "clap", "audioldm", "audioldm2-music", "tangoflux", "stable-audio"} <= set(catalogue.names)
    for item in catalogue:
        assert item.info.licence.weights
        if item.entry.replicas.gpus:
            assert item.info.memory_gib
            assert item.entry.fallback[-1] == "synth"
            schema = item.input_schema()["properties"]
            assert all(field.get("description") for field in schema.values())
