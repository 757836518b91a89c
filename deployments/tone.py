"""The shipped test double: a real model contract with a sine and no weights."""

import os
import time
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from deployments.contract import (
    Audio,
    Capability,
    Context,
    Frozen,
    InvalidInput,
    Licence,
    LoadFailed,
    ModelInfo,
    OutOfMemory,
    Samples,
    SoundInfo,
    SoundRequest,
)

SAMPLE_RATE_HZ = 44_100


class ToneRequest(SoundRequest):
    """A sine; the prompt is only recorded."""

    duration_s: float = Field(default=1.0, gt=0, le=60, description="Length of the sound in seconds.")
    frequency_hz: float = Field(default=440.0, ge=20, le=18_000, description="Pitch of the sine in Hz.")
    steps: int = Field(default=1, ge=1, le=1000, description="Number of steps that the work is reported in.")
    step_s: float = Field(default=0.0, ge=0, le=10, description="How long each step pretends to work, in seconds.")


class ToneOptions(Frozen):
    """How the double should behave, so that tests can show what the service does about it."""

    load_s: float = Field(default=0.0, ge=0)
    fail_load: str | None = None
    fault: Literal["out_of_memory", "error", "nan", "silence", "crash"] | None = None


class Tone:
    """A sine of the asked pitch and length, faded in and out over 5 ms; the seed sets its phase."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=frozenset({Capability.SEED, Capability.STEPS, Capability.STREAMING}),
        sound=SoundInfo(sample_rate_hz=SAMPLE_RATE_HZ, channels=2, max_duration_s=60),
        licence=Licence(weights="Apache-2.0", commercial=True),
        revision="tone-1",
    )
    Request: ClassVar[type[ToneRequest]] = ToneRequest
    Options: ClassVar[type[ToneOptions]] = ToneOptions

    def __init__(self, options: ToneOptions | None = None) -> None:
        self.options = options or ToneOptions()

    def load(self) -> None:
        """Pretend to load for `load_s` seconds, or fail with the reason that the options give."""
        time.sleep(self.options.load_s)
        if self.options.fail_load is not None:
            raise LoadFailed(self.options.fail_load)

    def generate(self, request: ToneRequest, context: Context) -> Audio:
        """Return float32 (2, frames) at 44.1 kHz. Raises Cancelled between steps."""
        frames = round(request.duration_s * SAMPLE_RATE_HZ)
        if frames < 1:
            raise InvalidInput("duration_s is shorter than one sample", "/duration_s")
        for step in range(request.steps):
            context.check()
            if request.step_s and context.cancelled.wait(request.step_s):
                context.check()
            context.step(step + 1, request.steps)
        samples = sine(request.frequency_hz, frames, context.seed)
        return Audio(samples if self.options.fault is None else spoilt(samples, self.options.fault), SAMPLE_RATE_HZ)


def sine(frequency_hz: float, frames: int, seed: int) -> Samples:
    """A stereo sine at -12 dBFS with 5 ms fades, its phase drawn from the seed."""
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    time_s = np.arange(frames) / SAMPLE_RATE_HZ
    fade = np.minimum(1, np.minimum(time_s, time_s[::-1]) / 0.005)
    mono = 0.25 * fade * np.sin(2 * np.pi * frequency_hz * time_s + phase)
    return np.stack([mono, mono]).astype(np.float32)


def spoilt(samples: Samples, fault: str) -> Samples:
    """What a model with this fault makes of a sound, if anything."""
    if fault == "out_of_memory":
        raise OutOfMemory("80 GiB are needed, 24 GiB are free")
    if fault == "error":
        raise RuntimeError("a bug of the model")
    if fault == "crash":
        os._exit(1)
    return samples * np.float32(np.nan if fault == "nan" else 0)
