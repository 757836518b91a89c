import errno
import hashlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serve_app.config import LocalStorageConfig, check_key
from serve_app.errors import NotFound, StorageFull, StorageMisconfigured, StorageUnavailable
from serve_app.storage import Stat, Storage, filename, media_type_of, open_storage
from serve_app.storage.local import LocalStorage

KEY = "out/4f/4fa2.flac"


def facts(data: bytes, media_type: str = "audio/flac") -> Stat:
    return Stat(len(data), hashlib.sha256(data).hexdigest(), media_type)


def leftovers(store: LocalStorage) -> list[str]:
    return os.listdir(store.path / "objects" / "@tmp")


def test_what_is_put_can_be_read(local: LocalStorage) -> None:
    assert local.stat(KEY) is None
    assert local.put(KEY, b"sound", "audio/flac") == facts(b"sound")
    assert local.stat(KEY) == facts(b"sound")
    assert local.get(KEY) == b"sound"
    file, found = local.open_file(KEY)
    with file:
        assert (file.read(), found) == (b"sound", facts(b"sound"))


@pytest.mark.parametrize("media_type", ["audio/wav", "audio/ogg", "audio/mpeg", "image/svg+xml", "application/json"])
def test_the_media_type_comes_back_as_it_was(local: LocalStorage, media_type: str) -> None:
    local.put("thing", b"", media_type)
    assert local.stat("thing") == facts(b"", media_type)


def test_the_first_writer_wins_and_the_second_is_told(local: LocalStorage) -> None:
    local.put(KEY, b"first", "audio/flac")
    assert local.put(KEY, b"second", "audio/wav") == facts(b"first")
    assert local.put(KEY, b"first", "audio/flac") == facts(b"first")
    assert local.get(KEY) == b"first"
    assert leftovers(local) == []


def test_of_many_writers_at_once_one_wins_and_all_agree(local: LocalStorage) -> None:
    for turn in range(20):
        start = threading.Barrier(8)

        def write(number: int, key: str = f"race/{turn}", start: threading.Barrier = start) -> Stat:
            start.wait()
            return local.put(key, b"%d" % number * 5000, "audio/wav")

        with ThreadPoolExecutor(8) as pool:
            told = set(pool.map(write, range(8)))
        assert told == {facts(local.get(f"race/{turn}"), "audio/wav")}
    assert leftovers(local) == []


def test_a_key_may_be_the_beginning_of_another(local: LocalStorage) -> None:
    for key in ("a", "a/b", "a/b/c"):
        local.put(key, key.encode(), "audio/wav")
    local.delete("a/b")
    assert [local.stat(key) is not None for key in ("a", "a/b", "a/b/c")] == [True, False, True]


def test_delete_frees_the_key_and_an_absent_one_is_fine(local: LocalStorage) -> None:
    local.put(KEY, b"first", "audio/flac")
    file, _ = local.open_file(KEY)
    local.delete(KEY)
    local.delete(KEY)
    local.delete("never/there")
    with file:
        assert file.read() == b"first", "a reader that has begun must be able to finish"
    with pytest.raises(NotFound):
        local.get(KEY)
    assert local.put(KEY, b"second", "audio/flac") == facts(b"second")
    assert leftovers(local) == []


def test_puts_and_deletes_of_one_key_never_show_a_part(local: LocalStorage) -> None:
    contents = [bytes([number]) * 50_000 for number in range(4)]
    good = {facts(data) for data in contents}
    stop = threading.Event()

    def remove() -> None:
        while not stop.is_set():
            local.delete(KEY)

    with ThreadPoolExecutor(2) as pool:
        removing = pool.submit(remove)
        try:
            for turn in range(300):
                assert local.put(KEY, contents[turn % 4], "audio/flac") in good
                assert local.stat(KEY) in good | {None}
        finally:
            stop.set()
        removing.result()


def test_a_store_travels_as_its_configuration(local: LocalStorage) -> None:
    local.put(KEY, b"sound", "audio/flac")
    other: Storage = pickle.loads(pickle.dumps(local))
    assert other.get(KEY) == b"sound"
    assert other.url(KEY, 60, now=0) == local.url(KEY, 60, now=0)


