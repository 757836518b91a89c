"""However the service is told to stop, and whoever reads its output: running jobs end first, and nothing is left."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from serve_app.launch.ports import free_port
from tests.support.live import PROGRAM, ROOT, TONE, Service, config_file, environment, running, wait_for
from tests.support.pipe import full_pipe

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SHORT = {"steps": 30, "step_s": 0.1}


def events(home: Path) -> list[dict[str, Any]]:
    file = home / "logs" / "continuo.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def assert_drained(home: Path) -> None:
    [drained] = [line for line in events(home) if line["event"] == "drained"]
    assert drained["left"] == 0


@contextmanager
def started(
    home: Path, port: int = 0, prepare: Callable[[], None] = lambda: None, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """`continuo serve` with other streams than the pipe that `running` reads; it hears of a closed terminal.

    (Tests that run under nohup would hand it down that nobody does.)
    """

    def hear_and_prepare() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        prepare()

    command = [*PROGRAM, "serve", "--port", str(port), "--config", str(config_file(home, [TONE]))]
    more: dict[str, Any] = {"preexec_fn": hear_and_prepare, **options}
    with subprocess.Popen(command, cwd=ROOT, env=environment(home), **more) as process:
        try:
            yield process
        finally:
            Service(process, "", home, None).kill_all()  # type: ignore[arg-type]


def is_ready(port: int) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).is_success
    return False


def submit(port: int) -> None:
    """A job that runs for 3 s."""
    service = Service(None, f"http://127.0.0.1:{port}", Path(), None)  # type: ignore[arg-type]
    service.reach(service.submit("ends first", **SHORT)["id"], "running")


def test_nobody_reads_the_output_any_more(tmp_path: Path) -> None:
    with running(tmp_path, config_file(tmp_path, [TONE])) as service:
        service.reach(service.submit("ends first", **SHORT)["id"], "running")
        assert service.process.stdout is not None
        os.dup2(os.open(os.devnull, os.O_RDONLY), service.process.stdout.fileno())  # `tee` is gone
        assert service.terminate() == 0
    assert_drained(tmp_path)


def test_a_reader_that_stands_still(tmp_path: Path) -> None:
    reading, writing = full_pipe()
    port = free_port()
    with started(tmp_path, port, stdout=writing) as process:
        wait_for(lambda: is_ready(port), bool)
        submit(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    os.close(reading)
    os.close(writing)
    assert_drained(tmp_path)


def test_closed_streams(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, port, prepare=lambda: os.closerange(0, 3)) as process:
        wait_for(lambda: is_ready(port), bool)
        submit(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert_drained(tmp_path)


def test_the_terminal_is_closed(tmp_path: Path) -> None:
    """The kernel tells every process of the terminal, also Ray's."""
    ours, theirs = os.openpty()
    port = free_port()
    streams: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True}
    with started(tmp_path, port, prepare=lambda: take_terminal(0), **streams) as process:
        os.close(theirs)
        wait_for(lambda: is_ready(port), bool)
        submit(port)
        os.close(ours)
        assert process.wait(60) == 0
    assert_drained(tmp_path)


def take_terminal(number: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(number, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize(
    ("number", "process_of_ray"),
    [(signal.SIGTERM, "/gcs_server "), (signal.SIGINT, "/raylet/raylet "), (signal.SIGHUP, "ServeController")],
)
def test_told_to_stop_while_it_starts(number: signal.Signals, process_of_ray: str, tmp_path: Path) -> None:
    with started(tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        family = wait_for(
            lambda: children(process.pid), lambda seen: any(process_of_ray in name for name in seen.values())
        )
        os.killpg(process.pid, number)  # as a terminal does, or `kill -- -PGID`
        said, errors = process.communicate(timeout=120)
        assert process.returncode == 0
        assert said.decode().splitlines()[-1] in ("stopped before it was up", "stopped")
        assert number == signal.SIGTERM or not errors, errors  # which Ray's own processes die of, and tell
        psutil.wait_procs(family, timeout=60)
        assert not [member for member in family if member.is_running()]


def children(pid: int) -> dict[psutil.Process, str]:
    found = {}
    with suppress(psutil.NoSuchProcess):
        for member in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                found[member] = " ".join(member.cmdline())
    return found


def test_ray_is_dead_already(tmp_path: Path) -> None:
    with running(tmp_path, config_file(tmp_path, [TONE]), "--grace", "1") as service:
        service.reach(service.submit("cut off", steps=1000, step_s=0.1)["id"], "running")
        family = children(service.process.pid)
        service.process.send_signal(signal.SIGSTOP)  # both at once: it would note the one before the other
        for member, name in family.items():
            if "/raylet/raylet " in name or "/gcs_server " in name:
                member.kill()
        service.process.send_signal(signal.SIGTERM)
        service.process.send_signal(signal.SIGCONT)
        service.wait_line("stopping: running jobs have 1 s")
        service.wait_line("stopped without a drain .*; accepted jobs wait for the next start")
        assert service.process.wait(120) == 1
        psutil.wait_procs(family, timeout=60)
        assert not [member for member in family if member.is_running()]
