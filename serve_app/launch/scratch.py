"""Where Ray's files and sockets lie while a service runs, and how folders of services that were killed are found.

A process id says nothing across containers that share a folder for temporary files. So each service holds a lock on a
file in its folder: the kernel lets go of it when the last process that has it open ends, however it ends.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "cnt-"
LOCK = "lock"


def place() -> Path:
    """The folder for temporary files, its path short: paths of Unix sockets end at 107 characters."""
    return Path(tempfile.gettempdir() if len(tempfile.gettempdir()) <= 12 else "/tmp")


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder, removed afterwards; before, those of services that were killed are removed."""
    parent = parent or place()
    remove_left(parent)
    folder, lock = made(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def made(parent: Path) -> tuple[Path, int]:
    """A new folder and its lock, which is held from the first moment that the folder has its name."""
    while True:
        hidden = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=parent))
        lock = os.open(hidden / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # No number: to an earlier version that would be a process id, and the folder one to remove.
        folder = parent / f"{PREFIX}x{hidden.name[-7:]}"
        try:
            hidden.rename(folder)
        except OSError:  # taken
            shutil.rmtree(hidden, ignore_errors=True)
            os.close(lock)
        else:
            return folder, lock


def remove_left(parent: Path) -> None:
    """Remove the folders of this user's services that no longer run."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and not in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)


def in_use(folder: Path) -> bool:
    """Whether a service holds the folder's lock. One without was made by an earlier version: its name is a process."""
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        pid = folder.name.removeprefix(PREFIX)
        return not pid.isdecimal() or Path(f"/proc/{pid}").exists()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
