"""`continuo voices`: listed, shown, brought with consent, deleted."""

from pathlib import Path

from tests.assets import files
from tests.commands.support import printed, refused, run
from tests.voices.recordings import file, speech

LONG_NAME = "A name that is as long as names may be, so that it is seen whole"


def test_a_voice_is_brought_listed_shown_and_deleted(url: str, tmp_path: Path) -> None:
    recording = tmp_path / "me.wav"
    recording.write_bytes(file(speech(4, 16_000), 16_000))
    words = ("voices", "add", str(recording), "--name", LONG_NAME, "--transcript", "hello")
    assert "--consent is needed" in refused(*words, "--url", url)
    added = run(*words, "--consent", "--url", url)
    assert added.exit_code == 0, added.output
    voice_id = added.stdout.strip()
    assert voice_id.startswith("voice_")
    assert "short: " in added.stderr
    listed = run("voices", "--url", url).stdout.splitlines()
    assert listed[1].split("\t") == [voice_id, LONG_NAME, "", "", "mimic", "your own"]
    assert ["anna", "anna", "en-GB fr", "", "mimic"] in [line.split("\t")[:5] for line in listed[2:]]
    told = printed("voices", "--json", "--url", url)["results"]
    assert [item["id"] for item in told] == [voice_id, "wren", "robin", "anna", "carl"]
    assert printed("voices", voice_id, "--url", url)["transcript"] == "hello"
    assert "name 'A name" in refused(*words, "--consent", "--url", url)
    assert run("voices", "delete", voice_id, "--outputs", "--url", url).stdout == f"deleted {voice_id}\n"
    assert "no voice" in refused("voices", "delete", voice_id, "--url", url)
    again = printed(*words, "--consent", "--json", "--url", url)
    assert again["consent"]["key_id"] is None
    run("voices", "delete", again["id"], "--url", url)


def test_what_is_no_recording_is_told_in_a_line(url: str, tmp_path: Path) -> None:
    (tmp_path / "me.png").write_bytes(files.picture())
    words = ("voices", "add", str(tmp_path / "me.png"), "--name", "me", "--consent", "--url", url)
    assert "picture" in refused(*words)
    assert "me.wav" in refused("voices", "add", str(tmp_path / "me.wav"), "--name", "me", "--consent", "--url", url)
