"""A real PostgreSQL from Debian's packages: in a temporary folder, on a Unix socket only, ended by its own pid."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.support.debian import installed, lesser_user

PORT = 5432  # names the socket's file; nothing listens on TCP


@dataclass(frozen=True)
class Postgres:
    """Where a server listens."""

    folder: Path

    def new_database(self, name: str) -> str:
        """Make an empty database; returns its URL as the configuration takes it."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql://continuo@/{name}?host={quote(str(self.folder), safe='')}&port={PORT}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / f".s.PGSQL.{PORT}"

    def answers(self) -> bool:
        try:
            psycopg.connect(self._conninfo("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def _conninfo(self, name: str) -> str:
        return f"host={self.folder} port={PORT} user=continuo dbname={name}"


def binaries() -> Path:
    """The folder of initdb and postgres. Installs Debian's package when we may; skips without, but not in CI."""
    return installed(_find, ["postgresql"])


def _find() -> Path | None:
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if newest:
        return newest[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A fresh server; its files and its process are gone afterwards."""
    tools, user = binaries(), lesser_user("postgres")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has at most 107 bytes
    if user:
        os.chown(folder, user["user"], user["group"])
        folder.chmod(0o755)
    quick = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}"]
    options = ["--auth=trust", "--username=continuo", "--encoding=UTF8", "--locale=C", "--no-sync"]
    log = (folder / "log").open("wb")
    process: subprocess.Popen[bytes] | None = None
    try:
        subprocess.run(
            [tools / "initdb", "-D", folder / "data", *options], check=True, stdout=log, stderr=log, cwd=folder, **user
        )
        process = subprocess.Popen(
            [tools / "postgres", "-D", folder / "data", "-p", str(PORT), *quick],
            stdout=log,
            stderr=log,
            cwd=folder,
            **user,
        )
        server = Postgres(folder)
        until = time.monotonic() + 30
        while not server.answers():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("PostgreSQL did not start: " + (folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        yield server
    finally:
        log.close()
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)
