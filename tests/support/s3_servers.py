"""Real and mock S3 servers for tests, each on a free port of loopback, ended when the `with` block ends."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from serve_app.launch.ports import free_port

ACCESS_KEY, SECRET_KEY = "testkey", "testsecret"
_STARTER = Path(__file__).with_name("radosgw_up.sh")


@dataclass(frozen=True)
class S3Server:
    """Where a server listens, and the bucket that was made in it."""

    port: int
    bucket: str = "outputs"

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def make_bucket(self) -> "S3Server":
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=self.bucket)
        client.close()
        return self


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """The mock: quick, right about conditional writes, and without any check of signatures or expiry."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield S3Server(server.get_host_and_port()[1]).make_bucket()
    finally:
        server.stop()


@contextmanager
def radosgw_server(folder: Path) -> Iterator[S3Server]:
    """Ceph's radosgw from Debian's packages. Skips the test where they cannot be had; in CI it fails."""
    missing = [tool for tool in ("bash", "apt-get", "dpkg", "flock") if shutil.which(tool) is None]
    if missing:
        _cannot(f"radosgw comes from Debian's packages, and there is no {', '.join(missing)} here")
    port = free_port()
    started = subprocess.run([_STARTER, folder, str(port)], capture_output=True, text=True, check=False)
    try:
        if started.returncode == 3:
            _cannot(started.stderr.strip())
        assert started.returncode == 0, started.stderr
        yield S3Server(port).make_bucket()
    finally:
        subprocess.run([_STARTER, "--stop", folder], check=True)


def _cannot(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
