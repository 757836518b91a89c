"""The sha256 of large files, remembered between starts: reading 90 MB anew each time costs more than all the rest."""

import contextlib
import hashlib
import json
import os
from pathlib import Path

_MOST = 64  # files that are remembered


def cache_folder() -> Path:
    """Where what can be computed again is kept: `continuo` in XDG_CACHE_HOME (~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "continuo"


def sha256_of(path: Path, kept_in: Path | None = None) -> str:
    """The file's sha256: remembered while path, size, inode and time of change are the same, else computed.

    Both times count, because the second cannot be set back. A memory that cannot be used is no fault; one that
    others may write is not believed. Raises OSError when the file cannot be read.
    """
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        key = f"{path.resolve()} {found.st_size} {found.st_ino} {found.st_mtime_ns} {found.st_ctime_ns}"
        memory = (kept_in or cache_folder()) / "sha256.json"
        known = _read(memory)
        if key in known:
            return known[key]
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    _write(memory, {**known, key: digest})
    return digest


def _read(memory: Path) -> dict[str, str]:
    try:
        with memory.open("rb") as file:
            kept = os.fstat(file.fileno())
            if kept.st_uid != os.geteuid() or kept.st_mode & 0o022:
                return {}
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _write(memory: Path, known: dict[str, str]) -> None:
    partial = memory.with_suffix(f".{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(dict(list(known.items())[-_MOST:]), file)
        partial.replace(memory)
