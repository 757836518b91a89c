"""`continuo serve` before and after launch.py: what it is asked for, and a first sound that harms nobody."""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from serve_app.commands import serve
from tests.commands.support import Answer, answering, run
from tests.support.pipe import full_pipe

JOB = {"status": "succeeded", "outputs": [{"url": "http://there/x.flac"}], "urls": {"self": "http://there/job"}}


def fixed(status: int, body: object) -> Answer:
    return lambda _: (status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_a_first_sound_is_asked_for_and_told(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    serve.check_first_sound(url)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("first sound after ")
    assert second.startswith(f"{url}/v1/files/")


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, {"detail": "no key"}, "an API key is needed; set CONTINUO_API_KEY"),
        (500, {"detail": "the model's process died under this job"}, "none (the model's process died under this job)"),
        (503, b"busy", "none (Expecting value"),
        (200, [], "the service goes on"),
        (202, {**JOB, "status": "running", "outputs": []}, "it goes on: http://there/job"),
        (201, {"status": "succeeded"}, "the service goes on"),
        (201, JOB, "first sound after "),
    ],
)
def test_whatever_comes_instead_is_one_line(
    status: int, body: object, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTINUO_API_KEY", raising=False)
    with answering(fixed(status, body)) as (base, _):
        serve.check_first_sound(base)
    told = capsys.readouterr().out
    assert says in told
    assert told.startswith("first sound")
    assert len(told.splitlines()) == (2 if body is JOB else 1)


def test_a_service_that_is_gone_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    serve.check_first_sound("http://127.0.0.1:9")
    [line] = capsys.readouterr().out.splitlines()
    assert "Connection refused" in line


def test_the_key_of_the_environment_is_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTINUO_API_KEY", "ck_good")

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        good = request.headers["Authorization"] == "Bearer ck_good"
        return (201 if good else 401), {}, json.dumps(JOB if good else {}).encode()

    with answering(answer) as (base, _):
        serve.check_first_sound(base)
        monkeypatch.setenv("CONTINUO_API_KEY", "ck_bad")
        serve.check_first_sound(base)
    said = capsys.readouterr().out.splitlines()
    assert said[1] == "http://there/x.flac"
    assert "the key in CONTINUO_API_KEY is not valid here" in said[2]


def test_the_log_level_of_the_command_wins(config: str) -> None:
    assert serve.configured(Path(config), None).get("log_level") is None
    assert serve.configured(Path(config), "DEBUG")["log_level"] == "DEBUG"
    assert run("serve", "--log-level", "LOUD").exit_code == 2


def test_output_that_nobody_reads_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr(sys, "stdout", gone)
        serve.say("nobody hears this")
        serve.say("nor this")
    serve.say("nor on a closed file")
    monkeypatch.setattr(sys, "stdout", None)
    serve.say("nor where there was none from the start")


def test_a_reader_that_stands_still_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = full_pipe()
    monkeypatch.setattr(serve, "PATIENCE_MS", 1)
    with os.fdopen(reading), os.fdopen(writing, "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        serve.say("nobody takes this")
        monkeypatch.undo()


@pytest.mark.parametrize("closed", ["<&-", "<&- >&-", "2>&-", "<&- 2>&-"])
def test_a_stream_that_was_closed_leaves_its_place_to_no_file(closed: str, tmp_path: Path) -> None:
    code = "from serve_app.commands.main import open_streams as o; o(); f = open(__import__('sys').argv[1], 'w'); "
    code += "print(f.fileno(), file=f); print('printed')"
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code, str(tmp_path / "file")]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    assert int((tmp_path / "file").read_text()) > 2
