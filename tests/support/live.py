"""The real service in processes of its own: started on a free port with its own home, ended by its own pid."""

import hashlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import yaml

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "serve_app.commands")
TONE = {
    "name": "tone",
    "model": "deployments.tone:Tone",
    "replicas": {"min": 1, "max": 1, "cpus": 0.5, "target_ongoing": 4},
}


@dataclass
class Service:
    """`continuo serve` as a user runs it."""

    process: subprocess.Popen[str]
    url: str
    home: Path
    lines: "queue.Queue[str]"
    seen: list[str] = field(default_factory=list)

    def client(self, **options: Any) -> httpx.Client:
        """A client of the service."""
        return httpx.Client(base_url=self.url, timeout=70, **options)

    def pids(self, replica: str) -> list[int]:
        """Process ids of the replicas of a deployment."""
        try:
            family = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        found = []
        for child in family:
            try:
                if f"ServeReplica:continuo:{replica}" in " ".join(child.cmdline()):
                    found.append(child.pid)
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found

    def kill(self, replica: str) -> int:
        """kill -9 a replica of a deployment; returns its pid, which is gone when this returns."""
        deadline = time.monotonic() + 120
        while not (pids := self.pids(replica)):
            assert time.monotonic() < deadline, f"no replica of {replica} came up"
            time.sleep(0.05)
        victim = psutil.Process(pids[0])
        victim.kill()
        psutil.wait_procs([victim], timeout=60)
        assert not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE
        return pids[0]

    def wait_ready(self, timeout_s: float = 120) -> float:
        """Seconds until /readyz answers."""
        began = time.monotonic()
        while time.monotonic() - began < timeout_s:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return time.monotonic() - began
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready within {timeout_s} s")

    def wait_line(self, pattern: str, timeout_s: float = 120) -> str:
        """The first line of the output that matches from now on."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            try:
                self.seen.append(self.lines.get(timeout=0.5))
            except queue.Empty:
                continue
            if re.search(pattern, self.seen[-1]):
                return self.seen[-1].strip()
        raise AssertionError(f"no line like {pattern!r} within {timeout_s} s:\n" + "".join(self.seen))

    def submit(self, prompt: str, model: str = "tone", webhook: str | None = None, **fields: Any) -> dict[str, Any]:
        """An accepted job, not waited for."""
        body: dict[str, Any] = {"model": model, "input": {"prompt": prompt, **fields}}
        if webhook is not None:
            body["webhook"] = {"url": webhook}
        answer = httpx.post(f"{self.url}/v1/jobs", json=body, headers={"Prefer": "respond-async"}, timeout=70)
        assert answer.status_code in (200, 202), answer.text
        return dict(answer.json())

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now."""
        return dict(httpx.get(f"{self.url}/v1/jobs/{job_id}", timeout=70).raise_for_status().json())

    def reach(self, job_id: str, *states: str, timeout_s: float = 120) -> dict[str, Any]:
        """The job when its status is one of these."""
        return wait_for(lambda: self.job(job_id), lambda job: job["status"] in states, timeout_s)

    def ended(self, job_id: str, timeout_s: float = 120) -> dict[str, Any]:
        """The job when it has ended, however."""
        return self.reach(job_id, "succeeded", "failed", "canceled", timeout_s=timeout_s)

    def model(self, name: str) -> dict[str, Any]:
        """What `/v1/models/{name}` says."""
        return dict(httpx.get(f"{self.url}/v1/models/{name}", timeout=70).raise_for_status().json())

    def family(self) -> list[psutil.Process]:
        """Every process of the service."""
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]

    def log_lines(self) -> list[str]:
        """The lines of the service's own log."""
        file = self.home / "logs" / "continuo.jsonl"
        return file.read_text().splitlines() if file.exists() else []

    def terminate(self, timeout_s: float = 120) -> int:
        """SIGTERM, as an operator stops it; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def kill_all(self) -> None:
        """End whatever is left of the service, by the ids of its processes."""
        try:
            family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        psutil.wait_procs(family, timeout=10)


def wait_for(look: Callable[[], T], good: Callable[[T], bool], timeout_s: float = 120) -> T:
    """What `look` sees as soon as it is good."""
    deadline = time.monotonic() + timeout_s
    while not good(seen := look()):
        assert time.monotonic() < deadline, f"not so within {timeout_s} s: {seen}"
        time.sleep(0.1)
    return seen


def fetched(output: dict[str, Any]) -> bytes:
    """The bytes behind an output's URL, which are those that it tells of."""
    data = httpx.get(output["url"], timeout=70).raise_for_status().content
    assert len(data) == output["bytes"]
    assert hashlib.sha256(data).hexdigest() == output["sha256"]
    return data


def environment(home: Path, env: dict[str, str] | None = None) -> dict[str, str]:
    """The variables of a process that keeps everything below `home`."""
    own = {"HOME": str(home), "CONTINUO_HOME": str(home), "PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
    return {name: value for name, value in os.environ.items() if name != "CONTINUO_API_KEY"} | own | (env or {})


def cli(home: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """`continuo WORDS`, run to its end."""
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=ROOT,
        env=environment(home, env),
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )


def config_file(home: Path, models: list[dict[str, Any]], **args: Any) -> Path:
    """A configuration that keeps everything below `home`."""
    full = {
        "storage": {"kind": "local", "path": str(home)},
        "database_url": f"sqlite:///{home}/continuo.db",
        "models": models,
        **args,
    }
    file = home / "continuo.yaml"
    application = {"name": "continuo", "import_path": "serve_app.app:build", "args": full}
    file.write_text(yaml.safe_dump({"applications": [application]}))
    return file


@contextmanager
def running(
    home: Path,
    config: Path | None = None,
    *options: str,
    env: dict[str, str] | None = None,
    program: tuple[str, ...] = PROGRAM,
) -> Iterator[Service]:
    """A running service; ended with all its processes at the end of the block. Another `program` runs in its home."""
    home.mkdir(parents=True, exist_ok=True)
    command = [*program, "serve", "--port", "0", *options]
    if config is not None:
        command += ["--config", str(config)]
    folder = ROOT if program is PROGRAM else home
    process = subprocess.Popen(
        command, cwd=folder, env=environment(home, env), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    service = Service(process, "", home, lines)
    try:
        service.url = _url(service)
        yield service
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(45)
        service.kill_all()
        process.wait(60)
        reader.join(60)
        assert process.stdout is not None
        process.stdout.close()


def _read(process: subprocess.Popen[str], lines: "queue.Queue[str]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)


def _url(service: Service, timeout_s: float = 240) -> str:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            service.seen.append(service.lines.get(timeout=0.5))
        except queue.Empty:
            if service.process.poll() is not None:
                break
            continue
        if match := re.search(r"ready after .*?(http://\S+)", service.seen[-1]):
            return match.group(1)
    raise AssertionError("the service did not start:\n" + "".join(service.seen))
