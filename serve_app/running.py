"""A job under way: its state in this process, what its candidates gave, and how its end is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from serve_app.errors import ContinuoError, JobCanceled
from serve_app.graph import Plan
from serve_app.logs import log
from serve_app.parts import Answer
from serve_app.records import Row
from serve_app.work import Event, Work


class Handle(Protocol):
    """A model as the jobs see it: on Ray a deployment handle, in tests the replica itself."""

    def run(self, work: Work) -> AsyncIterator[Event]:
        """Make one sound. Raises ReplicaGone; closing the iterator cancels the work."""

    async def status(self) -> dict[str, Any]:
        """What the replica says about its model."""

    async def ask(self, *question: Any) -> Answer:
        """What the model answers to a question that is no generation. Raises ReplicaGone."""


@dataclass
class Running:
    """A job in this process."""

    row: Row
    seq: int = 1
    plan: Plan | None = None  # its check against its model, if this process made it
    found: "list[Made] | None" = None  # its result, if storage holds it
    fresh: bool = False  # its seed was just drawn, so storage cannot hold its result
    entered: "asyncio.Future[Row | None] | None" = None  # the write that accepts it; it does not end before
    place: str | None = None  # the model at which a place is reserved for its first candidate
    task: "asyncio.Task[Row] | None" = None
    losses: int = 0
    last_progress: float = field(default_factory=time.monotonic)
    cancel_asked: bool = False
    ending: bool = False  # how it ended is decided and being written
    writes: list["asyncio.Task[None]"] = field(default_factory=list)

    def next_seq(self) -> int:
        """The number of the next event."""
        self.seq += 1
        return self.seq


@dataclass(frozen=True)
class Made:
    """A candidate's result: facts of the stored object, what the model told, seconds spent, whether it was there."""

    output: Row
    facts: Row
    metrics: Row
    cached: bool


def ranked(made: Iterable[Made]) -> list[Made]:
    """The candidates, those that fit the words best first; in their own order when not all of them have a score."""
    found = list(made)
    scores = [item.output.get("clap_score") for item in found]
    if None in scores:
        return found
    return sorted(found, key=lambda item: -float(item.output["clap_score"]))


def close_attempt(row: Row, outcome: str) -> None:
    """Note how the attempt that is under way, if one is, ended."""
    if row["attempts"] and row["attempts"][-1]["ended_at"] is None:
        row["attempts"][-1].update(ended_at=time.time(), outcome=outcome)


def failure(error: ContinuoError) -> Row:
    """The last state of a job that this error ended."""
    status = "canceled" if isinstance(error, JobCanceled) else "failed"
    shown = {
        "code": error.code,
        "detail": error.detail,
        "retryable": error.retryable,
        "errors": [dict(e) for e in error.errors],
    }
    return {"status": status, "error": shown if status == "failed" else None}


def log_end(row: Row, values: Row) -> None:
    """One line about how a job ended."""
    level = log.info if values["status"] != "failed" else log.warning
    error = values.get("error")
    why = {"code": error["code"], "detail": error["detail"]} if error else {}
    level("job " + values["status"], extra={"model": row["model_used"], **values["metrics"], **why})


def timings(row: Row, made: list[Made], now: float) -> dict[str, float]:
    """Seconds of each part, summed over candidates, and how many times faster than real time the model was."""
    total: dict[str, float] = {}
    for item in made:
        for name, seconds in item.metrics.items():
            total[name] = total.get(name, 0.0) + seconds
    sound_s = sum(item.output["duration_s"] for item in made if not item.cached)
    if total.get("run_s"):
        total["real_time_factor"] = sound_s / total["run_s"]
    total["queue_s"] = (row["started_at"] or now) - row["created_at"]
    total["total_s"] = now - row["created_at"]
    return {name: round(value, 6) for name, value in total.items()}
