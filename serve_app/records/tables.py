"""Our tables. Times are seconds since 1970 by the database's clock; `version` is that of the record's shape.

Migrations live in `migrations/versions`; a test compares them with these definitions.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

QUEUED = "status = 'queued' AND holder IS NULL"
ABANDONED = f"{QUEUED} AND queue_holder IS NULL"
UNFINISHED = "status IN ('queued', 'running')"
TO_DELETE = "delete_requested"
DUE = "status = 'pending' AND holder IS NULL"
UNWANTED = "state IN ('orphan', 'deleted')"
UNFINISHED_UPLOAD = "state = 'pending' AND job_id = ''"  # an asset's or a voice's object is of no job
HELD = "holder IS NOT NULL"  # as every comparison with a holder implies


def _where(condition: str) -> dict[str, Any]:
    """Restricts an index to some rows, on either database; a statement must say the same words to use it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# The living processes that run jobs. Whoever finds a lease over deletes its row and frees what it held, in one
# transaction: as long as its row is here a holder may go on, however late it renews.
holders = Table(
    "holders",
    metadata,
    Column("id", String(40), primary_key=True),
    Column(
        "process", String(120), nullable=False
    ),  # boot, pid namespace, pid, start: dead ones of this machine are seen
    Column("lease_until", Float, nullable=False),
    Column("draining", Boolean, nullable=False, default=False, server_default=false()),
)

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
    Column("executor", String(64), nullable=False, default="0"),  # of version 0.1; not read
    Column("request_id", String(64), nullable=False, default=""),
    # Only the holder of the claim writes the row of a job that runs. A queued job has no holder.
    Column("holder", String(40)),
    Column("claim", Integer, nullable=False, default=0, server_default="0"),  # raised each time it is taken up
    Column("queue_holder", String(40)),  # in whose memory a queued job waits; null: in nobody's
    Column("planned_model", String(64)),  # as resolved at the acceptance; `model_used` may be one of its fallbacks
    Column("delete_requested", Boolean, nullable=False, default=False, server_default=false()),
    Column("key_id", String(16)),  # the API key that it came by
    Column("base_url", Text),  # under which its caller reached the service
    Index("jobs_by_owner", "owner", "id"),
    Index("jobs_by_status", "status", "completed_at"),
    Index("jobs_queued", "queue_holder", "priority", "id", **_where(QUEUED)),
    Index("jobs_abandoned", "priority", "id", **_where(ABANDONED)),
    Index("jobs_held", "holder", **_where(HELD)),
    Index("jobs_open", "owner", **_where(UNFINISHED)),
    Index("jobs_to_delete", "id", **_where(TO_DELETE)),
)

# What a job refers to: its outputs from position 0 on, below 0 what is stored beside them and is not shown by itself.
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

# What an attempt of a candidate goes on from; most candidates have no row. `note` is the model's, written by whoever
# acts under the job's claim; `number` counts notes, so that a writer that was cut off is noticed.
candidates = Table(
    "candidates",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("seed", BigInteger, primary_key=True),
    Column("number", Integer, nullable=False, server_default="0"),
    Column("note", JSON),
    Column("retry_at", Float),  # after RetryLater; 0: at once
    Column("called_back", BigInteger, nullable=False, server_default="0"),  # the newest attempt's, in ms
)

# Every object that was or may be in storage. Its key is its content address with the generation (the job that makes
# it) before the suffix: a deletion can never hit what another job made. `pending` ones may be there, `stored` ones are,
# `lost` ones were and are not; `orphan` ones are wanted by nobody and are to be deleted; `deleted` ones are tombstones,
# deleted once more before their row goes, because a process that was cut off may have stored them late.
objects = Table(
    "objects",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("address", String(200), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("state_at", Float, nullable=False),
    Column("bytes", BigInteger),
    Column("made", JSON),  # {output, facts}, for a job that finds it
    Index("objects_by_address", "address", "state"),
    Index("objects_by_job", "job_id"),
    Index("objects_deleted", "state_at", **_where(UNWANTED)),
    Index("objects_unfinished", "state_at", **_where(UNFINISHED_UPLOAD)),
)

# Files that callers bring, each once per owner: the id is a digest of owner and bytes. The object's key has a
# generation as those of outputs have, so that a late deletion never hits a file that was brought again.
assets = Table(
    "assets",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("media_type", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("key", String(200), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("assets_by_owner", "owner", "created_at", "id"),
    Index("assets_by_end", "expires_at"),
)

# Voices of owners. The reference is an object whose address is the voice's id, as that of whatever is derived from it:
# by it a deletion finds them all.
voices = Table(
    "voices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("name", String(100), nullable=False),
    Column("name_key", String(200), nullable=False),  # the name without case, which an owner has once
    Column("key", String(200), nullable=False),
    Column("languages", JSON, nullable=False),
    Column("transcript", Text),
    Column("facts", JSON, nullable=False),  # {reference, checks, hints}
    Column("consent_at", Float, nullable=False),
    Column("consent_key_id", String(16)),  # null: given without a key
    Column("created_at", Float, nullable=False),
    Index("voices_by_name", "owner", "name_key", unique=True),
)

# Which jobs speak with a voice of their owner, from their acceptance until they go.
voice_uses = Table(
    "voice_uses",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("voice_id", String(40), primary_key=True),
    Index("voice_uses_by_voice", "voice_id", "job_id"),
)

# Of version 0.1: keys whose object was about to be deleted. Not written any more.
doomed = Table("doomed", metadata, Column("key", String(200), primary_key=True))

# The number of the newest event of each owner. Raised in the transaction that writes the event, which holds the row's
# lock until it ends, so that events become visible in the order of their numbers.
owners = Table(
    "owners",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("last_event", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", String(16), nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", Float, nullable=False),
    Column("owner", String(64)),  # null: written by version 0.1
    Column("number", BigInteger),  # in the order of all events of the owner
    Index("events_by_owner", "owner", "number"),
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
    Column("holder", String(40)),  # who tries it at the moment
    Column("claim", Integer, nullable=False, default=0, server_default="0"),
    Index("deliveries_by_job", "job_id"),
    Index("deliveries_due", "next_at", **_where(DUE)),
    Index("deliveries_held", "holder", **_where(HELD)),
)

# What one of all processes does from time to time: whoever moves `next_at` on does it.
duties = Table(
    "duties",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("next_at", Float, nullable=False),
)

# What an owner may use; the policy that reads it comes later.
quotas = Table(
    "quotas",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("limits", JSON, nullable=False),
    Column("updated_at", Float, nullable=False),
)

# What jobs have used, added up where a job ends. `day`: YYYY-MM-DD in UTC.
usage = Table(
    "usage",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("sound_s", Float, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("device_s", Float, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("cost_micro", BigInteger, nullable=False),
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
    Column("scopes", JSON),  # null: those that every key has
)

secrets = Table(
    "secrets",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("value", String(200), nullable=False),
)
