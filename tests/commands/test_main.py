"""What a user can get wrong, by command: one line with the remedy, exit status 1, no traceback."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serve_app.records.database import Database
from tests.commands.support import answering, refused, run
from tests.support.live import environment

ROOT = Path(__file__).parents[2]
NOT_TEXT = "pad \udcff"  # what Python makes of the byte FF in an argument


def with_args(folder: Path, **args: object) -> str:
    """A file whose application has these arguments."""
    file = folder / "given.yaml"
    full = {
        "models": [{"name": "tone", "model": "deployments.tone:Tone"}],
        "storage": {"kind": "local", "path": str(folder)},
        **args,
    }
    full.setdefault("database_url", f"sqlite:///{folder}/continuo.db")
    file.write_text(yaml.safe_dump({"applications": [{"import_path": "serve_app.app:build", "args": full}]}))
    return str(file)


def test_without_words_it_explains_itself() -> None:
    shown = run("--help").output
    for command in ("serve", "generate", "models", "jobs", "config", "keys", "doctor", "presets"):
        assert command in shown
    assert run("nonsense [/] :smile:").exit_code == 2


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("serve", "--port", "70000"), "--port 70000 is not a port; choose one from 1 to 65535"),
        (("serve", "--port", "-1"), "is not a port"),
        (("serve", "--grace", "nan"), "--grace nan is not a time"),
        (("serve", "--env-file", "none/.env"), "none/.env: cannot be read: No such file"),
        (("serve", "--env-file", "/"), "cannot be read: Is a directory"),
        (("generate", "x", "-o", "missing/x.wav"), "there is no folder there; make it with: mkdir -p missing"),
        (("generate", "x", "-o", "out.xyz"), "the ending .xyz is none of a format; use .wav, .flac"),
        (("generate", "x", "-o", "/"), "is a folder"),
        (("generate", "x", "-o", "/dev/null/x.wav"), "mkdir -p /dev/null"),
        (("generate", NOT_TEXT), "not text in UTF-8"),
        (("generate", "x", "--model", NOT_TEXT), "not text in UTF-8"),
        (("jobs", NOT_TEXT), "not text in UTF-8"),
        (("models", NOT_TEXT), "not text in UTF-8"),
        (("presets", NOT_TEXT), "not text in UTF-8"),
        (("presets", "lint", "none.json"), "none.json: No such file"),
        (("models", "pull", NOT_TEXT), "unknown model"),
        (("jobs", "--url", "nonsense"), "'nonsense' is not the URL of a service"),
        (("jobs", "--url", "http://127.0.0.1:70000"), "is not the URL of a service"),
        (("jobs", "--url", "http://[::1"), "is not the URL of a service"),
        (("jobs", "--url", "ftp://127.0.0.1"), "is not the URL of a service"),
        (("jobs", "--url", "http://a" + "b" * 70 + ".example"), "error: "),
        (("config", "render", "--config", "none.yaml"), "none.yaml: cannot be read"),
    ],
    ids=str,
)
def test_a_word_that_cannot_be_is_refused(words: tuple[str, ...], says: str) -> None:
    assert says in refused(*words, env={"CONTINUO_URL": "http://127.0.0.1:9"})


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("keys", "list"), ("config", "render")], ids=str)
@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"storage": {"kind": "s3", "bucket": "b", "prefix": "my sounds/"}}, "storage.s3.prefix: 'my sounds/'"),
        ({"storage": {"kind": "local", "path": ""}}, "storage.local.path"),
        ({"storage": {"kind": "local", "path": "a\0b"}}, "storage.local.path"),
        ({"database_url": "sqlite:///:memory:"}, "a database in memory loses every job"),
        ({"database_url": "sqlite:///./:memory:"}, "a database in memory loses every job"),
        ({"database_url": "sqlite://"}, "no file is named: expected sqlite:///FILE"),
        ({"database_url": "sqlite:///"}, "no file is named: expected sqlite:///FILE"),
        ({"database_url": "sqlite:///folder/"}, "no file is named"),
        ({"database_url": "sqlite:///file::memory:?cache=shared"}, "a database in memory"),
        ({"database_url": "sqlite:///file:x?mode=memory&uri=true"}, "a database in memory"),
        ({"database_url": "sqlite:///x.db?mode=memory"}, "a database in memory"),
        ({"database_url": "sqlite:///x.db?timeout=3"}, "options of a SQLite URL ('?timeout=3') are not read"),
        ({"database_url": "sqlite:///x\udcff.db"}, "not text in UTF-8"),
        ({"database_url": "mysql://u:secret@h/d"}, "expected sqlite:///FILE or postgresql://"),
        ({"webhooks": {"allow": ["10.0.0.0/99"]}}, "webhooks.allow"),
        ({"log_level": "${NOTHING_LIKE_IT}"}, "NOTHING_LIKE_IT is not set"),
        ({"log_level": "${FILE:/none/secret}"}, "${FILE:/none/secret} cannot be read: No such file"),
    ],
    ids=str,
)
def test_a_configuration_that_cannot_work_is_refused(
    tmp_path: Path, command: tuple[str, ...], args: dict[str, object], says: str
) -> None:
    shown = run(*command, "--config", with_args(tmp_path, **args))
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr.startswith("error: ")
    assert says in shown.stderr
    assert "secret@" not in shown.stderr


def test_a_part_that_holds_itself_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("applications: [{import_path: 'serve_app.app:build', args: {models: &a [*a]}}]")
    assert "holds itself" in refused("config", "render", "--config", str(file))


def test_a_home_that_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for home in (str(tmp_path / "file"), str(tmp_path / "file" / "below"), "/proc/none", "~nobody-of-this-name/x"):
        for words in (("keys", "create", "x"), ("keys", "list"), ("keys", "revoke", "x"), ("serve", "--port", "0")):
            assert home.split("/")[-1] in refused(*words, env={"CONTINUO_HOME": home})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://u:hidden@127.0.0.1:x/d", "database_url is not valid"),
        ("postgresql://u:hidden@127.0.0.1:1/d", "does not answer"),
        ("sqlite:////dev/null", "/dev/null is not a file"),
    ],
)
def test_a_database_that_cannot_be_used_is_said_in_a_line(tmp_path: Path, url: str, says: str) -> None:
    for words in (("keys", "create", "x"), ("keys", "list")):
        line = refused(*words, "--config", with_args(tmp_path, database_url=url))
        assert says in line
        assert "hidden" not in line


def test_a_file_that_is_no_database_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "continuo.db").write_text("just words, and more of them than a header has" * 100)
    assert "file is not a database" in refused("keys", "list", "--config", with_args(tmp_path))


def test_a_database_of_a_newer_version_is_said_in_a_line(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/continuo.db")
    database.migrate()
    database.write_now(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    assert "a newer version of Continuo" in refused("keys", "list", "--config", with_args(tmp_path))


def test_an_argument_of_other_bytes_is_said_in_a_line_by_the_program(tmp_path: Path) -> None:
    command = [os.fsencode(sys.executable), b"-m", b"serve_app.commands", b"keys", b"create", b"laptop \xff"]
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"error: not text in UTF-8" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_typed_never_leads_to_another_route(url: str) -> None:
    assert "Not Found" in refused("jobs", "../models", "--url", url)
    assert "unknown model" in refused("models", "tone?x=1", "--url", url)


@pytest.mark.parametrize(
    ("status", "headers", "body", "says"),
    [
        (200, {}, b"<html>", "answers HTTP 200, and not as Continuo does"),
        (200, {}, b'{"other": 1}', "not as Continuo does"),
        (200, {}, b"[]", "not as Continuo does"),
        (502, {}, b"bad gateway", "answers HTTP 502"),
        (500, {}, b'"text"', "answers HTTP 500"),
        (301, {"Location": "https://there.example/"}, b"", "use --url https://there.example/"),
    ],
)
def test_another_server_is_told_apart(status: int, headers: dict[str, str], body: bytes, says: str) -> None:
    with answering(lambda _: (status, headers, body)) as (base, _):
        for words in (("models",), ("jobs",), ("jobs", "job_1"), ("presets",), ("generate", "x")):
            assert says in refused(*words, "--url", base)


def test_a_service_that_is_not_there_is_said_in_a_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for words in (("models",), ("jobs",), ("generate", "x"), ("presets",)):
        assert f"no answer from http://127.0.0.1:{port}" in refused(*words, "--url", f"http://127.0.0.1:{port}")
