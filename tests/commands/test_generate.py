"""`continuo generate`, at a service in a thread."""

from pathlib import Path

import pytest

from tests.commands.support import answering, refused, run


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


@pytest.mark.parametrize("name", ["out.flac", "out.opus", "out.ogg", "out.mp3", "OUT.WAV", "out"])
def test_the_ending_sets_the_format(url: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    shown = run("generate", "a tone", "--duration", "0.2", "--url", url, "-o", str(file))
    assert shown.exit_code == 0, shown.output
    assert file.stat().st_size > 100


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
