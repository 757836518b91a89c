"""What a job's candidates gave: their products and order, how the job ends, what it took and is counted as."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from serve_app.errors import ContinuoError, JobCanceled
from serve_app.logs import log
from serve_app.records.object_rows import Stored
from serve_app.records.rows import JobRow, Json, UsageRow


@dataclass(frozen=True)
class Made:
    """A candidate's result: facts of the stored object, facts of the making, seconds spent, whether it was there."""

    address: str
    output: Json
    facts: Json
    metrics: dict[str, float]
    cached: bool
    own: bool = True  # stored by the job itself

    def shared(self) -> "Made":
        """The same for another job."""
        facts = {name: value for name, value in self.facts.items() if name != "fallback"}
        return Made(self.address, self.output, facts, {}, cached=True, own=False)

    def stored(self) -> Stored:
        """Its object."""
        made = {"output": self.output, "facts": self.facts}
        return Stored(self.output["key"], self.address, made, self.output["bytes"], own=self.own)

    def companions(self) -> list[Stored]:
        """What lies beside its object, a thumbnail for instance: found, kept and deleted with it."""
        return [Stored(key, key, own=self.own) for key in self.output.get("companions", {}).values()]


def object_key(address: str, job_id: str) -> str:
    """Where a job stores what has this content address: the job is the object's generation.

    A job that is run again finds what it stored, and no deletion hits what another job made.
    """
    stem, _, suffix = address.rpartition(".")
    return f"{stem}.{job_id.partition('_')[2]}.{suffix}"


def used_by(row: JobRow, made: Sequence[Made], now: float) -> UsageRow:
    """What a job that ended well is counted as; what was there already took no device."""
    fresh = [item for item in made if not item.cached]
    return UsageRow(
        owner=row.owner,
        day=datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d"),
        model=row.model_used,
        jobs=1,
        sound_s=sum(float(item.output.get("duration_s", 0.0)) for item in made),
        images=sum(item.output.get("kind") == "image" for item in made),
        device_s=sum(float(item.metrics.get("run_s", 0.0)) for item in fresh),
        bytes=sum(int(item.output["bytes"]) for item in fresh),
        cost_micro=sum(int(item.facts.get("cost_micro", 0)) for item in fresh),
    )


def ranked(made: Iterable[Made]) -> list[Made]:
    """The candidates, those that fit the words best first; in their own order when not all of them have a score."""
    found = list(made)
    scores = [item.output.get("clap_score") for item in found]
    if None in scores:
        return found
    return sorted(found, key=lambda item: -float(item.output["clap_score"]))


def success(row: JobRow, made: Sequence[Made]) -> JobRow:
    """The last state of a job whose candidates are all there."""
    facts = {**made[0].facts, **row.facts}
    return row.replace(status="succeeded", facts=facts, cached=all(item.cached for item in made))


def failure(row: JobRow, error: ContinuoError) -> JobRow:
    """The last state of a job that this error ended."""
    if isinstance(error, JobCanceled):
        return row.replace(status="canceled")
    shown = {
        "code": error.code,
        "detail": error.detail,
        "retryable": error.retryable,
        "errors": [dict(e) for e in error.errors],
    }
    return row.replace(status="failed", error=shown)


def log_end(row: JobRow) -> None:
    """One line about how a job ended."""
    level = log.info if row.status != "failed" else log.warning
    why = {"code": row.error["code"], "detail": row.error["detail"]} if row.error else {}
    level("job " + row.status, extra={"model": row.model_used, **row.metrics, **why})


def timings(row: JobRow, made: Sequence[Made], now: float) -> dict[str, float]:
    """Seconds of each part, summed over candidates, and how many times faster than real time the model was."""
    total: dict[str, float] = {}
    for item in made:
        for name, seconds in item.metrics.items():
            total[name] = total.get(name, 0.0) + seconds
    sound_s = sum(item.output.get("duration_s", 0.0) for item in made if not item.cached)
    if sound_s and total.get("run_s"):
        total["real_time_factor"] = sound_s / total["run_s"]
    total["queue_s"] = (row.started_at or now) - row.created_at
    total["total_s"] = now - row.created_at
    return {name: round(value, 6) for name, value in total.items()}
