"""A job under way: its state in this process, and the models as the jobs see them."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from serve_app.jobs.live import Live
from serve_app.jobs.plan import Plan
from serve_app.jobs.results import Made
from serve_app.records.leases import Claim
from serve_app.records.object_rows import Stored
from serve_app.records.rows import JobRow
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
    """A job in this process, waiting or at work.

    `row` is the newest state of the job while this process holds its claim, and `change` alone replaces it: whoever
    read it before an await reads it again afterwards.
    """

    row: JobRow
    claim: Claim
    seq: int = 1
    plan: Plan | None = None  # its check against its model, if this process made it
    seed_was_drawn: bool = False  # just now, so storage cannot hold its result
    earlier: Mapping[str, Made] = field(default_factory=dict)  # what it made in an earlier life, by content address
    reserved_at: str | None = None  # the model at which a place is reserved for its first candidate
    # By model, the objects that the database knows it may store: they are `pending` there before a replica is asked.
    pending_objects: dict[str, Sequence[Stored]] = field(default_factory=dict)
    requested_keys: set[str] = field(default_factory=set)  # of objects that a replica was asked to store
    put_off: set[int] = field(default_factory=set)  # seeds of candidates that are due later, and have no place
    live: Live | None = None  # its bytes while it is made, of a streamed one
    has_replica: bool = False  # its attempt has reached one
    task: "asyncio.Task[JobRow] | None" = None
    losses: int = 0
    last_progress: float = field(default_factory=time.monotonic)
    cancel_requested: bool = False
    lost: bool = False  # its claim went to another process: nothing more is written
    ending: bool = False  # how it ended is decided and being written
    writes: list["asyncio.Task[None]"] = field(default_factory=list)
    beginning: asyncio.Lock = field(default_factory=asyncio.Lock)

    def change(self, row: JobRow) -> JobRow:
        """Replace the row by its next state."""
        self.row = row
        return row

    def hold(self, claim: Claim) -> None:
        """Run the job under this claim, as its row says from now on."""
        self.claim = claim
        self.change(self.row.replace(holder=claim.holder, queue_holder=None, claim=claim.number))

    def abandon(self) -> None:
        """Stop, because another process runs the job by now; nothing more of it is written here."""
        self.lost = True
        if self.task is not None and not self.ending:
            self.task.cancel()

    @property
    def waits_for_provider(self) -> bool:
        """Whether nothing of it is under way, because its model put it off."""
        return bool(self.put_off) and not self.row.is_attempted

    @property
    def is_under_way(self) -> bool:
        """Whether a drain waits for its end."""
        return self.row.status == "running" and not self.waits_for_provider

    def next_seq(self) -> int:
        """The number of the next event."""
        self.seq += 1
        return self.seq
