from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from serve_app.config import (
    Args,
    Limits,
    parse_args,
    parse_settings,
    refuse_unsafe,
    sqlite_path,
)
from serve_app.config_file import read_config
from serve_app.errors import ConfigError
from serve_app.jobs.catalogue import Catalogue
from serve_app.variables import expand_env
from tests.support.service import Json, entry


def args(**more: Any) -> Json:
    return {"models": [entry("tone")], **more}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"storrage": {}}, "storrage: unknown key; did you mean 'storage'?"),
        ({"limits": {"queued_job": 3}}, "limits.queued_job: unknown key; did you mean 'queued_jobs'?"),
        ({"storage": {"kind": "s4"}}, "storage"),
        ({"storage": {"kind": "s3"}}, "storage.s3.bucket: Field required"),
        ({"limits": {"queued_jobs": 0}}, "limits.queued_jobs"),
        ({"limits": {"deadline_s": float("inf")}}, "limits.deadline_s"),
        ({"retention": {"jobs_s": -1}}, "retention.jobs_s"),
        ({"ingress_replicas": 0}, "ingress_replicas"),
        ({"listen": {"port": 70_000}}, "listen.port"),
        ({"auth": {"mode": "none"}}, "auth.mode"),
        ({"log_level": "LOUD"}, "log_level"),
        ({"database_url": "sqlite:///:memory:"}, "database_url: a database in memory loses every job"),
        ({"database_url": "sqlite://"}, "database_url: no file is named"),
        ({"webhooks": {"allow": ["nonsense"]}}, "webhooks.allow: 'nonsense' does not appear"),
        ({"public_url": "sound.example"}, "public_url: String should match pattern"),
        ({"public_url": "ftp://sound.example"}, "public_url: String should match pattern"),
        ({"trusted_proxies": ["proxy"]}, "trusted_proxies: 'proxy' does not appear"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "trusted_proxies: 10.0.0.1/8 has host bits set"),
        ({"cors_origins": ["app.example"]}, "cors_origins: 'app.example' is no origin"),
        ({"cors_origins": ["https://app.example/"]}, "is no origin"),
        ({"cors_origins": ["null"]}, "is no origin"),
        ({"storage": {"kind": "s3", "bucket": "b", "public_endpoint_url": "s3.example"}}, "s3.public_endpoint_url"),
        ({"storage": {"kind": "s3", "bucket": "b", "public_base_url": "https://x/?a"}}, "s3.public_base_url"),
        (
            {
                "storage": {
                    "kind": "s3",
                    "bucket": "b",
                    "public_base_url": "https://x",
                    "public_endpoint_url": "https://y",
                }
            },
            "set one of them",
        ),
        ({"limits": {"sound_bytes": 0}}, "limits.sound_bytes"),
        ({"limits": {"connections": 0}}, "limits.connections"),
        ({"limits": {"event_streams_per_owner": 0}}, "limits.event_streams_per_owner"),
        ({"models": []}, "models"),
        ({"models": [entry("Tone")]}, "models.0.name"),
        ({"models": [entry("a/b")]}, "models.0.name"),
        ({"models": [entry("tone", "deployments.tone")]}, "models.0.model"),
        ({"models": [{**entry("tone"), "replica": {}}]}, "did you mean 'replicas'?"),
        ({"models": [{"name": "tone", "model": "a:B", "replicas": {"min": -1}}]}, "models.0.replicas.min"),
    ],
    ids=str,
)
def test_a_wrong_key_is_named(wrong: Json, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_args(args(**wrong))
    assert says in str(refused.value)


def test_every_wrong_key_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_args(args(storrage={}, limitts={}, log_level="LOUD"))
    assert all(word in str(refused.value) for word in ("storrage", "limitts", "log_level"))


@pytest.mark.parametrize(
    ("models", "says"),
    [
        ([entry("tone"), entry("tone")], "the name 'tone' is used twice"),
        ([entry("tone", fallback=["tonne"])], "unknown model 'tonne'; "),
        ([entry("tone", parts={"embedder": "none"})], "unknown model 'none'"),
        ([entry("tone", "deployments.none:Tone")], "'deployments.none:Tone' cannot be imported"),
        ([entry("tone", "deployments.tone:None_")], "cannot be imported"),
        (
            [entry("tone", options={"load": 1})],
            "options of 'tone' are not valid: /load: unknown field 'load'; did you mean",
        ),
        ([entry("tone", options={"load_s": -1})], "/load_s"),
    ],
    ids=str,
)
def test_models_that_cannot_work_are_refused(models: list[Json], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Catalogue(parse_args({"models": models}).models)
    assert says in str(refused.value)


def test_variables_of_the_environment_are_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "there")
    monkeypatch.delenv("NOWHERE", raising=False)
    value = {"a": ["${HERE}/x", "${NOWHERE:-else}", "${NOWHERE:-}"], "b": 3, "c": "$HERE ${} $${", "d": None}
    assert expand_env(value) == {"a": ["there/x", "else", ""], "b": 3, "c": "$HERE ${} $${", "d": None}
    with pytest.raises(ConfigError, match=r"NOWHERE is not set.*\$\{NOWHERE:-\.\.\.\}"):
        expand_env("${NOWHERE}")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("FILE", "")
    assert expand_env(["${EMPTY:-x}", "${EMPTY:-}", "${FILE:-y}"]) == ["x", "", "y"]
    for text in ("${EMPTY}", "${FILE}"):
        with pytest.raises(ConfigError, match="is not set"):
            expand_env(text)
    monkeypatch.setenv("FILE", "z")
    assert expand_env("${FILE}") == "z"


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "a secret"
    for content, expected in (("s3cret\n", "s3cret"), ("two\n\n", "two\n"), ("dos\r\n", "dos"), ("", ""), ("ü", "ü")):
        secret.write_bytes(content.encode())
        assert expand_env({"x": [f"a-${{FILE:{secret}}}-b"]}) == {"x": [f"a-{expected}-b"]}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/none/x", "No such file"),
        ("/", "Is a directory"),
        ("/dev/zero", "longer than 64 KiB"),
        ("~no-such-user/x", "home"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(path: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        expand_env(f"${{FILE:{path}}}")
    assert path in str(refused.value)


def test_a_file_that_holds_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(ConfigError, match=r"x\} cannot be read: it does not hold text"):
        expand_env(f"${{FILE:{tmp_path}/x}}")


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%20b", "a b", "ü", "a@b:c", "100%"])
def test_a_path_in_a_url_is_the_path_as_it_is(name: str) -> None:
    for url in (f"sqlite:////x/{name}/continuo.db", "sqlite:////x/y.db"):
        assert parse_args(args(database_url=url)).database_url == url
    assert sqlite_path(f"sqlite:////x/{name}/continuo.db") == Path(f"/x/{name}/continuo.db")


@pytest.mark.parametrize("prefix", ["", "/", "a", "a/b/", "my-sounds/2026", "..a"])
def test_a_prefix_of_keys(prefix: str) -> None:
    parse_args(args(storage={"kind": "s3", "bucket": "b", "prefix": prefix}))


@pytest.mark.parametrize("prefix", ["my sounds/", "a//b", "..", "ü", "a?b", "x" * 200])
def test_a_prefix_that_no_key_can_have_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match=r"storage\.s3\.prefix: .* cannot begin a key"):
        parse_args(args(storage={"kind": "s3", "bucket": "b", "prefix": prefix}))


def test_sqlite_and_a_local_store_are_for_one_machine() -> None:
    keys = {"auth": {"mode": "keys"}}
    shared = {**keys, "storage": {"kind": "s3", "bucket": "b"}, "database_url": "postgresql:///x"}
    for many in ({"ingress_replicas": 2}, {}):
        machines = 1 if many else 2
        with pytest.raises(ConfigError, match="needs PostgreSQL"):
            refuse_unsafe(parse_args(args(**many, **{**shared, "database_url": "sqlite:///x.db"})), machines)
        with pytest.raises(ConfigError, match=r"storage\.kind to s3"):
            refuse_unsafe(parse_args(args(**many, **{**shared, "storage": {"kind": "local"}})), machines)
        refuse_unsafe(parse_args(args(**many, **shared)), machines)
    refuse_unsafe(parse_args(args(**keys)))


def test_a_proxy_of_rays_needs_keys() -> None:
    with pytest.raises(ConfigError, match=r"auth\.mode to keys"):
        refuse_unsafe(parse_args(args()))
    refuse_unsafe(parse_args(args(listen={"host": "127.0.0.1", "port": 1})))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org"])
def test_an_address_that_others_reach_needs_keys(host: str) -> None:
    listen = {"listen": {"host": host}}
    with pytest.raises(ConfigError, match=r"can be reached by others: set auth\.mode to keys"):
        refuse_unsafe(parse_args(args(**listen)))
    refuse_unsafe(parse_args(args(**listen, auth={"mode": "keys"})))


def test_all_origins_are_not_let_in_without_keys() -> None:
    everybody = {"listen": {}, "cors_origins": ["*"]}
    with pytest.raises(ConfigError, match="any web page"):
        refuse_unsafe(parse_args(args(**everybody)))
    refuse_unsafe(parse_args(args(**everybody, auth={"mode": "keys"})))
    refuse_unsafe(parse_args(args(listen={}, cors_origins=["http://localhost:3000", "https://app.example"])))


def test_the_configuration_is_data_that_nobody_changes() -> None:
    made = parse_args(args())
    with pytest.raises(ValidationError):
        made.limits.queued_jobs = 1  # type: ignore[misc]
    assert parse_args(made.model_dump()) == made
    assert Args.model_validate_json(made.model_dump_json()) == made
    assert Limits().body_bytes == 1 << 20
    assert sqlite_path("postgresql:///x") is None
    assert sqlite_path("sqlite:///~/x.db") == Path.home() / "x.db"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "applications: 3", "applications: [3]", "applications:\n- import_path: other:app", "{", "a: &a [*a]"],
)
def test_a_file_without_our_application_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        read_config(file)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")


