"""`continuo jobs`, `models`, `presets`: ids whole, words as they are, JSON on demand."""

import io
import json
import re
from pathlib import Path

import pytest

from serve_app.commands import terminal
from tests.commands.support import answering, printed, run

HOSTILE = "pad [/] outro [red]x[/red] :smile: \x1b[31m \u202e"


def test_presets_are_searched_listed_and_shown(url: str) -> None:
    assert run("presets", "crackling", "vinyl", "--url", url).stdout.splitlines()[1].split()[:2] == [
        "vinyl",
        "AMBIENCE",
    ]
    basses = run("presets", "list", "--role", "BASS", "--url", url).stdout
    assert "sub_bass" in basses
    assert "vinyl" not in basses
    assert '"role": "PAD"' in run("presets", "show", "pad", "--url", url).stdout
    assert "did you mean 'pad'" in run("presets", "show", "padd", "--url", url).stderr


def test_preset_files_are_checked(tmp_path: Path) -> None:
    assert run("presets", "lint").exit_code == 0
    (tmp_path / "wrong.json").write_text('{"name": "Wrong"}')
    wrong = run("presets", "lint", str(tmp_path))
    assert wrong.exit_code == 1
    assert "wrong.json" in wrong.stdout


def test_models_and_jobs_are_listed(url: str) -> None:
    shown = run("models", "--url", url)
    assert shown.exit_code == 0
    assert re.search(r"tone\t.*ready", shown.stdout)
    assert re.search(r"broken\t.*failed: no weights here", shown.stdout)
    assert re.search(r"canvas\timage\t\w+\t1\t4\.2 MP\t", shown.stdout)
    assert '"sample_rate_hz": 44100' in run("models", "tone", "--url", url).stdout
    run("generate", "in the list", "--duration", "0.2", "--url", url)
    listed = run("jobs", "--url", url).stdout
    job_id = re.search(r"job_\w+", listed)
    assert job_id is not None
    assert "in the list" in listed
    assert '"status": "succeeded"' in run("jobs", job_id[0], "--url", url).stdout


def test_a_model_is_shown_with_its_health(url: str) -> None:
    for words in (("models", "tone"), ("models", "tone", "--json"), ("models", "show", "tone", "--json")):
        health = printed(*words, "--url", url)["health"]
        assert health["version"].startswith("tone-1+")
        assert {"queue_depth", "oldest_queued_s", "success_ratio", "run_p50_s", "sample"} < health.keys()
    assert all("health" not in item for item in printed("models", "--json", "--url", url)["data"])


def test_jobs_that_made_pictures_are_listed(url: str, tmp_path: Path) -> None:
    run("generate", "a lighthouse", "--url", url, "-o", str(tmp_path / "x.png"))
    job_id = re.search(r"job_\w+(?=\tsucceeded\tcanvas\t.*a lighthouse)", run("jobs", "--url", url).stdout)
    assert job_id is not None
    assert printed("jobs", job_id[0], "--url", url)["outputs"][0]["kind"] == "image"


def test_a_model_that_makes_nothing_itself_is_listed() -> None:
    card = {"id": "minilm", "task": "embedding", "status": "ready", "reason": None, "replicas": 1}
    told = json.dumps({"data": [{**card, "licence": {"weights": "Apache-2.0"}}]}).encode()
    with answering(lambda _: (200, {}, told)) as (base, _):
        assert "minilm\tembedding\tready\t1\t\tApache-2.0" in run("models", "--url", base).stdout


def test_every_listing_has_the_json_of_the_api(url: str) -> None:
    run("generate", HOSTILE, "--model", "tone", "--duration", "0.2", "--url", url)
    jobs = printed("jobs", "--json", "--url", url)
    assert jobs["results"][0]["input"]["prompt"] == HOSTILE
    job_id = jobs["results"][0]["id"]
    assert printed("jobs", job_id, "--json", "--url", url)["id"] == job_id
    names = {item["id"] for item in printed("models", "--json", "--url", url)["data"]}
    assert names == {"tone", "broken", "synth", "canvas", "whistle", "mimic"}
    for words in (("models", "tone", "--json"), ("models", "--json", "tone"), ("models", "show", "tone")):
        assert printed(*words, "--url", url)["id"] == "tone"
    for words in (("presets", "--json"), ("presets", "list", "--json")):
        assert len(printed(*words, "--url", url)["results"]) > 100
    for words in (
        ("presets", "vinyl", "--json"),
        ("presets", "--json", "vinyl"),
        ("presets", "--url", url, "search", "vinyl", "--json"),
    ):
        assert printed(*words, "--url", url)["results"][0]["id"] == "vinyl"
    assert printed("presets", "show", "pad", "--json", "--url", url)["role"] == "PAD"


def listed(prompt: str, job_id: str = "job_01m8kt21x0000000000000000f") -> bytes:
    item = {
        "id": job_id,
        "status": "succeeded",
        "model": "tone",
        "model_used": None,
        "created_at": "2026-01-01T00:00:00Z",
    }
    return json.dumps({"results": [{**item, "input": {"prompt": prompt}}]}).encode()


def test_words_of_users_are_shown_as_they_are_and_command_no_terminal() -> None:
    with answering(lambda _: (200, {}, listed(HOSTILE + "\nsecond\tline"))) as (base, _):
        shown = run("jobs", "--url", base)
    [_, line] = shown.stdout.splitlines()
    assert "pad [/] outro [red]x[/red] :smile: \\x1b[31m \\u202e" in line
    assert len(line.split("\t")) == 5


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_in_a_terminal_of_any_width_ids_are_whole_and_words_no_markup(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.console import Console

    screen = io.StringIO()
    wanted = {"highlight": False, "markup": False, "emoji": False, "force_terminal": True, "color_system": None}
    monkeypatch.setattr(terminal, "out", Console(file=screen, width=width, **wanted))
    terminal.print_table(("id", "status", "prompt"), [("job_" + "x" * 30, "succeeded", HOSTILE)])
    assert "job_" + "x" * 30 in screen.getvalue()
    assert "[/]" in screen.getvalue()
    assert ":smile:" in screen.getvalue()
    assert "\x1b" not in screen.getvalue()


def test_the_json_is_whole_whatever_stdout_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("utf-8", "latin-1", "ascii"):
        written = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))
        terminal.print_json({"prompt": "Möwen … 😀 \ud800"})
        import sys

        sys.stdout.flush()
        assert json.loads(written.getvalue().decode(encoding)) == {"prompt": "Möwen … 😀 \ud800"}
