"""Rows as frozen values: what statements read and write, and what jobs, views and webhooks pass around.

Nobody changes a row. Of a job that runs here its `Running` has the newest one and alone replaces it; what is written to
the database are columns of that row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, TypedDict, Unpack

from serve_app.records.states import Status

RETRY_LATER = "retry_later"  # the outcome of an attempt that its model put off
MOST_PUT_OFF = 50  # attempts with that outcome that a row keeps, the newest: some come back each second for an hour

Json = dict[str, Any]  # of a JSON column; it is replaced too, never changed in place

# The columns that change while a job runs and when it ends.
Column = Literal[
    "status",
    "attempts",
    "progress",
    "model_used",
    "facts",
    "started_at",
    "completed_at",
    "error",
    "cached",
    "metrics",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to run a job on a model; `outcome` is None while it lasts."""

    model: str
    started_at: float
    ended_at: float | None = None
    outcome: str | None = None

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> "Attempt":
        """From the JSON of the column `attempts`."""
        return cls(item["model"], item["started_at"], item.get("ended_at"), item.get("outcome"))

    def as_json(self) -> Json:
        """For the column `attempts`, and for the HTTP interface."""
        return {
            "model": self.model,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "outcome": self.outcome,
        }


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A webhook delivery of a job: what has been tried, when it is due again."""

    id: str
    event: str
    status: str
    tries: Sequence[Json]
    next_at: float | None


class Changes(TypedDict, total=False):
    """What of a job changes while it is known here."""

    status: Status
    attempts: tuple[Attempt, ...]
    progress: Json | None
    model_used: str
    facts: Json
    started_at: float
    completed_at: float
    error: Json
    cached: bool
    metrics: dict[str, float]
    holder: str | None
    queue_holder: str | None
    claim: int
    outputs: tuple[Json, ...]


@dataclass(frozen=True)  # without slots, of which a copy would take ten times as long
class JobRow:
    """A job, as its row and those of its outputs and deliveries say. Times are seconds since 1970."""

    id: str
    owner: str
    task: str
    model: str  # as asked, maybe "auto"
    model_used: str
    planned_model: str  # as resolved at the acceptance; `model_used` may be one of its fallbacks
    status: Status
    priority: int
    input: Json
    seed: int
    deadline: float
    created_at: float
    version: int = 2
    attempts: tuple[Attempt, ...] = ()
    progress: Json | None = None
    error: Json | None = None
    cached: bool = False
    facts: Json = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    webhook: Json | None = None
    started_at: float | None = None
    completed_at: float | None = None
    cancel_requested: bool = False
    delete_requested: bool = False
    request_id: str = ""
    holder: str | None = None
    queue_holder: str | None = None
    claim: int = 0
    key_id: str | None = None
    base_url: str | None = None
    outputs: tuple[Json, ...] = ()
    deliveries: tuple[DeliveryRow, ...] = ()

    @classmethod
    def read(
        cls, columns: Mapping[str, Any], outputs: Iterable[Json] = (), deliveries: Iterable[DeliveryRow] = ()
    ) -> "JobRow":
        """From the columns of the table and what other tables hold of the job."""
        values = {name: columns[name] for name in _COLUMNS}
        values["attempts"] = tuple(Attempt.read(item) for item in values["attempts"])
        values["model_used"] = values["model_used"] or values["model"]
        values["planned_model"] = values["planned_model"] or values["model_used"]
        return cls(**values, outputs=tuple(outputs), deliveries=tuple(deliveries))

    def replace(self, **changes: Unpack[Changes]) -> "JobRow":
        """The same job with these changes."""
        new = object.__new__(JobRow)
        new.__dict__.update(self.__dict__)
        new.__dict__.update(changes)
        return new

    def columns(self) -> dict[str, Any]:
        """Every column of the table."""
        return {**self.only(_COLUMNS), "executor": ""}

    def only(self, names: Iterable[str]) -> dict[str, Any]:
        """Some columns of the table."""
        found = {name: self.__dict__[name] for name in names}
        if "attempts" in found:
            found["attempts"] = [item.as_json() for item in self.attempts]
        return found

    @property
    def is_attempted(self) -> bool:
        """Whether an attempt is under way."""
        return bool(self.attempts) and self.attempts[-1].ended_at is None

    def begin_attempt(self, model: str, at: float) -> "JobRow":
        """Running, with one more attempt."""
        put_off = [item for item in self.attempts if item.outcome == RETRY_LATER]
        over = put_off[:-MOST_PUT_OFF]
        attempts = (*(item for item in self.attempts if item not in over), Attempt(model, at))
        return self.replace(status="running", started_at=self.started_at or at, attempts=attempts, progress=None)

    def end_attempt(self, outcome: str, at: float) -> "JobRow":
        """With the end of the attempt that is under way, if one is."""
        if not self.is_attempted:
            return self
        last = replace(self.attempts[-1], ended_at=at, outcome=outcome)
        return self.replace(attempts=(*self.attempts[:-1], last))

    def outcomes(self, outcome: str) -> int:
        """How many attempts ended like this."""
        return sum(item.outcome == outcome for item in self.attempts)


_COLUMNS = tuple(item.name for item in fields(JobRow) if item.name not in ("outputs", "deliveries"))


class Event(NamedTuple):
    """Something that happens to a job: its number in the job, its type, its data."""

    seq: int
    type: str
    data: Json


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of a job's log, as it was written."""

    job_id: str
    seq: int
    type: str
    data: Json
    at: float


@dataclass(frozen=True, slots=True)
class IdempotencyRow:
    """Which job an Idempotency-Key of an owner belongs to, until when, and what was asked with it."""

    owner: str
    key: str
    fingerprint: str
    job_id: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What an owner has used of a model on a day (YYYY-MM-DD in UTC); rows of a day are added up."""

    owner: str
    day: str
    model: str
    jobs: int = 0
    sound_s: float = 0.0
    images: int = 0
    device_s: float = 0.0
    bytes: int = 0
    cost_micro: int = 0
