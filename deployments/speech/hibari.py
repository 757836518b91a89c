"""hibari: an American voice of 7.9 MB in its package, a hundred times faster than real time on one core.

A network of 2 million weights gives a spectrum per 12.5 ms, distilled from one voice of Kokoro-82M; `hibari.dsp` makes
the waveform of it. Package hibari-tts (Apache-2.0); four more voices are on the hub: `continuo models pull hibari`.
"""

import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
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
    LoadFailed,
    ModelInfo,
    Samples,
    SoundInfo,
    SpeechInfo,
    SpeechRequest,
    Voice,
)
from deployments.speech import english
from deployments.speech.edges import trimmed
from deployments.speech.session import open_graph
from deployments.speech.speaking import LONGEST_S, Voiced, speak
from deployments.speech.stretch import own_speed, stretched
from deployments.speech.symbols import numbers, parts
from deployments.speech.text import pieces
from deployments.speech.turns import Turns
from deployments.speech.voices import named
from deployments.weights.checkpoint import Checkpoint
from deployments.weights.hashes import sha256_of
from deployments.weights.hub import Report, pull

RATE_HZ = 24_000
_MOST_SYMBOLS = 400  # as its authors cut
_FIRST_CHARACTERS, _MOST_CHARACTERS = 100, 240
_WARM_UP = ("Ready.", "Everything is loaded, and whoever speaks next does not wait for it.")


class _Weights(Frozen):
    """The file of one voice, as the registry of hibari-tts 0.2.1 has it."""

    file: str
    sha256: str
    british: bool = False


HEART = _Weights(file="hibari.onnx", sha256="5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8")
PULLED = {
    "emma": _Weights(
        file="voices/bf_emma.int8.onnx",
        sha256="f709f0488ee63b583a22189a955aaf4257b9806dd330be3490661e53af0a89c1",
        british=True,
    ),
    "fenrir": _Weights(
        file="voices/am_fenrir_v2.int8.onnx",
        sha256="f59fbd87908c91f827bc21b1b89443757b9a8580db9eee20aa948deb731321f4",
    ),
    "fable-gb": _Weights(  # "fable" is one of OpenAI's names, which must be heard where only heart is
        file="voices/bm_fable.int8.onnx",
        sha256="c28529302f2d27cd12f62625c24425888c4e3c2675583100ec530259136b8bc6",
        british=True,
    ),
    "kore": _Weights(
        file="voices/af_kore.int8.onnx",
        sha256="346885752673e45d42f9864c9e2432094bc4b6385df060d4b83273da764d2fa9",
    ),
}
PUBLISHED = Checkpoint(repository="maureesewilliams/hibari", files=tuple(weights.file for weights in PULLED.values()))
_WOMEN = ("alloy", "coral", "marin", "nova", "sage", "shimmer")
_MEN = ("ash", "ballad", "cedar", "echo", "onyx", "verse")


def voices() -> tuple[Voice, ...]:
    """All voices. OpenAI's names go to those that are on this machine, so they are heard without a download too."""
    folder = PUBLISHED.folder
    here = {name for name, weights in PULLED.items() if (folder / weights.file).is_file()}
    man, gentleman = _MEN, ("fable",)
    men = (man if "fenrir" in here else ()), (gentleman if "fable-gb" in here else ())
    left = tuple(name for name in (*man, *gentleman) if name not in (*men[0], *men[1]))
    return (
        Voice(name="heart", languages=("en-US",), gender="female", aliases=(*_WOMEN, *left)),
        Voice(name="emma", languages=("en-GB",), gender="female", here="emma" in here),
        Voice(name="fenrir", languages=("en-US",), gender="male", aliases=men[0], here="fenrir" in here),
        Voice(name="fable-gb", languages=("en-GB",), gender="male", aliases=men[1], here="fable-gb" in here),
        Voice(name="kore", languages=("en-US",), gender="female", here="kore" in here),
    )


class HibariOptions(Frozen):
    """How much of the machine it takes."""

    threads: int = Field(default=1, ge=1, description="Of one piece of text; one is the fastest per core.")
    at_once: int = Field(default=2, ge=1, description="Pieces that are computed side by side.")