def test_open_storage_gives_the_store_that_is_named(tmp_path: Path) -> None:
    store = open_storage(LocalStorageConfig(path=str(tmp_path)))
    assert isinstance(store, LocalStorage)
    store.check()
    store.close()


BAD_KEYS = [
    "", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../x", "a/../b", "a/./b", "a/..", "a\0b", "a\nb", "a\n",
    "..%2fx", "a%2e%2e", "C:", "C:\\x", "a\\b", "~", "a b", "é", "\u2025", "a\u0301", "@tmp", "a@", "a@/x",
    "x" * 181, "/".join(["x" * 100] * 6), "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("key", BAD_KEYS)
def test_no_other_key_is_accepted(local: LocalStorage, key: str) -> None:
    for call in (local.stat, local.get, local.delete, local.open_file):
        with pytest.raises(ValueError, match="not a storage key"):
            call(key)
    with pytest.raises(ValueError, match="not a storage key"):
        local.put(key, b"", "audio/wav")
    with pytest.raises(ValueError, match="not a storage key"):
        local.url(key, 60)


def test_the_longest_keys_work(local: LocalStorage) -> None:
    for key in ("x" * 180, "/".join(["ab"] * 170), "...", "a..b/.hidden"):
        assert check_key(key)
        assert local.put(key, b"x", "audio/wav") == local.stat(key)


@pytest.mark.parametrize("media_type", ["", "audio", "audio/", "Audio/wav", "audio/x/y", "audio/wav; q=1", "a/..\n"])
def test_no_other_media_type_is_accepted(local: LocalStorage, media_type: str) -> None:
    with pytest.raises(ValueError, match="not a media type"):
        local.put(KEY, b"", media_type)


def test_links_do_not_lead_out_of_the_store(local: LocalStorage, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "x@").mkdir(parents=True)
    (outside / "x@" / f"{'0' * 64}.audio.wav").write_bytes(b"private")
    objects = local.path / "objects"
    (objects / "folder").symlink_to(outside)
    (objects / "y@").symlink_to(outside / "x@")
    (objects / "z@").mkdir()
    (objects / "z@" / f"{'0' * 64}.audio.wav").symlink_to(outside / "x@" / f"{'0' * 64}.audio.wav")
    for key in ("folder/x", "y", "z"):
        with pytest.raises((NotFound, StorageMisconfigured)):
            local.get(key)
    with pytest.raises(StorageMisconfigured):
        local.put("folder/new", b"", "audio/wav")
    local.delete("folder/x")
    assert (outside / "x@" / f"{'0' * 64}.audio.wav").read_bytes() == b"private"
    assert sorted(p.name for p in outside.iterdir()) == ["x@"]


def test_bytes_that_changed_on_disk_are_not_given_out(local: LocalStorage) -> None:
    local.put(KEY, b"sound", "audio/flac")
    (stored,) = (local.path / "objects" / f"{KEY}@").iterdir()
    stored.write_bytes(b"noise")
    with pytest.raises(StorageUnavailable, match="not those that were stored"):
        local.get(KEY)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_nothing(
    local: LocalStorage, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fsync(fd: int) -> None:
        raise OSError(number, os.strerror(number))

    local.put("before", b"kept", "audio/wav")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(StorageFull, match="free space"):
            local.put("one", b"x", "audio/wav")
    assert leftovers(local) == []
    assert local.stat("one") is None
    assert local.get("before") == b"kept"
    assert local.put("one", b"x", "audio/wav") == facts(b"x", "audio/wav")


def test_a_real_size_limit_is_a_full_disk(local: LocalStorage) -> None:
    code = """
import resource, sys
from serve_app.config import LocalStorageConfig
from serve_app.errors import StorageFull
from serve_app.storage.local import LocalStorage
store = LocalStorage(LocalStorageConfig(path=sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.put("big", bytes(1_000_000), "audio/wav")
except StorageFull as error:
    print(error.status)
"""
    done = subprocess.run([sys.executable, "-c", code, local.path], capture_output=True, text=True, check=True)
    assert done.stdout == "507\n"
    assert local.stat("big") is None
    assert leftovers(local) == []


def test_a_path_that_is_no_directory_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageMisconfigured, match=r"storage\.path"):
        LocalStorage(LocalStorageConfig(path=str(tmp_path / "file" / "store")))


def test_only_old_leftovers_are_swept(local: LocalStorage) -> None:
    folder = local.path / "objects" / "@tmp" / "1-killed"
    folder.mkdir()
    (folder / "part").write_bytes(b"half")
    assert local.sweep(older_than_s=3600) == 0
    os.utime(folder, (0, 0))
    LocalStorage(local.config)
    assert leftovers(local) == []


@pytest.mark.slow
def test_a_writer_killed_at_any_point_leaves_whole_objects_only(local: LocalStorage) -> None:
    code = """
import itertools, os, sys
from serve_app.config import LocalStorageConfig
from serve_app.storage.local import LocalStorage
store = LocalStorage(LocalStorageConfig(path=sys.argv[1]))
for number in itertools.count():
    key, data = f"kill/{sys.argv[2]}-{number}", os.urandom(200_000)
    stored = store.put(key, data, "audio/wav")
    print(key, stored.sha256, flush=True)
    if number % 3 == 2:
        store.delete(key)
"""
    acknowledged = 0
    for turn in range(25):
        process = subprocess.Popen(
            [sys.executable, "-c", code, local.path, str(turn)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(1 + turn % 5)]  # so many puts, then at once the end
        process.send_signal(signal.SIGKILL)
        lines += process.communicate()[0].splitlines(keepends=True)
        assert process.returncode == -signal.SIGKILL
        said = dict(line.split() for line in lines if line.endswith("\n"))
        acknowledged += len(said)
        for number, (key, sha256) in enumerate(said.items()):
            found = local.stat(key)
            if number % 3 == 2:
                assert found is None or found.sha256 == sha256
            else:
                assert found == Stat(200_000, sha256, "audio/wav"), "an acknowledged object is lost"
    assert acknowledged >= 25
    names = {folder.name.removesuffix("@") for folder in (local.path / "objects" / "kill").iterdir()}
    for name in names:
        if local.stat(f"kill/{name}") is not None:
            local.get(f"kill/{name}")  # raises unless all bytes are there
    local.sweep(older_than_s=0)
    assert leftovers(local) == []
    local.put("after", b"fine", "audio/wav")


def test_names_for_downloads() -> None:
    assert filename("out/ab/xyz.flac", "audio/flac") == "xyz.flac"
    assert filename("out/ab/xyz", "audio/mpeg") == "xyz.mp3"
    assert filename("out/ab/xyz.opus", "audio/ogg") == "xyz.opus"
    assert filename("image/ab/xyz.jpeg", "image/jpeg") == "xyz.jpeg"
    assert filename("out/.hidden", "audio/wav") == "hidden.wav"
    assert filename("out/...", "audio/wav") == "file.wav"
    assert [media_type_of(f"a.{end}") for end in ("wav", "flac", "ogg", "mp3", "m4a", "png")] == [
        "audio/wav", "audio/flac", "audio/ogg", "audio/mpeg", "audio/mp4", "image/png",
    ]  # fmt: skip
    assert media_type_of("a") is None


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_nobody_else_may_read_what_is_stored_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = LocalStorage(LocalStorageConfig(path=str(tmp_path / "a" / "store")))
        store.put(KEY, b"sound", "audio/flac")
        assert store.get(KEY) == b"sound"
    finally:
        os.umask(before)
    for path in (tmp_path / "a").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_what_others_could_read_before_is_closed_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    home = tmp_path / ".continuo"
    LocalStorage(LocalStorageConfig(path=str(home)))
    (home / "of the user").write_text("")
    for path, mode in (
        (home, 0o755),
        (home / "objects", 0o755),
        (home / "secret", 0o644),
        (home / "of the user", 0o644),
    ):
        path.chmod(mode)
    LocalStorage(LocalStorageConfig(path=str(home)))
    modes = [(home / name).stat().st_mode & 0o777 for name in (".", "objects", "secret", "of the user")]
    assert modes == [0o700, 0o700, 0o600, 0o644]
