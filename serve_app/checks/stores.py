"""What a service keeps: its job database, its store of sounds, and who else may read them."""

import os
import secrets
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from serve_app.addresses import is_local_url
from serve_app.checks import Check, Probe
from serve_app.checks.machine import existing
from serve_app.config import Args, LocalStorageConfig, S3StorageConfig, home_of, sqlite_path
from serve_app.errors import ConfigError, ContinuoError
from serve_app.file_modes import HOME_NAME, is_open_to_others
from serve_app.records.database import alembic_config, driver_said, open_engine
from serve_app.storage import Storage, open_storage
from serve_app.variables import local_path

CONTENT = b"continuo doctor"
_ELSEWHERE = "choose another place with CONTINUO_HOME, storage.path or database_url"
_FORGETFUL, _REMOTE = {"tmpfs", "ramfs"}, {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"}


def probes(args: Args) -> list[Probe]:
    """What a service keeps, looked at as the service uses it; nothing is made that a start would make."""
    return [
        Probe("database", partial(database, args), limit_s=15, essential=True),
        # One after the other: a store that is opened closes its files to others, which shall be told before.
        Probe("store", lambda: chain(permissions(args), store(args)), limit_s=30, essential=True),
    ]


def database(args: Args) -> Iterator[Check]:
    """The job database: reachable, writable, of a version that this program knows."""
    path = sqlite_path(args.database_url)
    remedy = "look at database_url and at the server"
    if path is not None:
        remedy = _ELSEWHERE
        yield from _file_system(path)
        if not path.exists():
            yield _to_be_made("database", path)
            return
    try:
        yield Check("database", "ok", f"{path or 'PostgreSQL'}: {_version(args.database_url)}")
    except CommandError:
        told = "it was made by a newer version of Continuo"
        yield Check("database", "failed", told, "run that version, or restore a copy")
    except (sa.exc.SQLAlchemyError, ConfigError) as error:
        yield Check("database", "failed", driver_said(error) or str(error).partition("\n")[0], remedy)


def _version(url: str) -> str:
    """Write into the database and take it back; what its tables are. Raises SQLAlchemyError, CommandError."""
    engine = open_engine(url, patience_s=5)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            scripts = ScriptDirectory.from_config(alembic_config(connection))
            connection.rollback()
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql("CREATE TABLE continuo_doctor (id INTEGER)")
            connection.rollback()
    finally:
        engine.dispose()
    if current is None:
        return "writable, empty; its tables are made at the next start"
    scripts.get_revision(current)
    newest = scripts.get_current_head()
    return f"writable, version {current}" + ("" if current == newest else f"; the next start brings it to {newest}")


def _to_be_made(name: str, path: Path) -> Check:
    """The finding about what is not there before the first start."""
    folder = existing(path.parent)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return Check(name, "ok", f"{path} will be made at the first start")
    return Check(name, "failed", f"{path} cannot be made: {folder} is not a folder that can be written", _ELSEWHERE)


def _file_system(path: Path) -> Iterator[Check]:
    kind = file_system_of(path)
    if kind in _FORGETFUL:
        told = f"{path} lies on {kind}, in memory: accepted jobs are lost when this machine restarts"
        yield Check("database", "warning", told, _ELSEWHERE)
    if kind in _REMOTE:
        told = f"{path} lies on {kind}, where SQLite's locks do not hold"
        yield Check("database", "warning", told, f"use PostgreSQL, or {_ELSEWHERE}")


def file_system_of(path: Path) -> str:
    """The kind of file system that holds a path; empty where that cannot be told."""
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return ""
    real = Path(os.path.realpath(path))
    best, kind = -1, ""
    for line in lines:
        point, this = line.split(" ")[1:3]
        mount = Path(point.replace("\\040", " "))
        if (mount == real or mount in real.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), this
    return kind


def store(args: Args) -> Iterator[Check]:
    """The store: an object is put, got, signed and deleted; a bucket's rules for browsers are read."""
    config = args.storage
    if isinstance(config, LocalStorageConfig) and not (local_path(config.path) / "secret").exists():  # opening makes it
        yield _to_be_made("store", local_path(config.path))
        return
    if isinstance(config, S3StorageConfig):
        config = config.model_copy(update={"deadline_s": 10.0})
    try:
        opened = open_storage(config)
        try:
            yield _round_trip(opened)
            if isinstance(config, S3StorageConfig):
                yield _browsers(opened)
        finally:
            opened.close()
    except (ContinuoError, ConfigError) as error:
        yield Check("store", "failed", str(error), "correct `storage` in the configuration, or what it names")


def _round_trip(opened: Storage) -> Check:
    key = f"check/doctor-{secrets.token_hex(8)}.txt"
    opened.put(key, CONTENT, "text/plain")
    try:
        if opened.get(key) != CONTENT:
            return Check("store", "failed", "what is got is not what was put", "look at the server's consistency")
        reason = _unsigned(opened, key)
    finally:
        opened.delete(key)
    if reason:
        told = f"a signed URL does not give the object: {reason}"
        return Check("store", "failed", told, "look at storage.endpoint_url")
    return Check("store", "ok", f"put, got, signed and deleted at {place(opened)}")


def place(opened: Storage) -> str:
    """Where a store is, without credentials."""
    config = getattr(opened, "config", None)
    return f"bucket {config.bucket}" if isinstance(config, S3StorageConfig) else str(getattr(opened, "path", "?"))


def _unsigned(opened: Storage, key: str) -> str:
    """Why a signed URL of an object cannot be read; empty when it can."""
    import httpx

    url = opened.url(key, 60).url
    if url.startswith("/"):  # the local store's, which the service itself answers
        return ""
    try:
        with httpx.Client(trust_env=not is_local_url(url), timeout=5) as http:
            answer = http.get(url)
    except (httpx.HTTPError, ImportError, ValueError) as error:
        return type(error).__name__
    return "" if answer.content == CONTENT else f"HTTP {answer.status_code}"


def _browsers(opened: Storage) -> Check:
    from serve_app.storage.s3 import S3Storage

    assert isinstance(opened, S3Storage)
    remedy = "put a CORS rule that allows GET from the pages that play its sounds"
    try:
        if opened.lets_browsers_read():
            return Check("CORS of the bucket", "ok", "a rule allows GET")
        told = "no rule allows GET: pages of other origins cannot read it"
        return Check("CORS of the bucket", "warning", told, remedy)
    except ContinuoError as error:
        return Check("CORS of the bucket", "warning", f"cannot be read: {error}", remedy)


def permissions(args: Args) -> Iterator[Check]:
    """Files of ours that others may read, or that another user owns."""
    found = [path for path in ours(args) if path.exists()]
    foreign = [path for path in found if path.stat().st_uid != os.getuid()]
    open_ = [path for path in found if is_open_to_others(path)]
    if foreign:
        remedy = f"chown them to this user: {', '.join(map(str, foreign[:3]))}"
        yield Check("permissions", "warning", f"another user owns {len(foreign)} of its files", remedy)
    if open_:
        told = f"others may read {', '.join(map(str, open_[:3]))}" + (" and more" if len(open_) > 3 else "")
        yield Check("permissions", "warning", told, "the next start closes them, where the file system can")
    if not foreign and not open_:
        yield Check("permissions", "ok", f"{len(found)} files and folders of its own, for this user only")


def ours(args: Args) -> Iterator[Path]:
    """The files and folders that hold prompts, secrets and sounds."""
    home = home_of(args)
    if home.name == HOME_NAME:
        yield home
    yield from (home / "logs", *sorted((home / "logs").glob("*.jsonl")))
    if isinstance(args.storage, LocalStorageConfig):
        yield from (local_path(args.storage.path) / name for name in ("secret", "objects"))
    path = sqlite_path(args.database_url)
    if path is not None:
        for file in (path, path.with_name(path.stem + ".workflows" + path.suffix)):
            yield from (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm")))
