"""Records as the HTTP interface shows them: times as RFC 3339, file URLs signed at each read."""

from datetime import UTC, datetime
from typing import Any

from serve_app.records import Row
from serve_app.storage import Storage


def rfc3339(seconds: float | None) -> str | None:
    """A time in UTC with milliseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_view(row: Row, storage: Storage, url_ttl_s: int, base_url: str) -> dict[str, Any]:
    """A job as JSON; `base_url` is the service's own, without a slash at its end."""
    own = f"{base_url}/v1/jobs/{row['id']}"
    facts = dict(row["facts"])
    return {
        "id": row["id"],
        "owner": row["owner"],
        "task": row["task"],
        "model": row["model"],
        "model_used": row["model_used"],
        "attempts": len(row["attempts"]),
        "attempt_log": [_attempt(item) for item in row["attempts"]],
        "status": row["status"],
        "input": row["input"],
        "outputs": [output_view(item, storage, url_ttl_s, base_url) for item in row["outputs"]],
        "error": _error(row["error"]),
        "cached": row["cached"],
        "seed": row["seed"],
        "progress": row["progress"],
        "interpretation": facts.pop("interpretation", None),
        "fallback": facts.pop("fallback", None),
        "scoring": facts.pop("scoring", None),
        "created_at": rfc3339(row["created_at"]),
        "started_at": rfc3339(row["started_at"]),
        "completed_at": rfc3339(row["completed_at"]),
        "metrics": row["metrics"],
        "deliveries": [_delivery(item) for item in row["deliveries"]],
        "urls": {"self": own, "events": f"{own}/events", "cancel": f"{own}/cancel"},
    }


def output_view(facts: Row, storage: Storage, url_ttl_s: int, base_url: str) -> dict[str, Any]:
    """An output with a URL that a plain GET can fetch for `url_ttl_s` seconds."""
    signed = storage.url(facts["key"], url_ttl_s)
    url = base_url + signed.url if signed.url.startswith("/") else signed.url
    return {"url": url, "expires_at": rfc3339(signed.expires_at.timestamp()), **facts}


def _attempt(item: Row) -> dict[str, Any]:
    return {**item, "started_at": rfc3339(item["started_at"]), "ended_at": rfc3339(item["ended_at"])}


def _error(error: Row | None) -> dict[str, Any] | None:
    return error and {name: error[name] for name in ("code", "detail", "retryable")}


def _delivery(row: Row) -> dict[str, Any]:
    shown = {name: row[name] for name in ("id", "event", "status")}
    tries = [{**item, "at": rfc3339(item["at"])} for item in row["tries"]]
    return {**shown, "tries": tries, "next_at": rfc3339(row["next_at"])}
