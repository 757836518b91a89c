"""The types of the routes that speak OpenAI's API."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from serve_app.deliver.formats import StreamFormat
from serve_app.deliver.image import ImageFormat
from serve_app.http.schemas import WebhookRequest


class ImageGenerationRequest(BaseModel):
    """OpenAI's request for pictures from words. Further fields are those of the model that serves it."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={"examples": [{"prompt": "a lighthouse in a storm, woodcut", "size": "512x512", "seed": 7}]},
    )
    model: str | None = Field(
        default=None, min_length=1, max_length=64, description="`auto` if absent, as names of OpenAI's models mean it."
    )
    prompt: str = Field(description="What should be seen, in words.")
    n: int | None = Field(default=None, description="How many pictures; picture i has seed + i.")
    size: str | None = Field(default=None, description="Width x height in pixels, or `auto` for the model's own.")
    seed: int | None = Field(default=None, description="Same seed, same picture; not in OpenAI's API.")
    response_format: Literal["url", "b64_json"] | None = Field(
        default=None, description="url, unless `model` is a name of OpenAI's whose model always answers b64_json."
    )
    output_format: ImageFormat | None = None
    output_compression: int | None = Field(default=None, ge=0, le=100, description="Quality of webp and jpeg.")
    quality: str | None = Field(default=None, description="OpenAI's; ignored.")
    style: str | None = Field(default=None, description="OpenAI's vivid and natural are ignored.")
    background: Literal["auto", "opaque"] | None = Field(default=None, description="OpenAI's; transparent is refused.")
    moderation: Literal["auto", "low"] | None = Field(default=None, description="OpenAI's; ignored.")
    stream: Literal[False] | None = None
    user: str | None = Field(default=None, description="OpenAI's; ignored.")
    safety_identifier: str | None = Field(default=None, description="OpenAI's; ignored.")
    webhook: WebhookRequest | None = None
    priority: Literal["low", "normal", "high"] = "normal"
    deadline_s: float | None = Field(default=None, gt=0)


class VoiceId(BaseModel):
    """A voice by its id."""

    model_config = ConfigDict(extra="forbid", strict=True)
    id: str = Field(min_length=1, max_length=200)


def _named(voice: Any) -> Any:
    """`{"id": name}` is the name."""
    return voice["id"] if isinstance(voice, dict) and voice.keys() == {"id"} else voice


class SpeechCreation(BaseModel):
    """OpenAI's request for speech. Further fields are those of the model that serves it."""

    model_config = ConfigDict(
        extra="allow",
        strict=True,
        json_schema_extra={"examples": [{"input": "The train leaves at half past nine.", "response_format": "mp3"}]},
    )
    model: str | None = Field(
        default=None, min_length=1, max_length=64, description="`auto` if absent, as names of OpenAI's models mean it."
    )
    input: str = Field(description="What shall be said, at most 100,000 characters.")
    voice: Annotated[str | None, BeforeValidator(_named, json_schema_input_type=str | VoiceId | None)] = Field(
        default=None, description="One of /v1/voices by name or id, OpenAI's names too; the model's own if absent."
    )
    response_format: StreamFormat | None = Field(
        default=None, description="mp3 if absent; pcm is 24 kHz, signed 16 bit little-endian."
    )
    speed: float | None = Field(default=None, ge=0.25, le=4, description="1 if absent.")
    instructions: str | None = Field(
        default=None, description="How to say it, for models that obey; where none does, OpenAI's models leave it out."
    )
    stream_format: Literal["audio", "sse"] | None = Field(default=None, description="audio if absent.")
    seed: int | None = Field(default=None, description="Same seed, same sound; not in OpenAI's API.")
    language: str | None = Field(default=None, description="BCP 47; that of the voice if absent.")
    normalize: bool | None = Field(default=None, description="Write out what is not words in Chinese text, too.")
    priority: Literal["low", "normal", "high"] = "normal"
    deadline_s: float | None = Field(default=None, gt=0)


class Picture(BaseModel):
    """One picture of OpenAI's answer, by `url` or as `b64_json`."""

    url: str | None = None
    b64_json: str | None = None
    seed: int
    revised_prompt: str | None = None


class Images(BaseModel):
    """OpenAI's answer to a request for pictures."""

    created: int = Field(description="Seconds since 1970.")
    output_format: ImageFormat
    data: list[Picture]


class Named(BaseModel):
    """Something that clients list by its id."""

    id: str
    name: str


class SpeechModels(BaseModel):
    """The models of speech as other servers list them."""

    models: list[Named]


class SpeechVoices(BaseModel):
    """The voices as other servers list them, under both names by which their clients look for them."""

    voices: list[Named]
    data: list[Named]


class OpenAIErrorBody(BaseModel):
    """An error as OpenAI's API tells it."""

    message: str
    type: str
    param: str | None = Field(description="The field that is wrong.")
    code: str | None


class OpenAIError(BaseModel):
    """OpenAI's errors lie in a member of their own."""

    error: OpenAIErrorBody
