"""Bytes become objects: put once under a content-addressed key, read by signed URL, deleted by retention.

Two stores with one face: a local directory (`local.py`) and an S3-compatible bucket (`s3.py`). All calls
block: use them from worker threads. None but `get` and `put` needs memory for a whole object.
"""

import mimetypes
import re
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import IO, TYPE_CHECKING, Protocol, Self

from serve_app.config import LocalStorageConfig, S3StorageConfig
from serve_app.errors import StorageMisconfigured

if TYPE_CHECKING:
    from serve_app.storage.reading import Reader

PIECE_BYTES = 1 << 20  # of what is read piece by piece; in S3 each is a request

_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,60}", re.ASCII)
_SUFFIXES = {  # what mimetypes does not know everywhere, or knows by another name
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/aac": ".aac",
    "audio/pcm": ".pcm",
}


_ALSO = {"audio/ogg": (".opus", ".oga"), "image/jpeg": (".jpeg",)}  # other endings that say the same


@dataclass(frozen=True)
class Stat:
    """The facts of a stored object: its size, the hex sha256 of its bytes, its media type."""

    bytes: int
    sha256: str
    media_type: str


@dataclass(frozen=True)
class SignedUrl:
    """A URL that anyone may GET until `expires_at` (UTC, None: for ever); a local one is a path without host."""

    url: str
    expires_at: datetime | None


class Upload(Protocol):
    """An object while it is made. As a context manager it is aborted at the end of the block unless it was finished.

    What is written leaves for the store meanwhile; it can only be read after `finish`. One thread at a time may use it.
    """

    def write(self, data: bytes) -> None:
        """Add bytes. Raises nothing for a store that is away or full: `finish` tries again, and raises then."""

    def finish(self, head: bytes | None = None) -> Stat:
        """Store the object unless the key is taken, as `Storage.put` does; `head` replaces as many of its first bytes.

        Raises StorageFull, StorageUnavailable, StorageMisconfigured; then nothing is left but to abort.
        """

    def abort(self) -> None:
        """Leave nothing of it. Does not wait for the store; after `finish` it does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Storage(Protocol):
    """Where objects lie. Pickles as its configuration and is opened anew on the other side.

    Every method may raise StorageUnavailable (try again) or StorageMisconfigured (an operator must act).
    A key that `check_key` refuses is a ValueError everywhere.
    """

    def put(self, key: str, data: bytes, media_type: str) -> Stat:
        """Store an object unless the key is taken: the first writer wins. Raises StorageFull.

        Returns the facts of what is stored, which are another writer's if it came first: compare `sha256`.
        """

    def put_file(self, key: str, file: IO[bytes], media_type: str) -> Stat:
        """`put` for the bytes of a file that can seek, from its start, wherever it stands."""

    def upload(self, key: str, media_type: str) -> Upload:
        """Begin an object whose bytes come one after the other. Raises as `put` does."""

    def has(self, key: str) -> bool:
        """Whether there is an object."""

    def stat(self, key: str) -> Stat | None:
        """The facts of an object, None if there is none. Where only `has` is needed, that can be much quicker."""

    def open(self, key: str, sha256: str | None = None) -> "Reader":
        """An object to be read in pieces, and checked against this sha256, or the one that the store knows.

        Raises NotFound.
        """

    def get(self, key: str) -> bytes:
        """The bytes of an object, checked against their sha256. Raises NotFound."""

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""

    def url(self, key: str, ttl_s: int, now: float | None = None) -> SignedUrl:
        """Sign a URL for GET that ends after `ttl_s`; whether the object is there is not looked at.

        Credentials may be fetched anew for it, over the network.
        """

    def sweep(self) -> int:
        """Remove what writers that died have left of objects; returns of how many. Never touches a running one's."""

    def check(self) -> None:
        """Write, read and remove a small object: raises what a put would raise, in words for the operator."""

    def close(self) -> None:
        """Give back connections and threads; the store must not be used afterwards."""


def open_storage(config: LocalStorageConfig | S3StorageConfig) -> Storage:
    """The store that the configuration names. Nothing is contacted yet: see `Storage.check`.

    Raises StorageMisconfigured.
    """
    if config.kind == "local":
        from serve_app.storage.local import LocalStorage

        return LocalStorage(config)
    try:
        from serve_app.storage.s3 import S3Storage
    except ModuleNotFoundError as error:
        raise StorageMisconfigured(
            f"storage.kind is s3, and the package {error.name} is not installed: pip install boto3"
        ) from None
    return S3Storage(config)


def check_media_type(media_type: str) -> str:
    """Return the media type. Raises ValueError unless it is a lower-case type/subtype without parameters."""
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise ValueError(f"not a media type: {media_type[:80]!r}; expected for instance 'audio/flac'")
    return media_type


def filename(key: str, media_type: str) -> str:
    """The name under which a browser saves the object: the key's last segment with the type's suffix."""
    name = key.rsplit("/", 1)[-1].lstrip(".") or "file"
    suffix = _SUFFIXES.get(media_type) or mimetypes.guess_extension(media_type) or ""
    return name if name.endswith((suffix, *_ALSO.get(media_type, ()))) else name + suffix


def media_type_of(key: str) -> str | None:
    """The media type that the key's suffix stands for, None if it does not tell."""
    for media_type, suffix in _SUFFIXES.items():
        if key.endswith(suffix):
            return media_type
    return mimetypes.guess_type(key)[0]
