import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from serve_app.file_modes import is_open_to_others, private_database, private_file, private_folder

_SECOND_WRITER = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_folders_are_made_for_their_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert [mode(tmp_path / name) for name in (".", "a", "a/b")] == [0o755, 0o700, 0o700]
    private_folder(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    ("name", "ours", "after"), [("shared", False, 0o755), ("shared", True, 0o700), (".continuo", False, 0o700)]
)
def test_a_folder_that_was_there_is_closed_when_it_is_ours(tmp_path: Path, name: str, ours: bool, after: int) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name).chmod(0o755)
    private_folder(tmp_path / name, ours)
    assert mode(tmp_path / name) == after


def test_what_is_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match="file"):
            private_folder(path)


def test_a_file_keeps_its_content_and_a_link_its_target(tmp_path: Path) -> None:
    file = private_file(tmp_path / "new")
    assert (file.read_bytes(), mode(file)) == (b"", 0o600)
    file.write_text("kept")
    file.chmod(0o644)
    assert is_open_to_others(file)
    private_file(file)
    assert (file.read_text(), mode(file), is_open_to_others(file)) == ("kept", 0o600, False)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    private_file(tmp_path / "link")
    assert mode(tmp_path / "there") == 0o600
    assert (tmp_path / "link").is_symlink()


def test_locks_of_this_process_on_a_database_hold(tmp_path: Path) -> None:
    path = private_database(tmp_path / "x.db")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN IMMEDIATE")
    private_database(path)
    second = subprocess.run(
        [sys.executable, "-c", _SECOND_WRITER, path], capture_output=True, text=True, timeout=60, check=False
    )
    assert "database is locked" in second.stderr
    connection.close()
