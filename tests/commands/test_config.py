"""`continuo config render` and the files of variables."""

import os
from pathlib import Path

import pytest
import yaml

from serve_app.commands.config import load_env_file
from serve_app.config import Limits, parse_args, parse_settings
from serve_app.config_file import DEFAULT_CONFIG
from serve_app.errors import ConfigError
from tests.commands.support import run


def test_the_rendered_file_is_complete_and_valid(config: str) -> None:
    shown = run("config", "render", "--config", config)
    assert shown.exit_code == 0
    [application] = yaml.safe_load(shown.stdout)["applications"]
    assert (application["name"], application["import_path"]) == ("continuo", "serve_app.app:build")
    args = application["args"]
    assert args["storage"]["path"].startswith("${CLI_TEST_HOME:-")
    assert "limits" not in args
    [ingress] = application["deployments"]
    assert (ingress["name"], ingress["user_config"]["limits"]["queued_jobs"]) == ("ingress", 256)
    assert args["models"][0]["replicas"]["idle_s"] == 300
    assert args.pop("auth") == {"mode": "keys"}
    assert parse_args(args) == parse_args(yaml.safe_load(Path(config).read_text())["applications"][0]["args"])
    assert yaml.safe_load(run("config", "render", "--config", str(DEFAULT_CONFIG)).stdout)


def test_limits_are_rendered_whole_and_with_their_variables(config: str) -> None:
    document = yaml.safe_load(Path(config).read_text())
    document["applications"][0]["args"]["limits"] = {"queued_jobs": "${CLI_TEST_JOBS:-7}"}
    Path(config).write_text(yaml.safe_dump(document))
    first = run("config", "render", "--config", config).stdout
    [application] = yaml.safe_load(first)["applications"]
    settings = application["deployments"][0]["user_config"]
    assert settings["limits"]["queued_jobs"] == "${CLI_TEST_JOBS:-7}"
    assert parse_settings(settings).limits == Limits(queued_jobs=7)
    Path(config).write_text(first)
    assert run("config", "render", "--config", config).stdout == first


def test_a_wrong_file_is_one_line_of_error(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("applications:\n- {import_path: 'serve_app.app:build', args: {modells: []}}")
    for words in (("config", "render"), ("keys", "list"), ("serve",)):
        shown = run(*words, "--config", str(file))
        assert shown.exit_code == 1
        assert "did you mean 'models'?" in shown.stderr
        assert "Traceback" not in shown.output


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of the test's own, as they were afterwards."""
    for name in ("E_ONE", "E_TWO", "E_THREE", "E_FOUR", "E_BOM"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("variables")
def test_a_file_of_variables_fills_what_is_unset_or_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    monkeypatch.setenv("E_ONE", "set")
    monkeypatch.setenv("E_TWO", "")
    lines = (
        "# words",
        "export E_ONE=other",
        "E_TWO='two words'  # and",
        'E_THREE="${E_TWO}"',
        "E_FOUR=${E_ONE}",
        "E_FIVE",
    )
    file.write_text("\n".join(lines))
    load_env_file(file)
    assert [os.environ[f"E_{name}"] for name in ("ONE", "TWO", "THREE", "FOUR")] == [
        "set",
        "two words",
        "two words",
        "set",
    ]
    assert "E_FIVE" not in os.environ
    file.write_bytes(b"\xef\xbb\xbfE_BOM=1\r\n")
    load_env_file(file)
    assert os.environ["E_BOM"] == "1"


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"E_ONE=1\n=2\n", "line 2 is not NAME=value"), (b"E_ONE=\xff", "not text in UTF-8"), (b"E_ONE=a\0b", "line 1")],
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_env_file(tmp_path / ".env")
    assert "E_ONE" not in os.environ
