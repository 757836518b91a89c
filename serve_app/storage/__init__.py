"""Bytes become objects: put once under a content-addressed key, read by signed URL, deleted by retention.

Two stores with one face: a local directory (`local.py`) and an S3-compatible bucket (`s3.py`). All calls
block: use them from worker threads.
"""

import mimetypes
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from serve_app.config import LocalStorageConfig, S3StorageConfig
from serve_app.errors import StorageMisconfigured

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


class Storage(Protocol):
    """Where objects lie. Pickles as its configuration and is opened anew on the other side.

    Every method may raise StorageUnavailable (try again) or StorageMisconfigured (an operator must act).
    A key that `check_key` refuses is a ValueError everywhere.
    """

    def put(self, key: str, data: bytes, media_type: str) -> Stat:
        """Store an object unless the key is taken: the first writer wins. Raises StorageFull.

        Returns the facts of what is stored, which are another writer's if it came first: compare `sha256`.
        """

    def stat(self, key: str) -> Stat | None:
        """The facts of an object, None if there is none."""

    def get(self, key: str) -> bytes:
        """The bytes of an object, checked against their sha256. Raises NotFound."""

    def delete(self, key: str) -> None:
        """Remove an object; an absent one is fine."""

    def url(self, key: str, ttl_s: int, now: float | None = None) -> SignedUrl:
        """Sign a URL for GET that ends after `ttl_s`; whether the object is there is not looked at.

        Credentials may be fetched anew for it, over the network.
        """

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
