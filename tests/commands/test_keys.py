"""`continuo keys ...`."""

import re
from pathlib import Path

import pytest

from tests.commands.support import printed, run


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
    [key] = printed("keys", "list", "--json", "--config", config)
    assert (key["id"], key["owner"], key["name"]) == (token.split("_")[1], "ada", "laptop")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", key["revoked_at"])
    assert key["last_used_at"] is None
    unknown = run("keys", "revoke", "none", "--config", config)
    assert (unknown.exit_code, "there is no key 'none'" in unknown.stderr) == (1, True)


def test_a_name_is_never_markup(config: str) -> None:
    run("keys", "create", "[/] :smile:", "--config", config)
    assert "[/] :smile:" in run("keys", "list", "--config", config).stdout


@pytest.mark.parametrize(
    "words",
    [("x", "--days", "0"), ("x", "--days", "-1"), ("x", "--days", "nan"), ("",), ("x" * 121,), ("x", "--owner", "")],
)
def test_a_key_that_cannot_be_made_is_an_error(config: str, words: tuple[str, ...]) -> None:
    shown = run("keys", "create", *words, "--config", config)
    assert shown.exit_code != 0
    assert "ck_" not in shown.stdout
    assert "Traceback" not in shown.output


def test_the_database_may_be_named_in_a_file_of_variables(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"CONTINUO_HOME={tmp_path}/there\n")
    made = run("keys", "create", "x", "--env-file", str(tmp_path / ".env"), env={"CONTINUO_HOME": ""})
    assert made.exit_code == 0, made.output
    assert (tmp_path / "there" / "continuo.db").exists()
