"""Kokoro-82M: 54 voices in nine languages, a few times faster than real time on one core.

A StyleTTS 2 decoder with an ISTFTNet vocoder (hexgrad/Kokoro-82M, Apache-2.0) as int8 ONNX; `continuo models pull
kokoro` brings the files. English is read by hibari's reader, everything else by espeak-ng (extra `espeak`).
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
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
from deployments.speech import english, kokoro_weights
from deployments.speech.edges import trimmed
from deployments.speech.espeaking.process import ABSENT, EspeakProcess, Refused, installed
from deployments.speech.ipa import from_espeak
from deployments.speech.kokoro_weights import CHECKPOINT, GRAPH, GRAPH_SHA256, levels_lufs, published_voices
from deployments.speech.session import open_graph
from deployments.speech.speaking import LONGEST_S, Voiced, speak
from deployments.speech.stretch import own_speed, stretched
from deployments.speech.symbols import numbers, parts
from deployments.speech.text import pieces
from deployments.speech.turns import Turns
from deployments.speech.voices import named
from deployments.weights.checkpoint import missing, told
from deployments.weights.hashes import sha256_of
from deployments.weights.hub import Report

Pack = NDArray[np.float32]  # (510, 256): the style of a voice by the number of symbols

RATE_HZ = 24_000
LEVEL_LUFS = -24.0  # of every voice
MOST_SYMBOLS = 510
_FIRST_CHARACTERS, _MOST_CHARACTERS = 40, 200
_MOST_MIXED = 8
_WARM_UP = "Everything is loaded."
_PART = re.compile(r"(?P<name>[\w-]+)(?:\((?P<weight>\d{1,4}(?:\.\d{1,4})?)\))?")

# The first letter of a voice's name: the language as callers say it, and as espeak does.
LANGUAGES = {
    "a": ("en-US", ""),
    "b": ("en-GB", ""),
    "e": ("es", "es"),
    "f": ("fr-FR", "fr"),
    "h": ("hi", "hi"),
    "i": ("it", "it"),
    "j": ("ja", "ja"),
    "p": ("pt-BR", "pt-BR"),
    "z": ("zh", "cmn"),
}
ALIASES = {
    "af_alloy": ("alloy",),
    "af_bella": ("coral",),
    "af_heart": ("marin",),
    "af_nova": ("nova",),
    "af_sarah": ("sage",),
    "af_sky": ("shimmer",),
    "am_echo": ("echo",),
    "am_fenrir": ("cedar",),
    "am_michael": ("ash",),
    "am_onyx": ("onyx",),
    "am_puck": ("verse",),
    "bm_fable": ("fable",),
    "bm_george": ("ballad",),
}


def _voice(name: str) -> Voice:
    gender: Literal["female", "male"] = "female" if name[1] == "f" else "male"
    return Voice(name=name, languages=(LANGUAGES[name[0]][0],), gender=gender, aliases=ALIASES.get(name, ()))


def _voices() -> tuple[Voice, ...]:
    names = [Path(file).stem for file in published_voices()]
    return tuple(map(_voice, sorted(names, key=lambda name: (name != "af_heart", name))))


class KokoroOptions(Frozen):
    """Where the weights lie and how much of the machine they take."""

    model_path: str | None = Field(
        default=None, description="A folder with kokoro-v1.0.int8.onnx and voices/; no other is looked at."
    )
    download: bool = Field(default=False, description="Fetch what is missing when the model is loaded.")
    threads: int = Field(default=1, ge=1, description="Of one piece of text; two help only where both cores are idle.")
    at_once: int = Field(default=2, ge=1, description="Pieces that are computed side by side.")


class Kokoro:
    """Many voices, and any mixture of them: `af_heart+am_michael`, `af_heart(2)+am_michael(1)`."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="speech",
        capabilities=frozenset({Capability.STREAMING}),
        sound=SoundInfo(
            sample_rate_hz=RATE_HZ, channels=1, max_duration_s=LONGEST_S, loudness_lufs=-16, typical_lufs=LEVEL_LUFS
        ),
        speech=SpeechInfo(voices=_voices(), mixes=True),
        licence=Licence(weights="Apache-2.0", commercial=True, url="https://www.apache.org/licenses/LICENSE-2.0"),
        revision="kokoro-1",
    )
    Request: ClassVar[type[SpeechRequest]] = SpeechRequest
    Options: ClassVar[type[KokoroOptions]] = KokoroOptions

    def __init__(self, options: KokoroOptions | None = None) -> None:
        self.options = options or KokoroOptions()
        path = self.options.model_path
        self.folder = CHECKPOINT.folder if path is None else Path(path).expanduser()
        self.turns = Turns(self.options.at_once)
        self.espeak = EspeakProcess()
        self.door = threading.Lock()
        self.packs: dict[str, Pack] = {}
        self.session: Any = None

    def load(self) -> None:
        """Open the network and say a little. Raises LoadFailed: what was looked for, where, what to do."""
        if lacks := missing(self.folder, CHECKPOINT):
            if self.options.model_path is not None or not self.options.download:
                do = "continuo models pull kokoro" if self.options.model_path is None else "see the option model_path"
                raise LoadFailed(f"kokoro was looked for in {self.folder}: {told(lacks)}; {do}")
            kokoro_weights.pull(lambda _name, _done, _size: None)
        self.session = open_graph(self.folder / GRAPH, GRAPH_SHA256, self.options.threads)
        english.prepare(british=False)
        self._say(english.phonemes(_WARM_UP, british=False), self._pack("af_heart"), 1.0)

    def missing(self) -> list[str]:
        """A line when the files are not all there, and one when only English can be read."""
        lines = []
        if lacks := missing(self.folder, CHECKPOINT):
            lines.append(f"kokoro in {self.folder}: {told(lacks)}; fetch it: continuo models pull kokoro")
        return lines if installed() else [*lines, f"kokoro reads English only: {ABSENT}"]

    def download(self, report: Report) -> list[Path]:
        """Fetch or complete the files; returns their folder. Raises LoadFailed."""
        return [kokoro_weights.pull(report)]

    def generate(self, request: SpeechRequest, context: Context) -> Iterator[Audio]:
        """Yield float32 (1, frames) at 24 kHz, piece by piece with their pauses.

        The language is that of the (first) voice. Raises InvalidInput, LoadFailed, Cancelled.
        """
        speech = self.info.speech
        assert speech is not None
        mixed = mixture(speech, request.voice, request.language)
        pack = self._mixed(tuple(mixed.items()))
        gain = np.float32(10 ** ((LEVEL_LUFS - sum(share * levels_lufs()[name] for name, share in mixed.items())) / 20))
        accent = next(iter(mixed))[0]
        language = LANGUAGES[accent][0]
        to_phonemes, known = self._reader(accent)
        cut = pieces(
            request.input,
            language,
            normalize=request.normalize,
            most_chars=_MOST_CHARACTERS,
            first_chars=_FIRST_CHARACTERS,
        )

        def say(words: str, _number: int) -> Samples:
            return self._say(to_phonemes(words), pack, request.speed) * gain

        yield from speak(cut, Voiced(say, RATE_HZ, self.turns, known, request.speed), context, request.input)

    def _reader(self, accent: str) -> tuple[Callable[[str], str], Callable[[str], bool]]:
        """What makes phonemes of words, and which characters it knows. Raises InvalidInput without espeak-ng."""
        language, spoken = LANGUAGES[accent]
        if not spoken:
            return lambda words: english.phonemes(words, british=accent == "b"), english.known
        try:
            self.espeak.start()
        except LoadFailed as error:
            raise InvalidInput(f"voices of {language} need espeak-ng: {error}", "/voice") from error

        def ipa(words: str) -> str:
            try:
                return self.espeak.phonemes(words, spoken)
            except Refused as error:
                raise InvalidInput(str(error), "/input") from error

        return lambda words: from_espeak(words, ipa), _known_in_kana if accent == "j" else _known_to_espeak

    def _say(self, phonemes: str, pack: Pack, speed: float) -> Samples:
        own = own_speed(speed)
        said = [self._said(ids, pack, own) for part in parts(phonemes, MOST_SYMBOLS) if (ids := numbers(part))]
        return stretched(np.concatenate(said), RATE_HZ, speed / own) if said else np.zeros(0, np.float32)

    def _said(self, ids: list[int], pack: Pack, speed: float) -> Samples:
        feed = {
            "tokens": np.array([ids], np.int64),
            "style": pack[style_row(len(ids) - 2)][None],
            "speed": np.array([speed], np.float32),
        }
        return trimmed(self.session.run(None, feed)[0].reshape(-1), RATE_HZ)

    def _pack(self, name: str) -> Pack:
        """A voice (510, 256). Raises LoadFailed."""
        file = f"voices/{name}.bin"
        with self.door:
            if name not in self.packs:
                if (found := sha256_of(self.folder / file)) != published_voices()[file]:
                    raise LoadFailed(f"{self.folder / file} has sha256 {found}, expected {published_voices()[file]}")
                self.packs[name] = np.fromfile(self.folder / file, "<f4").reshape(MOST_SYMBOLS, -1)
            return self.packs[name]

    def _mixed(self, shares: tuple[tuple[str, float], ...]) -> Pack:
        mixed: Pack = sum(np.float32(share) * self._pack(name) for name, share in shares)  # type: ignore[assignment]
        return mixed


