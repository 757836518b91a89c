from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from serve_app.config import LocalStorageConfig, S3StorageConfig
from serve_app.storage import s3_calls
from serve_app.storage.local import LocalStorage
from serve_app.storage.s3 import S3Storage
from tests.support.s3_servers import ACCESS_KEY, SECRET_KEY, S3Server

OpenS3 = Callable[..., S3Storage]


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(LocalStorageConfig(path=str(tmp_path / "store")))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before a second attempt is longer than any call may take: the first one's failure is told."""
    monkeypatch.setattr(s3_calls, "FIRST_PAUSE_S", 1e9)
    monkeypatch.setattr(s3_calls, "LONGEST_PAUSE_S", 1e9)


@pytest.fixture
def open_s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[OpenS3]:
    """Opens stores with the test credentials and closes them; `port` goes through a proxy, for instance."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    opened: list[S3Storage] = []

    def open_store(server: S3Server, port: int | None = None, **settings: Any) -> S3Storage:
        config = S3StorageConfig(
            kind="s3",
            **{
                "bucket": server.bucket,
                "endpoint_url": f"http://127.0.0.1:{port or server.port}",
                "prefix": f"test-{tmp_path.name}",
                **settings,
            },
        )
        opened.append(S3Storage(config))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()
