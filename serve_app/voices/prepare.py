"""A stranger's recording to a reference, in a process that may do nothing else. Run as a script by `recording.py`.

It reads the file at standard input as `assets/probe.py` does, in the same limits, and writes a line of JSON,
{reference, checks} or {refused: why}, and behind it the reference as FLAC.
"""

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # an isolated process looks for modules in no folder by itself

from serve_app.assets import probe

Facts = dict[str, Any]

SHORTEST_S, LONGEST_S = 3.0, 60.0
_SLACK_S = 0.1  # of what encoders add and cut off
_FULL_SCALE = 0.9995


class Recorded(probe.Counted):
    """A mono sound as it is decoded: the mean of its channels, and how many samples of any are at full scale."""

    def __init__(self, rate_hz: int, channels: int, longest_s: float) -> None:
        super().__init__(rate_hz, channels, longest_s)
        self.clipped = 0
        self.blocks: list[Any] = []

    def check_length(self, frames: int) -> None:
        """Raise Refused for more than is possible."""
        if frames > (self.longest_s + _SLACK_S) * self.rate_hz:
            raise probe.Refused(_length(frames / self.rate_hz, " or longer"))

    def add(self, block: Any, frames: int) -> None:
        """One more block, of floats or of whole numbers."""
        import numpy as np

        super().add(block, frames)
        if block.dtype.kind in "iu":
            half = 2.0 ** (8 * block.dtype.itemsize - 1)
            block = (block.astype(np.float64) - (half if block.dtype.kind == "u" else 0)) / half
        self.clipped += int(np.count_nonzero(np.abs(block) >= _FULL_SCALE))
        self.blocks.append(np.clip(block, -4, 4).mean(axis=1, dtype=np.float64).astype(np.float32))

    def samples(self) -> Any:
        """All of it, (frames,). Raises Refused when it is too short."""
        import numpy as np

        if self.frames < (SHORTEST_S - _SLACK_S) * self.rate_hz:
            raise probe.Refused(_length(self.frames / self.rate_hz))
        return np.concatenate(self.blocks)


def _length(seconds: float, more: str = "") -> str:
    return f"the recording lasts {seconds:.1f} s{more}; {SHORTEST_S:g} to {LONGEST_S:g} s are possible"


def prepare(file: IO[bytes], limits: Facts) -> tuple[Facts, bytes]:
    """The facts of a recording and its reference as FLAC. Raises Refused."""
    from serve_app.deliver.reference import LOUDNESS_LUFS, prepared
    from serve_app.errors import UnusableAudio

    media_type = probe.type_of(file.read(512))
    if media_type.startswith("image/"):
        raise probe.Refused(f"the file is a picture ({media_type}); a recording of a voice is needed")
    made: list[Recorded] = []

    def record(rate_hz: int, channels: int, longest_s: float) -> Recorded:
        made.append(Recorded(rate_hz, channels, longest_s))
        return made[-1]

    probe.sound(file, media_type, limits, record)
    recorded = made[-1]  # of the reader that came to the end
    try:
        reference = prepared(recorded.samples(), recorded.rate_hz, recorded.clipped)
    except UnusableAudio as why:
        raise probe.Refused(str(why)) from None
    data = _flac(reference.samples, reference.sample_rate_hz)
    facts = {
        "media_type": "audio/flac",
        "duration_s": round(reference.samples.shape[1] / reference.sample_rate_hz, 3),
        "sample_rate_hz": reference.sample_rate_hz,
        "channels": 1,
        "bytes": len(data),
        "loudness_lufs": LOUDNESS_LUFS,
    }
    checks = {**reference.checks, "speakers": _speakers(reference.samples[0], reference.sample_rate_hz)}
    return {"reference": facts, "checks": checks}, data


def _speakers(samples: Any, rate_hz: int) -> int | None:
    """How many people speak, as far as it can be told on this machine."""
    import soxr

    from serve_app.voices.speakers import RATE_HZ, speakers

    return speakers(soxr.resample(samples, rate_hz, RATE_HZ, quality="HQ"))


def _flac(samples: Any, rate_hz: int) -> bytes:
    """24 bits, which need no dither."""
    import soundfile

    made = io.BytesIO()
    soundfile.write(made, samples.T, rate_hz, format="FLAC", subtype="PCM_24")
    return made.getvalue()


def _answers(limits: Facts) -> Iterator[tuple[Facts, bytes]]:
    probe.confine(limits)
    try:
        yield prepare(os.fdopen(0, "rb"), limits)
    except probe.Refused as why:
        yield {"refused": str(why)}, b""
    except MemoryError:
        yield {"refused": "the file opens to more memory than is given to it"}, b""


if __name__ == "__main__":
    for facts, data in _answers(json.loads(sys.argv[1])):
        sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + data)
