"""What the service refuses to start with: one clear line, exit status 1, no trace, and nothing was started."""

import socket
from pathlib import Path

import httpx
import pytest
import yaml

from serve_app.records.database import Database
from tests.support.live import TONE, cli, config_file, environment, running
from tests.support.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server

S3_KEYS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def refused(home: Path, *words: str, env: dict[str, str] | None = None) -> str:
    """The line that `continuo serve` ends with, before it has started anything."""
    ended = cli(home, "serve", "--port", "0", *words, env=env)
    said = ended.stderr.strip()
    assert ended.returncode == 1, ended.stdout + said
    assert "Traceback" not in said
    assert said.startswith("error: ")
    return said


def with_file(home: Path, text: str) -> str:
    file = home / "given.yaml"
    file.write_text(text)
    said = refused(home, "--config", str(file))
    assert len(said.splitlines()) == 1
    return said


def with_model(home: Path, **changes: object) -> str:
    return refused(home, "--config", str(config_file(home, [{**TONE, **changes}])))


def test_a_public_address_needs_keys_and_the_line_says_how_to_make_one(tmp_path: Path) -> None:
    for words in (["--host", "0.0.0.0"], ["--host", "::"], ["--production"]):
        said = refused(tmp_path, *words)
        assert "needs API keys" in said
        assert "continuo keys create" in said


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(tmp_path, "--port", str(port))
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"replicas": {"maxx": 2}}, "models.0.replicas.maxx: unknown key; did you mean 'max'?"),
        ({"modle": "x"}, "models.0.modle: unknown key; did you mean 'model'?"),
        ({"options": {"load": 1}}, "unknown field 'load'; did you mean 'load_s'?"),
        ({"model": "deployments.tone:Tune"}, "'deployments.tone:Tune' cannot be imported"),
        ({"model": "deployments.tune:Tone"}, "No module named 'deployments.tune'"),
        ({"fallback": ["tune"]}, "unknown model 'tune'; did you mean 'tone'?"),
        ({"replicas": {"cpus": "${CPUS_OF_TONE}"}}, "environment variable CPUS_OF_TONE is not set"),
    ],
)
def test_a_wrong_model_entry_names_the_key_and_the_nearest_right_one(
    change: dict[str, object], expected: str, tmp_path: Path
) -> None:
    assert expected in with_model(tmp_path, **change)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("applications: [\n  - x: {", "not valid YAML"),
        ("just words", "no entry of 'applications'"),
        ("applications: {a: 1}", "no entry of 'applications'"),
        ("applications: [tone, 3]", "no entry of 'applications'"),
        ("", "no entry of 'applications'"),
    ],
)
def test_a_file_that_is_no_configuration(text: str, expected: str, tmp_path: Path) -> None:
    assert expected in with_file(tmp_path, text)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path, "--config", str(tmp_path / "none.yaml"))
    assert "directory" in refused(tmp_path, "--config", str(tmp_path))
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    assert "not text" in refused(tmp_path, "--config", str(tmp_path / "binary.yaml"))


def test_a_directory_that_cannot_be_the_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = config_file(tmp_path, [TONE], storage={"kind": "local", "path": str(tmp_path / "file")})
    assert "storage: local storage" in refused(tmp_path, "--config", str(config))


@pytest.mark.parametrize("url", ["mysql://a/b", "continuo.db", "sqlite:///"])
def test_a_database_of_another_kind(url: str, tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE], database_url=url)
    assert "database_url" in refused(tmp_path, "--config", str(config))


def test_a_database_of_a_newer_version_before_anything_is_started(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE])
    database = Database(f"sqlite:///{tmp_path}/continuo.db")
    database.migrate()
    database.write_now(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    said = refused(tmp_path, "--config", str(config))
    assert said == (
        "error: the job database was made by a newer version of Continuo; run that version, or restore a copy"
    )
    assert not (tmp_path / "logs").exists()


def test_several_ingress_replicas_need_a_shared_database(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE], ingress_replicas=2)
    assert "postgresql://" in refused(tmp_path, "--config", str(config))


