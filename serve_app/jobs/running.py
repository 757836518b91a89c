"""A job under way: its state in this process, what its candidates gave, and how its end is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from serve_app.errors import ContinuoError, JobCanceled
from serve_app.jobs.catalogue import Plan
from serve_app.logs import log
from serve_app.records.job_rows import Row
from serve_app.records.leases import Claim
from serve_app.records.object_rows import Stored
from serve_app.replica.work import Answer, Event, Work


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
    """A job in this process, waiting or at work."""

    row: Row
    claim: Claim
    seq: int = 1
    plan: Plan | None = None  # its check against its model, if this process made it
    fresh: bool = False  # its seed was just drawn, so storage cannot hold its result
    earlier: Mapping[str, "Made"] = field(default_factory=dict)  # what it made in an earlier life, by content address
    place: str | None = None  # the model at which a place is reserved for its first candidate
    noted: dict[str, Sequence[Stored]] = field(default_factory=dict)  # by model, what the database knows it may store
    tried: set[str] = field(default_factory=set)  # keys that a replica was asked to store
    taken: bool = False  # a replica has its attempt
    task: "asyncio.Task[Row] | None" = None
    losses: int = 0
    last_progress: float = field(default_factory=time.monotonic)
    cancel_asked: bool = False
    lost: bool = False  # its claim went to another process: nothing more is written
    ending: bool = False  # how it ended is decided and being written
    writes: list["asyncio.Task[None]"] = field(default_factory=list)
    beginning: asyncio.Lock = field(default_factory=asyncio.Lock)

    def hold(self, claim: Claim) -> None:
        """Run the job under this claim, as its row says from now on."""
        self.claim = claim
        self.row.update(holder=claim.holder, queue_holder=None, claim=claim.number)

    def lose(self) -> None:
        """Stop, because another process runs the job by now; nothing more of it is written here."""
        self.lost = True
        if self.task is not None and not self.ending:
            self.task.cancel()

    def next_seq(self) -> int:
        """The number of the next event."""
        self.seq += 1
        return self.seq


@dataclass(frozen=True)
class Made:
    """A candidate's result: facts of the stored object, what the model told, seconds spent, whether it was there."""

    address: str
    output: Row
    facts: Row
    metrics: Row
    cached: bool
    own: bool = True  # stored by the job itself

    def shared(self) -> "Made":
        """The same for another job."""
        told = {name: value for name, value in self.facts.items() if name != "fallback"}
        return Made(self.address, self.output, told, {}, cached=True, own=False)

    def stored(self) -> Stored:
        """Its object."""
        made = {"output": self.output, "facts": self.facts}
        return Stored(self.output["key"], self.address, made, self.output["bytes"], own=self.own)


def object_key(address: str, job_id: str) -> str:
    """Where a job stores what has this content address: the job is the object's generation.

    A job that is run again finds what it stored, and no deletion hits what another job made.
    """
    stem, _, suffix = address.rpartition(".")
    return f"{stem}.{job_id.partition('_')[2]}.{suffix}"


def used_by(row: Row, made: Sequence[Made], now: float) -> Row:
    """What a job that ended well is counted as; what was there already took no device."""
    fresh = [item for item in made if not item.cached]
    return {
        "owner": row["owner"],
        "day": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d"),
        "model": row["model_used"],
        "jobs": 1,
        "sound_s": sum(float(item.output.get("duration_s", 0.0)) for item in made),
        "images": 0,
        "device_s": sum(float(item.metrics.get("run_s", 0.0)) for item in fresh),
        "bytes": sum(int(item.output["bytes"]) for item in fresh),
        "cost_micro": sum(int(item.facts.get("cost_micro", 0)) for item in fresh),
    }


def ranked(made: Iterable[Made]) -> list[Made]:
    """The candidates, those that fit the words best first; in their own order when not all of them have a score."""
    found = list(made)
    scores = [item.output.get("clap_score") for item in found]
    if None in scores:
        return found
    return sorted(found, key=lambda item: -float(item.output["clap_score"]))


def close_attempt(row: Row, outcome: str, at: float) -> None:
    """Note how the attempt that is under way, if one is, ended."""
    if row["attempts"] and row["attempts"][-1]["ended_at"] is None:
        row["attempts"] = [*row["attempts"][:-1], {**row["attempts"][-1], "ended_at": at, "outcome": outcome}]


def outcomes(row: Row, outcome: str) -> int:
    """How many attempts ended like this."""
    return sum(item.get("outcome") == outcome for item in row["attempts"])


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


def timings(row: Row, made: Sequence[Made], now: float) -> dict[str, float]:
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
