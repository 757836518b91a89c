"""cluster.yaml: what it starts on the head, with the token that it ships and without."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from serve_app.launch.ports import free_port
from tests.support.live import ROOT, environment

TOKEN = "0123456789abcdef" * 4
CLUSTER: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
# Instead of AWS, machines that are none; and what `ray up` has done when Ray starts on the head.
ON_HEAD: dict[str, Any] = {
    "provider": {"type": "fake_multinode", "use_node_id_as_ip": True, "disable_node_updaters": True},
    "cluster_synced_files": [],
    "file_mounts": {},
}


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of a head: its path is short, because sockets lie in it."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    (folder / "continuo").symlink_to(ROOT)
    (folder / "ray_bootstrap_config.yaml").write_text(json.dumps({**filled_in(CLUSTER), **ON_HEAD}))
    yield folder
    shutil.rmtree(folder)


def filled_in(cluster: dict[str, Any]) -> dict[str, Any]:
    """As `ray up` writes it for the head. Raises what it raises for a file that is no cluster file."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared: dict[str, Any] = prepare_config(cluster)
    validate_config(prepared)
    return prepared


def ship_token(home: Path, token: str = TOKEN) -> None:
    [target] = [Path(name).relative_to("~") for name in CLUSTER["file_mounts"] if name.endswith("auth_token")]
    (home / target).parent.mkdir(parents=True, exist_ok=True)
    (home / target).write_text(token)


@contextmanager
def head(home: Path, port: int) -> Iterator["subprocess.Popen[str]"]:
    """The command that starts Ray on the head, on loopback and ports of the test's own; it stays in the foreground."""
    [command] = [line for line in CLUSTER["head_start_ray_commands"] if "ray start" in line]
    assert command.count("--port=6379 ") == 1
    own = (
        "--block --include-dashboard=false --node-ip-address=127.0.0.1 --num-cpus=0 --object-store-memory=100000000 "
        f"--temp-dir={home}/r --dashboard-agent-listen-port={free_port()}"
    )
    command = command.replace("--port=6379 ", f"--port={port} ") + " " + own
    command = command.replace(". .venv/bin/activate", f". '{ROOT}/.venv/bin/activate'")
    with subprocess.Popen(
        ["bash", "-c", f"exec 2>&1; {command}"],
        env={**ray_free(home), "RAY_FAKE_CLUSTER": "1"},  # for the machines that are none
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.communicate(timeout=60)


def ray_free(home: Path) -> dict[str, str]:
    return {name: value for name, value in environment(home).items() if not name.startswith("RAY_")}


def said_until(process: "subprocess.Popen[str]", text: str) -> str:
    """The output up to the line that holds `text`, or all of it."""
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            break
    return said


def ask(home: Path, port: int) -> "subprocess.CompletedProcess[str]":
    """A question about the machines of the cluster, asked with the token of this home."""
    code = f"import ray; print(len(ray._raylet.GcsClient('127.0.0.1:{port}').get_all_node_info()), 'machines')"
    env = {**ray_free(home), "RAY_AUTH_MODE": "token"}
    words = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(words, env=env, text=True, capture_output=True, timeout=120, check=False)


@pytest.mark.ray
@pytest.mark.slow
def test_the_head_starts_with_the_shipped_token_and_asks_for_it(home: Path) -> None:
    port = free_port()
    ship_token(home)
    with head(home, port) as process:
        said = said_until(process, "Ray runtime started.")
        assert "Ray runtime started." in said
        assert (home / ".ray" / "auth_token").stat().st_mode & 0o777 == 0o600
        assert os.access(home / ".ray" / "continuo-haproxy", os.X_OK)
        answers = []
        for token in (TOKEN, "f" * 64, TOKEN):
            ship_token(home, token)
            answers.append(ask(home, port).stdout)
        assert answers == ["1 machines\n", "", "1 machines\n"]


@pytest.mark.ray
@pytest.mark.slow
def test_the_head_does_not_start_without_a_token(home: Path) -> None:
    with head(home, free_port()) as process:
        said, _ = process.communicate(timeout=120)
        assert process.returncode != 0
        assert "token" in said
        assert "Ray runtime started." not in said


def test_head_and_workers_are_started_alike() -> None:
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        [command] = [line for line in CLUSTER[name] if "ray start" in line]
        assert command.startswith("cd ~/continuo && . .venv/bin/activate && . scripts/cluster_env && ray start ")


def test_variables_of_the_operator_reach_ray(home: Path) -> None:
    """And the program that is HAProxy is there."""
    checkout = home / "checkout"
    checkout.mkdir()
    (checkout / ".env").write_text("DATABASE_URL='postgresql://u:p w@h/d'\n")
    script = f"cd {checkout} && . '{ROOT}/scripts/cluster_env' && exec env"
    env = {**ray_free(home), "PYTHONPATH": str(ROOT), "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}"}
    shown = subprocess.run(["sh", "-ec", script], env=env, text=True, capture_output=True, timeout=60, check=True)
    lines = shown.stdout.splitlines()
    assert "DATABASE_URL=postgresql://u:p w@h/d" in lines
    assert "RAY_AUTH_MODE=token" in lines
    assert f"RAY_SERVE_HAPROXY_BINARY_PATH={home}/.ray/continuo-haproxy" in lines
