import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from serve_app import logs


@pytest.fixture
def ours() -> Iterator[logging.Logger]:
    """Our log as in a fresh process, and as it was afterwards."""
    handlers, level = logs.log.handlers[:], logs.log.level
    logs.log.handlers[:] = []
    logs.log.propagate = True  # else pytest adds a handler of its own
    yield logs.log
    for handler in logs.log.handlers:
        handler.close()
    logs.log.handlers[:] = handlers
    logs.log.setLevel(level)
    logs.log.propagate = False


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_each_record_is_one_line_of_json(ours: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUO_LOG_FILE", str(tmp_path / "log"))
    logs.set_up_logging("INFO")
    logs.set_up_logging("INFO")
    job, request = logs.job_id.set("job_1"), logs.request_id.set("req_1")
    ours.info("two\nlines of %s", "text", extra={"model": "tone", "seconds": 0.5, "path": Path("/x")})
    ours.debug("not at this level")
    logs.job_id.reset(job)
    logs.request_id.reset(request)
    ours.warning("no ids")
    first, second = lines(tmp_path / "log")
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "INFO",
        "event": "two\nlines of text",
        "request_id": "req_1",
        "job_id": "job_1",
        "model": "tone",
        "seconds": 0.5,
        "path": "/x",
    }
    assert second.keys() == {"at", "level", "event"}


def test_a_trace_stays_in_its_line(ours: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUO_LOG_FILE", str(tmp_path / "log"))
    logs.set_up_logging("INFO")
    try:
        raise ValueError("half of a pair: \ud800")
    except ValueError:
        ours.exception("failed")
    [line] = lines(tmp_path / "log")
    assert "ValueError: half of a pair" in line["trace"]


def test_a_log_file_that_was_moved_aside_is_opened_anew(
    ours: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTINUO_LOG_FILE", str(tmp_path / "log"))
    logs.set_up_logging("INFO")
    ours.info("before")
    (tmp_path / "log").rename(tmp_path / "log.1")
    ours.info("after")
    assert [line["event"] for line in lines(tmp_path / "log")] == ["after"]


def test_what_ray_adds_to_a_record_is_left_out() -> None:
    record = logging.makeLogRecord(
        {"msg": "x", "ray_serve_extra_fields": {}, "serve_access_log": 1, "_ray": 2, "model": "m"}
    )
    line = json.loads(logs.JsonLines().format(record))
    assert line.keys() == {"at", "level", "event", "model"}


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_nobody_else_may_read_a_log_file(
    ours: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    (tmp_path / "log").write_text("")
    (tmp_path / "log").chmod(0o644)
    monkeypatch.setenv("CONTINUO_LOG_FILE", str(tmp_path / "log"))
    before = os.umask(umask)
    try:
        logs.set_up_logging("INFO")
        ours.info("before")
        (tmp_path / "log").rename(tmp_path / "log.1")
        ours.info("after")
    finally:
        os.umask(before)
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("log", "log.1")] == [0o600, 0o600]


WRITE = """
import logging, sys
from serve_app import logs
logs.PrivateLogFile.largest_bytes = 20_000
logs.set_up_logging("INFO")
print("up", flush=True)
sys.stdin.readline()
for number in range(300):
    logs.log.info(f"{sys.argv[1]} {number}")
"""


def test_processes_that_share_a_file_move_it_aside_when_it_is_full_and_lose_no_line(tmp_path: Path) -> None:
    file, before = tmp_path / "log.jsonl", tmp_path / "log.1.jsonl"
    command = [sys.executable, "-c", WRITE]
    env = {**os.environ, "CONTINUO_LOG_FILE": str(file)}
    with ExitStack() as stack:
        writers = [
            stack.enter_context(
                subprocess.Popen([*command, name], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for name in ("a", "b")
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "up\n"
        for writer in writers:
            writer.communicate("go\n", timeout=60)
        assert [writer.returncode for writer in writers] == [0, 0]
    # 600 lines of some 70 bytes: the file was full at least once, and what is left are the last lines, in order.
    assert 20_000 <= before.stat().st_size < 25_000
    assert file.stat().st_size < 25_000
    left = [line["event"] for line in lines(before) + lines(file)]
    for name in ("a", "b"):
        numbers = [int(event.split()[1]) for event in left if event.startswith(name)]
        assert numbers == list(range(numbers[0], 300))
    assert [path.stat().st_mode & 0o777 for path in (file, before)] == [0o600, 0o600]


def test_only_a_file_is_moved_aside(ours: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(logs.PrivateLogFile, "largest_bytes", 1)
    monkeypatch.setenv("CONTINUO_LOG_FILE", str(tmp_path / "link"))
    logs.set_up_logging("INFO")
    for number in range(3):
        ours.info(str(number))
    assert [line["event"] for line in lines(tmp_path / "elsewhere")] == ["0", "1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "link"]
