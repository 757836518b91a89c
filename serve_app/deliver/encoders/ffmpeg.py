"""Opus in Ogg and AAC in MP4 by PyAV, FFmpeg's libraries.

Both say exactly which frames are sound: Ogg by Opus's pre-skip and the granule position of the last page (RFC 7845),
MP4 by its edit list. FFmpeg itself heeds an edit list's beginning only and decodes up to 1,023 frames of near silence
after its end; `Stream.duration` is exact there too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
    bits_per_s: Callable[[int], int]  # of one channel, by the sample rate
    options: Mapping[str, str]
    container_options: Mapping[str, str] = field(default_factory=dict)


# 60 kbit/s a channel at 48 kHz. Complexity 10 costs a quarter more than 7 for no less noise; below 7 libopus does not
# analyse what it encodes.
_OPUS = _Codec(
    "libopus",
    "ogg",
    "flt",
    lambda rate_hz: 12_000 + rate_hz,
    {"vbr": "constrained", "compression_level": "7"},
)
# 96 kbit/s a channel at 48 kHz, where the coder "fast" leaves less noise than "twoloop" in a third of the time.
_AAC = _Codec(
    "aac",
    "ipod",  # MP4 with the brand M4A
    "fltp",
    lambda rate_hz: 2 * rate_hz,
    {"aac_coder": "fast"},
    {"movflags": "+faststart"},
)


def write_opus(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that Opus has."""
    _write(samples, rate_hz, target, _OPUS)


def write_aac(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that AAC has; the index stands before the sound, so that players begin at once."""
    # Without the timescale an edit list's length would be in milliseconds.
    _write(samples, rate_hz, target, _AAC, {"movie_timescale": str(rate_hz)})


def _write(
    samples: Samples, rate_hz: int, target: Target, codec: _Codec, more: Mapping[str, str] | None = None
) -> None:
    options = {"fflags": "+bitexact", **codec.container_options, **(more or {})}  # no versions, times, random numbers
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(
        target, "w", codec.container, container_options=options, io_open=lambda *_: Reader(target)
    ) as container:
        stream = container.add_stream(codec.name, rate=rate_hz, layout=layout, options=dict(codec.options))
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = codec.bits_per_s(rate_hz) * len(samples)
        at = 0
        for block in floats(samples, rate_hz):
            planes = block if codec.sample_format == "fltp" else block.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), codec.sample_format, layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
            at += block.shape[1]
        container.mux(stream.encode(None))
