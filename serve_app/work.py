"""What travels between a job and a replica: plain data, because it crosses processes. Audio never does."""

from dataclasses import dataclass
from typing import Any

# First ("progress", {step, steps, eta_s}), then one of ("output", {output, facts, metrics}) and
# ("error", {code, detail, errors}).
Event = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Work:
    """One candidate: the checked request, how the sound shall leave, where it is stored, until when it is wanted."""

    job_id: str
    request_id: str
    key: str
    seed: int
    request: dict[str, Any]
    settings: dict[str, Any]
    deadline: float  # time.time() seconds


class ReplicaGone(Exception):
    """The process that ran the work died."""