def style_row(symbols: int) -> int:
    """Which row of a voice belongs to so many symbols."""
    return min(max(symbols - 1, 0), MOST_SYMBOLS - 1)


@lru_cache(maxsize=256)
def mixture(speech: SpeechInfo, name: str | None, language: str | None) -> Mapping[str, float]:
    """The voices of a mixture with their shares, which sum to 1; one that is named twice has both of its shares.

    Raises InvalidInput that says how a mixture is written or which voices there are.
    """
    if name is None or not set(name) & set("+("):
        return {named(speech, name, language).name: 1.0}
    found = [_PART.fullmatch(part.strip()) for part in name.split("+")]
    weights: dict[str, float] = {}
    for match in found:
        if match is None or len(found) > _MOST_MIXED:
            how = f"af_heart+am_michael or af_heart(2)+am_michael(1), of at most {_MOST_MIXED}"
            raise InvalidInput(f"a mixture of voices is written as {how}, not {name!r}", "/voice")
        voice = named(speech, match["name"]).name
        weights[voice] = weights.get(voice, 0.0) + float(match["weight"] or 1)
    total = sum(weights.values())
    if not total:
        raise InvalidInput(f"the weights of {name!r} sum to nothing", "/voice")
    return {voice: weight / total for voice, weight in weights.items()}


def _known_to_espeak(character: str) -> bool:
    return character.isprintable()


def _known_in_kana(character: str) -> bool:
    """espeak-ng names a Chinese character instead of reading it in Japanese: these are told, not spoken."""
    return character.isprintable() and not unicodedata.name(character, "").startswith("CJK UNIFIED")
