"""What a model accepts: the bare request of each medium, to which each model adds its own fields."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """A frozen pydantic model that refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoOptions(Frozen):
    """The options of a model that has none."""


class Request(Frozen):
    """What every model that makes something accepts; each medium adds its fields, each model its own.

    `files` names the fields that take a file: a request gives a file string, the model finds a path in `Context.files`.
    """

    files: ClassVar[Mapping[str, Literal["audio", "image"]]] = {}

    seed: int | None = Field(
        default=None, ge=0, lt=2**32, description="Same seed, same result; one is drawn if absent."
    )


class SoundRequest(Request):
    """A sound or a piece of music from words."""

    prompt: str = Field(min_length=1, max_length=4000, description="What should be heard, in words.")
    duration_s: float = Field(default=10.0, gt=0, description="Length of the sound in seconds.")


class SpeechRequest(Request):
    """A text that is spoken; its length follows from the text."""

    input: str = Field(min_length=1, max_length=100_000, description="What shall be said.")
    voice: str | None = Field(default=None, max_length=200, description="The voice's name; the model's own if absent.")
    language: str | None = Field(default=None, max_length=35, description="BCP 47; that of the voice if absent.")
    normalize: bool = Field(default=False, description="Write out what is not words in Chinese text, too.")
    speed: float = Field(default=1.0, ge=0.25, le=4, description="How many times as fast as usual.")


class ImageRequest(Request):
    """A picture from words."""

    prompt: str = Field(min_length=1, max_length=32_000, description="What should be seen, in words.")
    size: str | None = Field(
        default=None, pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$", description="Width x height in pixels, `1024x768`."
    )

    @property
    def size_px(self) -> tuple[int, int] | None:
        """(width, height), None where the model's own is wanted."""
        width, _, height = (self.size or "").partition("x")
        return (int(width), int(height)) if self.size else None
