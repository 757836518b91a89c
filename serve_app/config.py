"""The configuration: frozen data, validated when the application is built. No behaviour lives here."""

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Section(BaseModel):
    """A part of the configuration: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LocalStorageConfig(Section):
    """Objects in a directory of this machine, fetched through `/v1/files` by signed URLs."""

    kind: Literal["local"] = "local"
    path: str = "~/.continuo"
    url_ttl_s: int = Field(default=3600, ge=1, le=7 * 24 * 3600)


class S3StorageConfig(Section):
    """Objects in an S3-compatible bucket, fetched by presigned URLs. Credentials come from boto3's usual chain."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint_url: str | None = None
    region: str = "us-east-1"
    url_ttl_s: int = Field(default=3600, ge=1, le=7 * 24 * 3600)
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    checksums: Literal["when_required", "when_supported"] = "when_required"
    connect_timeout_s: float = Field(default=2.0, gt=0)
    read_timeout_s: float = Field(default=10.0, gt=0)
    deadline_s: float = Field(default=15.0, gt=0)
    multipart_threshold_bytes: int = Field(default=8 << 20, ge=5 << 20)


StorageConfig = Annotated[LocalStorageConfig | S3StorageConfig, Field(discriminator="kind")]


class Replicas(Section):
    """How a model is scaled: `min: 0` lets it go away when idle."""

    min: int = Field(default=1, ge=0)
    max: int = Field(default=1, ge=1)
    cpus: float = Field(default=1.0, ge=0)
    gpus: float = Field(default=0.0, ge=0)
    target_ongoing: int = Field(default=2, ge=1, description="Requests that one replica works on at once.")
    idle_s: float = Field(default=300.0, ge=0, description="Idle time before the last replica of `min: 0` goes away.")
    longest_job_s: float = Field(default=600.0, gt=0, description="A stopping replica is given this long.")


class ModelEntry(Section):
    """One model: its name in the API, its class by import path, its options and its scaling."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    model: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    options: dict[str, Any] = Field(default_factory=dict)
    replicas: Replicas = Replicas()
    fallback: tuple[str, ...] = ()
    parts: dict[str, str] = Field(default_factory=dict, description="Other entries that this model is composed with.")
    runtime_env: dict[str, Any] | None = None


class Limits(Section):
    """What one caller and the whole service may ask for. Changes by `user_config` without a restart."""

    queued_jobs: int = Field(default=256, ge=1, description="Accepted and unfinished jobs before new ones get 429.")
    queued_jobs_per_owner: int = Field(default=256, ge=1)
    body_bytes: int = Field(default=1 << 20, ge=1024)
    deadline_s: float = Field(default=3600.0, gt=0, description="Longest time from acceptance to the end of a job.")


class Retention(Section):
    """How long things are kept. A sweeper removes what is older."""

    jobs_s: float = Field(default=30 * 24 * 3600, gt=0, description="Finished jobs and their outputs.")
    idempotency_s: float = Field(default=24 * 3600, gt=0)
    sweep_every_s: float = Field(default=300, gt=0)


class Webhooks(Section):
    """Outgoing notifications. `allow` opens private addresses by network, for instance 10.0.0.0/8; none by default."""

    allow: tuple[str, ...] = ()
    allow_http: bool = False
    timeout_s: float = Field(default=10.0, gt=0)
    retry_s: tuple[float, ...] = (5, 30, 120, 600, 1800, 7200, 18000, 28800, 28800)


class Auth(Section):
    """Who may call. `loopback` needs no key while the address is loopback; `keys` always asks for one."""

    mode: Literal["loopback", "keys"] = "loopback"


class Listen(Section):
    """An HTTP server of the ingress's own, without a proxy before it; `continuo serve` sets it."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)


class Args(Section):
    """The `args` of the application in the Ray Serve config file."""

    storage: StorageConfig = LocalStorageConfig()
    database_url: str = Field(default="sqlite:///~/.continuo/continuo.db", pattern=r"^(sqlite:///.|postgres(ql)?://).*")
    public_url: str | None = Field(default=None, description="Base of local file URLs; else the request's own host.")
    ingress_replicas: int = Field(default=1, ge=1, description="1 on SQLite.")
    listen: Listen | None = None
    auth: Auth = Auth()
    limits: Limits = Limits()
    retention: Retention = Retention()
    webhooks: Webhooks = Webhooks()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    models: tuple[ModelEntry, ...] = Field(min_length=1)


class ConfigError(ValueError):
    """The configuration is wrong; the message names the key and the nearest valid one."""


def expand_env(value: Any) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` in every string below `value`. Raises ConfigError for a missing one."""
    if isinstance(value, str):
        return _VARIABLE.sub(_lookup, value)
    if isinstance(value, dict):
        return {key: expand_env(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [expand_env(item) for item in value]
    return value


def _lookup(match: re.Match[str]) -> str:
    name, default = match.groups()
    found = os.environ.get(name, default)
    if found is None:
        raise ConfigError(
            f"environment variable {name} is not set, and ${{{name}}} has no default (use ${{{name}:-...}})"
        )
    return found


def parse_args(args: dict[str, Any]) -> Args:
    """Validate the `args` of a config file. Raises ConfigError that names each wrong key and the nearest valid one."""
    try:
        return Args.model_validate(expand_env(args))
    except ValidationError as error:
        schema, found = Args.model_json_schema(), error.errors()
        inner = {item["loc"][:-1][:depth] for item in found for depth in range(len(item["loc"]))}
        told = [item for item in found if item["type"] != "too_short" or item["loc"] not in inner]
        lines = [_explain(item["loc"], item["type"], item["msg"], schema) for item in told]
        raise ConfigError("configuration is not valid:\n  " + "\n  ".join(lines)) from None


def _keys_beside(location: tuple[int | str, ...], schema: dict[str, Any]) -> list[str]:
    """The keys that are valid in the section where a location ends."""

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        return found

    node = schema
    for part in location[:-1]:
        tagged = node.get("discriminator", {}).get("mapping", {})
        below = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        node = resolved({"$ref": tagged[part]} if part in tagged else below or {})
    return list(node.get("properties", {}))


def _explain(location: tuple[int | str, ...], kind: str, message: str, schema: dict[str, Any]) -> str:
    path = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _keys_beside(location, schema), n=1)
        return f"{path}: unknown key" + (f"; did you mean '{near[0]}'?" if near else "")
    return f"{path or 'args'}: {message}"


def sqlite_path(database_url: str) -> Path | None:
    """The file of a SQLite URL with `~` expanded; None for another database."""
    if not database_url.startswith("sqlite:///"):
        return None
    return Path(database_url.removeprefix("sqlite:///")).expanduser()


def refuse_unsafe(args: Args, machines: int = 1) -> None:
    """Raise ConfigError for settings that would lose jobs or let anybody in.

    SQLite and a local directory serve one ingress replica on one machine; HTTP proxies of Ray's listen beyond loopback.
    """
    if args.ingress_replicas > 1 or machines > 1:
        why = f"{args.ingress_replicas} ingress replicas" if machines == 1 else f"a cluster of {machines} machines"
        if sqlite_path(args.database_url) is not None:
            raise ConfigError(f"{why} needs PostgreSQL: set database_url to postgresql://...")
        if isinstance(args.storage, LocalStorageConfig):
            raise ConfigError(f"{why} needs storage that all of them see: set storage.kind to s3")
    if args.listen is None and args.auth.mode == "loopback":
        raise ConfigError("behind Ray's HTTP proxies API keys are needed: set auth.mode to keys")
