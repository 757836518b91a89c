"""Recordings instead of a model: plays the sound files of a folder, for work on what needs real ones without weights.

- name: recorded
  model: deployments.recorded:Recorded
  options: {folder: ~/sounds}
  replicas: {min: 0, max: 1, cpus: 0.5}
"""

import hashlib
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from deployments.contract import Audio, Context, Frozen, Licence, LoadFailed, ModelInfo, SoundInfo, SoundRequest

ENDINGS = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif"})


class RecordedOptions(Frozen):
    """Where the recordings lie."""

    folder: str = Field(min_length=1, description="Sound files (wav, flac, ogg, opus, mp3, aiff); none below it.")


class Recorded:
    """The recording that the prompt's hash falls on, whatever the seed, from its beginning.

    A longer one is cut, a shorter one begins again when it has ended, without a crossfade: the seam can be heard. Which
    recording a prompt gets changes with the files in the folder, and results that are stored already do not.
    """

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        sound=SoundInfo(sample_rate_hz=48_000, channels=2, max_duration_s=600),  # at most: each file has its own
        licence=Licence(weights="of the recordings", commercial=False),
        revision="recorded-1",
    )
    Request: ClassVar[type[SoundRequest]] = SoundRequest
    Options: ClassVar[type[RecordedOptions]] = RecordedOptions

    def __init__(self, options: RecordedOptions) -> None:
        self.folder = Path(options.folder).expanduser()
        self.files: list[Path] = []

    def missing(self) -> list[str]:
        """The folder, if it is not there."""
        return [] if self.folder.is_dir() else [f"{self.folder}: no folder"]

    def load(self) -> None:
        """Look what is in the folder and open each file. Raises LoadFailed that names what cannot be played."""
        import soundfile

        if not self.folder.is_dir():
            raise LoadFailed(f"there is no folder {self.folder}; the option `folder` names one with sound files")
        self.files = sorted(file for file in self.folder.iterdir() if file.suffix.lower() in ENDINGS)
        if not self.files:
            raise LoadFailed(f"{self.folder} holds no sound file ({', '.join(sorted(ENDINGS))})")
        for file in self.files:
            try:
                frames = soundfile.info(file).frames
            except soundfile.LibsndfileError as error:
                raise LoadFailed(f"{file} cannot be read: {error}") from None
            if frames == 0:
                raise LoadFailed(f"{file} is empty")

    def generate(self, request: SoundRequest, context: Context) -> Audio:
        """Return float32 (channels, frames) at the file's own rate, of the asked duration."""
        import soundfile

        context.check()
        digest = hashlib.sha256(request.prompt.encode()).digest()
        file = self.files[int.from_bytes(digest[:8], "big") % len(self.files)]
        with soundfile.SoundFile(file) as recording:
            rate_hz, frames = recording.samplerate, max(1, round(request.duration_s * recording.samplerate))
            samples = recording.read(frames, dtype="float32", always_2d=True).T
        context.step(1, 1)
        again = np.resize(np.arange(samples.shape[1]), frames)
        return Audio(samples[:, again], rate_hz, {"recording": file.name})
