"""The database: SQLite by default, PostgreSQL on a cluster. Statements run in threads, one transaction each."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, InterfaceError, InternalError, OperationalError

from serve_app.config import sqlite_path
from serve_app.errors import ConfigError, DatabaseMisconfigured, DatabaseUnavailable, StorageFull
from serve_app.file_modes import private_database
from serve_app.logs import log
from serve_app.records.migrations import NEWEST
from serve_app.records.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config

P = ParamSpec("P")
T = TypeVar("T")
Statement = Callable[Concatenate[sa.Connection, P], T]

_OPERATOR_MUST_ACT = {"SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_PERM"}


class Database:
    """Runs functions of a connection in a transaction: `await database.write(insert_job, row)`.

    On SQLite all writes pass one thread, so that they never wait for each other's locks; PostgreSQL has a pool.
    Raises DatabaseUnavailable when the server is away, DatabaseMisconfigured when only an operator can help and
    StorageFull when the disk is full. To open one raises ConfigError for a place or a URL that cannot be used.
    """

    def __init__(self, url: str, patience_s: int = 30) -> None:
        self.url = url
        path = sqlite_path(url)
        self.is_sqlite = path is not None
        if path is not None:
            _make_room(path)
        self.engine = open_engine(url, patience_s)
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
        version = self._version()
        if version == NEWEST:
            return
        with _translated(), self.engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7203661)"))
            if sa.inspect(connection).get_table_names():
                upgrade(connection)
            else:
                create(connection)
        path = sqlite_path(self.url)
        if version == "0001" and path is not None:
            _remove_workflows(path)

    def _version(self) -> str | None:
        """Of the tables; None where there are none yet, or where nobody answers, which the migration then tells."""
        try:
            with self.engine.connect() as connection:
                found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
                return found
        except (DatabaseError, InterfaceError):
            return None

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


async def until_available(access: Callable[[], Awaitable[T]]) -> T:
    """Read or write what must not be given up, however long the database is away: that is no reason to fail a job."""
    while True:
        try:
            return await access()
        except (DatabaseUnavailable, StorageFull) as error:
            log.warning("a job waits for the database", extra={"code": error.code})
            await asyncio.sleep(1.0)


# Internal errors are those of a server that only reads, or that has ended an idle transaction.
_TRANSLATED = (OperationalError, InterfaceError, InternalError)


class _translated:
    """Turns the driver's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, sa.exc.TimeoutError):  # of the pool: all connections are at work, or dead
            raise DatabaseUnavailable("the job database does not answer (no connection is free)") from error
        if not isinstance(error, _TRANSLATED) and type(error) is not DatabaseError:
            return
        assert isinstance(error, DatabaseError | InterfaceError)
        if "disk is full" in str(error.orig) or "No space left" in str(error.orig):
            raise StorageFull("the disk that holds the job database is full") from error
        code = getattr(error.orig, "sqlite_errorname", "")
        if any(code.startswith(name) for name in _OPERATOR_MUST_ACT):
            raise DatabaseMisconfigured(f"the job database cannot be used ({error.orig})") from error
        raise DatabaseUnavailable(f"the job database does not answer ({type(error.orig).__name__})") from error


class Prepared:
    """A statement on the path of every job, compiled once: SQLAlchemy takes five times as long as SQLite to run one.

    All of its parameters are named in each call; what it returns is as the driver gives it (numbers and text).
    """

    def __init__(self, build: Callable[[Any], sa.ClauseElement]) -> None:
        """`build` gets the INSERT of the database, which alone knows ON CONFLICT, and returns the statement."""
        self._build = build
        self._for: dict[str, _Compiled] = {}

    def __call__(self, c: sa.Connection, values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Any:
        """Run it with these parameters, or once with each of several."""
        prepared = self._for.get(c.dialect.name) or self._compile(c.dialect)
        given: Any = prepared.given(values) if isinstance(values, Mapping) else [prepared.given(one) for one in values]
        return c.exec_driver_sql(prepared.text, given)

    def _compile(self, dialect: sa.Dialect) -> "_Compiled":
        insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
        prepared = self._for[dialect.name] = _Compiled(self._build(insert), dialect)
        return prepared


class _Compiled:
    """A statement for one database: its text, and how its parameters become the driver's."""

    def __init__(self, statement: sa.ClauseElement, dialect: Any) -> None:
        compiled: Any = statement.compile(dialect=dialect)
        self.text: str = compiled.string
        self._order: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}
        found = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()}
        self._processes = {name: process for name, process in found.items() if process is not None}

    def given(self, values: Mapping[str, Any]) -> Any:
        """These parameters as the driver wants them."""
        found = {**self._fixed, **values}
        for name, process in self._processes.items():
            found[name] = process(found[name])
        return found if self._order is None else tuple(found[name] for name in self._order)


