"""WAV and FLAC by libsndfile: the frames as they are."""

from collections.abc import Iterable
from typing import Any

import soundfile as sf

from serve_app.deliver.encoders.blocks import Samples, floats, integers
from serve_app.deliver.encoders.target import Target

_SUBTYPES = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}
_FLAC_LEVEL = 0.375  # libFLAC's level 3 of 8: level 5 saves 1 % and costs a third more


def write_wav(samples: Samples, rate_hz: int, target: Target, bit_depth: int) -> None:
    """16 or 24 bits, or 32 for floats."""
    _write(samples, rate_hz, target, bit_depth, {"format": "WAV"})
    if bit_depth == 32:
        _remove_time(target)


def write_flac(samples: Samples, rate_hz: int, target: Target, bit_depth: int) -> None:
    """16 or 24 bits."""
    _write(samples, rate_hz, target, bit_depth, {"format": "FLAC", "compression_level": _FLAC_LEVEL})


def _write(samples: Samples, rate_hz: int, target: Target, bit_depth: int, options: dict[str, Any]) -> None:
    blocks: Iterable[Any]
    if bit_depth == 32:
        blocks = (part.T for part in floats(samples, rate_hz))
    else:
        blocks = integers(floats(samples, rate_hz), 24 if bit_depth == 24 else 16)
    with sf.SoundFile(target, "w", rate_hz, len(samples), subtype=_SUBTYPES[bit_depth], **options) as out:
        for block in blocks:
            out.write(block)


def _remove_time(target: Target) -> None:
    """Undo what libsndfile sets anew in each file of floats: the time in its PEAK chunk."""
    target.seek(0)
    peak = target.read(128).find(b"PEAK")
    target.seek(peak + 12)
    target.write(bytes(4))
