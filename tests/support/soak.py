"""How much of a long test is wanted: all of it in `make soak`, a form of at most 40 s in `make check`."""

import os
from typing import TypeVar

T = TypeVar("T")

SOAKING = os.environ.get("SOAK") == "1"


def at_length(soaking: T, otherwise: T) -> T:
    """The first where there is time for it."""
    return soaking if SOAKING else otherwise
