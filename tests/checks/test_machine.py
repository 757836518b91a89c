from pathlib import Path

import pytest

from serve_app.checks import Check, gpu, machine, program
from serve_app.checks.gpu import Gpu, parse_smi, precision
from serve_app.config import Args, parse_args
from tests.support.service import entry

ROOT = Path(__file__).parents[2]


def one(found: object) -> Check:
    [check] = found  # type: ignore[misc]
    assert isinstance(check, Check)
    return check


def wanting(**replicas: float) -> Args:
    return parse_args({"models": [{**entry("tone"), "replicas": replicas}]})


def test_the_tried_versions_are_those_of_the_project() -> None:
    assert f"ray=={program.TRIED_RAY}\n" in (ROOT / "constraints.txt").read_text()
    assert (
        f'target-version = "py{machine.TRIED_PYTHON[0]}{machine.TRIED_PYTHON[1]}"'
        in (ROOT / "pyproject.toml").read_text()
    )


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        ((9, 0), "bf16, and fp8 where a model offers it"),
        ((8, 9), "bf16, and fp8 where a model offers it"),
        ((8, 6), "bf16"),
        ((8, 0), "bf16"),
        ((7, 5), "fp16"),
        ((7, 0), "fp16"),
        ((6, 1), "fp16, slowly"),
    ],
)
def test_the_precision_follows_from_the_capability(capability: tuple[int, int], expected: str) -> None:
    assert precision(capability) == expected


def test_the_lines_of_the_driver_are_read() -> None:
    text = "NVIDIA H200, 9.0, 143771\nOdd, name, 7.5, 15360\nNo devices were found\nTesla K, [N/A], 1\n\n"
    assert parse_smi(text) == [Gpu("NVIDIA H200", (9, 0), 143771), Gpu("Odd, name", (7, 5), 15360)]
    assert parse_smi(text)[0].told().startswith("NVIDIA H200, 140 GiB, compute capability 9.0: bf16")


def test_devices_that_are_there_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Gpu("old", (6, 1), 8192), Gpu("new", (8, 0), 40960)
    monkeypatch.setattr(gpu, "has_device_files", lambda: True)
    monkeypatch.setattr(gpu, "from_driver", lambda: [new])
    monkeypatch.setattr(gpu, "from_torch", lambda: [new, old])
    assert [item.status for item in gpu.gpu(None)] == ["ok", "warning"]
    monkeypatch.setattr(gpu, "from_torch", lambda: [])
    assert "the installed torch cannot use it" in one(gpu.gpu(None)).detail
    monkeypatch.setattr(gpu, "from_torch", lambda: None)
    assert one(gpu.gpu(None)).detail.startswith("new")
    monkeypatch.setattr(gpu, "from_driver", list)
    assert one(gpu.gpu(None)).status == "ok"
    assert "reserves GPUs for tone" in one(gpu.gpu(wanting(gpus=1))).detail


def test_a_configuration_that_reserves_too_much_is_told() -> None:
    assert one(machine.processors(wanting(min=1, cpus=0.1))).status == "ok"
    assert one(machine.processors(wanting(min=1, max=1000, cpus=10_000))).status == "warning"


def test_the_tightest_group_limits_memory_and_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    assert machine.cgroup_memory() is None
    assert machine.cpu_quota() is None
    for name, content in (("memory.max", "max"), ("memory.current", "5"), ("cpu.max", "max 100000")):
        (tmp_path / name).write_text(content)
    assert machine.cgroup_memory() is None
    assert machine.cpu_quota() is None
    (tmp_path / "memory.max").write_text(f"{1 << 30}\n")
    (tmp_path / "memory.current").write_text(f"{1 << 29}\n")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert machine.cgroup_memory() == (1 << 30, 1 << 29)
    assert machine.cpu_quota() == 0.5
    check = one(machine.memory())
    assert check.status == "warning"
    assert "0.5 GiB free of the 1.0 GiB that the cgroup allows" in check.detail
    assert "limited by the cgroup" in one(machine.processors(None)).detail


def test_a_compiler_is_missed_only_where_something_is_to_be_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    assert one(machine.compiler()).status == "warning"
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    assert one(machine.compiler()).status == "failed"
    old = tmp_path / "c++98"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo old 1.0 && exit 0\nexit 1\n')
    old.chmod(0o755)
    monkeypatch.setenv("CXX", str(old))
    assert "cannot compile C++20 (old 1.0)" in one(machine.compiler()).detail


def test_an_engine_that_is_not_there_stops_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert one(program.engine()).status == "ok"
    monkeypatch.setattr(program, "ask_python", lambda *_: None)
    assert "cannot be imported on this processor" in one(program.engine()).detail
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    assert one(program.engine()).status == "failed"


def test_extras_that_the_configuration_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"storage": {"kind": "s3", "bucket": "b"}, "database_url": "postgresql://h/d"}
    args = parse_args({"models": [entry("tone")], **shared})
    assert one(program.extras(args)).status == "ok"
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    check = one(program.extras(args))
    assert check.status == "failed"
    assert "continuo-sound[postgres,s3]" in check.remedy
    assert one(program.extras(parse_args({"models": [entry("tone")]}))).status == "ok"


def test_weights_are_missed_by_the_models_themselves() -> None:
    models = [entry("tone"), entry("whole", "tests.checks.models:Whole"), entry("half", "tests.checks.models:Half")]
    found = list(program.weights(parse_args({"models": models})))
    assert [(item.name, item.status) for item in found] == [("weights of whole", "ok"), ("weights of half", "warning")]
    assert found[1].detail == "half.bin: plays at half the level; a second thing"
    assert found[1].remedy == "continuo models pull half"
    assert one(program.weights(parse_args({"models": [entry("tone")]}))).detail == "no configured model needs any"


def test_import_paths_of_the_last_release_are_told() -> None:
    models = [entry("old", "deployments.clap:Clap"), entry("tone")]
    check = one(program.old_paths(parse_args({"models": models})))
    assert (check.status, "old: deployments.clap:Clap is now deployments.parts.clap:Clap" in check.detail) == (
        "warning",
        True,
    )
    assert list(program.old_paths(parse_args({"models": models[1:]}))) == []
