"""Objects in a directory of this machine.

An object is a folder with one file, and the file's name holds its facts:

    objects/audio/4f/4fa2.01k9.flac@/<sha256>.audio.flac

The folder is made complete under `objects/@tmp` and then renamed into place. rename(2) is atomic and refuses
a target folder that is not empty, so the first writer wins, and whatever is killed at whatever point, an
object is there with all its bytes and facts or it is not there. No key holds an '@', so keys reach neither
`@tmp` nor the inside of an object.
"""

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urlencode

from serve_app.config import LocalStorageConfig, check_key
from serve_app.errors import NotFound, StorageFull, StorageMisconfigured, StorageUnavailable
from serve_app.file_modes import private_folder
from serve_app.storage import SignedUrl, Stat, check_media_type, open_storage
from serve_app.storage.signing import load_secret, sign, verify
from serve_app.variables import local_path

LEFTOVER_AFTER_S = 3600.0  # far above the longest write, so that a sweep never takes a running one's folder

_FACTS = re.compile(r"([0-9a-f]{64})\.([a-z]+)\.([a-z0-9.+-]+)", re.ASCII)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EXDEV, errno.ELOOP}
_TMP = "@tmp"


class LocalStorage:
    """The `kind: local` store; see `Storage` for its methods."""

    def __init__(self, config: LocalStorageConfig) -> None:
        self.config = config
        self.path = local_path(config.path).absolute()
        with _translated(f"open {self.path}"):
            private_folder(self.path)
            self._secret = load_secret(self.path / "secret")
            private_folder(self.path / "objects", ours=True)
            private_folder(self.path / "objects" / _TMP, ours=True)
        self.sweep(LEFTOVER_AFTER_S)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_storage, (self.config,)

    def put(self, key: str, data: bytes, media_type: str) -> Stat:
        """Store an object unless the key is taken; the returned facts are those of what is stored."""
        segments = check_key(key)
        mine = Stat(len(data), hashlib.sha256(data).hexdigest(), check_media_type(media_type))
        with _translated("put"):
            for _ in range(3):  # a taken key can be free again a moment later: retention deletes
                found = self.stat(key)
                if found is not None:
                    return found
                if self._create(segments, data, mine):
                    return mine
        raise StorageUnavailable("the local store could not settle a put: the object came and went")

    def _create(self, segments: list[str], data: bytes, facts: Stat) -> bool:
        with ExitStack() as stack:
            root = stack.enter_context(self._directory([]))
            parent = stack.enter_context(self._directory(segments[:-1], create=True))
            tmp = stack.enter_context(_opened(_TMP, root))
            name = f"{os.getpid()}-{secrets.token_hex(8)}"
            _make(name, tmp)
            stack.callback(_remove, name, tmp)
            with _opened(name, tmp) as folder:
                _write(_facts_name(facts), data, folder)
                os.fsync(folder)
            try:
                os.rename(name, segments[-1] + "@", src_dir_fd=tmp, dst_dir_fd=parent)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                    return False
                raise
            os.fsync(parent)
            return True

    def stat(self, key: str) -> Stat | None:
        """The facts of an object, None if there is none."""
        try:
            with _translated("stat"):
                fd, facts = self._open(check_key(key))
        except NotFound:
            return None
        os.close(fd)
        return facts

    def open_file(self, key: str) -> tuple[BinaryIO, Stat]:
        """An object's bytes as an open file, which stays readable after a delete. Raises NotFound."""
        with _translated("open"):
            fd, facts = self._open(check_key(key))
        return os.fdopen(fd, "rb", buffering=0), facts

    def get(self, key: str) -> bytes:
        """The bytes of an object, checked against their sha256."""
        file, facts = self.open_file(key)
        with file, _translated("get"):
            data = file.read()
        if hashlib.sha256(data).hexdigest() != facts.sha256:
            raise StorageUnavailable("the bytes on disk are not those that were stored: delete the object")
        return data

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""
        segments = check_key(key)
        with _translated("delete"), ExitStack() as stack:
            root = stack.enter_context(self._directory([]))
            tmp = stack.enter_context(_opened(_TMP, root))
            trash = f"{os.getpid()}-{secrets.token_hex(8)}"
            try:
                parent = stack.enter_context(self._directory(segments[:-1]))
                os.rename(segments[-1] + "@", trash, src_dir_fd=parent, dst_dir_fd=tmp)
            except (FileNotFoundError, NotADirectoryError):
                return
            os.fsync(parent)
            _remove(trash, tmp)

    def url(self, key: str, ttl_s: int, now: float | None = None) -> SignedUrl:
        """A path for GET, to be put behind the service's base URL."""
        check_key(key)
        expires = int(time.time() if now is None else now) + ttl_s
        query = urlencode({"expires": expires, "signature": sign(self._secret, key, expires)})
        return SignedUrl(f"/v1/files/{key}?{query}", datetime.fromtimestamp(expires, UTC))

    def verify(self, key: str, expires: str, signature: str, now: float) -> int:
        """Return when the URL ends, in seconds since 1970. Raises BadSignature or Expired."""
        return verify(self._secret, key, expires, signature, now)

    def check(self) -> None:
        """Write, read and remove a small object."""
        key = f"check/{secrets.token_hex(8)}"
        self.put(key, b"continuo", "text/plain")
        self.get(key)
        self.delete(key)

    def close(self) -> None:
        """Nothing is held open between calls."""

    def sweep(self, older_than_s: float) -> int:
        """Remove what killed writers left behind; returns how many folders went."""
        removed = 0
        with _translated("sweep"), self._directory([]) as root, _opened(_TMP, root) as tmp:
            for entry in os.scandir(tmp):
                with suppress(FileNotFoundError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime >= older_than_s:
                        _remove(entry.name, tmp)
                        removed += 1
        return removed

    @contextmanager
    def _directory(self, segments: list[str], create: bool = False) -> Iterator[int]:
        """Walk down from the root without following a link, so that no key leads out of it."""
        fd = os.open(self.path / "objects", _DIRECTORY)
        try:
            for segment in segments:
                if create and _make(segment, fd):
                    os.fsync(fd)
                below = os.open(segment, _DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def _open(self, segments: list[str]) -> tuple[int, Stat]:
        try:
            with self._directory([*segments[:-1], segments[-1] + "@"]) as folder:
                for name in os.listdir(folder):
                    if match := _FACTS.fullmatch(name):
                        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                        sha256, kind, subtype = match.groups()
                        return fd, Stat(os.fstat(fd).st_size, sha256, f"{kind}/{subtype}")
        except (FileNotFoundError, NotADirectoryError):
            pass
        raise NotFound("there is no such file")


def _facts_name(facts: Stat) -> str:
    return f"{facts.sha256}.{facts.media_type.replace('/', '.')}"


def _make(name: str, parent: int) -> bool:
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    os.chmod(name, 0o700, dir_fd=parent)  # a umask may have taken even the owner's rights
    return True


@contextmanager
def _opened(name: str, parent: int) -> Iterator[int]:
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def _write(name: str, data: bytes, folder: int) -> None:
    fd = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
    try:
        os.fchmod(fd, 0o600)
        left = memoryview(data)
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(name: str, parent: int) -> None:
    """Remove a folder of files; one that was renamed away meanwhile is fine."""
    with suppress(FileNotFoundError):
        with _opened(name, parent) as folder:
            for entry in os.listdir(folder):
                os.unlink(entry, dir_fd=folder)
        os.rmdir(name, dir_fd=parent)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn the system's errors into those that a caller can act on."""
    try:
        yield
    except OSError as error:
        reason = f"local storage, {what}: {os.strerror(error.errno or 0)}"
        if error.errno in _FULL:
            raise StorageFull(f"{reason}; free space or shorten retention") from error
        if error.errno in _DENIED:
            raise StorageMisconfigured(f"{reason}; look at the directory that storage.path names") from error
        raise StorageUnavailable(reason) from error
