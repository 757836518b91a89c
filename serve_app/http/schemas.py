"""The types of the HTTP interface: what comes in, what goes out."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from deployments.contract import Frozen
from serve_app.deliver.formats import StreamFormat
from serve_app.records.states import MOST_AT_ONCE, Status

_JOB_ID = re.compile(r"job_[0-9a-hjkmnp-tv-z]{26}")


class WebhookRequest(Frozen):
    """Where to tell that a job has come so far. Signed after Standard Webhooks."""

    url: str = Field(min_length=1, max_length=2000)
    events: tuple[Literal["started", "completed"], ...] = ("completed",)


class JobRequest(Frozen):
    """A job for any model; `input` is what that model takes (see `input_schema` of `/v1/models/{name}`)."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [{"model": "synth", "input": {"prompt": "gentle rain with a warm low pad", "duration_s": 10}}]
        },
    )
    model: str = Field(min_length=1, max_length=64)
    input: dict[str, Any]
    webhook: WebhookRequest | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    deadline_s: float | None = Field(default=None, gt=0, description="Time from acceptance to the end of the job.")


class GenerationRequest(BaseModel):
    """A sound from words. Further fields are those of the model that serves it."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={
            "examples": [{"prompt": "gentle rain with a warm low pad", "duration_s": 10, "format": "flac", "seed": 7}]
        },
    )
    model: str = Field(default="auto", min_length=1, max_length=64)
    prompt: str = Field(description="What should be heard, in words.")
    duration_s: float | None = Field(default=None, description="Length of the sound in seconds.")
    seed: int | None = Field(default=None, description="Same seed, same sound.")
    n: int | None = None
    format: StreamFormat | None = Field(default=None, description="pcm (s16le) with `stream` only.")
    stream: bool | None = Field(default=None, description="Answer with the sound itself, while it is made.")
    sample_rate_hz: int | None = None
    channels: Literal[1, 2] | None = None
    loudness_lufs: float | None = None
    webhook: WebhookRequest | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    deadline_s: float | None = Field(default=None, gt=0)


class Quality(BaseModel):
    """What the finisher measured."""

    loudness_lufs: float | None = Field(description="Integrated loudness; null below 0.4 s.")
    true_peak_dbtp: float
    peak: float
    dc_offset: float
    silence_ratio: float
    clipped_samples: int
    clicks: int
    limited_by: str | None
    ok: bool


class StoredOutput(BaseModel):
    """One stored file. The URLs are signed anew at each read of the job."""

    url: str
    expires_at: str | None = Field(description="When the URL ends; null for one that does not (a CDN's).")
    key: str
    media_type: str
    bytes: int
    sha256: str
    seed: int | None = None


class AudioOutput(StoredOutput):
    """One stored sound."""

    kind: Literal["audio"]
    duration_s: float
    sample_rate_hz: int
    channels: int
    quality: Quality
    clap_score: float | None = Field(default=None, description="How well it fits its prompt; outputs are best first.")


class ImageQuality(BaseModel):
    """What was looked at: a picture that is none is refused."""

    ok: bool


class ImageOutput(StoredOutput):
    """One stored picture."""

    kind: Literal["image"]
    width: int
    height: int
    flagged: bool | None = Field(description="Whether a model for safety took offence; null when none has looked.")
    quality: ImageQuality
    thumbnail_url: str = Field(description="A webp of at most 256 pixels a side.")


Output = Annotated[AudioOutput | ImageOutput, Field(discriminator="kind")]


class Problem(BaseModel):
    """An error after RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    retryable: bool
    errors: list[dict[str, str]] | None = None
    job_id: str | None = None


class JobError(BaseModel):
    """Why a job failed."""

    code: str
    detail: str
    retryable: bool


class Attempt(BaseModel):
    """One try to run the job on a model replica."""

    model: str
    started_at: str
    ended_at: str | None = None
    outcome: str | None = None


class Job(BaseModel):
    """One generation, whatever route it came by."""

    id: str
    owner: str
    task: str
    model: str
    model_used: str | None
    attempts: int
    attempt_log: list[Attempt]
    status: Status
    input: dict[str, Any]
    outputs: list[Output]
    error: JobError | None
    cached: bool
    seed: int
    progress: dict[str, Any] | None
    queue_position: int | None = Field(default=None, description="Where it waits for a place; null when it does not.")
    waiting_for: Literal["replica", "place", "provider"] | None = None
    interpretation: dict[str, Any] | None = None
    scoring: dict[str, Any] | None = Field(default=None, description="`off` says why a sound has no score.")
    facts: dict[str, Any] | None = Field(
        default=None, description="What the model told; `unspoken` has the characters that a voice could not say."
    )
    created_at: str
    started_at: str | None
    completed_at: str | None
    metrics: dict[str, float]
    deliveries: list[dict[str, Any]]
    urls: dict[str, str]


