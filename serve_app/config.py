"""The configuration: frozen data, validated when the application is built."""

import difflib
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from serve_app.addresses import is_loopback
from serve_app.errors import ConfigError
from serve_app.variables import expand_env, local_path

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")  # as browsers write it
_HTTP_URL = r"^https?://[^\s/?#]+(/[^\s?#]*)?$"

MAX_KEY_CHARS = 512
MAX_SEGMENT_CHARS = 180
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


class Section(BaseModel):
    """A part of the configuration: frozen, unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def check_key(key: str) -> list[str]:
    """Split a key into segments. Raises ValueError unless all are of [A-Za-z0-9._-], none '.' or '..'."""
    segments = key.split("/")
    fine = len(key) <= MAX_KEY_CHARS and all(
        _SEGMENT.fullmatch(segment) and segment not in (".", "..") and len(segment) <= MAX_SEGMENT_CHARS
        for segment in segments
    )
    if not fine:
        raise ValueError(f"not a storage key: {key[:80]!r}; expected segments of [A-Za-z0-9._-]")
    return segments


def _networks(given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        ip_network(text)
    return given


Networks = Annotated[tuple[str, ...], AfterValidator(_networks)]


class LocalStorageConfig(Section):
    """Objects in a directory of this machine, fetched through `/v1/files` by signed URLs."""

    kind: Literal["local"] = "local"
    path: str = Field(default="~/.continuo", min_length=1, pattern=r"^[^\x00]*$")
    url_ttl_s: int = Field(default=3600, ge=1, le=7 * 24 * 3600)


class S3StorageConfig(Section):
    """Objects in an S3-compatible bucket, fetched by presigned URLs. Credentials come from boto3's usual chain."""

    kind: Literal["s3"]
    bucket: str = Field(min_length=1)
    prefix: str = ""
    endpoint_url: str | None = None
    public_endpoint_url: str | None = Field(
        default=None, pattern=_HTTP_URL, description="The same server as clients reach it; URLs are signed for it."
    )
    public_base_url: str | None = Field(
        default=None, pattern=_HTTP_URL, description="A CDN before the bucket: URLs are this and the key, not signed."
    )
    region: str = "us-east-1"
    url_ttl_s: int = Field(default=3600, ge=1, le=7 * 24 * 3600)
    addressing_style: Literal["auto", "path", "virtual"] = "auto"
    checksums: Literal["when_required", "when_supported"] = "when_required"
    connect_timeout_s: float = Field(default=2.0, gt=0)
    read_timeout_s: float = Field(default=10.0, gt=0)
    deadline_s: float = Field(default=15.0, gt=0)
    multipart_threshold_bytes: int = Field(default=8 << 20, ge=5 << 20)

    @model_validator(mode="after")
    def _one_public_address(self) -> "S3StorageConfig":
        if self.public_endpoint_url and self.public_base_url:
            raise ValueError(
                "public_endpoint_url is for signed URLs, public_base_url for unsigned ones: set one of them"
            )
        return self

    @field_validator("prefix")
    @classmethod
    def _prefix_of_keys(cls, prefix: str) -> str:
        try:
            check_key(prefix.strip("/") or "none")
        except ValueError:
            raise ValueError(
                f"{prefix!r} cannot begin a key: use letters, digits and . _ - in parts between slashes, "
                "for instance my-sounds/2026"
            ) from None
        return prefix


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
    start_within_s: float = Field(
        default=300.0, gt=0, description="A job that no replica has taken by then goes to the fallback, or fails."
    )
    failures_before_restart: int = Field(
        default=5,
        ge=1,
        description="So many different requests that fail in a row, and the process is replaced.",
    )


