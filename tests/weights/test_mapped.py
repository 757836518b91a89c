"""Files as numpy views: the same numbers, nothing copied, damage refused. Hashes: once, and never old ones."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from deployments.contract import LoadFailed
from deployments.weights.hashes import sha256_of
from deployments.weights.mapped import mapped


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tensors = {
        "single": np.arange(12, dtype=np.float32).reshape(3, 4), "half": np.ones((2, 2), np.float16),
        "small": np.arange(-3, 4, dtype=np.int8), "keys": np.array([2**63 + 1], np.uint64),
        "empty": np.zeros((0, 5), np.float32), "one": np.array(2.5),
    }  # fmt: skip
    save_file(tensors, tmp_path / "some.safetensors", {"made of": "this"})
    return tmp_path / "some.safetensors"


def test_it_reads_what_the_package_reads(file: Path) -> None:
    tensors, words = mapped(file)
    expected = load_file(file)
    assert words == {"made of": "this"}
    assert tensors.keys() == expected.keys()
    for name, tensor in tensors.items():
        assert (tensor.dtype, tensor.shape) == (expected[name].dtype, expected[name].shape)
        np.testing.assert_array_equal(tensor, expected[name])


def test_nothing_is_copied_and_nobody_writes(file: Path) -> None:
    single = mapped(file)[0]["single"]
    assert not single.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        single[0] = 1
    file.unlink()
    assert single.sum() == 66


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"", lambda data: b"short", lambda data: data[:-8], lambda data: b"\xff" * 8 + data[8:],
        lambda data: data.replace(b'"F32"', b'"F9 "'), lambda data: data.replace(b"[3,4]", b"[3,5]"),
        lambda data: b"\x02" + b"\0" * 7 + b"[]",
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused(file: Path, spoil: Any) -> None:
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(LoadFailed, match="no whole safetensors file"):
        mapped(file)
    with pytest.raises(LoadFailed, match="FileNotFoundError"):
        mapped(file.with_name("nowhere"))


def test_a_hash_is_remembered_while_the_file_is_the_same(tmp_path: Path) -> None:
    file, kept = tmp_path / "weights", tmp_path / "kept"
    file.write_bytes(b"one")
    assert sha256_of(file, kept) == hashlib.sha256(b"one").hexdigest()
    memory = kept / "sha256.json"
    assert memory.stat().st_mode & 0o777 == 0o600
    memory.write_text(memory.read_text().replace(hashlib.sha256(b"one").hexdigest(), "remembered"))
    assert sha256_of(file, kept) == "remembered"
    memory.chmod(0o666)  # others may have written it
    assert sha256_of(file, kept) == hashlib.sha256(b"one").hexdigest()


def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path) -> None:
    file, kept = tmp_path / "weights", tmp_path / "kept"
    file.write_bytes(b"one")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    sha256_of(file, kept)
    other = tmp_path / "other"
    other.write_bytes(b"two")
    os.utime(other, ns=times)
    other.replace(file)
    assert sha256_of(file, kept) == hashlib.sha256(b"two").hexdigest()


def test_a_memory_that_cannot_be_used_is_no_fault(tmp_path: Path) -> None:
    file, kept = tmp_path / "weights", tmp_path / "kept"
    file.write_bytes(b"one")
    kept.write_text("a file, where a folder is wanted")
    assert sha256_of(file, kept) == hashlib.sha256(b"one").hexdigest()
    kept.unlink()
    kept.mkdir()
    (kept / "sha256.json").write_text("torn")
    assert sha256_of(file, kept) == hashlib.sha256(b"one").hexdigest()