class _Speaker:
    """One voice, loaded."""

    def __init__(self, path: Path, weights: _Weights, threads: int) -> None:
        self.british = weights.british
        self.session = open_graph(path, weights.sha256, threads)

    def say(self, text: str, speed: float, seed: int, number: int) -> Samples:
        """Float32 (frames,) of one piece without the silence around it; the noise in it is drawn from both numbers."""
        draw = np.random.default_rng([seed, number])
        phonemes, own = english.phonemes(text, british=self.british), own_speed(speed)
        said = [self._said(ids, own, draw) for part in parts(phonemes, _MOST_SYMBOLS) if (ids := numbers(part))]
        return stretched(np.concatenate(said), RATE_HZ, speed / own) if said else np.zeros(0, np.float32)

    def _said(self, ids: list[int], speed: float, draw: np.random.Generator) -> Samples:
        from hibari import dsp

        feed = {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)}
        spectra = [output[0] for output in self.session.run(None, feed)]
        return trimmed(dsp.synth(*spectra, draw), RATE_HZ)


class Hibari:
    """English in one breath: every text begins to sound within a few hundredths of a second."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="speech",
        capabilities=frozenset({Capability.SEED, Capability.STREAMING}),
        sound=SoundInfo(
            sample_rate_hz=RATE_HZ, channels=1, max_duration_s=LONGEST_S, loudness_lufs=-16, typical_lufs=-26
        ),
        speech=SpeechInfo(voices=voices()),
        licence=Licence(weights="Apache-2.0", commercial=True, url="https://www.apache.org/licenses/LICENSE-2.0"),
        revision="hibari-1",
    )
    Request: ClassVar[type[SpeechRequest]] = SpeechRequest
    Options: ClassVar[type[HibariOptions]] = HibariOptions

    def __init__(self, options: HibariOptions | None = None) -> None:
        self.options = options or HibariOptions()
        self.turns = Turns(self.options.at_once)
        self.door = threading.Lock()
        self.speakers: dict[str, _Speaker] = {}

    def load(self) -> None:
        """Open the packaged voice and say a little. Raises LoadFailed: what was looked for, where, what to do."""
        heart = self._speaker("heart")
        english.prepare(british=False)
        for number, text in enumerate(_WARM_UP):
            heart.say(text, 1.0, 0, number)

    def missing(self) -> list[str]:
        """A line when the package is not there; the voices of the hub are extras."""
        return [] if _packaged() is not None else ["hibari-tts is not installed: run scripts/setup"]

    def download(self, report: Report) -> list[Path]:
        """Fetch the other voices; returns their folder. Raises LoadFailed."""
        folder = pull(PUBLISHED, report)
        for weights in PULLED.values():
            file = folder / weights.file
            if (found := sha256_of(file)) != weights.sha256:
                file.unlink()
                raise LoadFailed(f"{file} came with sha256 {found}, not {weights.sha256}; it was removed")
        return [folder]

    def generate(self, request: SpeechRequest, context: Context) -> Iterator[Audio]:
        """Yield float32 (1, frames) at 24 kHz, piece by piece with their pauses. Raises InvalidInput, Cancelled."""
        speaker = self._speaker(named(_speech(), request.voice, request.language).name)
        cut = pieces(request.input, "en", most_chars=_MOST_CHARACTERS, first_chars=_FIRST_CHARACTERS)

        def say(words: str, number: int) -> Samples:
            return speaker.say(words, request.speed, context.seed, number)

        yield from speak(cut, Voiced(say, RATE_HZ, self.turns, english.known, request.speed), context, request.input)

    def _speaker(self, name: str) -> _Speaker:
        """The voice, loaded when it is first asked for. Raises LoadFailed for the packaged one, else InvalidInput."""
        with self.door:
            if name in self.speakers:
                return self.speakers[name]
            if name == "heart":
                folder = _packaged()
                if folder is None:
                    raise LoadFailed("hibari-tts is not installed; run scripts/setup")
                speaker = _Speaker(folder / HEART.file, HEART, self.options.threads)
            else:
                speaker = self._pulled(name)
            self.speakers[name] = speaker
            return speaker

    def _pulled(self, name: str) -> _Speaker:
        weights = PULLED[name]
        path = PUBLISHED.folder / weights.file
        if not path.is_file():
            raise InvalidInput(f"voice '{name}' is not on this machine: continuo models pull hibari", "/voice")
        try:
            return _Speaker(path, weights, self.options.threads)
        except LoadFailed as error:
            raise InvalidInput(f"voice '{name}' cannot speak: {error}", "/voice") from error


def _packaged() -> Path | None:
    spec = find_spec("hibari")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "assets"


def _speech() -> SpeechInfo:
    assert Hibari.info.speech is not None
    return Hibari.info.speech
