"""Opus in Ogg and AAC in MP4 by PyAV, FFmpeg's libraries.

Both say exactly which frames are sound: Ogg by Opus's pre-skip and the granule position of the last page (RFC 7845),
MP4 by its edit list. FFmpeg itself heeds an edit list's beginning only and decodes up to 1,023 frames of near silence
after its end; `Stream.duration` is exact there too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

from serve_app.deliver.encoders.blocks import Samples, floats
from serve_app.deliver.encoders.target import Reader, Target


@dataclass(frozen=True)
class _Codec:
    name: str
    container: str
    sample_format: str
    bits_per_s: int  # of one channel
    options: Mapping[str, str]
    container_options: Mapping[str, str]


def write_opus(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that Opus has; 60 kbit/s a channel at 48 kHz."""
    # Complexity 10 costs a quarter more than 7 for no less noise; below 7 libopus does not analyse what it encodes.
    options = {"vbr": "constrained", "compression_level": "7"}
    _write(samples, rate_hz, target, _Codec("libopus", "ogg", "flt", 12_000 + rate_hz, options, {}))


def write_aac(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that AAC has; 96 kbit/s a channel at 48 kHz.

    The index stands before the sound, so that players begin at once.
    """
    # At 2 bits a sample "fast" leaves less noise than "twoloop" in under half the time. Its own cutoff is 17 kHz, and
    # rain would be 1 LU quieter for it. Without the timescale an edit list's length would be in milliseconds.
    options = {"aac_coder": "fast", "cutoff": str(min(20_000, rate_hz // 2))}
    index = {"movflags": "+faststart", "movie_timescale": str(rate_hz)}
    _write(samples, rate_hz, target, _Codec("aac", "ipod", "fltp", 2 * rate_hz, options, index))  # ipod: brand M4A


def _write(samples: Samples, rate_hz: int, target: Target, codec: _Codec) -> None:
    options = {"fflags": "+bitexact", **codec.container_options}  # no versions, times, random numbers
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(
        target, "w", codec.container, container_options=options, io_open=lambda *_: Reader(target)
    ) as container:
        stream = container.add_stream(codec.name, rate=rate_hz, layout=layout, options=dict(codec.options))
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = codec.bits_per_s * len(samples)
        at = 0
        for block in floats(samples, rate_hz):
            planes = block if codec.sample_format == "fltp" else block.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), codec.sample_format, layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
            at += block.shape[1]
        container.mux(stream.encode(None))
