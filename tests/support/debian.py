"""Programs of Debian's packages, which tests install by themselves where they may."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

Found = TypeVar("Found")

_INSTALL_S = 900  # a browser with all that it needs, on a slow line, behind another run that installs


def programs(*names: str, packages: Sequence[str]) -> list[Path]:
    """Where these programs are. Skips without them, and fails in CI."""

    def find() -> list[Path] | None:
        found = [shutil.which(name) for name in names]
        return [Path(path) for path in found if path] if all(found) else None

    return installed(find, packages)


def installed(find: Callable[[], Found | None], packages: Sequence[str]) -> Found:
    """What `find` finds, after these packages were installed if need be. Skips without, and fails in CI."""
    found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["install", "--no-install-recommends", *packages]
        for words in (install, ["update"], install):  # lists of packages grow old
            command = ["apt-get", "-y", "-qq", "-o", "DPkg::Lock::Timeout=600", *words]
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(command, check=False, capture_output=True, timeout=_INSTALL_S, env=environment)
            if (found := find()) is not None:
                break
    if found is None:
        reason = f"a program is missing: apt-get install {' '.join(packages)}"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def lesser_user(*names: str) -> dict[str, int]:
    """For subprocess: some programs refuse to run as root, so root lends them the first of these users, or nobody's."""
    if os.geteuid() != 0:
        return {}
    for name in (*names, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid}
    raise LookupError("this machine has no user 'nobody'")
