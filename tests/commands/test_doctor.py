"""`continuo doctor`: the lines, the JSON, the exit status."""

import json
import socket
from pathlib import Path

from tests.commands.support import run


def checks(output: str) -> dict[str, dict[str, str]]:
    return {item["name"]: item for item in json.loads(output)["checks"]}


def test_a_machine_that_serves_is_fine(config: str, tmp_path: Path) -> None:
    shown = run("doctor", "--config", config, "--port", "0", "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["status"] in ("ok", "warning")
    found = checks(shown.stdout)
    for name in ("Python", "memory", "processors", "GPU", "proxies", "compiler", "engine", "Ray", "extras", "weights"):
        assert found[name]["detail"]
    for name in ("configuration", "engine", "Ray", "database", "store"):
        assert found[name]["status"] == "ok", found[name]
    assert not (tmp_path / "continuo.db").exists(), "a look makes nothing"


def test_what_would_stop_the_service_is_told_with_its_remedy(config: str, tmp_path: Path) -> None:
    (tmp_path / "continuo.db").write_text("no database " * 1000)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        shown = run("doctor", "--config", config, "--port", str(port))
    assert shown.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in shown.stdout
    assert "choose another with --port" in shown.stdout
    assert "file is not a database" in shown.stdout
    assert "2 of " in shown.stderr


def test_a_configuration_that_is_wrong_is_a_finding(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("applications: []")
    shown = run("doctor", "--config", str(file), "--json")
    assert shown.exit_code == 1
    assert checks(shown.stdout)["configuration"]["status"] == "failed"
    assert checks(shown.stdout)["Python"]["status"] in ("ok", "warning")


def test_credentials_of_proxies_are_not_told(config: str) -> None:
    env = {"https_proxy": "http://u:hidden@h:1", "ALL_PROXY": "socks5://u:hidden@h:1"}
    shown = run("doctor", "--config", config, "--port", "0", "--json", env=env)
    assert "hidden" not in shown.output
    proxies = checks(shown.stdout)["proxies"]
    assert proxies["status"] == "warning"
    assert "ALL_PROXY, https_proxy set: for other machines only" in proxies["detail"]
    assert "httpx[socks]" in proxies["remedy"]
