"""What `/v1/voices` takes and gives."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from deployments.contract import Frozen

_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or _NO_NAME.search(name):
        raise PydanticCustomError("name", "a name has 1 to 64 characters that can be shown")
    return name


def _consent(given: bool) -> bool:
    if not given:
        raise PydanticCustomError(
            "consent", "the speaker's consent is needed: send true when whoever is heard agreed to be spoken like"
        )
    return given


class VoiceTerms(Frozen):
    """What is said about a voice that is brought."""

    model_config = ConfigDict(strict=True)
    name: Annotated[str, AfterValidator(_name)] = Field(max_length=64, description="The owner's own name for it.")
    consent: Annotated[bool, AfterValidator(_consent)] = Field(
        default=False, validate_default=True, description="true: whoever is heard agreed to be spoken like."
    )
    transcript: str | None = Field(default=None, min_length=1, max_length=2000, description="What is said in it.")
    language: str | None = Field(
        default=None,
        max_length=35,
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$",
        description="BCP 47, `en`, `pt-BR`.",
    )


class VoiceRequest(VoiceTerms):
    """A voice from a recording that a file string names."""

    audio: str = Field(min_length=1, description="ast_..., job_..., a data: or an https: URI; 3 to 60 s of one voice.")


class Hint(BaseModel):
    """What of a recording makes a worse voice."""

    code: str = Field(
        description="short, too_quiet, clipped, noisy, much_silence, telephone or several_speakers; more may come."
    )
    detail: str


class Consent(BaseModel):
    """When the speaker's consent was given, and by which API key; null: without one, on loopback."""

    at: str
    key_id: str | None


class VoiceView(BaseModel):
    """A voice, of models or of the caller; what comes after `licence` only the caller's own have."""

    id: str = Field(description="Of a built-in voice its name.")
    name: str
    languages: list[str]
    gender: str | None
    models: list[str] = Field(description="Those that speak with it.")
    builtin: bool
    sample_url: str | None = Field(
        description="Leads to a sound; it needs the caller's key. null: `continuo models pull` fetches the voice."
    )
    licence: str | None
    created_at: str | None = None
    consent: Consent | None = None
    transcript: str | None = None
    reference: dict[str, Any] | None = Field(default=None, description="What is kept: trimmed, mono, at -18 LUFS.")
    checks: dict[str, Any] | None = Field(default=None, description="What the recording was like, as it came.")
    hints: list[Hint] | None = None


class VoiceList(BaseModel):
    """The caller's voices, newest first, then those of models."""

    results: list[VoiceView]
    next: None
