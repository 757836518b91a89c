"""malloc_trim: memory that a process has freed goes back to the system."""

import ctypes
import gc
import threading
from contextlib import suppress

_LATER_S = 5.0  # whoever waits for a start waits for this no longer


def give_back_later() -> None:
    """Soon after a start, return what imports and loading left behind to the system (glibc's malloc_trim)."""
    timer = threading.Timer(_LATER_S, _give_back)
    timer.daemon = True
    timer.start()


def _give_back() -> None:
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
