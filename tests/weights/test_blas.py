"""Small matrix products do not wait for threads."""

import subprocess
import sys

import pytest

from deployments.weights import blas

COUNT = """
import ctypes
from deployments.weights.blas import _SETTERS, _loaded, one_thread
assert one_thread()
library = ctypes.CDLL(str(_loaded()[0]))
setter = next(name for name in _SETTERS if hasattr(library, name))
print(getattr(library, setter.replace("set_num", "get_num"))())
"""


def test_openblas_is_left_with_one_thread() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


def test_another_blas_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "_loaded", list)
    assert blas.one_thread.__wrapped__() is False