class JobList(BaseModel):
    """A page of jobs, newest first; `next` is the cursor of the next page or null."""

    results: list[Job]
    next: str | None


def _cursor(text: str) -> str:
    if not _JOB_ID.fullmatch(text):
        raise PydanticCustomError("cursor", "this is no cursor; give the `next` of a page")
    return text


class JobQuery(Frozen):
    """Which of the caller's jobs are listed, in pages."""

    status: Status | None = None
    model: str | None = Field(default=None, max_length=64)
    limit: int = Field(default=20, ge=1, le=100)
    cursor: Annotated[str, AfterValidator(_cursor)] | None = Field(default=None, max_length=64)


class PresetQuery(Frozen):
    """Which presets are listed."""

    q: str | None = Field(default=None, max_length=4000, description="What it should sound like, in words.")
    role: str | None = Field(default=None, max_length=20, description="PAD, BASS, LEAD, ...")
    limit: int = Field(default=20, ge=1, le=1000)


class CancelRequest(Frozen):
    """Which of the caller's unfinished jobs to stop; without a member all of them."""

    model_config = ConfigDict(strict=True)
    model: str | None = Field(default=None, min_length=1, max_length=64)
    status: Literal["queued", "running"] | None = None


class Canceled(BaseModel):
    """The jobs that were stopped, at most 1000 of them: while there are some, ask again for the rest."""

    canceled: list[str]


class DeleteRequest(Frozen):
    """Which of the caller's jobs to remove."""

    model_config = ConfigDict(strict=True)
    ids: tuple[str, ...] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Deleted(BaseModel):
    """The jobs that nobody sees any more, and what was no job of the caller's."""

    deleted: list[str]
    not_found: list[str]


class PresetSummary(BaseModel):
    """A preset in a list; `score` says how well it fits the query, over 0.5 is good; null without one."""

    id: str
    name: str
    description: str
    role: str
    tags: list[str]
    mood: list[str]
    energy: float
    score: float | None


class PresetList(BaseModel):
    """Presets, the best first when there was a query; `next` is always null."""

    results: list[PresetSummary]
    next: None = None


class PresetPage(BaseModel):
    """A preset in full: its texts, how it is played, its graph of the engine's nodes in the engine's units."""

    id: str
    version: int
    name: str
    description: str
    tags: list[str]
    role: str
    mood: list[str]
    energy: float
    score: str
    octave: int
    level_db: float
    reverb_db: float
    air_hz: float
    graph: dict[str, Any]


class ModelCard(BaseModel):
    """A model as `/v1/models` shows it: the OpenAI shape and what a caller needs to know."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    task: str
    capabilities: list[str]
    input_schema: dict[str, Any]
    sample_rate_hz: int | None = Field(default=None, description="Of a model that makes sound, as the next two.")
    channels: int | None = None
    max_duration_s: float | None = None
    max_pixels: int | None = Field(default=None, description="Of a model that makes pictures: width times height.")
    multiple_of: int | None = Field(default=None, description="Of a model that makes pictures: of width and height.")
    licence: dict[str, Any]
    memory_gib: float | None = None
    status: Literal["ready", "cold", "loading", "failed"]
    reason: str | None = None
    memory_bytes: int | None = None
    replicas: int
    fallback: list[str]


class ModelHealth(BaseModel):
    """How a model does, over all processes and owners; at most two seconds old."""

    version: str = Field(description="The model's revision, which changes with its samples, + the version of Continuo.")
    queue_depth: int = Field(description="Jobs that wait for a place at it; those that its replicas have are none.")
    oldest_queued_s: float | None = Field(description="For how long the oldest of them has waited; null without any.")
    success_ratio: float | None = Field(
        description="Of `sample` jobs those that it made itself, not a fallback of it; null without any."
    )
    run_p50_s: float | None = Field(description="Median of `metrics.run_s` of those that it made; null without any.")
    sample: int = Field(
        description="Jobs that it was asked for, among the newest 500 of all models that succeeded or failed "
        "within a day; neither canceled ones nor those that were answered from storage."
    )


class ModelPage(ModelCard):
    """A model by itself."""

    health: ModelHealth


class ModelList(BaseModel):
    """The OpenAI list shape."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Finding(BaseModel):
    """What a check found; `failed` stops the service, `remedy` says what to do."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    remedy: str


class StatusReport(BaseModel):
    """The checks of `continuo doctor` as the running service sees them; `status` is the worst of them."""

    status: Literal["ok", "warning", "failed"]
    version: str
    checks: list[Finding]
