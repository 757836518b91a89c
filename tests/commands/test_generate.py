"""`continuo generate`, at a service in a thread."""

import json
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from pathlib import Path

import pytest

from tests.commands.support import answering, refused, run

generate = import_module("serve_app.commands.making.generate")


def test_a_sound_is_made_and_written(url: str, tmp_path: Path) -> None:
    file = tmp_path / "out.wav"
    words = ("generate", "a tone", "--model", "tone", "--duration", "0.5", "--seed", "7", "--url", url)
    shown = run(*words, "-o", str(file))
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.strip() == str(file)
    assert file.read_bytes()[:4] == b"RIFF"
    assert "0.5 s" in shown.stderr
    assert "seed 7, tone" in shown.stderr
    without_file = run(*words)
    assert without_file.stdout.startswith(f"{url}/v1/files/")


@pytest.mark.parametrize("name", ["out.flac", "out.opus", "out.ogg", "out.mp3", "out.m4a", "out.aac", "OUT.WAV", "out"])
def test_the_ending_sets_the_format(url: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    shown = run("generate", "a tone", "--duration", "0.2", "--url", url, "-o", str(file))
    assert shown.exit_code == 0, shown.output
    assert file.stat().st_size > 100


@pytest.mark.parametrize(("name", "magic"), [("out.png", b"\x89PNG"), ("out.jpg", b"\xff\xd8"), ("o.webp", b"RIFF")])
def test_the_ending_of_a_picture_asks_for_one(url: str, tmp_path: Path, name: str, magic: bytes) -> None:
    file = tmp_path / name
    words = ("generate", "a lighthouse", "--seed", "7", "--url", url, "-o", str(file))
    for _ in range(2):  # made, then found
        shown = run(*words)
        assert (shown.exit_code, shown.stdout.strip()) == (0, str(file)), shown.output
        assert file.read_bytes().startswith(magic)
        assert "512 x 512, seed 7, canvas" in shown.stderr
    assert "did you mean 'canvas'" in refused(*words, "--model", "canvass")
    assert "does text-to-audio; models for image: canvas" in refused(*words, "--model", "tone")


@pytest.mark.parametrize(
    "name", ["take [final].wav", "[red]x[bold].wav", ":smile:.wav", "a\tb \x1b[31m.wav", "pad \udcff.wav"]
)
def test_a_name_is_never_markup(url: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    shown = run("generate", "a [/] tone", "--model", "tone", "--duration", "0.2", "--url", url, "-o", str(file))
    assert shown.exit_code == 0, shown.output
    assert file.stat().st_size > 100
    assert "\x1b" not in shown.output
    if name.isprintable():
        assert shown.stdout.strip() == str(file)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("x", "--model", "tonne"), "did you mean 'tone'?"),
        (("x", "--model", "[/]"), "unknown model '[/]'"),
        (("x", "--duration", "-1"), "/duration_s"),
        ((" ",), "the prompt is empty"),
        (("x", "--model", "broken"), "no weights here"),
        (("x", "--model", "canvas"), "model 'canvas' does image"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(url: str, words: tuple[str, ...], says: str) -> None:
    assert says in refused("generate", *words, "--url", url)


def test_what_cannot_be_written_is_refused_before_the_job_is_made(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    with answering(lambda _: (500, {}, b"")) as (base, asked):
        for name in ("missing/x.wav", "out.xyz", "folder.wav", "folder.wav/x/y.wav"):
            refused("generate", "x", "-o", str(tmp_path / name), "--url", base)
        assert asked == []
    assert [item.name for item in tmp_path.iterdir()] == ["folder.wav"]


def test_a_sound_that_cannot_be_saved_stays_where_it_is(url: str) -> None:
    line = refused("generate", "a tone", "--model", "tone", "--duration", "0.2", "--url", url, "-o", "/dev/full")
    assert "No space left" in line
    assert f"it is at {url}/v1/files/" in line


JOB = {"id": "job_1", "status": "running"}
SOUND = {
    "url": "http://127.0.0.1:9/x",
    "duration_s": 1.0,
    "quality": {"loudness_lufs": None, "true_peak_dbtp": -1.0},
}
DONE = {**JOB, "status": "succeeded", "outputs": [SOUND], "seed": 7, "model_used": "tone"}


def told(number: int, kind: str, data: object) -> str:
    return f"event: {kind}\r\ndata: {json.dumps(data)}\r\nid: {number}\r\n\r\n"


@pytest.mark.parametrize("then", ["the last event", "nothing more", "broken"])
def test_events_that_break_off_are_taken_up_where_they_ended(then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "RECONNECT_S", 0.0)
    seen: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        if request.command == "POST":
            return 202, {}, json.dumps(JOB).encode()
        if not request.path.endswith("/events"):
            return 200, {}, json.dumps(JOB if len(seen) == 1 else DONE).encode()
        seen.append(request.headers["Last-Event-ID"])
        text = ": still here\n\n" + told(1, "queued", {}) + told(2, "started", {})
        if len(seen) > 1 and then == "nothing more":
            return 204, {}, b""
        if len(seen) > 1 and then == "the last event":
            text = told(3, "completed", DONE)
        cut = {"Transfer-Encoding": "chunked"} if then == "broken" else {}  # what comes is no chunk
        return 200, {"Content-Type": "text/event-stream", **cut}, text.encode()

    with answering(answer) as (base, _):
        shown = run("generate", "x", "--url", base)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.strip() == SOUND["url"]
    assert seen == (["0", "0"] if then == "broken" else ["0", "2"])


def test_events_that_are_none_are_a_line() -> None:
    def answer(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "text/html"}, json.dumps(JOB).encode()

    with answering(answer) as (base, _):
        assert "not as Continuo does" in refused("generate", "x", "--url", base)
