"""Records as the HTTP interface shows them: times as RFC 3339, file URLs signed at each read."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from serve_app.records.rows import Attempt, DeliveryRow, JobRow, Json
from serve_app.storage import SignedUrl, Storage


def rfc3339(seconds: float | None) -> str | None:
    """A time in UTC with milliseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Urls = Mapping[str, SignedUrl]
_OURS = frozenset({"cost_micro"})  # facts of the making that are no business of callers


def signed_urls(rows: Iterable[JobRow], storage: Storage, url_ttl_s: int) -> dict[str, SignedUrl]:
    """A URL for each object of these jobs, by key; this may wait for the network."""
    keys = {key for row in rows for output in row.outputs for key in (output["key"], *_companions(output).values())}
    return {key: storage.url(key, url_ttl_s) for key in keys}


def _companions(output: Json) -> Mapping[str, str]:
    """The keys of what is stored beside an output, by name."""
    found: Mapping[str, str] = output.get("companions", {})
    return found


def job_view(row: JobRow, urls: Urls, base_url: str) -> dict[str, Any]:
    """A job as JSON; `urls` are those of its objects, `base_url` is the service's own, without a slash at its end."""
    own = f"{base_url}/v1/jobs/{row.id}"
    facts = dict(row.facts)
    return {
        "id": row.id,
        "owner": row.owner,
        "task": row.task,
        "model": row.model,
        "model_used": row.model_used,
        "attempts": len(row.attempts),
        "attempt_log": [_attempt(item) for item in row.attempts],
        "status": row.status,
        "input": row.input,
        "outputs": [output_view(item, urls, base_url) for item in row.outputs],
        "error": _error(row.error),
        "cached": row.cached,
        "seed": row.seed,
        "progress": row.progress,
        "interpretation": facts.pop("interpretation", None),
        "fallback": facts.pop("fallback", None),
        "scoring": facts.pop("scoring", None),
        **({"facts": told} if (told := {name: facts[name] for name in facts if name not in _OURS}) else {}),
        "created_at": rfc3339(row.created_at),
        "started_at": rfc3339(row.started_at),
        "completed_at": rfc3339(row.completed_at),
        "metrics": row.metrics,
        "deliveries": [_delivery(item) for item in row.deliveries],
        "urls": {"self": own, "events": f"{own}/events", "cancel": f"{own}/cancel"},
    }


def output_view(facts: Json, urls: Urls, base_url: str) -> dict[str, Any]:
    """An output with URLs that a plain GET can fetch until `expires_at`; null when that has no end.

    What is stored beside it has its URL under its name. Outputs without a kind are older than kinds.
    """
    signed = urls[facts["key"]]
    ends = None if signed.expires_at is None else signed.expires_at.timestamp()
    shown = {name: value for name, value in facts.items() if name != "companions"}
    beside = {f"{name}_url": absolute(urls[key], base_url) for name, key in _companions(facts).items()}
    return {
        "kind": "audio",
        "url": absolute(signed, base_url),
        "expires_at": rfc3339(ends),
        **shown,
        **beside,
    }


def absolute(signed: SignedUrl, base_url: str) -> str:
    """A signed URL with the host of this service where it has none."""
    return base_url + signed.url if signed.url.startswith("/") else signed.url


def _attempt(item: Attempt) -> dict[str, Any]:
    return {**item.as_json(), "started_at": rfc3339(item.started_at), "ended_at": rfc3339(item.ended_at)}


def _error(error: Json | None) -> dict[str, Any] | None:
    return error and {name: error[name] for name in ("code", "detail", "retryable")}


def _delivery(row: DeliveryRow) -> dict[str, Any]:
    tries = [{**item, "at": rfc3339(item["at"])} for item in row.tries]
    shown = {"id": row.id, "event": row.event, "status": row.status}
    return {**shown, "tries": tries, "next_at": rfc3339(row.next_at)}
