"""How commands reach the service: past proxies when it is on this machine, with or without a key."""

from pathlib import Path

import pytest

from serve_app.addresses import is_local_url, is_loopback, proxy_variables
from serve_app.commands.client import api_key, connect
from serve_app.errors import ConfigError
from tests.commands.support import answering, refused, run


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "127.1"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)
    assert is_local_url(f"http://[{host}]:8000/x" if ":" in host else f"http://user@{host}:8000/x")


@pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "128.0.0.1", "::2", "", "127.0.0.1.example"])
def test_others_are_not_taken_for_it(host: str) -> None:
    assert not is_loopback(host)
    assert not is_local_url(f"http://[{host}]/" if ":" in host else f"http://{host}/")


def test_every_address_is_this_machine_to_a_client_and_public_to_a_server() -> None:
    assert is_local_url("http://0.0.0.0:8000")
    assert is_local_url("http://[::]:8000")
    assert not is_loopback("0.0.0.0")
    assert is_local_url("http://a.localhost:8000")
    assert not is_loopback("a.localhost")
    assert not is_local_url("http://[::1")


@pytest.mark.parametrize(
    "variables",
    [
        {"http_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
        {"all_proxy": "socks5://127.0.0.1:9"},
        {"ALL_PROXY": "nonsense://x"},
        {"no_proxy": "[::1],10.0.0.0/8", "http_proxy": "http://127.0.0.1:9"},
    ],
    ids=str,
)
def test_no_proxy_stands_before_this_machine(url: str, tmp_path: Path, variables: dict[str, str]) -> None:
    file = tmp_path / "out.wav"
    words = ("generate", "a tone", "--model", "tone", "--duration", "0.2", "--url", url, "-o", str(file))
    shown = run(*words, env=dict(variables))
    assert shown.exit_code == 0, shown.output
    assert file.read_bytes()[:4] == b"RIFF"
    assert run("jobs", "--url", url, env=dict(variables)).exit_code == 0


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"all_proxy": "socks5://u:hidden@127.0.0.1:9"}, "pip install 'httpx[socks]'"),
        ({"all_proxy": "nonsense://u:hidden@x"}, "cannot be used"),
        ({"http_proxy": "http://u:hidden@127.0.0.1:9"}, "no answer from http://service.example"),
    ],
    ids=str,
)
def test_a_proxy_before_another_machine_that_does_not_work_is_a_line(variables: dict[str, str], says: str) -> None:
    env = {name: None for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY")} | variables
    line = refused("jobs", "--url", "http://service.example", env=env)
    assert says in line
    assert "hidden" not in line


def test_names_of_proxies_are_told_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in proxy_variables():
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://u:p@h")
    monkeypatch.setenv("no_proxy", "")
    assert proxy_variables() == ["HTTP_PROXY"]


def test_the_key_is_sent_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def answer(request: object) -> tuple[int, dict[str, str], bytes]:
        seen.append(request.headers.get("Authorization"))  # type: ignore[attr-defined]
        return 200, {}, b'{"results": []}'

    with answering(answer) as (base, _):
        for key in ("ck_1", "", " ", "ck_1\n"):
            assert run("jobs", "--url", base, env={"CONTINUO_API_KEY": key}).exit_code == 0
        assert run("jobs", env={"CONTINUO_URL": base}).exit_code == 0
    assert seen[:4] == ["Bearer ck_1", None, None, "Bearer ck_1"]
    monkeypatch.setenv("CONTINUO_API_KEY", "schlüssel")
    with pytest.raises(ConfigError, match="CONTINUO_API_KEY"):
        api_key()


def test_an_empty_url_in_the_environment_is_none() -> None:
    assert "http://127.0.0.1:8000" in run("jobs", "--help", env={"CONTINUO_URL": ""}).output
    with connect("http://127.0.0.1:1") as http:
        assert not http.trust_env
