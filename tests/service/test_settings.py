"""Limits and retention change by `serve deploy` while everything goes on: same ingress, same models, same jobs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from serve_app.launch.ports import free_port
from tests.commands.support import run
from tests.support.live import ROOT, TONE, config_file, environment, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow]

Json = dict[str, Any]


class Deployed:
    """Ray in a process of its own, to which Serve config files are deployed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def says(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def deploy(self, document: Json) -> Json:
        """The ids of the replicas of each deployment."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(document) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.says()))


@contextmanager
def deploying(home: Path, behind_haproxy_at: int = 0) -> Iterator[Deployed]:
    command = [sys.executable, "-m", "tests.support.deployed", str(home), str(behind_haproxy_at)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(home), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        deployed = Deployed(process)
        assert deployed.says() == "up"
        try:
            yield deployed
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


def rendered(home: Path, port: int, **args: Any) -> Json:
    """As `continuo config render` writes it, with a door on loopback (at a `port`) instead of Ray's proxies."""
    document: Json = yaml.safe_load(run("config", "render", "--config", str(config_file(home, [TONE], **args))).stdout)
    if port:
        document["applications"][0]["args"] |= {"listen": {"port": port}, "auth": {"mode": "loopback"}}
    return {"applications": document["applications"]}


def submit(url: str, prompt: str = "x") -> httpx.Response:
    body = {"model": "tone", "input": {"prompt": prompt, "steps": 1000, "step_s": 0.1}}
    return httpx.post(f"{url}/v1/jobs", json=body, headers={"Prefer": "respond-async"}, timeout=70)


def test_new_limits_hold_in_the_replicas_that_run(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with deploying(tmp_path) as ray:
        before = ray.deploy(rendered(tmp_path, port, limits={"queued_jobs": 5}))
        assert {name: len(ids) for name, ids in before.items()} == {"ingress": 1, "tone": 1}
        job = submit(url).raise_for_status().json()
        wait_for(lambda: httpx.get(f"{url}/v1/jobs/{job['id']}").json()["status"], lambda seen: seen == "running")
        assert submit(url, "x" * 2000).status_code != 413
        limits = {"queued_jobs": 1, "body_bytes": 1024}
        assert ray.deploy(rendered(tmp_path, port, limits=limits, retention={"jobs_s": 60})) == before
        wait_for(lambda: submit(url, "x" * 2000).status_code, lambda status: status == 413)
        assert submit(url).status_code == 429
        assert httpx.get(f"{url}/v1/jobs/{job['id']}").json()["status"] == "running"
        wrong = rendered(tmp_path, port)
        wrong["applications"][0]["deployments"][0]["user_config"] = {"limits": {"queued_jobs": 0}}
        assert ray.deploy(wrong) == before
        wait_for((tmp_path / "log.jsonl").read_text, lambda text: "limits and retention stay as they are" in text)
        assert submit(url, "x" * 2000).status_code == 413
        assert ray.deploy(rendered(tmp_path, port)) == before
        wait_for(lambda: submit(url, "x" * 2000).status_code, lambda status: status != 413)