def driver_said(error: BaseException) -> str:
    """The first line of the driver's own words about an error of ours, for the operator's eyes; may be empty."""
    original = getattr(error.__cause__ or error, "orig", None)
    return next((line.strip() for line in str(original or "").splitlines() if line.strip()), "")


def sqlalchemy_url(url: str) -> sa.URL:
    """Our URL as SQLAlchemy wants it: `~` expanded, psycopg 3 as the driver of PostgreSQL. Raises ConfigError."""
    path = sqlite_path(url)
    if path is not None:
        return sa.URL.create("sqlite", database=str(path))  # not from text, where ? # % have meanings
    try:
        return sa.make_url(url).set(drivername="postgresql+psycopg")
    except (sa.exc.ArgumentError, ValueError):  # its words would show the password
        raise ConfigError("database_url is not valid: expected postgresql://USER:PASSWORD@HOST:PORT/NAME") from None


def open_engine(url: str, patience_s: int = 30) -> sa.Engine:
    """An engine; for SQLite in WAL mode with full synchronisation, so that a committed row survives a power cut.

    `patience_s` is how long a writer of SQLite waits for another one, and how long a statement may take on PostgreSQL.
    Raises ConfigError.
    """
    target = sqlalchemy_url(url)
    if target.drivername != "sqlite":
        try:
            return sa.create_engine(
                target, pool_size=16, pool_pre_ping=True, hide_parameters=True, connect_args=_postgres(patience_s)
            )
        except ModuleNotFoundError:
            raise ConfigError(
                "database_url names PostgreSQL, and its driver is not installed: pip install 'psycopg[binary]'"
            ) from None
    connect_args = {"timeout": patience_s, "check_same_thread": False}
    engine = sa.create_engine(target, hide_parameters=True, connect_args=connect_args)  # errors are logged
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _postgres(patience_s: int) -> dict[str, Any]:
    """A server that falls silent is given up: no statement, no dead connection holds a thread for longer."""
    limits = {"statement_timeout": patience_s, "idle_in_transaction_session_timeout": 2 * patience_s}
    return {
        "connect_timeout": 5,
        "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items()),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": min(15, patience_s) * 1000,  # ms
    }


def _make_room(path: Path) -> None:
    """The file and its folder, private. Raises ConfigError that names what is in the way."""
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"database_url: {path} is not a file")
        private_database(path)
    except OSError as error:
        raise ConfigError(
            f"the job database cannot be in {path.parent}: {error.strerror} ({error.filename or path}); "
            "choose another place with CONTINUO_HOME or database_url"
        ) from None


def _remove_workflows(path: Path) -> None:
    """Remove the second file in which version 0.1 kept the workflows of its jobs; its jobs are all in ours."""
    for companion in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):  # what stays is read by nobody
            path.with_name(f"{path.stem}.workflows{path.suffix}{companion}").unlink()


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def create(connection: sa.Connection) -> None:
    """Make all tables in an empty database, as all migrations together make them."""
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:newest)"), {"newest": NEWEST})


def upgrade(connection: sa.Connection) -> None:
    """Run the migrations that a database has not seen. Raises DatabaseMisconfigured for one of a newer program."""
    from alembic import command
    from alembic.util import CommandError

    try:
        command.upgrade(alembic_config(connection), "head")
    except CommandError as error:
        raise DatabaseMisconfigured(
            "the job database was made by a newer version of Continuo; run that version, or restore a copy"
        ) from error


def alembic_config(connection: sa.Connection) -> "Config":
    """Alembic pointed at our migrations and at an open connection."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config