class ModelEntry(Section):
    """One model: its name in the API, its class by import path, its options and its scaling."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    model: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")
    options: dict[str, Any] = Field(default_factory=dict)
    replicas: Replicas = Replicas()
    defaults: dict[str, JsonValue] = Field(
        default_factory=dict, description="Values of fields of `input` that a request leaves out."
    )
    fallback: tuple[str, ...] = ()
    parts: dict[str, str] = Field(default_factory=dict, description="Other entries that this model is composed with.")
    runtime_env: dict[str, Any] | None = None


class Limits(Section):
    """What one caller and the whole service may ask for. Changes by `user_config` without a restart."""

    queued_jobs: int = Field(default=256, ge=1, description="Accepted and unfinished jobs before new ones get 429.")
    queued_jobs_per_owner: int = Field(default=256, ge=1)
    body_bytes: int = Field(default=1 << 20, ge=1024)
    connections: int = Field(default=512, ge=8, description="Open at the HTTP server that `listen` makes.")
    event_streams_per_owner: int = Field(default=64, ge=1, description="Open at once, before new ones get 429.")
    sound_streams_per_owner: int = Field(default=64, ge=1, description="As event streams: sounds that are sent.")
    sound_bytes: int = Field(default=512 << 20, ge=1 << 20, description="Longest sound: as float32 in memory.")
    deadline_s: float = Field(default=3600.0, gt=0, description="Longest time from acceptance to the end of a job.")


class Retention(Section):
    """How long things are kept. A sweeper removes what is older."""

    jobs_s: float = Field(default=30 * 24 * 3600, gt=0, description="Finished jobs and their outputs.")
    idempotency_s: float = Field(default=24 * 3600, gt=0)
    sweep_every_s: float = Field(default=300, gt=0)


class Leases(Section):
    """How it is told that a process is dead: it renews its lease; who finds it over takes up what the process ran."""

    lease_s: float = Field(default=20.0, gt=0)
    renew_s: float = Field(default=5.0, gt=0)

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.renew_s > self.lease_s / 3:
            raise ValueError(f"renew_s ({self.renew_s:g}) must be at most a third of lease_s ({self.lease_s:g})")
        return self


class Cache(Section):
    """Stored sounds as answers to equal requests with a seed. Not `shared`: an owner is answered with their own only.

    Shared, `cached: true` tells an owner that somebody has made the same with the same seed before.
    """

    shared: bool = True


class Webhooks(Section):
    """Outgoing notifications. `allow` opens private addresses by network, for instance 10.0.0.0/8; none by default."""

    allow: Networks = ()
    allow_http: bool = False
    timeout_s: float = Field(default=10.0, gt=0)
    retry_s: tuple[float, ...] = (5, 30, 120, 600, 1800, 7200, 18000, 28800, 28800)


class Assets(Section):
    """Files that callers bring. `allow` opens private addresses that files may be fetched from; none by default."""

    file_bytes: int = Field(default=64 << 20, ge=1024, description="Of one file.")
    inline_bytes: int = Field(default=8 << 20, ge=1024, description="Of one file in a body of JSON, decoded.")
    owner_bytes: int = Field(default=2 << 30, ge=1024, description="Of all files of an owner together.")
    owner_files: int = Field(default=1000, ge=1)
    ttl_s: float = Field(default=7 * 24 * 3600, gt=0, description="A file is kept so long after it was last used.")
    sound_s: float = Field(default=1800.0, gt=0, description="Longest sound.")
    pixels: int = Field(default=1 << 26, ge=1, description="Width times height of a picture.")
    fetch_s: float = Field(default=30.0, gt=0, description="Longest time to fetch a URL.")
    allow: Networks = ()
    allow_http: bool = False


class Voices(Section):
    """Voices that callers bring. Their recordings are bounded as other files are, see `assets`."""

    owner_voices: int = Field(default=50, ge=0, description="0: nobody brings any.")


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
    database_url: str = Field(default="sqlite:///~/.continuo/continuo.db")
    public_url: str | None = Field(
        default=None, pattern=_HTTP_URL, description="The service as clients reach it, in all URLs; else as was asked."
    )
    ingress_replicas: int = Field(default=1, ge=1, description="1 on SQLite.")
    listen: Listen | None = None
    auth: Auth = Auth()
    trusted_proxies: Networks = Field(
        default=(), description="Networks whose X-Forwarded-Proto, -Host, -Prefix and -For are believed."
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description="Other origins whose pages may use the API, for instance https://app.example; * for all.",
    )
    limits: Limits = Limits()
    retention: Retention = Retention()
    leases: Leases = Leases()
    cache: Cache = Cache()
    webhooks: Webhooks = Webhooks()
    assets: Assets = Assets()
    voices: Voices = Voices()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    models: tuple[ModelEntry, ...] = Field(min_length=1)

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for text in origins:
            if text != "*" and not _ORIGIN.fullmatch(text):
                raise ValueError(f"'{text}' is no origin; expected for instance https://app.example:8443")
        return origins

    @field_validator("database_url")
    @classmethod
    def _durable(cls, url: str) -> str:
        if not url.startswith(("postgresql://", "postgres://")):
            _refuse_volatile(url)
        return url


class Settings(Section):
    """What changes without a restart: the `user_config` of the ingress. What it leaves out is as the `args` say."""

    limits: Limits = Limits()
    retention: Retention = Retention()


def parse_args(args: dict[str, Any]) -> Args:
    """Validate the `args` of a config file. Raises ConfigError that names each wrong key and the nearest valid one."""
    return _validated(Args, args)


def parse_settings(user_config: dict[str, Any], args: Args | None = None) -> Settings:
    """Validate the `user_config` of the ingress. Raises ConfigError as `parse_args` does."""
    settings = _validated(Settings, user_config)
    if args is None:
        return settings
    said = {name: getattr(settings, name) for name in settings.model_fields_set}
    return Settings(limits=args.limits, retention=args.retention).model_copy(update=said)


S = TypeVar("S", bound=Section)


def _validated(kind: type[S], values: dict[str, Any]) -> S:
    try:
        return kind.model_validate(expand_env(values))
    except ValidationError as error:
        schema, found = kind.model_json_schema(), error.errors()
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
    return f"{path or 'args'}: {message.removeprefix('Value error, ')}"


def sqlite_path(database_url: str) -> Path | None:
    """The file of a SQLite URL with `~` expanded; None for another database.

    What follows `sqlite:///` is the path as it is, without escapes: a home may have `?`, `#` or `%` in its name.
    """
    if not database_url.startswith("sqlite:///"):
        return None
    return local_path(database_url.removeprefix("sqlite:///"))


def _refuse_volatile(url: str) -> None:
    """Raise ValueError unless a SQLite URL names a file: what lies in memory is gone with the process."""
    if not url.startswith("sqlite://"):
        raise ValueError("expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    text = url.removeprefix("sqlite://").removeprefix("/")
    name = text.rpartition("/")[2]
    if ":memory:" in text or "mode=memory" in text or Path(text).name.startswith("file:") or text.startswith("file:"):
        raise ValueError("a database in memory loses every job that was accepted; name a file: sqlite:///FILE")
    if not url.startswith("sqlite:///") or name in ("", ".", ".."):
        raise ValueError("no file is named: expected sqlite:///FILE, for instance sqlite:///~/.continuo/continuo.db")
    if "?" in name:
        raise ValueError(f"options of a SQLite URL ('?{name.partition('?')[2]}') are not read; name the file only")
    if "\x00" in text or not _is_utf8(text):
        raise ValueError("the path is not text in UTF-8, which SQLite needs")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def home_of(args: Args) -> Path:
    """Where logs go: beside the local store, else beside the SQLite file, else ~/.continuo."""
    if isinstance(args.storage, LocalStorageConfig):
        return local_path(args.storage.path)
    file = sqlite_path(args.database_url)
    return file.parent if file is not None else local_path("~/.continuo")


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
    if args.auth.mode == "keys":
        return
    if args.listen is None:
        raise ConfigError("behind Ray's HTTP proxies API keys are needed: set auth.mode to keys")
    if not is_loopback(args.listen.host):
        raise ConfigError(f"listen.host {args.listen.host} can be reached by others: set auth.mode to keys")
    if "*" in args.cors_origins:
        raise ConfigError(
            "without keys cors_origins: ['*'] lets any web page in: name its origins, or set auth.mode to keys"
        )
