"""The facts of a model: its task, what it can do, what its sounds, voices and pictures are like."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from pydantic import Field

from deployments.contract.request import Frozen

Task = Literal["text-to-audio", "music", "speech", "image", "scoring", "embedding"]


class Capability(StrEnum):
    """What a model can do beyond its task. Each is tied to the request fields that it brings."""

    SEED = "seed"
    NEGATIVE_PROMPT = "negative_prompt"
    PRESET = "preset"
    TEMPO = "tempo"
    KEY = "key"
    STEPS = "steps"
    GUIDANCE = "guidance"
    SCHEDULER = "scheduler"
    VOICE_CLONING = "voice_cloning"
    INSTRUCTIONS = "instructions"
    STREAMING = "streaming"
    BATCH = "batch"


CAPABILITY_FIELDS: Mapping[Capability, frozenset[str]] = {
    Capability.SEED: frozenset({"seed"}),
    Capability.NEGATIVE_PROMPT: frozenset({"negative_prompt"}),
    Capability.PRESET: frozenset({"preset", "role"}),
    Capability.TEMPO: frozenset({"tempo_bpm"}),
    Capability.KEY: frozenset({"key", "scale"}),
    Capability.STEPS: frozenset({"steps"}),
    Capability.GUIDANCE: frozenset({"guidance_scale"}),
    Capability.INSTRUCTIONS: frozenset({"instructions"}),
    Capability.SCHEDULER: frozenset({"scheduler"}),
}


class Licence(Frozen):
    """Under which terms the weights (or the code, if there are none) may be used."""

    weights: str
    commercial: bool
    url: str | None = Field(default=None, description="Its text; weights that are gated are asked for there.")


class SoundInfo(Frozen):
    """What a model's sounds are like."""

    sample_rate_hz: int
    channels: int
    max_duration_s: float
    loudness_lufs: float = Field(default=-16.0, description="Target loudness unless the request says otherwise.")
    typical_lufs: float = Field(
        default=-20.0, description="How loud it usually makes them: what is streamed in chunks gets its gain from this."
    )


class Voice(Frozen):
    """A voice that a model has by itself. Languages and the kinds of them are BCP 47 tags: `en`, `pt-BR`."""

    name: str
    languages: tuple[str, ...] = Field(min_length=1)
    gender: Literal["female", "male"] | None = None
    licence: str | None = Field(default=None, description="Where it is not that of the weights.")
    aliases: tuple[str, ...] = Field(default=(), description="Names under which other services have one like it.")
    here: bool = Field(default=True, description="Whether what it needs is on this machine.")


class SpeechInfo(Frozen):
    """Who speaks: the model's own voices. One that clones (`voice_cloning`) takes others too."""

    voices: tuple[Voice, ...] = Field(min_length=1, description="The first speaks when none is named.")
    mixes: bool = Field(default=False, description="Whether `a+b` is a voice between two of them.")


class ImageInfo(Frozen):
    """What a model's pictures are like."""

    max_pixels: int = Field(gt=0, description="Of width times height.")
    multiple_of: int = Field(default=1, ge=1, description="What width and height must be multiples of.")


class ModelInfo(Frozen):
    """The facts of a model that `/v1/models` shows and that routing needs; of its medium, if it makes something."""

    task: Task
    capabilities: frozenset[Capability] = frozenset()
    sound: SoundInfo | None = None
    speech: SpeechInfo | None = None
    image: ImageInfo | None = None
    licence: Licence
    revision: str = Field(description="Changes whenever the same request would give other samples.")
    memory_gib: float | None = Field(default=None, description="Of its largest checkpoint in half precision, serving.")
    max_batch: int = Field(default=1, ge=1, description="How many requests `generate_batch` takes at once.")
