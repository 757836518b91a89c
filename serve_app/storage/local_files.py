"""Folders of the local store by their descriptors, so that no link leads elsewhere; the system's errors translated."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from serve_app.errors import StorageFull, StorageMisconfigured, StorageUnavailable

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EXDEV, errno.ELOOP}


def make_folder(name: str, parent: int) -> bool:
    """Make a folder that its owner alone may use; False when it is there."""
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        return False
    os.chmod(name, 0o700, dir_fd=parent)  # a umask may have taken even the owner's rights
    return True


@contextmanager
def opened(name: str, parent: int) -> Iterator[int]:
    """A folder, open until the end of the block."""
    fd = os.open(name, DIRECTORY, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def new_file(name: str, folder: int) -> int:
    """A new file of the owner's, open, and locked for as long as the process has it open: `is_written` tells."""
    fd = os.open(name, _NEW_FILE, 0o600, dir_fd=folder)
    try:
        os.fchmod(fd, 0o600)
        with suppress(OSError):  # not every file system has locks; there its age alone tells what was left behind
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_written(name: str, parent: int) -> bool:
    """Whether a process has a file of this folder open that it made with `new_file`."""
    with opened(name, parent) as folder:
        for entry in os.listdir(folder):
            fd = os.open(entry, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:
                return False
            finally:
                os.close(fd)
    return False


def remove_folder(name: str, parent: int) -> None:
    """Remove a folder of files; one that was renamed away meanwhile is fine."""
    with suppress(FileNotFoundError):
        with opened(name, parent) as folder:
            for entry in os.listdir(folder):
                os.unlink(entry, dir_fd=folder)
        os.rmdir(name, dir_fd=parent)


@contextmanager
def translated(what: str) -> Iterator[None]:
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
