"""Shipped doubles in the other forms that the contract knows, with a memory of what was asked of them."""

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import soundfile
from pydantic import Field

from deployments.contract import (
    Audio,
    Cancelled,
    Capability,
    Context,
    ModelInfo,
    SoundInfo,
    SoundRequest,
    SpeechInfo,
    SpeechRequest,
    Voice,
)
from deployments.tone import SAMPLE_RATE_HZ, Tone, ToneRequest, sine


class CountingTone(Tone):
    """A tone that remembers for which prompts and seeds it was asked, and which of them were cancelled.

    Prompts in `held` are at work until the test takes them out.
    """

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "counting-1"})
    calls: ClassVar[list[tuple[str, int]]] = []
    cancelled: ClassVar[list[str]] = []
    held: ClassVar[set[str]] = set()

    def generate(self, request: ToneRequest, context: Context) -> Audio:
        self.calls.append((request.prompt, context.seed))
        try:
            while request.prompt in self.held:
                context.cancelled.wait(0.01)
                context.check()
            return super().generate(request, context)
        except Cancelled:
            self.cancelled.append(request.prompt)
            raise


class HeldTone(Tone):
    """A tone that is at work, in whatever process, while the file that its prompt names is there."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "held-1"})

    def generate(self, request: ToneRequest, context: Context) -> Audio:
        while Path(request.prompt).exists():
            context.step(1, 2)
            context.cancelled.wait(0.05)
        return super().generate(request, context)


class ChunkTone(Tone):
    """A tone that comes in chunks of a tenth of a second."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "chunk-1"})

    def generate(self, request: ToneRequest, context: Context) -> Iterator[Audio]:  # type: ignore[override]
        samples = sine(request.frequency_hz, round(request.duration_s * SAMPLE_RATE_HZ), context.seed)
        for start in range(0, samples.shape[1], SAMPLE_RATE_HZ // 10):
            context.check()
            yield Audio(samples[:, start : start + SAMPLE_RATE_HZ // 10], SAMPLE_RATE_HZ, {"chunks": start})


class GatedTone(Tone):
    """A tone in chunks of a tenth of a second, each of which waits for its prompt's gate, if there is one.

    `opened` of them may be made; `made` counts those of each prompt, and `cancelled` keeps the prompts that were.
    A frequency of 666 Hz fails after the first chunk.
    """

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "gated-1"})
    opened: ClassVar[dict[str, int]] = {}
    made: ClassVar[Counter[str]] = Counter()
    runs: ClassVar[Counter[str]] = Counter()
    cancelled: ClassVar[list[str]] = []

    def generate(self, request: ToneRequest, context: Context) -> Iterator[Audio]:  # type: ignore[override]
        self.runs[request.prompt] += 1
        samples = sine(request.frequency_hz, round(request.duration_s * SAMPLE_RATE_HZ), context.seed)
        try:
            for index, start in enumerate(range(0, samples.shape[1], SAMPLE_RATE_HZ // 10)):
                while index >= self.opened.get(request.prompt, math.inf):
                    context.cancelled.wait(0.01)
                    context.check()
                context.check()
                if index and request.frequency_hz == 666:
                    raise RuntimeError("a bug of the model")
                self.made[request.prompt] += 1
                yield Audio(samples[:, start : start + SAMPLE_RATE_HZ // 10], SAMPLE_RATE_HZ, {"chunks": index})
        except (Cancelled, GeneratorExit):
            self.cancelled.append(request.prompt)
            raise


def lasting(max_duration_s: float) -> SoundInfo:
    """The tone's sound, but longer or shorter."""
    return SoundInfo(sample_rate_hz=SAMPLE_RATE_HZ, channels=2, max_duration_s=max_duration_s)


class LongRequest(SoundRequest):
    """Minutes of sound."""

    duration_s: float = Field(default=10.0, gt=0, le=600)


class LongNoise:
    """Noise that takes no more memory than its samples."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(
        update={"capabilities": frozenset({Capability.SEED}), "revision": "long-1", "sound": lasting(600)}
    )
    Request: ClassVar[type[LongRequest]] = LongRequest
    Options: ClassVar[type[Any]] = Tone.Options

    def __init__(self, options: Any = None) -> None:
        self.options = options

    def load(self) -> None:
        """Nothing to load."""

    def generate(self, request: LongRequest, context: Context) -> Audio:
        shape = (2, round(request.duration_s * SAMPLE_RATE_HZ))
        samples = np.random.default_rng(context.seed).standard_normal(shape, np.float32)
        samples *= np.float32(0.1)
        return Audio(samples, SAMPLE_RATE_HZ)


class BatchTone(Tone):
    """A tone that is made up to four at a time; `gate` holds the first batch until the test opens it."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "batch-1", "max_batch": 4})
    batches: ClassVar[list[int]] = []
    gate: ClassVar[threading.Event] = threading.Event()

    def generate_batch(self, requests: Sequence[ToneRequest], contexts: Sequence[Context]) -> list[Audio]:
        self.batches.append(len(requests))
        self.gate.wait(60)
        return [self.generate(request, context) for request, context in zip(requests, contexts, strict=True)]


class EngineTone(Tone):
    """A tone with a loop of its own."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "engine-1"})

    async def submit(self, request: ToneRequest, context: Context) -> Audio:
        for step in range(request.steps):
            await asyncio.sleep(request.step_s)
            context.step(step + 1, request.steps)
        frames = round(request.duration_s * SAMPLE_RATE_HZ)
        return Audio(
            sine(request.frequency_hz, frames, context.seed), SAMPLE_RATE_HZ, {"interpretation": {"engine": 1}}
        )


class ChimeRequest(SoundRequest):
    """What a model without steps takes, which has a tempo."""

    tempo_bpm: float = Field(default=120, ge=20, le=300)


class Chime:
    """A tone with another set of fields and shorter sounds, so that routing has something to choose from."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(
        update={
            "capabilities": frozenset({Capability.SEED, Capability.TEMPO}),
            "revision": "chime-1",
            "sound": lasting(20),
        }
    )
    Request: ClassVar[type[ChimeRequest]] = ChimeRequest
    Options: ClassVar[type[Any]] = Tone.Options

    def __init__(self, options: Any = None) -> None:
        self.options = options

    def load(self) -> None:
        """Nothing to load."""

    def generate(self, request: ChimeRequest, context: Context) -> Audio:
        return Audio(sine(880, round(request.duration_s * SAMPLE_RATE_HZ), context.seed), SAMPLE_RATE_HZ)


class EchoRequest(SoundRequest):
    """A sound to be heard again, and a picture that nobody sees."""

    files: ClassVar[Mapping[str, Literal["audio", "image"]]] = {"reference": "audio", "image": "image"}

    reference: str | None = Field(default=None, description="A file string.")
    image: str | None = Field(default=None, description="A file string.")


class Echo(Chime):
    """Gives back the sound that it gets, or a tone; remembers the files that it was given. `held` as CountingTone's."""

    info: ClassVar[ModelInfo] = Chime.info.model_copy(update={"revision": "echo-1"})
    Request: ClassVar[type[EchoRequest]] = EchoRequest  # type: ignore[assignment]
    seen: ClassVar[list[dict[str, Path]]] = []
    held: ClassVar[set[str]] = set()

    def generate(self, request: EchoRequest, context: Context) -> Audio:  # type: ignore[override]
        self.seen.append(dict(context.files))
        while request.prompt in self.held:
            context.cancelled.wait(0.01)
            context.check()
        if "reference" not in context.files:
            return Audio(sine(880, round(request.duration_s * SAMPLE_RATE_HZ), context.seed), SAMPLE_RATE_HZ)
        samples, rate_hz = soundfile.read(context.files["reference"], dtype="float32", always_2d=True)
        return Audio(samples.T, rate_hz)


class Reciter(Chime):
    """Speaks: a tone of a tenth of a second for each word, in the voice's pitch."""

    info: ClassVar[ModelInfo] = Chime.info.model_copy(
        update={
            "task": "speech",
            "capabilities": frozenset({Capability.SEED}),
            "revision": "reciter-1",
            "speech": SpeechInfo(
                voices=(
                    Voice(name="anna", languages=("en-GB",), gender="female", aliases=("alloy", "nova")),
                    Voice(name="bert", languages=("de",), gender="male", licence="CC-BY-4.0", aliases=("echo",)),
                )
            ),
        }
    )
    Request: ClassVar[type[SpeechRequest]] = SpeechRequest  # type: ignore[assignment]
    pitches_hz: ClassVar[Mapping[str, float]] = {"anna": 440, "bert": 220}
    spoken: ClassVar[list[str]] = []

    def generate(self, request: SpeechRequest, context: Context) -> Audio:  # type: ignore[override]
        self.spoken.append(request.input)
        frames = round(0.1 * len(request.input.split()) * SAMPLE_RATE_HZ)
        return Audio(sine(self.pitches_hz.get(request.voice or "anna", 330), frames, context.seed), SAMPLE_RATE_HZ)


class MimicRequest(SpeechRequest):
    """A voice may be a file."""

    files: ClassVar[Mapping[str, Literal["audio", "image"]]] = {"voice": "audio"}


class Mimic(Reciter):
    """Speaks like a recording: gives back as much of it; remembers what it was given. `held` as CountingTone's."""

    info: ClassVar[ModelInfo] = Reciter.info.model_copy(
        update={
            "capabilities": frozenset({Capability.SEED, Capability.VOICE_CLONING}),
            "revision": "mimic-1",
            "speech": SpeechInfo(
                voices=(
                    Voice(name="anna", languages=("en-GB", "fr"), aliases=("alloy",)),
                    Voice(name="carl", languages=("xx",)),
                ),
                mixes=True,
            ),
        }
    )
    Request: ClassVar[type[MimicRequest]] = MimicRequest  # type: ignore[assignment]
    seen: ClassVar[list[tuple[str | None, bool]]] = []
    held: ClassVar[set[str]] = set()

    def generate(self, request: SpeechRequest, context: Context) -> Audio:
        self.seen.append((request.voice, "voice" in context.files))
        while request.input in self.held:
            context.cancelled.wait(0.01)
            context.check()
        if "voice" not in context.files:
            return super().generate(request, context)
        samples, rate_hz = soundfile.read(context.files["voice"], dtype="float32", always_2d=True)
        return Audio(samples.T[:, : rate_hz // 2], rate_hz)


class Judge:
    """A scorer that likes a sound for the value of one of its samples, and remembers what it was asked."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(
        update={"task": "scoring", "capabilities": frozenset(), "sound": None, "revision": "judge-1"}
    )
    Options: ClassVar[type[Any]] = Tone.Options
    asked: ClassVar[list[tuple[str, tuple[int, ...], int]]] = []

    def __init__(self, options: Any = None) -> None:
        self.options = options

    def load(self) -> None:
        Tone(self.options).load()

    def ask(self, prompt: str, samples: Any, sample_rate_hz: int) -> float:
        self.asked.append((prompt, samples.shape, sample_rate_hz))
        return float(samples[1000])

    def memory(self) -> dict[str, int]:
        return {"in_use": 12345}
