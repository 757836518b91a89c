"""Speech in plain Python, without the service: the class that the specification of its users names.

    from deployments.speech.python import OpenAudioTTS

    tts = OpenAudioTTS()                                   # hibari; OpenAudioTTS("kokoro") and others by their names
    tts.text_to_speech("Hello there.", "hello.mp3")
    samples = tts.generate("As samples.", voice="heart", speed=1.2)   # float32 (frames,), tts.sample_rate_hz

What it gives is the model's own sound; loudness and true peak are set in the service only.
"""

import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from deployments.contract import Audio, Context, InvalidInput, Model, Product, SpeechRequest

Speech = NDArray[np.float32]

# Names that stand for a class; any other model of speech is given as `package.module:Class`.
MODELS = {
    "hibari": "deployments.speech.hibari:Hibari",
    "kokoro": "deployments.speech.kokoro:Kokoro",
    "espeak": "deployments.speech.espeak:Espeak",
}
ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3")


class OpenAudioTTS:
    """One model of speech. It is loaded when it first speaks; several threads may use it."""

    def __init__(self, model: str = "hibari", **options: Any) -> None:
        """`model` is one of MODELS or `package.module:Class`, `options` are its own. Raises ValueError."""
        module, _, name = MODELS.get(model, model).partition(":")
        if not name:
            raise ValueError(f"'{model}' is no model; known: {', '.join(MODELS)}, or package.module:Class")
        made: Any = getattr(import_module(module), name)
        if made.info.task != "speech":
            raise ValueError(f"{module}:{name} does {made.info.task}, not speech")
        self._class = made
        self._model: Model = made(made.Options.model_validate(options))
        self._loading, self._loaded = threading.Lock(), False

    @property
    def sample_rate_hz(self) -> int:
        """Of what it generates."""
        return int(self._class.info.sound.sample_rate_hz)

    @property
    def voices(self) -> list[str]:
        """The names of its voices."""
        speech = self._class.info.speech
        return [voice.name for voice in speech.voices] if speech is not None else []

    def load(self) -> None:
        """Load the model now. Raises LoadFailed, which says what is missing and what to do."""
        with self._loading:
            if not self._loaded:
                self._model.load()
                self._loaded = True

    def stream(self, text: str, *, voice: str | None = None, seed: int = 0, **fields: Any) -> Iterator[Speech]:
        """Yield float32 (frames,) as they are made. `fields` are those of the model's request: speed, language, ...

        Raises InvalidInput for what it cannot say, LoadFailed.
        """
        request = self._request(text, voice, seed, fields)
        self.load()
        made = self._model.generate(request, Context(seed=seed))
        for chunk in (made,) if isinstance(made, Product) else made:
            assert isinstance(chunk, Audio)  # what a model of speech makes
            yield np.asarray(chunk.samples, np.float32).mean(axis=0)

    def generate(self, text: str, *, voice: str | None = None, seed: int = 0, **fields: Any) -> Speech:
        """Return the whole text as float32 (frames,) at `sample_rate_hz`. Raises as `stream`."""
        return np.concatenate(list(self.stream(text, voice=voice, seed=seed, **fields)))

    def text_to_speech(self, text: str, output_path: str | Path, **fields: Any) -> Path:
        """Speak into a file, whose ending sets its format; it is written as it is made. Raises as `stream`, OSError."""
        import soundfile

        path = _writable(output_path)
        chunks = self.stream(text, **fields)
        first = next(chunks)  # what cannot be said leaves no file
        with soundfile.SoundFile(path, "w", self.sample_rate_hz, 1, **_coding(path)) as file:
            file.write(first)
            for chunk in chunks:
                file.write(chunk)
        return path

    def save_audio(self, samples: Speech, output_path: str | Path, sample_rate_hz: int | None = None) -> Path:
        """Write float32 (frames,) into a file, whose ending sets its format. Raises ValueError, OSError."""
        import soundfile

        path = _writable(output_path)
        soundfile.write(path, samples, sample_rate_hz or self.sample_rate_hz, **_coding(path))
        return path

    def _request(self, text: str, voice: str | None, seed: int, fields: dict[str, Any]) -> SpeechRequest:
        given = {"input": text, "voice": voice, "seed": seed, **fields}
        try:
            request: SpeechRequest = self._class.Request.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidInput(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        return request


def _writable(path: str | Path) -> Path:
    found = Path(path)
    if found.suffix.lower() not in ENDINGS:
        raise ValueError(f"'{found}': the ending is none of a format; use {', '.join(ENDINGS)}")
    return found


def _coding(path: Path) -> dict[str, str]:
    """soundfile's words for what it does not take from an ending."""
    if path.suffix.lower() in (".ogg", ".opus"):
        return {"format": "OGG", "subtype": "OPUS"}
    return {"format": path.suffix[1:].upper()}
