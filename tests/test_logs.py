import json
import logging
import os
from collections.abc import Iterator
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
