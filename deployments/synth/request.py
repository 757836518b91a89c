"""What a request to the synth may hold."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from deployments.contract import SoundRequest
from deployments.synth.terms.roles import ROLES
from deployments.synth.words.musical import read_terms

MAX_DURATION_S = 600.0


class SynthRequest(SoundRequest):
    """A sound from words, made by the C++ synthesizer. A field beats what the prompt says."""

    duration_s: float = Field(default=10.0, ge=0.05, le=MAX_DURATION_S, description="Length of the sound in seconds.")
    negative_prompt: str | None = Field(default=None, max_length=4000, description="Sounds that must not be there.")
    tempo_bpm: float | None = Field(default=None, ge=20, le=300, description="Beats per minute.")
    key: str | None = Field(default=None, max_length=8, description="A letter from A to G with # or b: C, F#, Bb.")
    scale: str | None = Field(default=None, max_length=40, description="major, minor, dorian, major_pentatonic, ...")
    role: str | None = Field(default=None, max_length=20, description=f"One of {', '.join(ROLES)}, UNKNOWN.")
    preset: str | None = Field(default=None, max_length=64, description="A preset that must be part of it, by its id.")

    @model_validator(mode="before")
    @classmethod
    def _length_from_words(cls, given: Any) -> Any:
        """A length that the prompt names holds where the field is left out."""
        if isinstance(given, Mapping) and given.get("duration_s") is None and isinstance(given.get("prompt"), str):
            said_s = read_terms(given["prompt"]).duration_s
            if said_s is not None:
                return {**given, "duration_s": min(MAX_DURATION_S, max(1.0, said_s))}
        return given
