"""What a process has freed but not given back."""

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """After a start, return what imports and loading left behind to the system (glibc's malloc_trim; else nothing)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
