"""Objects in a directory of this machine.

An object is a folder with one file, and the file's name holds its facts:

    objects/audio/4f/4fa2.01k9.flac@/<sha256>.audio.flac

The folder is made complete under `objects/@tmp`, while its bytes come, and then renamed into place. rename(2) is
atomic and refuses a target folder that is not empty, so the first writer wins, and whatever is killed at whatever
point, an object is there with all its bytes and facts or it is not there. No key holds an '@', so keys reach neither
`@tmp` nor the inside of an object.
"""

import errno
import io
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any, BinaryIO
from urllib.parse import urlencode

from serve_app.config import LocalStorageConfig, check_key
from serve_app.errors import NotFound
from serve_app.file_modes import private_folder
from serve_app.storage import PIECE_BYTES, SignedUrl, Stat, check_media_type, open_storage
from serve_app.storage.local_files import DIRECTORY, is_written, make_folder, opened, remove_folder, translated
from serve_app.storage.local_upload import LocalUpload
from serve_app.storage.reading import Reader
from serve_app.storage.signing import load_secret, sign, verify
from serve_app.variables import local_path

LEFTOVER_AFTER_S = 3600.0  # a running writer has a lock besides, where there are locks

_FACTS = re.compile(r"([0-9a-f]{64})\.([a-z]+)\.([a-z0-9.+-]+)", re.ASCII)
_TMP = "@tmp"


class LocalStorage:
    """The `kind: local` store; see `Storage` for its methods."""

    def __init__(self, config: LocalStorageConfig) -> None:
        self.config = config
        self.path = local_path(config.path).absolute()
        with translated(f"open {self.path}"):
            private_folder(self.path)
            self._secret = load_secret(self.path / "secret")
            private_folder(self.path / "objects", ours=True)
            private_folder(self.path / "objects" / _TMP, ours=True)
        self.sweep()

    def __reduce__(self) -> tuple[Any, ...]:
        return open_storage, (self.config,)

    def put(self, key: str, data: bytes, media_type: str) -> Stat:
        """Store an object unless the key is taken; the returned facts are those of what is stored."""
        return self.put_file(key, io.BytesIO(data), media_type)

    def put_file(self, key: str, file: IO[bytes], media_type: str) -> Stat:
        """`put` for the bytes of a file."""
        check_media_type(media_type)
        if (found := self.stat(key)) is not None:
            return found
        with self.upload(key, media_type) as upload:
            file.seek(0)
            for data in iter(partial(file.read, PIECE_BYTES), b""):
                upload.write(data)
            return upload.finish()

    def upload(self, key: str, media_type: str) -> LocalUpload:
        """Begin an object whose bytes come one after the other."""
        segments, media_type = check_key(key), check_media_type(media_type)
        with translated("put"), self._directory([]) as root:
            tmp = os.open(_TMP, DIRECTORY, dir_fd=root)
        return LocalUpload(tmp, media_type, partial(self.stat, key), partial(self._move, segments))

    def _move(self, segments: list[str], name: str, tmp: int) -> bool:
        """Make a folder the object of a key; False when the key is taken."""
        with self._directory(segments[:-1], create=True) as parent:
            try:
                os.rename(name, segments[-1] + "@", src_dir_fd=tmp, dst_dir_fd=parent)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                    return False
                raise
            os.fsync(parent)
            return True

    def has(self, key: str) -> bool:
        """Whether there is an object."""
        return self.stat(key) is not None

    def stat(self, key: str) -> Stat | None:
        """The facts of an object, None if there is none."""
        try:
            with translated("stat"):
                fd, facts = self._open(check_key(key))
        except NotFound:
            return None
        os.close(fd)
        return facts

    def open_file(self, key: str) -> tuple[BinaryIO, Stat]:
        """An object's bytes as an open file, which stays readable after a delete. Raises NotFound."""
        with translated("open"):
            fd, facts = self._open(check_key(key))
        return os.fdopen(fd, "rb", buffering=0), facts

    def open(self, key: str, sha256: str | None = None) -> Reader:
        """An object to be read in pieces; it stays readable after a delete."""
        file, facts = self.open_file(key)

        def piece(_start: int, size: int) -> bytes:
            with translated("read"):
                return file.read(size)

        return Reader(facts.bytes, facts.media_type, sha256 or facts.sha256, piece, file.close)

    def get(self, key: str) -> bytes:
        """The bytes of an object, checked against their sha256."""
        with self.open(key) as reader:
            return b"".join(reader.pieces())

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""
        segments = check_key(key)
        with translated("delete"), ExitStack() as stack:
            root = stack.enter_context(self._directory([]))
            tmp = stack.enter_context(opened(_TMP, root))
            trash = f"{os.getpid()}-{secrets.token_hex(8)}"
            try:
                parent = stack.enter_context(self._directory(segments[:-1]))
                os.rename(segments[-1] + "@", trash, src_dir_fd=parent, dst_dir_fd=tmp)
            except (FileNotFoundError, NotADirectoryError):
                return
            os.fsync(parent)
            remove_folder(trash, tmp)

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

    def sweep(self, older_than_s: float = LEFTOVER_AFTER_S) -> int:
        """Remove what killed writers left behind; returns how many folders went."""
        removed = 0
        with translated("sweep"), self._directory([]) as root, opened(_TMP, root) as tmp:
            for entry in os.scandir(tmp):
                with suppress(FileNotFoundError):
                    old = time.time() - entry.stat(follow_symlinks=False).st_mtime >= older_than_s
                    if old and not is_written(entry.name, tmp):
                        remove_folder(entry.name, tmp)
                        removed += 1
        return removed

    @contextmanager
    def _directory(self, segments: list[str], create: bool = False) -> Iterator[int]:
        """Walk down from the root without following a link, so that no key leads out of it."""
        fd = os.open(self.path / "objects", DIRECTORY)
        try:
            for segment in segments:
                if create and make_folder(segment, fd):
                    os.fsync(fd)
                below = os.open(segment, DIRECTORY, dir_fd=fd)
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
