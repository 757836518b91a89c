"""The look at a file in a process of its own (probe.py), bounded in memory, processor time, real time and output."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from serve_app.errors import UnusableFile
from serve_app.logs import log

MEMORY_BYTES = 1 << 30  # of addresses; the decoders themselves take 400 MB of them
CPU_S = 20
WITHIN_S = 60.0  # on a machine that is busy, too
_PROBE = Path(__file__).with_name("probe.py")
_LONGEST_ANSWER = 1 << 14


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


def inspect(file: BinaryIO, bounds: Bounds, pointer: str) -> Found:
    """What an open file holds. Raises UnusableFile that points at the field. Blocks: for worker threads.

    The process gets the file, read only, and nothing else: no other descriptor, no variable of the environment.
    """
    limits = {name: getattr(bounds, name) for name in ("sound_s", "pixels", "memory_bytes", "cpu_s")}
    command = [sys.executable, "-I", str(_PROBE), json.dumps(limits)]
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
            raise _unusable(f"the file could not be read within {bounds.within_s:g} s", pointer) from None
        answer.seek(0)
        told = answer.read(_LONGEST_ANSWER)
    if ended.returncode:
        log.warning("a file ended the process that looked at it", extra={"returncode": ended.returncode})
        raise _unusable(_why(ended.returncode, bounds), pointer)
    found = json.loads(told)
    if "refused" in found:
        raise _unusable(found["refused"], pointer)
    return Found(found["kind"], found["media_type"], found["facts"])


def _why(returncode: int, bounds: Bounds) -> str:
    if returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"the file takes over {bounds.cpu_s} s to decode"
    return "the file ends the decoder that reads it: it is broken, or opens to too much memory"


def _unusable(text: str, pointer: str) -> UnusableFile:
    return UnusableFile(f"{pointer or 'body'}: {text}", [{"pointer": pointer, "detail": text}])
