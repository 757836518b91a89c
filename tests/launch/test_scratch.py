"""Which folders of other services are removed when one starts: those of the dead, whatever their process ids say."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.launch.scratch import scratch_folder

HOLD = """
import sys
from pathlib import Path
from serve_app.launch.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""
OTHER_CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")


def holder(parent: Path, *before: str) -> "subprocess.Popen[str]":
    """Another service, of which only the folder is there."""
    command = [*before, sys.executable, "-c", HOLD, str(parent)]
    return subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def folder_of(process: "subprocess.Popen[str]") -> Path:
    assert process.stdout is not None
    return Path(process.stdout.readline().strip())


def namespaces_can_be_made() -> bool:
    if not shutil.which("unshare"):
        return False
    return subprocess.run([*OTHER_CONTAINER, "true"], capture_output=True, check=False).returncode == 0


def test_a_folder_is_private_short_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder, scratch_folder(tmp_path) as other:
        assert folder != other
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(folder.name) <= 14  # Ray adds up to 90 characters, and 107 are the end
        assert folder.parent == tmp_path
        (folder / "file").write_text("")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_of_a_service_that_lives_stays_and_that_of_one_that_was_killed_goes(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        theirs = folder_of(process)
        with scratch_folder(tmp_path):
            assert theirs.is_dir()
        process.kill()
        process.wait(60)
    assert theirs.is_dir()
    with scratch_folder(tmp_path):
        assert not theirs.exists()


def test_a_folder_of_another_container_stays(tmp_path: Path) -> None:
    """There every process has other numbers: that of the folder's owner may be nobody's here."""
    if not namespaces_can_be_made():
        pytest.skip("process namespaces cannot be made here")
    with scratch_folder(tmp_path) as ours, holder(tmp_path, *OTHER_CONTAINER) as process:
        theirs = folder_of(process)
        assert ours.is_dir()
        with scratch_folder(tmp_path):
            assert theirs.is_dir()
        process.communicate(timeout=60)
    assert not theirs.exists()


def test_the_folder_of_an_earlier_version_stays_while_its_process_lives(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(60)
    lives, dead = tmp_path / f"cnt-{os.getpid()}", tmp_path / f"cnt-{gone.pid}"
    other = tmp_path / "cnt-of-somebody"
    for folder in (lives, dead, other):
        folder.mkdir()
    with scratch_folder(tmp_path):
        assert (lives.is_dir(), dead.is_dir(), other.is_dir()) == (True, False, True)
