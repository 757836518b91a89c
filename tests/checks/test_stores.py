from collections.abc import Iterator
from pathlib import Path

import pytest

from serve_app.checks import Check, stores
from serve_app.config import Args
from serve_app.records.database import Database
from serve_app.storage import open_storage
from tests.support.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server, moto_server
from tests.support.service import args_in


@pytest.fixture
def args(tmp_path: Path) -> Args:
    """A home of the test's own, in which nothing is yet."""
    return args_in(tmp_path / "home")


def one(found: object) -> Check:
    [check] = found  # type: ignore[misc]
    assert isinstance(check, Check)
    return check


def test_what_is_not_there_yet_will_be_made(args: Args, tmp_path: Path) -> None:
    for check in (one(stores.database(args)), one(stores.store(args))):
        assert check.status == "ok"
        assert "will be made at the first start" in check.detail
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "home").write_text("in the way")
    for check in (one(stores.database(args)), one(stores.store(args))):
        assert (check.status, check.remedy != "") == ("failed", True)


def test_a_database_is_written_to_and_left_as_it_was(args: Args) -> None:
    database = Database(args.database_url)
    assert "writable, empty" in one(stores.database(args)).detail
    database.migrate()
    assert "writable, version" in one(stores.database(args)).detail
    tables = database.read_now(lambda c: c.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all())
    assert "continuo_doctor" not in tables
    database.write_now(lambda c: c.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'"))
    assert "a newer version" in one(stores.database(args)).detail
    database.close()


@pytest.mark.postgres
def test_a_database_on_a_server(database_url: str, tmp_path: Path) -> None:
    args = args_in(tmp_path, database_url=database_url)
    database = Database(database_url)
    database.migrate()
    assert "writable, version" in one(stores.database(args)).detail
    database.close()


def test_a_server_that_is_away(tmp_path: Path) -> None:
    check = one(stores.database(args_in(tmp_path, database_url="postgresql://u:hidden@127.0.0.1:1/none")))
    assert check.status == "failed"
    assert "127.0.0.1" in check.detail
    assert "hidden" not in check.detail


def test_a_file_system_that_forgets_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stores.file_system_of(Path("/proc/self")) == "proc"
    monkeypatch.setattr(stores, "file_system_of", lambda _: "tmpfs")
    first, *_ = stores.database(args_in(tmp_path))
    assert first.status == "warning"
    assert "lost when this machine restarts" in first.detail


def test_a_local_store_is_tried(args: Args) -> None:
    open_storage(args.storage).close()
    assert "put, got, signed and deleted at " in one(stores.store(args)).detail


@pytest.fixture(scope="module")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def in_bucket(folder: Path, server: S3Server, bucket: str | None = None) -> Args:
    storage = {"kind": "s3", "bucket": bucket or server.bucket, "endpoint_url": server.endpoint_url}
    return args_in(folder, storage=storage)


@pytest.mark.usefixtures("credentials")
def test_a_bucket_is_tried_past_every_proxy(tmp_path: Path, moto: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    tried, browsers = stores.store(in_bucket(tmp_path, moto))
    assert (tried.status, browsers.status) == ("ok", "warning"), tried
    assert "no rule allows GET" in browsers.detail


@pytest.mark.usefixtures("credentials")
def test_a_rule_for_browsers_is_seen(tmp_path: Path, moto: S3Server) -> None:
    args = in_bucket(tmp_path, moto)
    store = open_storage(args.storage)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    client = store._call.client  # type: ignore[attr-defined]
    client.put_bucket_cors(Bucket=moto.bucket, CORSConfiguration={"CORSRules": [rule]})
    store.close()
    assert [item.status for item in stores.store(args)] == ["ok", "ok"]


@pytest.mark.usefixtures("credentials")
def test_a_bucket_that_is_not_there_stops_the_service(tmp_path: Path, moto: S3Server) -> None:
    check = one(stores.store(in_bucket(tmp_path, moto, "outptus")))
    assert check.status == "failed"
    assert "there is no bucket 'outptus'" in check.detail


def test_files_that_others_may_read_are_told(args: Args, tmp_path: Path) -> None:
    assert one(stores.permissions(args)).status == "ok"
    open_storage(args.storage).close()
    Database(args.database_url).close()
    assert one(stores.permissions(args)).status == "ok"
    (tmp_path / "home" / "continuo.db").chmod(0o644)
    check = one(stores.permissions(args))
    assert check.status == "warning"
    assert "continuo.db" in check.detail
