"""Our tables, beside the ones that DBOS keeps. Times are seconds since 1970; `version` is that of the record's shape.

Migrations live in `migrations/versions`; a test compares them with these definitions.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),  # sorts by time of creation
    Column("owner", String(64), nullable=False),
    Column("version", Integer, nullable=False, default=1),
    Column("task", String(32), nullable=False),
    Column("model", String(64), nullable=False),  # as asked, maybe "auto"
    Column("model_used", String(64)),
    Column("status", String(16), nullable=False),
    Column("priority", Integer, nullable=False, default=1),
    Column("input", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("attempts", JSON, nullable=False, default=list),
    Column("progress", JSON),
    Column("error", JSON),
    Column("cached", Boolean, nullable=False, default=False),
    Column("facts", JSON, nullable=False, default=dict),
    Column("metrics", JSON, nullable=False, default=dict),
    Column("webhook", JSON),
    Column("deadline", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("completed_at", Float),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("executor", String(64), nullable=False, default="0"),
    Column("request_id", String(64), nullable=False, default=""),
    Index("jobs_by_owner", "owner", "id"),
    Index("jobs_by_status", "status", "completed_at"),
)

outputs = Table(
    "outputs",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("key", String(200), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("facts", JSON, nullable=False),
    Index("outputs_by_key", "key"),
)

# Keys whose last output row is gone and whose object is about to be: nobody may hand them out any more.
doomed = Table("doomed", metadata, Column("key", String(200), primary_key=True))

events = Table(
    "events",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", String(16), nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", Float, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("expires_at", Float, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(40), primary_key=True),  # the webhook-id header, the same at every try
    Column("job_id", String(40), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("event", String(32), nullable=False),
    Column("url", Text, nullable=False),
    Column("status", String(16), nullable=False),  # pending, delivered, failed
    Column("tries", JSON, nullable=False, default=list),  # [{at, status_code | error}]
    Column("next_at", Float),
    Index("deliveries_by_job", "job_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),  # public, shown in lists
    Column("hash", String(64), nullable=False),  # SHA-256 of the 256-bit secret
    Column("owner", String(64), nullable=False),
    Column("name", String(120), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
)

secrets = Table(
    "secrets",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("value", String(200), nullable=False),
)