def test_the_built_in_file_is_valid_and_small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTINUO_HOME", str(tmp_path))
    made = parse_args(read_config(None))
    Catalogue(made.models)
    assert str(tmp_path) in made.database_url
    assert made.auth.mode == "loopback"
    assert len(yaml.safe_dump(read_config(None)).splitlines()) < 40


def with_settings(folder: Path, settings: object, **more: object) -> Path:
    """A Serve config file whose ingress has this user_config."""
    file = folder / "c.yaml"
    application = {
        "import_path": "serve_app.app:build",
        "args": args(**more),
        "deployments": [{"name": "tone", "num_replicas": 2}, {"name": "ingress", "user_config": settings}],
    }
    file.write_text(yaml.safe_dump({"applications": [application]}))
    return file


def test_what_the_ingress_is_given_apart_wins_also_on_a_laptop(tmp_path: Path) -> None:
    retention = {"jobs_s": 60.0}
    file = with_settings(tmp_path, {"limits": {"queued_jobs": 3}}, limits={"body_bytes": 2048}, retention=retention)
    read = parse_args(read_config(file))
    assert (read.limits.queued_jobs, read.limits.body_bytes, read.retention.jobs_s) == (3, 1 << 20, 60)
    settings = parse_settings({"limits": {"queued_jobs": 3}}, parse_args(args(retention=retention)))
    assert (settings.limits, settings.retention) == (read.limits, read.retention)
    assert read_config(with_settings(tmp_path, None)) == args()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"limit": {}}, "limit: unknown key; did you mean 'limits'?"),
        ({"storage": {"kind": "s3", "bucket": "b"}}, "storage: unknown key"),
        ({"limits": {"queued_jobs": 0}}, "limits.queued_jobs"),
        ([1], "valid dictionary"),
    ],
)
def test_nothing_else_may_stand_there(tmp_path: Path, settings: object, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_config(with_settings(tmp_path, settings))
