"""What travels between a job and a replica: plain data, because it crosses processes; sound only as encoded bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The first event of any kind says that the call has reached a replica's process; ("taken", {}) comes when there is
# nothing else to tell soon, for instance while the model loads. Whoever calls can bound the time until then
# (`replicas.start_within_s`). ("progress", {step, steps, eta_s}) comes any number of times, of streamed work
# ("chunk", {data, head}) too: the next bytes of the file, and what is known of all of it. One of LAST ends it:
# ("output", {output, facts, metrics}), ("error", {code, detail, errors}), or ("later", {after_s}): the model wants the
# candidate again after that.
Event = tuple[str, dict[str, Any]]
LAST = ("output", "error", "later")
STREAM = "stream"  # the value of the setting `delivery`, which whole products have not

# ("answer", it) or ("error", why): errors of a part are an answer too, so that they cross processes as text
Answer = tuple[str, Any]


@dataclass(frozen=True)
class Resume:
    """What an attempt goes on from, and the claim under which it notes more; see records/candidate_rows.py."""

    model: str
    holder: str
    claim: int
    number: int = 0
    note: dict[str, Any] | None = field(default=None, repr=False)
    called_back: int = 0
    callback_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Note:
    """What a model notes about a candidate, on its way to the ingress; `text` is JSON and never logged."""

    job_id: str
    seed: int
    model: str
    holder: str
    claim: int
    number: int
    text: str = field(repr=False)


@dataclass(frozen=True)
class Work:
    """One candidate: the checked request, how its product shall leave, where it is stored, how long it is wanted.

    Time travels as what is left of it: the clocks of two machines differ.
    """

    job_id: str
    request_id: str
    key: str
    seed: int
    request: dict[str, Any]
    settings: dict[str, Any]
    seconds_left: float | None = None  # None: for ever
    companions: Mapping[str, str] = field(default_factory=dict)  # keys of what is stored beside it, by name
    files: Mapping[str, str] = field(default_factory=dict)  # keys of the files that fields of the request name
    resume: Resume | None = None  # None: nobody keeps notes of it

    @property
    def streamed(self) -> bool:
        """Whether the bytes travel as they are made, beside being stored."""
        return self.settings.get("delivery") == STREAM


class ReplicaGone(Exception):
    """The process that ran the work died."""
