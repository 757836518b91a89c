"""The states of a job and its priorities: what `jobs.status` and `jobs.priority` hold."""

from typing import Literal

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
UNFINISHED: tuple[Status, ...] = ("queued", "running")
FINISHED: frozenset[Status] = frozenset({"succeeded", "failed", "canceled"})
MOST_AT_ONCE = 1000  # jobs in one request
PRIORITY = {"high": 0, "normal": 1, "low": 2}
