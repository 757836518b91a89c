"""A model of speech without weights: a tone for every word, in voices, languages and pauses that a test knows."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from deployments.contract import (
    Audio,
    Cancelled,
    Capability,
    Context,
    InvalidInput,
    Licence,
    LoadFailed,
    ModelInfo,
    NoOptions,
    SoundInfo,
    SpeechInfo,
    SpeechRequest,
    Voice,
)

RATE_HZ = 24_000
WORD_S = 0.12


class WhistleRequest(SpeechRequest):
    """A text, and how to whistle it."""

    instructions: str | None = Field(default=None, max_length=4096)


def _unspoken(words: list[str]) -> dict[str, Any]:
    """What voices tell of characters that they have no sound for: here all that are no ASCII."""
    characters = [character for word in words for character in word if not character.isascii()]
    return {"unspoken": {"characters": "".join(characters), "count": len(characters)}} if characters else {}


class Whistle:
    """Each word is a tone of WORD_S seconds whose pitch is the voice's.

    `opened` words of a text may be spoken, all if it is not there; `cancelled` keeps the texts that were stopped.
    """

    info: ClassVar[ModelInfo] = ModelInfo(
        task="speech",
        capabilities=frozenset({Capability.STREAMING, Capability.INSTRUCTIONS}),
        sound=SoundInfo(sample_rate_hz=RATE_HZ, channels=1, max_duration_s=3600, typical_lufs=-20),
        speech=SpeechInfo(
            voices=(
                Voice(name="wren", languages=("en",), gender="female", aliases=("alloy", "nova")),
                Voice(name="robin", languages=("de", "en-GB"), gender="male", aliases=("onyx",)),
            ),
            mixes=True,
        ),
        licence=Licence(weights="none", commercial=True),
        revision="whistle-1",
    )
    Request: ClassVar[type[WhistleRequest]] = WhistleRequest
    Options: ClassVar[type[NoOptions]] = NoOptions
    opened: ClassVar[dict[str, int]] = {}
    runs: ClassVar[Counter[str]] = Counter()
    cancelled: ClassVar[list[str]] = []
    pitches_hz: ClassVar[dict[str, float]] = {"wren": 880.0, "robin": 330.0}

    def __init__(self, options: NoOptions) -> None:
        pass

    def load(self) -> None:
        """Nothing to load."""

    def generate(self, request: WhistleRequest, context: Context) -> Iterator[Audio]:
        if "\N{BELL}" in request.input:
            raise InvalidInput("nobody can whistle a bell", pointer="/input")
        pitch_hz = self.pitches_hz.get(request.voice or "wren", 550.0)
        time_s = np.arange(round(WORD_S / request.speed * RATE_HZ)) / RATE_HZ
        tone = (0.2 * np.hanning(len(time_s)) * np.sin(2 * np.pi * pitch_hz * time_s)).astype(np.float32)
        words = request.input.split()
        self.runs[request.input] += 1
        try:
            for number in range(len(words)):
                while number >= self.opened.get(request.input, math.inf):
                    context.cancelled.wait(0.01)
                    context.check()
                context.step(number + 1, len(words))
                yield Audio(tone[None], RATE_HZ, {"words": number + 1, **_unspoken(words[: number + 1])})
        except (Cancelled, GeneratorExit):
            self.cancelled.append(request.input)
            raise


class Heedless(Whistle):
    """One that takes no instructions, makes at most 3 s, and has a voice that would have to be fetched."""

    info: ClassVar[ModelInfo] = Whistle.info.model_copy(
        update={
            "capabilities": frozenset({Capability.STREAMING}),
            "revision": "heedless-1",
            "sound": SoundInfo(sample_rate_hz=RATE_HZ, channels=1, max_duration_s=3, typical_lufs=-20),
            "speech": SpeechInfo(
                voices=(
                    Voice(name="wren", languages=("en",), aliases=("alloy",)),
                    Voice(name="heron", languages=("en",), here=False),
                )
            ),
        }
    )
    Request: ClassVar[type[SpeechRequest]] = SpeechRequest  # type: ignore[assignment]


class WholeWhistle(Whistle):
    """One that does not stream."""

    info: ClassVar[ModelInfo] = Whistle.info.model_copy(
        update={"capabilities": frozenset(), "revision": "whole-whistle-1"}
    )


class Mute(Whistle):
    """One that cannot be loaded, with voices of other names."""

    info: ClassVar[ModelInfo] = Whistle.info.model_copy(
        update={
            "revision": "mute-1",
            "speech": SpeechInfo(
                voices=(
                    Voice(name="ann", languages=("en-US",)),
                    Voice(name="anton", languages=("de-AT",)),
                    Voice(name="anne", languages=("fr",)),
                    Voice(name="wren", languages=("en",)),
                )
            ),
        }
    )

    def load(self) -> None:
        """Fail."""
        raise LoadFailed("nobody hears it")
