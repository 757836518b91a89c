"""The database: SQLite by default, PostgreSQL on a cluster. Statements run in threads, one transaction each."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import InterfaceError, OperationalError

from serve_app.config import sqlite_path
from serve_app.errors import DatabaseUnavailable, StorageFull

P = ParamSpec("P")
T = TypeVar("T")
Statement = Callable[Concatenate[sa.Connection, P], T]


class Database:
    """Runs functions of a connection in a transaction: `await database.write(insert_job, row)`.

    On SQLite all writes pass one thread, so that they never wait for each other's locks; PostgreSQL has a pool.
    Raises DatabaseUnavailable when the server is away and StorageFull when the disk is.
    """

    def __init__(self, url: str) -> None:
        self.url = sqlalchemy_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self.engine = open_engine(self.url)
        self._local, self._opened = threading.local(), list[sa.Connection]()
        self._writers = ThreadPoolExecutor(1 if self.is_sqlite else 8, thread_name_prefix="database-write")
        self._readers = ThreadPoolExecutor(2 if self.is_sqlite else 8, thread_name_prefix="database-read")

    async def write(self, statement: Statement[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `statement` in a read-write transaction that is committed when this returns."""
        return await self._run(self._writers, lambda: self.write_now(statement, *args, **kwargs))

    async def read(self, statement: Statement[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `statement` in a transaction that only reads."""
        return await self._run(self._readers, lambda: self.read_now(statement, *args, **kwargs))

    def write_now(self, statement: Statement[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`write` for code without an event loop."""
        with _translated():
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    return statement(connection, *args, **kwargs)
            connection = self._own_connection()
            with connection.begin():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return statement(connection, *args, **kwargs)

    def _own_connection(self) -> sa.Connection:
        """This thread's connection for writing; a pool would cost as much as a small write itself."""
        connection: sa.Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed or connection.invalidated:
            connection = self._local.connection = self.engine.connect()
            self._opened.append(connection)
        return connection

    def read_now(self, statement: Statement[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for code without an event loop."""
        with _translated(), self.engine.connect() as connection:
            return statement(connection, *args, **kwargs)

    def migrate(self) -> None:
        """Bring the tables to this program's version. Several processes may try at once; one does it."""
        with _translated(), self.engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7203661)"))
            command.upgrade(alembic_config(connection), "head")

    def close(self) -> None:
        """End the threads and connections."""
        self._writers.shutdown()
        self._readers.shutdown()
        for connection in self._opened:
            connection.close()
        self.engine.dispose()

    @staticmethod
    async def _run(pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)


class _translated:
    """Turns the driver's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if not isinstance(error, OperationalError | InterfaceError):
            return
        if "disk is full" in str(error.orig) or "No space left" in str(error.orig):
            raise StorageFull("the disk that holds the job database is full") from error
        raise DatabaseUnavailable(f"the job database does not answer ({type(error.orig).__name__})") from error


def sqlalchemy_url(url: str) -> str:
    """Our URL as SQLAlchemy wants it: `~` expanded, psycopg 3 as the driver of PostgreSQL."""
    path = sqlite_path(url)
    if path is not None:
        return f"sqlite:///{path}"
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def open_engine(url: str) -> sa.Engine:
    """An engine; for SQLite in WAL mode with full synchronisation, so that a committed row survives a power cut."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=16, pool_pre_ping=True, connect_args={"connect_timeout": 5})
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic pointed at our migrations and at an open connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
