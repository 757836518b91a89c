"""The process as the service has it: started when it is needed, asked one thing at a time, replaced when it hangs."""

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from deployments.contract import LoadFailed

PROGRAM = Path(__file__).with_name("program.py")
ABSENT = "espeakng-loader is not installed: EXTRAS=espeak scripts/setup (GPL-3.0-or-later, in a process of its own)"

_PATIENCE_S = 10.0  # for one frame; it takes a thousandth of that
_START_S = 60.0  # on a machine that is busy with other starts
_HEAD = struct.calcsize("<cI")


class Hung(RuntimeError):
    """The process ended or said nothing for too long; it was killed, and the next question starts another."""


class Refused(ValueError):
    """The process is well and cannot answer this question."""


def installed() -> bool:
    """Whether the package of the library is there; it is not imported."""
    return find_spec("espeakng_loader") is not None


class EspeakProcess:
    """espeak-ng, from any thread. `program` is what is run: the shipped one, or in tests one that hangs."""

    def __init__(self, program: Path = PROGRAM, patience_s: float = _PATIENCE_S) -> None:
        self.program, self.patience_s = program, patience_s
        self.door = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.rate_hz = 0

    def start(self) -> None:
        """Have it running. Raises LoadFailed."""
        with self.door:
            self._running()

    def speak(self, text: str, voice: str, words_per_minute: int) -> bytes:
        """Mono s16le samples at `rate_hz`. Raises Refused, Hung, LoadFailed."""
        question = {"do": "speak", "text": text, "voice": voice, "words_per_minute": words_per_minute}
        return self._answer(question, b"A")

    def phonemes(self, text: str, voice: str) -> str:
        """IPA with ties (`d^z`), a line for each clause, without punctuation. Raises Refused, Hung, LoadFailed."""
        return self._answer({"do": "ipa", "text": text, "voice": voice}, b"I").decode()

    def close(self) -> None:
        """End it."""
        with self.door:
            self._end()

    def _answer(self, question: dict[str, Any], kind: bytes) -> bytes:
        """Ask, and once more of a new process where the first one died: what it had said is not used."""
        clean = {**question, "text": question["text"].replace("\0", " ")}
        with self.door:
            for _ in range(2):
                try:
                    return b"".join(content for what, content in self._asked(clean) if what == kind)
                except Hung as error:
                    lost = error
            raise lost

    def _asked(self, question: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
        process = self._running()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            while True:
                what, content = self._frame(process, self.patience_s)
                if what == b"X":
                    raise Refused(content.decode())
                if what == b"E":
                    return
                yield what, content
        except OSError as error:
            self._end()
            raise Hung(f"the process of espeak-ng ended: {error}") from error
        except Hung:
            self._end()
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is None:
            return self.process
        self._end()
        if not installed():
            raise LoadFailed(ABSENT)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([sys.executable, str(self.program)], bufsize=0, **pipes)  # type: ignore[call-overload]
        try:
            what, content = self._frame(self.process, max(_START_S, self.patience_s))
        except Hung as error:
            self._end()
            raise LoadFailed(f"espeak-ng did not start: {error}") from error
        if what != b"R":
            self._end()
            raise LoadFailed(f"espeak-ng did not start: {content.decode()}")
        (self.rate_hz,) = struct.unpack("<I", content)
        return self.process

    def _frame(self, process: subprocess.Popen[bytes], patience_s: float) -> tuple[bytes, bytes]:
        assert process.stdout is not None
        what, length = struct.unpack("<cI", self._read(process.stdout, _HEAD, patience_s))
        return what, self._read(process.stdout, length, patience_s)

    def _read(self, pipe: IO[bytes], count: int, patience_s: float) -> bytes:
        parts, until = bytearray(), time.monotonic() + patience_s
        waiting = select.poll()  # not select, which fails from the 1024th file on
        waiting.register(pipe, select.POLLIN)
        while len(parts) < count:
            if not waiting.poll(max(0.0, until - time.monotonic()) * 1000):
                raise Hung(f"the process of espeak-ng said nothing for {patience_s:g} s")
            more = os.read(pipe.fileno(), count - len(parts))
            if not more:
                raise Hung("the process of espeak-ng ended")
            parts += more
        return bytes(parts)

    def _end(self) -> None:
        """Kill what is left of it; nothing that it holds is worth waiting for."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
