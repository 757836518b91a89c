"""`continuo speak`, at a service in a thread."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile as sf
from typer.testing import CliRunner

from serve_app.commands.main import app
from serve_app.commands.making import generate
from serve_app.commands.making.speak import PLAYERS
from tests.commands.support import refused, run
from tests.support.speech import RATE_HZ, WORD_S, Whistle

SAVE = '#!/bin/sh\n/bin/cat > "$HEARD"\necho "$0 $*" > "$HEARD.words"\n'


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the only player of this machine was given."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "aplay").write_text(SAVE)
    (programs / "aplay").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("HEARD", str(tmp_path / "heard"))
    return tmp_path / "heard"


def test_a_text_is_spoken_into_a_file_or_to_a_url(url: str, tmp_path: Path) -> None:
    file = tmp_path / "out.flac"
    words = ("speak", "three words here", "--voice", "alloy", "--model", "whistle", "--speed", "0.5", "--url", url)
    shown = run(*words, "-o", str(file))
    assert (shown.exit_code, shown.stdout.strip()) == (0, str(file)), shown.output
    assert sf.info(file).duration == pytest.approx(3 * WORD_S * 2, abs=0.001)
    assert "wren (whistle)" in shown.stderr
    assert run(*words).stdout.startswith(f"{url}/v1/files/")


def test_ctrl_c_ends_the_work(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> Iterator[tuple[str, str, dict[str, Any]]]:
        raise KeyboardInterrupt

    monkeypatch.setattr(generate, "events", interrupted)
    text = "never said to the end"
    Whistle.opened[text] = 1
    shown = run("speak", text, "--model", "whistle", "--url", url, "-o", str(tmp_path / "out.mp3"))
    assert shown.exit_code == 130, shown.output
    [job] = [job for job in httpx.get(f"{url}/v1/jobs").json()["results"] if job["input"].get("input") == text]
    assert job["status"] == "canceled"
    assert not (tmp_path / "out.mp3").exists()


def test_what_could_not_be_spoken_is_told(url: str, tmp_path: Path) -> None:
    file = tmp_path / "out.wav"
    shown = run("speak", "two \N{SNOWMAN}\N{COMET} words", "--model", "whistle", "--url", url, "-o", str(file))
    assert "could not be spoken: \N{SNOWMAN} \N{COMET}" in shown.stderr


def test_a_dash_reads_standard_input_and_writes_standard_output(url: str) -> None:
    words = ["speak", "-", "--url", url, "-o", "-"]
    shown = CliRunner().invoke(app, words, input="from a pipe\n", catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    sound, _ = sf.read(io.BytesIO(shown.stdout_bytes))
    assert len(sound) / RATE_HZ == pytest.approx(3 * WORD_S, abs=0.15)


def test_it_is_played_as_it_comes_and_written_too(url: str, heard: Path, tmp_path: Path) -> None:
    file = tmp_path / "also.wav"
    shown = run("speak", "two words", "--play", "-o", str(file), "--url", url)
    assert shown.exit_code == 0, shown.output
    assert heard.stat().st_size == 2 * round(2 * WORD_S * RATE_HZ)
    assert heard.with_suffix(".words").read_text().split()[1:] == list(dict((p[0], p[1:]) for p in PLAYERS)["aplay"])
    assert sf.info(file).frames == round(2 * WORD_S * RATE_HZ)


@pytest.mark.usefixtures("heard")
def test_a_player_that_fails_and_one_that_has_enough(url: str, tmp_path: Path) -> None:
    player = tmp_path / "bin" / "aplay"
    player.write_text("#!/bin/sh\nexit 3\n")
    assert "aplay ended with status 3" in refused("speak", "a word", "--play", "--url", url)
    player.write_text("#!/bin/sh\nexec <&-\n")
    assert run("speak", "word " * 500, "--play", "--url", url).exit_code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("x", "--voice", "nobody"), "nobody"),
        ((" ",), "nothing to say"),
        (("x", "--model", "tone"), "tone"),
        (("x", "-o", "x.midi"), ".midi"),
        (("x", "-o", "x.png"), "png"),
        (("x", "--play", "-o", "-"), "give one of them"),
        (("x", "-o", "-", "--voice", "nobody"), "nobody"),
        (("\N{BELL}",), "whistle a bell"),
        (("\N{BELL}", "-o", "-"), "whistle a bell"),
    ],
)
def test_what_cannot_be_said_is_told_in_a_line(url: str, words: tuple[str, ...], says: str) -> None:
    assert says in refused("speak", *words, "--url", url)


def test_without_a_player_it_says_what_to_do(url: str, tmp_path: Path) -> None:
    assert "no player is installed" in refused("speak", "x", "--play", "--url", url, env={"PATH": os.fspath(tmp_path)})
