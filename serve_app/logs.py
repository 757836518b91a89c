"""Structured logs: one JSON object a line, with job and request ids, never a key and never a whole prompt."""

import fcntl
import json
import logging
import os
import stat
import sys
import time
import traceback
from contextlib import suppress
from contextvars import ContextVar
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, TextIO

from serve_app.file_modes import private_file

request_id: ContextVar[str] = ContextVar("request_id", default="")
job_id: ContextVar[str] = ContextVar("job_id", default="")
cut_off: ContextVar[bool] = ContextVar("cut_off", default=False)  # this answer was, on purpose, and a line says so

log = logging.getLogger("continuo")

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one line of JSON; what `extra` brings becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname,
            "event": record.getMessage(),
        }
        for name, variable in (("request_id", request_id), ("job_id", job_id)):
            if variable.get():
                line[name] = variable.get()
        line.update({name: value for name, value in record.__dict__.items() if _is_ours(name)})
        if record.exc_info:
            line["trace"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(line, default=str)


def _is_ours(name: str) -> bool:
    """Whether `extra` brought it; Ray adds fields of its own to every record of a replica."""
    return name not in _STANDARD and not name.startswith(("ray_", "serve_", "_", "skip", "log_to"))


class PrivateLogFile(WatchedFileHandler):
    """A log file of several processes that only its owner may read.

    Whichever of them finds it full moves it aside, to `NAME.1.SUFFIX` in the place of the one before; a file that was
    moved aside, also by somebody else, is opened anew by each of them before its next line.
    """

    largest_bytes = 64 << 20

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        with suppress(OSError):  # the folder is read-only or gone: the line is more important
            self._move_aside_when_full()
        super().emit(record)

    def _move_aside_when_full(self) -> None:
        if self.stream is None or os.fstat(self.stream.fileno()).st_size < self.largest_bytes:
            return
        file = Path(self.baseFilename)
        fcntl.flock(self.stream, fcntl.LOCK_EX)  # only one moves this file
        try:
            ours, named = os.fstat(self.stream.fileno()), file.lstat()
            if stat.S_ISREG(named.st_mode) and (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino):
                file.replace(file.with_name(f"{file.stem}.1{file.suffix}"))
        finally:
            fcntl.flock(self.stream, fcntl.LOCK_UN)

    def _open(self) -> TextIO:  # type: ignore[override]
        private_file(Path(self.baseFilename))
        return super()._open()


def set_up_logging(level: str) -> None:
    """Send our log to the file that CONTINUO_LOG_FILE names, else to standard error, as JSON lines; idempotent."""
    log.setLevel(level)
    log.propagate = False
    if not log.handlers:
        file = os.environ.get("CONTINUO_LOG_FILE")
        handler = PrivateLogFile(file) if file else logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonLines())
        log.addHandler(handler)
