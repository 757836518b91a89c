"""An ingress as a process of its own, without Ray: what is killed, stopped and cut off while others go on.

with ingress(args) as one, ingress(args) as two: ...        args as JSON, models of local replicas
python -m tests.support.ingress_process                     reads the JSON from standard input, prints its URL
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from serve_app.config import parse_args
from tests.support.service import HANGS_S, running


@dataclass
class IngressProcess:
    """A running ingress and a client of it."""

    process: subprocess.Popen[str]
    http: httpx.Client

    def stop(self) -> None:
        """Let it stand still (SIGSTOP) until `go_on`, from when nobody else has stopped it (who would resume it)."""
        while psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED:
            time.sleep(0.01)
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a stopped one go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.process.kill()
        self.process.wait(HANGS_S)

    def job(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """Make a job of the model `tone`, without waiting for it; one that cannot hold jobs just now is asked again."""
        terms = {name: fields.pop(name) for name in ("model", "webhook", "priority") if name in fields}
        body = {"model": "tone", **terms, "input": {"prompt": prompt, "duration_s": 0.2, **fields}}
        deadline = time.monotonic() + HANGS_S
        while (reply := self.http.post("/v1/jobs", json=body)).status_code == 503 and time.monotonic() < deadline:
            time.sleep(0.1)
        return dict(reply.raise_for_status().json())

    def get(self, job: dict[str, Any]) -> dict[str, Any]:
        """A job as this ingress sees it."""
        return dict(self.http.get(f"/v1/jobs/{job['id']}").raise_for_status().json())


@contextmanager
def ingress(args: dict[str, Any]) -> Iterator[IngressProcess]:
    """Start one; it is ended at the end of the block, however it stands then."""
    command = [sys.executable, "-m", "tests.support.ingress_process"]
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(args) + "\n")
        process.stdin.flush()
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), "the ingress did not start; its errors stand above"
        with httpx.Client(base_url=url, timeout=HANGS_S) as http:
            yield IngressProcess(process, http)
    finally:
        process.send_signal(signal.SIGCONT)
        process.stdin.close()
        try:
            process.wait(HANGS_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(HANGS_S)
        process.stdout.close()


async def serve(args: dict[str, Any]) -> None:
    """Run until standard input ends."""
    async with running(parse_args(args)) as service, service.listening() as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.stdin.readline())))
