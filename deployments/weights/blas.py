"""One thread for numpy's matrix products, where they are small.

OpenBLAS spins its threads between products. On a machine whose cores are taken, a query of a dozen tokens then
waits for a thread that is not scheduled: tens to hundreds of milliseconds where one thread takes ten.
"""

import ctypes
import logging
from functools import cache
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

# As the wheels of numpy, conda and Debian name it; the longer names carry 64-bit integers.
_SETTERS = (
    "scipy_openblas_set_num_threads64_",
    "scipy_openblas_set_num_threads",
    "openblas_set_num_threads64_",
    "openblas_set_num_threads",
)


@cache
def one_thread() -> bool:
    """Let OpenBLAS use one thread in this process from now on; False where numpy has another BLAS."""
    for path in _loaded():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in _SETTERS:
            if hasattr(library, name):
                getattr(library, name)(1)
                return True
    log.info("numpy's BLAS keeps its threads: no OpenBLAS found")
    return False


def _loaded() -> list[Path]:
    """The OpenBLAS that numpy's wheel carries, else the one that this process has mapped."""
    folder = Path(np.__file__).parents[1] / "numpy.libs"
    maps = Path("/proc/self/maps")
    mapped = {line.split()[-1] for line in maps.read_text().splitlines()} if maps.exists() else set()
    return [*folder.glob("*openblas*"), *(Path(name) for name in sorted(mapped) if "openblas" in name)]
