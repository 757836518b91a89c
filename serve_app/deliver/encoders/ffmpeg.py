"""Opus in Ogg, AAC in MP4 or as a stream, FLAC as a stream by PyAV, FFmpeg's libraries.

Ogg and MP4 say exactly which frames are sound: Ogg by Opus's pre-skip and the granule position of the last page
(RFC 7845), MP4 by its edit list. FFmpeg itself heeds an edit list's beginning only and decodes up to 1,023 frames of
near silence after its end; `Stream.duration` is exact there too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import av
import numpy as np

from serve_app.deliver.encoders.blocks import Samples, floats, integers
from serve_app.deliver.encoders.flac_info import flac_info
from serve_app.deliver.encoders.target import Reader, Target

_PAGE_US = 100_000
# FFmpeg's parser, which is Chromium's too, gives the first block when it has seen ten more. Blocks of 0.1 s, which the
# level takes, would be 1 % (rain) to 6 % (piano) smaller.
_FLAC = {"compression_level": "5", "frame_size": "1152"}
# FLAC's own orders of channels (RFC 9639, section 9.1.3)
_LAYOUTS = {1: "mono", 2: "stereo", 3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


@dataclass(frozen=True)
class _Codec:
    name: str
    container: str
    sample_format: str
    bits_per_s: int  # of one channel
    options: Mapping[str, str]
    container_options: Mapping[str, str]

    @property
    def all_options(self) -> dict[str, str]:
        """Those of the container: no versions, times, random numbers."""
        return {"fflags": "+bitexact", **self.container_options}


class _Sink:
    """Takes what a muxer writes, which cannot go back, and gives it on."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, data: bytes) -> int:
        """All of it."""
        self.held += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self.held)
        self.held.clear()
        return data


def write_opus(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that Opus has; 60 kbit/s a channel at 48 kHz."""
    _write(samples, rate_hz, target, _opus(rate_hz))


def write_aac(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that AAC has; 96 kbit/s a channel at 48 kHz.

    The index stands before the sound, so that players begin at once.
    """
    # Without the timescale an edit list's length would be in milliseconds.
    index = {"movflags": "+faststart", "movie_timescale": str(rate_hz)}
    _write(samples, rate_hz, target, _aac(rate_hz, "ipod", index))  # ipod: brand M4A


def stream_opus(blocks: Iterable[Samples], rate_hz: int, channels: int) -> Iterator[bytes]:
    """As `write_opus`, in pages of 0.1 s."""
    return _stream(blocks, rate_hz, channels, _opus(rate_hz, {"page_duration": str(_PAGE_US)}))


def stream_adts(blocks: Iterable[Samples], rate_hz: int, channels: int) -> Iterator[bytes]:
    """As `write_aac`, each frame with a header of its own (ADTS)."""
    return _stream(blocks, rate_hz, channels, _aac(rate_hz, "adts", {}))


def stream_flac(
    blocks: Iterable[Samples], frames: int | None, rate_hz: int, channels: int, bit_depth: int
) -> Iterator[bytes]:
    """FLAC of a sound that will have so many frames: its first block says so, and nothing about a checksum."""
    layout, wide = _layout(channels), bit_depth == 24
    codec = av.CodecContext.create("flac", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = rate_hz, layout, "s32" if wide else "s16"
    codec.time_base = Fraction(1, rate_hz)
    codec.options = dict(_FLAC)
    codec.open()
    yield b"fLaC\x80\0\0\x22" + flac_info(bytes(codec.extradata or b""), frames or 0)
    at = 0
    for block in integers(blocks, 24 if wide else 16):
        frame = _frame(block.reshape(1, -1), "s32" if wide else "s16", layout, rate_hz, at)
        at += len(block)
        yield b"".join(map(bytes, codec.encode(frame)))
    yield b"".join(map(bytes, codec.encode(None)))


def _opus(rate_hz: int, container_options: Mapping[str, str] = MappingProxyType({})) -> _Codec:
    # Complexity 10 costs a quarter more than 7 for no less noise; below 7 libopus does not analyse what it encodes.
    options = {"vbr": "constrained", "compression_level": "7"}
    return _Codec("libopus", "ogg", "flt", 12_000 + rate_hz, options, container_options)


def _aac(rate_hz: int, container: str, container_options: Mapping[str, str]) -> _Codec:
    # At 2 bits a sample "fast" leaves less noise than "twoloop" in under half the time. Its own cutoff is 17 kHz, and
    # rain would be 1 LU quieter for it.
    options = {"aac_coder": "fast", "cutoff": str(min(20_000, rate_hz // 2))}
    return _Codec("aac", container, "fltp", 2 * rate_hz, options, container_options)


def _write(samples: Samples, rate_hz: int, target: Target, codec: _Codec) -> None:
    with av.open(
        target, "w", codec.container, container_options=codec.all_options, io_open=lambda *_: Reader(target)
    ) as container:
        for _ in _mux(container, floats(samples, rate_hz), rate_hz, len(samples), codec):
            pass


def _stream(blocks: Iterable[Samples], rate_hz: int, channels: int, codec: _Codec) -> Iterator[bytes]:
    sink = _Sink()
    with av.open(
        sink, "w", codec.container, container_options={**codec.all_options, "flush_packets": "1"}
    ) as container:
        for _ in _mux(container, blocks, rate_hz, channels, codec):
            yield sink.taken()
    yield sink.taken()


def _mux(
    container: av.container.OutputContainer, blocks: Iterable[Samples], rate_hz: int, channels: int, codec: _Codec
) -> Iterator[None]:
    """Encode block after block, and what the encoder still holds at the end."""
    layout = _layout(channels)
    stream = container.add_stream(codec.name, rate=rate_hz, layout=layout, options=dict(codec.options))
    assert isinstance(stream, av.AudioStream)
    stream.bit_rate = codec.bits_per_s * channels
    at = 0
    for block in blocks:
        planes = block if codec.sample_format == "fltp" else block.T.reshape(1, -1)
        container.mux(stream.encode(_frame(planes, codec.sample_format, layout, rate_hz, at)))
        at += block.shape[1]
        yield
    container.mux(stream.encode(None))


def _frame(planes: Any, sample_format: str, layout: str, rate_hz: int, at: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), sample_format, layout)
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
    return frame


def _layout(channels: int) -> str:
    return _LAYOUTS[channels]
