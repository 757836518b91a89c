"""Signed, expiring paths for objects of the local store: HMAC-SHA256 over key and expiry."""

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from serve_app.errors import BadSignature, Expired, StorageMisconfigured
from serve_app.file_modes import private_folder, restrict

SECRET_BYTES = 32
_EXPIRES = re.compile(r"[0-9]{1,12}", re.ASCII)


def load_secret(path: Path) -> bytes:
    """Read the signing secret, or create it (mode 0600); processes that start at once all get the same.

    Raises StorageMisconfigured when the file does not hold 32 bytes.
    """
    with suppress(FileNotFoundError):
        restrict(path, 0o600)
        return _read(path)
    private_folder(path.parent)
    mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    fd = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, 0o600)  # a umask may have taken even the owner's rights
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process linked its own first: that one counts
            os.link(mine, path)
    finally:
        mine.unlink()
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
    return _read(path)


def _read(path: Path) -> bytes:
    secret = path.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise StorageMisconfigured(
            f"the signing secret holds {len(secret)} bytes, expected {SECRET_BYTES}: "
            "remove the file 'secret' in the storage directory and file URLs are signed with a new one"
        )
    return secret


def sign(secret: bytes, key: str, expires: int) -> str:
    """The hex signature of a key that may be read until `expires` (seconds since 1970)."""
    # the expiry is digits only, so no other pair of key and expiry makes the same message
    message = f"continuo-file-1\n{expires}\n{key}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, message, hashlib.sha256).hexdigest()


def verify(secret: bytes, key: str, expires: str, signature: str, now: float) -> int:
    """Return the expiry in seconds since 1970. Raises BadSignature, or Expired when the time is over."""
    if not _EXPIRES.fullmatch(expires) or expires != str(int(expires)):
        raise BadSignature("the URL's 'expires' is not a time; read the job again for a new URL")
    expected = sign(secret, key, int(expires)).encode()
    if not hmac.compare_digest(expected, signature.encode("utf-8", "surrogatepass")):
        raise BadSignature("the URL's signature is not this file's; read the job again for a new URL")
    if now >= int(expires):
        raise Expired("the URL's time is over; read the job again for a new URL")
    return int(expires)
