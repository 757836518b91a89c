"""Modes 0600 and 0700 for what is ours, whatever the umask, and also for what was open to others before.

What is made here gets 0700 and 0600. Of what was there before, only what is ours is closed: our files, the folders
below the home. The home itself may be a folder that holds other things too (`CONTINUO_HOME=/srv/shared`), so it is
closed only when it is named `.continuo` or was made here.
"""

import errno
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path

HOME_NAME = ".continuo"
_UNCHANGEABLE = {errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOTSUP}
_creating = threading.Lock()


def private_folder(path: Path, ours: bool = False) -> Path:
    """Make a folder with its parents, all 0700; one that was there is closed when it is `ours`. Raises OSError."""
    missing = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        missing.append(folder)
    for folder in reversed(missing):
        with suppress(FileExistsError):  # another process made it a moment ago, and closes it as we would
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)  # a umask may have taken even the owner's rights
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if ours or path.name == HOME_NAME:
        restrict(path, 0o700)
    return path


def private_file(path: Path) -> Path:
    """Make sure that a file is there, 0600; its content stays. Raises OSError."""
    real = Path(os.path.realpath(path))
    # Opened only to be made: closing a descriptor would end the locks that SQLite holds on the file in this process.
    with _creating, suppress(FileExistsError):
        os.close(os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    restrict(real, 0o600)
    return path


def private_database(path: Path) -> Path:
    """`private_file` for a SQLite file, its folder and the companions that an earlier life left. Raises OSError."""
    private_folder(path.parent)
    private_file(path)  # SQLite gives new companions the mode of the file
    for companion in ("-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            restrict(path.with_name(path.name + companion), 0o600)
    return path


def is_open_to_others(path: Path) -> bool:
    """Whether group or others have any right to a file or folder."""
    return bool(path.stat().st_mode & 0o077)


def restrict(path: Path, mode: int) -> None:
    """Give a file or folder of ours its mode, where that is possible. Raises OSError."""
    if stat.S_IMODE(path.stat().st_mode) == mode:
        return
    try:
        path.chmod(mode)
    except OSError as error:  # another user's, or a file system without modes: `continuo doctor` tells of it
        if error.errno not in _UNCHANGEABLE:
            raise
