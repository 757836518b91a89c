"""Every example of the README does what the README says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile as sf
import yaml

from serve_app.config import parse_args
from serve_app.jobs.catalogue import Catalogue
from tests.support.live import ROOT, Service

pytestmark = pytest.mark.ray

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def shell(service: Service, script: str, folder: Path) -> str:
    script = script.replace("localhost:8000", service.url.removeprefix("http://"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "CONTINUO_URL": service.url}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        check=False,
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_shell_examples(default_service: Service, tmp_path: Path) -> None:
    sound, command, follow = blocks("sh")
    first = json.loads(shell(default_service, sound, tmp_path))
    assert first["status"] == "succeeded"
    assert json.loads(shell(default_service, sound, tmp_path))["cached"] is True
    assert "rain.flac" in shell(default_service, command, tmp_path)
    assert sf.info(tmp_path / "rain.flac").duration == 10.0
    events = shell(default_service, follow, tmp_path)
    assert re.findall(r"^event: (\w+)", events, re.MULTILINE)[-1] == "completed"
    assert json.loads(re.findall(r"^data: (.*)", events, re.MULTILINE)[-1])["status"] == "succeeded"


def test_python_example_prints_what_is_shown(default_service: Service, tmp_path: Path) -> None:
    (example,) = blocks("python")
    (shown,) = blocks("text")
    code = example.replace("localhost:8000", default_service.url.removeprefix("http://"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == shown
    assert sf.info(tmp_path / "rain.flac").frames == 441_000


def test_configuration_examples_are_valid() -> None:
    (entry,) = blocks("yaml")
    Catalogue(parse_args(yaml.safe_load(entry)).models)


def test_every_file_that_is_named_exists() -> None:
    """Each as it stands, or beside what was named before it in its row."""
    rows = re.findall(r"^\|.*\|(.*)\|$", README, re.MULTILINE)
    found = [re.findall(r"`([\w/.]+)`", row) for row in rows]
    assert sum(map(len, found)) > 15
    for names in found:
        beside = ROOT
        for name in names:
            path = ROOT / name if (ROOT / name).exists() else beside / name
            assert path.exists(), name
            beside = path if path.is_dir() else path.parent


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 150
