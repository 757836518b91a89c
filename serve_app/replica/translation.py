"""What a model raises as one of our errors, in words for callers; the log has all of it."""

import logging
import re

from deployments.contract import Cancelled, Context, InvalidInput, LoadFailed, Unhealthy
from deployments.faults import memory_ran_out
from serve_app.errors import (
    ContinuoError,
    DeadlineExceeded,
    GenerationFailed,
    Invalid,
    JobCanceled,
    ModelNotReady,
    ResourceExhausted,
)

LONGEST_DETAIL = 200  # characters

# What the text of an exception tells of this machine, and callers need not know.
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+]*://\S+|\b0x[0-9a-fA-F]{4,}\b|\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")
_QUOTED_PATH = re.compile(r"""(['"])(?:~|\.{1,2}|[A-Z]:)?[/\\][^'"]*\1""")
_WITH_SLASHES = re.compile(r"[A-Z]:\\[\w.@+~\\-]+|(?<![\w.@+~-])[\w.@+~-]*(?:/[\w.@+~-]*)+")
_ROOTED = re.compile(r"(?:~|\.{1,2})?/[\w.]|[A-Z]:")
_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,11}$")


def translate(error: Exception, context: Context) -> ContinuoError:
    """Any error of a model as one of ours."""
    if isinstance(error, ContinuoError):
        return error
    if isinstance(error, Cancelled):
        late = context.late()
        return DeadlineExceeded("the deadline passed while the job ran") if late else JobCanceled("cancelled")
    if isinstance(error, InvalidInput):
        return Invalid(error.detail, [{"pointer": "/input" + error.pointer, "detail": error.detail}])
    if memory_ran_out(error):
        advice = "ask for less: a shorter duration, fewer steps, a smaller n"
        return ResourceExhausted(f"out of memory: {first_line(str(error)) or 'no figures'}; {advice}")
    if isinstance(error, LoadFailed | Unhealthy):
        return ModelNotReady(str(error) if isinstance(error, LoadFailed) else first_line(str(error)))
    logging.getLogger("continuo").error("generation failed", exc_info=error)
    return GenerationFailed(describe(error))


def describe(error: BaseException) -> str:
    """One line about an error, bounded, for callers: the log has all of it. LoadFailed is written for them as it is."""
    if isinstance(error, LoadFailed):
        return next(iter(str(error).strip().splitlines()), "")[:500]
    return f"{type(error).__name__}: {first_line(str(error))}"


def first_line(text: str) -> str:
    """The first line of an exception's text without the names of files and addresses in it, and not too long."""
    line = next(iter(text.strip().splitlines()), "")[: 10 * LONGEST_DETAIL]
    line = _QUOTED_PATH.sub("(file)", _ADDRESS.sub("(address)", line))
    line = _WITH_SLASHES.sub(_without_path, line)
    return line if len(line) <= LONGEST_DETAIL else line[: LONGEST_DETAIL - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _without_path(match: re.Match[str]) -> str:
    """`/models/x` and `models/x.bin` are files; `and/or`, `audio/wav` and 1/2 are not."""
    word = match[0]
    return "(file)" if _ROOTED.match(word) or _SUFFIX.search(word.rstrip(".")) else word
