"""The look at a file in a process of its own (probe.py), bounded in memory, processor time, real time and output."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from serve_app.errors import UnusableFile
from serve_app.logs import log

MEMORY_BYTES = 1 << 30  # of addresses; the decoders themselves take 400 MB of them
CPU_S = 20
WITHIN_S = 60.0  # on a machine that is busy, too
_PROBE = Path(__file__).with_name("probe.py")


@dataclass(frozen=True)
class Found:
    """What a file is: a sound or a picture, of which media type, with the facts of its kind."""

    kind: str
    media_type: str
    facts: dict[str, Any]


@dataclass(frozen=True)
class Bounds:
    """What a file may open to, and what the look at it may take."""

    sound_s: float
    pixels: int
    memory_bytes: int = MEMORY_BYTES
    cpu_s: int = CPU_S
    within_s: float = WITHIN_S
    answer_bytes: int = 1 << 16  # the longest file that it writes


def inspect(file: BinaryIO, bounds: Bounds, pointer: str) -> Found:
    """What an open file holds. Raises UnusableFile that points at the field. Blocks: for worker threads."""
    found = json.loads(confined(_PROBE, file, bounds, pointer))
    if "refused" in found:
        raise unusable(found["refused"], pointer)
    return Found(found["kind"], found["media_type"], found["facts"])


def confined(script: Path, file: BinaryIO, bounds: Bounds, pointer: str) -> bytes:
    """What a script answers about an open file. Raises UnusableFile when the file ends it. Blocks.

    The process gets the file, read only, and nothing else: no other descriptor, no variable of the environment.
    """
    limits = {item.name: getattr(bounds, item.name) for item in fields(bounds) if item.name != "within_s"}
    command = [sys.executable, "-I", str(script), json.dumps(limits)]
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with open(f"/dev/fd/{file.fileno()}", "rb") as given, tempfile.TemporaryFile() as answer:
        try:
            ended = subprocess.run(
                command,
                stdin=given,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                timeout=bounds.within_s,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise unusable(f"the file could not be read within {bounds.within_s:g} s", pointer) from None
        if ended.returncode:
            log.warning("a file ended the process that looked at it", extra={"returncode": ended.returncode})
            raise unusable(_why(ended.returncode, bounds), pointer)
        answer.seek(0)
        return answer.read(bounds.answer_bytes)


def _why(returncode: int, bounds: Bounds) -> str:
    if returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"the file takes over {bounds.cpu_s} s to decode"
    return "the file ends the decoder that reads it: it is broken, or opens to too much memory"


def unusable(text: str, pointer: str) -> UnusableFile:
    """The error about the file that a field gives."""
    return UnusableFile(f"{pointer or 'body'}: {text}", [{"pointer": pointer, "detail": text}])
