"""`continuo ...` as a user types it, in this process; the service that it talks to runs in a thread."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from serve_app.cli import app
from serve_app.config import parse_args
from serve_app.launch import DEFAULT_CONFIG
from tests.support.service import args_in, entry, running


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False, env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration of the test's own."""
    args = {
        "storage": {"kind": "local", "path": "${CLI_TEST_HOME:-" + str(tmp_path) + "}"},
        "database_url": f"sqlite:///{tmp_path}/continuo.db",
        "models": [entry("tone")],
    }
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump({"applications": [{"import_path": "serve_app.app:build", "args": args}]}))
    return str(file)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service in a thread of its own, as a process of its own would be."""
    address: list[str] = []
    up, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        models = (entry("tone"), entry("broken", options={"fail_load": "no weights here"}))
        models += (entry("synth", "deployments.synth:Synth"),)
        args = args_in(tmp_path_factory.mktemp("service"), *models)
        async with running(args) as service, service.listening() as listening:
            address.append(listening)
            up.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert up.wait(120)
        yield address[0]
    finally:
        stop.set()
        thread.join(60)


def test_without_words_it_explains_itself() -> None:
    shown = run("--help").output
    for command in ("serve", "generate", "models", "jobs", "config", "keys"):
        assert command in shown
    assert run("nonsense").exit_code == 2


def test_the_rendered_file_is_complete_and_valid(config: str) -> None:
    shown = run("config", "render", "--config", config)
    assert shown.exit_code == 0
    [application] = yaml.safe_load(shown.stdout)["applications"]
    assert (application["name"], application["import_path"]) == ("continuo", "serve_app.app:build")
    args = application["args"]
    assert args["storage"]["path"].startswith("${CLI_TEST_HOME:-")
    assert args["limits"]["queued_jobs"] == 256
    assert args["models"][0]["replicas"]["idle_s"] == 300
    assert args.pop("auth") == {"mode": "keys"}
    assert parse_args(args) == parse_args(yaml.safe_load(Path(config).read_text())["applications"][0]["args"])
    assert yaml.safe_load(run("config", "render", "--config", str(DEFAULT_CONFIG)).stdout)


def test_a_wrong_file_is_one_line_of_error(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("applications:\n- {import_path: 'serve_app.app:build', args: {modells: []}}")
    for words in (("config", "render"), ("keys", "list"), ("serve",)):
        shown = run(*words, "--config", str(file))
        assert shown.exit_code == 1
        assert "did you mean 'models'?" in shown.stderr
        assert "Traceback" not in shown.output


def test_keys_are_made_listed_and_revoked(config: str) -> None:
    made = run("keys", "create", "laptop", "--owner", "ada", "--days", "30", "--config", config)
    token = made.stdout.strip()
    assert re.fullmatch(r"ck_[A-Za-z0-9]{12}_[A-Za-z0-9]{43}", token)
    listed = run("keys", "list", "--config", config).stdout
    assert "ada" in listed
    assert "laptop" in listed
    assert token.split("_")[2] not in listed
    revoked = run("keys", "revoke", token.split("_")[1], "--config", config)
    assert (revoked.exit_code, token.split("_")[1] in revoked.stdout) == (0, True)
    unknown = run("keys", "revoke", "none", "--config", config)
    assert (unknown.exit_code, "there is no key 'none'" in unknown.stderr) == (1, True)


@pytest.mark.parametrize(
    "words",
    [("x", "--days", "0"), ("x", "--days", "-1"), ("x", "--days", "nan"), ("",), ("x" * 121,), ("x", "--owner", "")],
)
def test_a_key_that_cannot_be_made_is_an_error(config: str, words: tuple[str, ...]) -> None:
    shown = run("keys", "create", *words, "--config", config)
    assert shown.exit_code != 0
    assert "ck_" not in shown.stdout
    assert "Traceback" not in shown.output


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
    ("words", "says"),
    [
        (("generate", "x", "--model", "tonne"), "did you mean 'tone'?"),
        (("generate", "x", "--duration", "-1"), "/duration_s"),
        (("generate", " "), "the prompt is empty"),
        (("generate", "x", "-o", "out.xyz"), "/format"),
        (("generate", "x", "--model", "broken"), "no weights here"),
        (("models", "tonne"), "did you mean 'tone'?"),
        (("jobs", "job_none"), "there is no job 'job_none'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(url: str, words: tuple[str, ...], says: str) -> None:
    shown = run(*words, "--url", url)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert says in shown.stderr.replace("\n", " ")
    assert "Traceback" not in shown.output


def test_a_service_that_is_not_there_is_said_in_a_line() -> None:
    for words in (("models",), ("jobs",), ("generate", "x")):
        shown = CliRunner().invoke(app, [*words, "--url", "http://127.0.0.1:9"])
        assert shown.exit_code == 1
        assert "127.0.0.1:9" in shown.output, repr(shown.exception)


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
    assert re.search(r"tone .*ready", shown.stdout)
    assert re.search(r"broken .*failed: no weights here", shown.stdout)
    assert '"sample_rate_hz": 44100' in run("models", "tone", "--url", url).stdout
    run("generate", "in the list", "--duration", "0.2", "--url", url)
    listed = run("jobs", "--url", url).stdout
    job_id = re.search(r"job_\w+", listed)
    assert job_id is not None
    assert "in the list" in listed
    assert '"status": "succeeded"' in run("jobs", job_id[0], "--url", url).stdout
