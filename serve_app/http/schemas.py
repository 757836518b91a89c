"""The types of the HTTP interface: what comes in, what goes out."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.contract import Frozen
from serve_app.records.states import Status

Format = Literal["wav", "flac", "opus", "mp3"]

# Names that other services use for our fields.
ALIASES = {
    "audio_length_in_s": "duration_s",
    "num_inference_steps": "steps",
    "num_waveforms_per_prompt": "n",
}


class OutputSettings(Frozen):
    """How a finished sound leaves: part of every audio request, whatever model makes it."""

    n: int = Field(default=1, ge=1, le=8, description="How many candidates; candidate i has seed + i.")
    format: Format = Field(default="flac", description="Opus and MP3 cost about 20 ms per second of sound.")
    bit_depth: Literal[16, 24, 32] = Field(default=16, description="wav: 16, 24, or 32 (float); flac: 16 or 24.")
    sample_rate_hz: int | None = Field(default=None, ge=8000, le=192_000, description="The model's own if absent.")
    loudness_lufs: float | None = Field(default=None, ge=-60, le=-5, description="Integrated loudness (EBU R128).")


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
    format: Format | None = None
    sample_rate_hz: int | None = None
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


class Output(BaseModel):
    """One stored sound. The URL is signed anew at each read of the job."""

    url: str
    expires_at: str | None = Field(description="When the URL ends; null for one that does not (a CDN's).")
    key: str
    media_type: str
    bytes: int
    sha256: str
    duration_s: float
    sample_rate_hz: int
    channels: int
    quality: Quality
    seed: int | None = None
    clap_score: float | None = Field(default=None, description="How well it fits its prompt; outputs are best first.")


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
    waiting_for: Literal["replica", "place"] | None = None
    interpretation: dict[str, Any] | None = None
    scoring: dict[str, Any] | None = Field(default=None, description="`off` says why a sound has no score.")
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
    sample_rate_hz: int
    channels: int
    max_duration_s: float
    licence: dict[str, Any]
    memory_gib: float | None = None
    status: Literal["ready", "cold", "loading", "failed"]
    reason: str | None = None
    memory_bytes: int | None = None
    replicas: int
    fallback: list[str]


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
