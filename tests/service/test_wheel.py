"""A wheel that pip installs elsewhere is as good as the clone: same sounds, same service, and it says what it lacks."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deployments.synth import generate_audio
from tests.support.live import ROOT, running

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(900)]

PROMPT = "gentle rain with a scintillant pad"
HEAR = f"""
import hashlib, sys
from pathlib import Path
import synth_native, deployments.synth, serve_app
for module in (synth_native, deployments.synth, serve_app):
    assert Path(module.__file__).is_relative_to(sys.prefix), module.__file__
print(hashlib.sha256(deployments.synth.generate_audio({PROMPT!r}, duration=2.0, seed=7).tobytes()).hexdigest())
"""


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For all instruction sets, from the objects that the set-up has built: the same settings build the same tree."""
    folder = tmp_path_factory.mktemp("dist")
    tools = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    settings = ("-Cbuild-dir=build/engine", "-Ccmake.define.SYNTH_TESTS=ON", "-Ccmake.define.SYNTH_ISAS=v3;v4")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ".",
        *settings, env=tools)  # fmt: skip
    [found] = folder.glob("continuo_sound-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the wheel was installed into, with what it depends on and nothing else."""
    folder = tmp_path_factory.mktemp("else where") / "venv"
    run(sys.executable, "-m", "venv", folder)
    uv = Path(sys.executable).with_name("uv")
    pip = [uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python"]
    if not uv.exists():
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    run(*pip, "-c", ROOT / "constraints.txt", wheel)
    return folder


def test_it_serves_and_sounds_as_the_clone_does(installed: Path, tmp_path: Path) -> None:
    python, continuo = installed / "bin" / "python", installed / "bin" / "continuo"
    own = {"HOME": str(tmp_path), "MODELS_DIR": str(tmp_path / "models"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    env = {**os.environ, **own}
    with running(tmp_path / "home", None, env=own, program=(str(continuo),)) as service:
        told = service.wait_line("^missing: ")
        assert "search by meaning falls back to words" in told
        assert "continuo models pull embedder" in told
        body = {"prompt": PROMPT, "duration_s": 1}
        job = httpx.post(f"{service.url}/v1/audio/generations", json=body, timeout=70).json()
        assert job["status"] == "succeeded", job
        assert any("sentence model" in note for note in job["interpretation"]["notes"]), job
    run(continuo, "models", "pull", "embedder", cwd=tmp_path, env=env)
    sound = generate_audio(PROMPT, duration=2.0, seed=7)
    assert run(python, "-c", HEAR, cwd=tmp_path, env=env) == hashlib.sha256(sound.tobytes()).hexdigest()
    assert run(continuo, "presets", "lint", cwd=tmp_path, env=env) == "no faults"
