"""What version 0.1.0 left on disk (tests/fixtures/upgrade), restored so that this program can start on it."""

import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from serve_app.records.database import open_engine, sqlalchemy_url
from serve_app.records.tables import api_keys, deliveries, jobs
from tests.support.postgres import Postgres

Json = dict[str, Any]

FIXTURES = Path(__file__).parents[1] / "fixtures" / "upgrade"
CONFIG = FIXTURES / "config.yaml"
EXPECTED: Mapping[str, Json] = json.loads((FIXTURES / "expected.json").read_text())
LONG_OVER = 1.0  # before the time of any machine, as seconds since 1970


@dataclass(frozen=True)
class Restored:
    """A home and a database of version 0.1.0, and what is known of them (fixtures/upgrade/README.md)."""

    home: Path
    database_url: str
    expected: Json

    @property
    def env(self) -> dict[str, str]:
        """The variables that config.yaml reads."""
        return {"CONTINUO_HOME": str(self.home), "DATABASE_URL": self.database_url}

    @property
    def jobs(self) -> dict[str, Json]:
        """The jobs that are there, by name."""
        return {name: job for name, job in self.expected["jobs"].items() if name != "deleted"}

    @property
    def finished(self) -> dict[str, Json]:
        """Those that had ended."""
        return {name: job for name, job in self.jobs.items() if "after" not in job}

    @property
    def unfinished(self) -> dict[str, Json]:
        """Those that had not."""
        return {name: job for name, job in self.jobs.items() if "after" in job}

    def headers(self, owner: str) -> dict[str, str]:
        """With which an owner comes in."""
        return {} if owner == "local" else {"Authorization": f"Bearer {self.expected['api_keys'][owner]['token']}"}

    def stored(self, key: str) -> bool:
        """Whether an object lies in the store."""
        return (self.home / "objects" / f"{key}@").exists()


def restore_home(folder: Path, receiver: str = "") -> Restored:
    """The home with SQLite, its webhooks sent to the URL `receiver`."""
    home = _unpack("home.tar.gz", folder / "home")
    return _made_ready(Restored(home, f"sqlite:///{home}/continuo.db", EXPECTED["home"]), receiver)


def restore_postgres(folder: Path, server: Postgres, receiver: str = "") -> Restored:
    """The database on a server, with the store that belongs to it."""
    home = _unpack("objects.tar.gz", folder / "home")
    url = server.new_database(f"upgrade_{folder.name}")  # each its own: several may be in use at once
    target = sqlalchemy_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute((FIXTURES / "postgres.sql").read_bytes())
    return _made_ready(Restored(home, url, EXPECTED["postgres"]), receiver)


def lasting(job: Json) -> Json:
    """A job without what is made anew at each read, and without deliveries, which may go on.

    What was shown before there were kinds was a sound.
    """
    made_anew = ("urls", "queue_position", "waiting_for", "deliveries", "url", "expires_at")
    shown = [{"kind": "audio", **item} for item in job["outputs"]]
    outputs = [{name: value for name, value in item.items() if name not in made_anew} for item in shown]
    return {name: value for name, value in job.items() if name not in made_anew} | {"outputs": outputs}


def tables_of(restored: Restored) -> dict[str, list[Any]]:
    """All rows of all tables, read as they lie there, and for each table its columns."""
    engine = open_engine(restored.database_url)
    try:
        with engine.connect() as connection:
            found = sa.MetaData()
            found.reflect(connection)
            return {
                table.name: [list(table.c.keys()), *sorted(map(repr, connection.execute(sa.select(table))))]
                for table in found.sorted_tables
            }
    finally:
        engine.dispose()


def _unpack(archive: str, folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    with tarfile.open(FIXTURES / archive) as opened:
        opened.extractall(folder, filter="data")
    return folder


def _made_ready(restored: Restored, receiver: str) -> Restored:
    """Point the webhooks at the test, and let what was over by the fixtures' time be over by any machine's."""
    expected = restored.expected
    moved = {expected["receiver"]: receiver, expected["nobody"]: receiver + "/nobody"} if receiver else {}
    late, expired = expected["jobs"]["queued_late"]["id"], expected["api_keys"]["expired"]["id"]
    engine = open_engine(restored.database_url)
    with engine.connect() as c, c.begin():
        for old, new in moved.items():
            c.execute(sa.update(deliveries).values(url=sa.func.replace(deliveries.c.url, old, new)))
            for row in c.execute(sa.select(jobs.c.id, jobs.c.webhook)).fetchall():
                if row.webhook:
                    webhook = {**row.webhook, "url": row.webhook["url"].replace(old, new)}
                    c.execute(sa.update(jobs).where(jobs.c.id == row.id).values(webhook=webhook))
        c.execute(sa.update(jobs).where(jobs.c.id == late).values(deadline=LONG_OVER))
        c.execute(sa.update(api_keys).where(api_keys.c.id == expired).values(expires_at=LONG_OVER))
        c.execute(sa.update(deliveries).where(deliveries.c.status == "pending").values(next_at=LONG_OVER))
    engine.dispose()
    return restored
