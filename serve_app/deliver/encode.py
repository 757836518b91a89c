"""Samples to the bytes of a wav, flac, opus, mp3 or aac file. Pure: the same samples give the same bytes, always.

Decoded length is exact for every format: WAV and FLAC hold the frames as they are, the others say which of the decoded
frames are sound (see `encoders/`). Opus, MP3 and AAC may overshoot: a decoded peak can lie a little over the true peak
that went in, which is why the finisher leaves 1 dB.
"""

import io
import mmap
from collections.abc import Callable
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from serve_app.deliver.delivery import File
from serve_app.deliver.encoders.target import Target
from serve_app.deliver.formats import MEDIA_TYPES, MOST_CHANNELS, RATES_HZ, BitDepth, Format, encoder_rate_hz
from serve_app.errors import StorageFull

IN_MEMORY_BYTES = 16 << 20  # of samples: what is longer is encoded to a temporary file


def encode(samples: NDArray[np.float32], sample_rate_hz: int, format: Format, bit_depth: BitDepth = 16) -> File:
    """Encode float32 samples (channels, frames), nominal range [-1, 1].

    `bit_depth` concerns wav (16, 24, or 32 for float) and flac (16, 24): integers are dithered and clip at full scale.
    Raises ValueError for a rate, a depth or a number of channels that the format lacks, StorageFull when the temporary
    folder has no room.
    """
    if encoder_rate_hz(format, sample_rate_hz) != sample_rate_hz:
        raise ValueError(f"{format} cannot hold {sample_rate_hz} Hz; resample to one of {RATES_HZ[format]} Hz")
    if format == "flac" and bit_depth == 32:
        raise ValueError("flac holds 16 or 24 bits, not 32; ask for wav to get float samples")
    if len(samples) > MOST_CHANNELS[format]:
        raise ValueError(f"{format} holds at most {MOST_CHANNELS[format]} channels, these are {len(samples)}")
    write = _writer(samples, sample_rate_hz, format, bit_depth)
    if samples.nbytes <= IN_MEMORY_BYTES:
        memory = io.BytesIO()
        _write(write, Target(memory))
        return File(memory.getvalue(), MEDIA_TYPES[format])
    with TemporaryFile(buffering=0) as file:
        _write(write, Target(file))
        return File(mmap.mmap(file.fileno(), 0), MEDIA_TYPES[format])


def _writer(
    samples: NDArray[np.float32], rate_hz: int, format: Format, bit_depth: BitDepth
) -> Callable[[Target], None]:
    """What writes the file. Each library is loaded when it is needed: FFmpeg's take 25 MiB and 0.1 s."""
    if format == "mp3":
        from serve_app.deliver.encoders.mp3 import write_mp3

        return lambda target: write_mp3(samples, rate_hz, target)
    if format in ("opus", "aac"):
        from serve_app.deliver.encoders.ffmpeg import write_aac, write_opus

        return lambda target: (write_opus if format == "opus" else write_aac)(samples, rate_hz, target)
    from serve_app.deliver.encoders.lossless import write_flac, write_wav

    return lambda target: (write_flac if format == "flac" else write_wav)(samples, rate_hz, target, bit_depth)


def _write(write: Callable[[Target], None], target: Target) -> None:
    try:
        write(target)
    except Exception:
        if target.error is None:  # else that is the cause
            raise
    if target.error is not None:
        reason = f"the temporary folder did not take the encoded sound: {target.error.strerror}"
        raise StorageFull(reason) from target.error
