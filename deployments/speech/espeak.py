"""espeak-ng: 138 voices of more than a hundred languages, at once, on anything; what speaks when nothing better can.

It is under GPL-3.0-or-later and so runs as a program of its own (`espeaking/`): extra `espeak`.

- name: espeak
  model: deployments.speech.espeak:Espeak
  replicas: {min: 0, max: 1, cpus: 0.25, target_ongoing: 4}
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from deployments.contract import (
    Audio,
    Capability,
    Context,
    Frozen,
    InvalidInput,
    Licence,
    ModelInfo,
    Samples,
    SoundInfo,
    SpeechInfo,
    SpeechRequest,
    Voice,
)
from deployments.speech.edges import trimmed
from deployments.speech.espeaking.languages import LANGUAGES
from deployments.speech.espeaking.process import ABSENT, EspeakProcess, Refused, installed
from deployments.speech.speaking import LONGEST_S, Voiced, speak
from deployments.speech.stretch import stretched
from deployments.speech.text import pieces
from deployments.speech.turns import Turns
from deployments.speech.voices import named

RATE_HZ = 22_050
_USUAL, _SLOWEST, _FASTEST = 175, 80, 440  # words per minute
_FIRST_CHARACTERS, _MOST_CHARACTERS = 100, 400
_WOMEN = ("alloy", "coral", "marin", "nova", "sage", "shimmer")
_MEN = ("ash", "ballad", "cedar", "echo", "onyx", "verse")
_ALIASES = {"en-US": _MEN, "en": ("fable",)}
_FEMALE = {"en-US-female": "en-US+f3"}  # a variant: the same rules in another throat


def _voices() -> Iterator[Voice]:
    for name, languages in LANGUAGES.items():
        yield Voice(name=name, languages=languages, gender="male", aliases=_ALIASES.get(name, ()))
        if name == "en-US":
            yield Voice(name="en-US-female", languages=("en-US",), gender="female", aliases=_WOMEN)


class EspeakOptions(Frozen):
    """How long its process may be silent."""

    patience_s: float = Field(default=10.0, gt=0, description="A process that says nothing for so long is replaced.")


class Espeak:
    """Formants by rule: plain to the ear, and never at a loss for a language. Its noise is never twice the same."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="speech",
        capabilities=frozenset({Capability.STREAMING}),
        sound=SoundInfo(
            sample_rate_hz=RATE_HZ, channels=1, max_duration_s=LONGEST_S, loudness_lufs=-16, typical_lufs=-20.6
        ),
        speech=SpeechInfo(voices=tuple(_voices())),
        licence=Licence(
            weights="none; the program espeak-ng is GPL-3.0-or-later",
            commercial=True,
            url="https://www.gnu.org/licenses/gpl-3.0.html",
        ),
        revision="espeak-1",
    )
    Request: ClassVar[type[SpeechRequest]] = SpeechRequest
    Options: ClassVar[type[EspeakOptions]] = EspeakOptions

    def __init__(self, options: EspeakOptions | None = None) -> None:
        self.options = options or EspeakOptions()
        self.process = EspeakProcess(patience_s=self.options.patience_s)
        self.turns = Turns(1)

    def load(self) -> None:
        """Start the process. Raises LoadFailed: what is missing and what to do."""
        self.process.start()

    def missing(self) -> list[str]:
        """A line when the package is not there."""
        return [] if installed() else [ABSENT]

    def generate(self, request: SpeechRequest, context: Context) -> Iterator[Audio]:
        """Yield float32 (1, frames) at 22,050 Hz, piece by piece with their pauses. Raises InvalidInput, Cancelled."""
        assert self.info.speech is not None
        voice = named(self.info.speech, request.voice, request.language)
        cut = pieces(
            request.input,
            voice.languages[0],
            normalize=request.normalize,
            most_chars=_MOST_CHARACTERS,
            first_chars=_FIRST_CHARACTERS,
        )

        def say(words: str, _number: int) -> Samples:
            return self._say(words, _FEMALE.get(voice.name, voice.name), request.speed)

        yield from speak(cut, Voiced(say, RATE_HZ, self.turns, str.isprintable, request.speed), context, request.input)

    def _say(self, words: str, voice: str, speed: float) -> Samples:
        pace = round(min(_FASTEST, max(_SLOWEST, _USUAL * speed)))
        try:
            data = self.process.speak(words, voice, pace)
        except Refused as error:
            raise InvalidInput(str(error), "/voice") from error
        samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
        return stretched(trimmed(samples, RATE_HZ), RATE_HZ, speed * _USUAL / pace)
