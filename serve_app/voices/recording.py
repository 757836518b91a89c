"""The look at a recording in a process of its own (prepare.py), and what comes back of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from serve_app.assets.inspection import Bounds, confined, unusable
from serve_app.voices.prepare import LONGEST_S

_SCRIPT = Path(__file__).with_name("prepare.py")
BOUNDS = Bounds(sound_s=LONGEST_S, pixels=0, answer_bytes=16 << 20)


@dataclass(frozen=True)
class Recording:
    """A reference as FLAC, its facts, what the recording was like in numbers."""

    data: bytes
    reference: dict[str, Any]
    checks: dict[str, Any]


def prepared(file: BinaryIO, pointer: str, bounds: Bounds = BOUNDS) -> Recording:
    """What an open file gives as a reference. Raises UnusableFile that points at the field. Blocks."""
    head, _, data = confined(_SCRIPT, file, bounds, pointer).partition(b"\n")
    told = json.loads(head)
    if "refused" in told:
        raise unusable(told["refused"], pointer)
    return Recording(data, told["reference"], told["checks"])