def test_a_key_of_the_store_that_is_misspelt(tmp_path: Path) -> None:
    config = config_file(tmp_path, [TONE], storage={"kind": "local", "pth": str(tmp_path)})
    said = refused(tmp_path, "--config", str(config))
    assert said.endswith("storage.local.pth: unknown key; did you mean 'path'?")
    assert len(said.splitlines()) == 2


def in_bucket(home: Path, server: S3Server, bucket: str = "outputs") -> str:
    storage = {"kind": "s3", "bucket": bucket, "endpoint_url": server.endpoint_url}
    return str(config_file(home, [TONE], storage=storage))


def test_a_bucket_that_is_not_there(tmp_path: Path, moto: S3Server) -> None:
    said = refused(tmp_path, "--config", in_bucket(tmp_path, moto, "outptus"), env=S3_KEYS)
    assert "there is no bucket 'outptus' (storage.bucket)" in said


def test_no_credentials(tmp_path: Path, moto: S3Server) -> None:
    nothing = {name: "" for name in S3_KEYS} | {"AWS_EC2_METADATA_DISABLED": "true"}
    said = refused(tmp_path, "--config", in_bucket(tmp_path, moto), env=nothing)
    assert "AWS_ACCESS_KEY_ID" in said


def test_an_endpoint_that_is_no_url(tmp_path: Path) -> None:
    storage = {"kind": "s3", "bucket": "outputs", "endpoint_url": "nowhere"}
    said = refused(tmp_path, "--config", str(config_file(tmp_path, [TONE], storage=storage)), env=S3_KEYS)
    assert "storage.endpoint_url" in said


@pytest.mark.ray
@pytest.mark.slow
def test_with_a_key_a_public_address_comes_up_and_asks_for_it(tmp_path: Path) -> None:
    made = cli(tmp_path, "keys", "create", "ada")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    with running(tmp_path, None, "--host", "0.0.0.0") as service:
        url = service.url.replace("0.0.0.0", "127.0.0.1")
        body = {"model": "tone", "prompt": "a tone", "duration_s": 1}
        for headers in ({}, {"Authorization": "Bearer ck_wrong"}, {"Authorization": f"Basic {token}"}):
            answer = httpx.post(f"{url}/v1/audio/generations", json=body, headers=headers, timeout=70)
            assert answer.status_code == 401, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"
        with_key = {"Authorization": f"Bearer {token}"}
        job = httpx.post(f"{url}/v1/audio/generations", json=body, headers=with_key, timeout=70)
        assert job.status_code == 201, job.text
        signed = job.json()["outputs"][0]["url"]
        assert httpx.get(signed, timeout=70).status_code == 200  # a signed URL is its own key
        for path in ("/v1/jobs", "/v1/models", "/metrics"):
            assert httpx.get(url + path, timeout=70).status_code == 401
            assert httpx.get(url + path, headers=with_key, timeout=70).status_code == 200
        listed = cli(tmp_path, "models", "--url", url, env={"CONTINUO_API_KEY": token})
        assert listed.returncode == 0
        assert "tone" in listed.stdout
        assert cli(tmp_path, "models", "--url", url).returncode == 1
        assert not any(token in line for line in service.log_lines())


def test_the_home_of_a_test_is_its_own(tmp_path: Path) -> None:
    """The environment of these tests must never reach a developer's keys, credentials or home."""
    variables = environment(tmp_path)
    assert variables["HOME"] == variables["CONTINUO_HOME"] == str(tmp_path)
    assert "CONTINUO_API_KEY" not in variables


def test_config_render_is_what_serve_reads(tmp_path: Path) -> None:
    rendered = cli(tmp_path, "config", "render", "--config", str(config_file(tmp_path, [TONE])))
    assert rendered.returncode == 0
    args = yaml.safe_load(rendered.stdout)["applications"][0]["args"]
    assert args["models"][0]["replicas"]["target_ongoing"] == 4
    (tmp_path / "rendered.yaml").write_text(rendered.stdout)
    again = cli(tmp_path, "config", "render", "--config", str(tmp_path / "rendered.yaml"))
    assert again.stdout == rendered.stdout
