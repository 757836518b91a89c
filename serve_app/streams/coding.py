"""Frames [first, last) of a codec, encoded as if the stream had one encoder that never stops.

Each range has an encoder of its own, which hears some frames before and after and of whose packets only those of the
range are kept. What an encoder is late by is taken off what it hears, so that a decoder that gives all it decodes gives
sample n of the stream at place n, whichever the codec.
"""

import ctypes
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from typing import Any, Literal

import numpy as np

from deployments.contract import Samples
from serve_app.streams.grid import RATE_HZ

CodecName = Literal["aac", "mp3", "flac", "opus"]
Render = Callable[[int, int], Samples]  # samples [a, b) of the stream; a may be negative


@dataclass(frozen=True)
class Codec:
    """How a codec lies on the stream: `frame` samples at 44.1 kHz of each packet, packets that are encoded and dropped.

    `rate_hz` and `packet` are the rate and frames of a packet as the codec counts them.
    """

    name: CodecName
    frame: int
    rate_hz: int
    packet: int
    preroll: int
    after: int
    bits_per_s: int
    options: Mapping[str, str] = field(default_factory=dict)
    phase: int = 1  # encoders begin at a multiple of so many frames

    def begins(self, first: int) -> int:
        """The frame with which the encoder of a range begins."""
        return (first - self.preroll) // self.phase * self.phase


# AAC of a constant quality, on music about 130 kbit/s: what a segment's encoder does then depends on the sound around,
# not on bits spent long before, and most packets are those of one encoder. At a constant rate some seams were 4 dB
# noisier with "fast" and 12 with "twoloop", which also takes twice the time. The cutoff of "fast" alone is 17 kHz.
# MP3: at 128 kbit/s the lengths of frames repeat each 49, and without a bit reservoir they then are those of one
# encoder, byte by byte; effort 2 takes 1.5 to 2.4 times as long as 5. Opus: RFC 7845 asks for 80 ms; at a
# constant rate it remembers least.
_AAC = {"aac_coder": "fast", "cutoff": "20000", "flags": "+qscale", "global_quality": "140"}
CODECS: Mapping[CodecName, Codec] = {
    "aac": Codec("aac", 1024, RATE_HZ, 1024, 16, 4, 128_000, _AAC),
    "mp3": Codec("mp3", 1152, RATE_HZ, 1152, 49, 4, 128_000, {"quality": "5"}, phase=49),
    "flac": Codec("flac", 3584, RATE_HZ, 3584, 0, 0, 0, {"compression_level": "5", "frame_size": "3584"}),
    "opus": Codec("opus", 882, 48_000, 960, 16, 4, 96_000, {"vbr": "off", "compression_level": "7"}),
}
_AAC_DELAY, _MP3_DELAY, _OPUS_DELAY = 1024, 1105, 312  # of encoder and decoder together, in their own frames


def encode(codec: Codec, render: Render, first: int, last: int) -> list[bytes]:
    """The packets of frames [first, last), one each. Same samples, same packets."""
    return _ENCODERS[codec.name](codec, render, first, last)


def _aac(codec: Codec, render: Render, first: int, last: int) -> list[bytes]:
    begins = codec.begins(first)
    sound = render(begins * codec.frame, (last + codec.after) * codec.frame)
    packets = _packets("aac", "fltp", codec, sound)
    late = _AAC_DELAY // codec.packet
    return packets[first - begins + late : last - begins + late]


def _mp3(codec: Codec, render: Render, first: int, last: int) -> list[bytes]:
    begins = codec.begins(first)
    early = codec.frame - _MP3_DELAY
    sound = render(begins * codec.frame - early, (last + codec.after) * codec.frame - early)
    effort, lame = codec.options["quality"], _library()
    if lame is not None:
        packets = list(mp3_frames(_lame(lame, sound, codec.bits_per_s // 1000, int(effort))))
    else:
        ffmpegs = replace(codec, options={"compression_level": effort, "reservoir": "0"})
        packets = _packets("libmp3lame", "fltp", ffmpegs, sound)
    return packets[first - begins + 1 : last - begins + 1]


def _opus(codec: Codec, render: Render, first: int, last: int) -> list[bytes]:
    import soxr

    begins, margin = codec.begins(first), 4
    sound = render((begins - margin) * codec.frame, (last + codec.after + margin) * codec.frame)
    # A frame of 20 ms is a whole number of the resampler's steps, so the phase is the same wherever it begins.
    resampled = soxr.resample(sound.T, RATE_HZ, codec.rate_hz, quality="HQ").T
    start = margin * codec.packet - (codec.packet - _OPUS_DELAY)
    sound = resampled[:, start : start + (last + codec.after - begins) * codec.packet]
    packets = _packets("libopus", "flt", codec, sound)
    return packets[first - begins + 1 : last - begins + 1]


def _flac(codec: Codec, render: Render, first: int, last: int) -> list[bytes]:
    import synth_native

    sound = render(first * codec.frame, last * codec.frame)
    words = np.random.SFC64(first % 2**64).random_raw((sound.size + 1) // 2).view(np.int32)
    integers = synth_native.quantise(sound, words, 16)  # (frames, 2)
    return _packets("flac", "s16", codec, integers.T)


_ENCODERS: Mapping[CodecName, Callable[[Codec, Render, int, int], list[bytes]]] = {
    "aac": _aac,
    "mp3": _mp3,
    "flac": _flac,
    "opus": _opus,
}


def _packets(name: str, sample_format: str, codec: Codec, sound: Any) -> list[bytes]:
    """All packets that FFmpeg's encoder makes of a sound (2, frames)."""
    import av

    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.layout, context.format = codec.rate_hz, "stereo", sample_format
    context.time_base, context.options = Fraction(1, codec.rate_hz), dict(codec.options)
    if codec.bits_per_s:
        context.bit_rate = codec.bits_per_s
    packets: list[bytes] = []
    for at in range(0, sound.shape[1], codec.packet):
        block = sound[:, at : at + codec.packet]
        planes = block if sample_format == "fltp" else block.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(planes), sample_format, "stereo")
        frame.sample_rate, frame.pts, frame.time_base = codec.rate_hz, at, context.time_base
        packets += map(bytes, context.encode(frame))
    packets += map(bytes, context.encode(None))
    return [packet for packet in packets if packet]  # FLAC ends with an empty one


def flac_info(codec: Codec) -> bytes:
    """STREAMINFO of the stream, 34 bytes (RFC 9639, section 8.2): blocks of one size, nothing about the end."""
    sizes = codec.packet.to_bytes(2) * 2 + bytes(6)
    return sizes + (codec.rate_hz << 44 | 1 << 41 | 15 << 36).to_bytes(8) + bytes(16)


# --- MP3


_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


def mp3_frames(data: bytes) -> Iterator[bytes]:
    """The frames of MPEG-1 layer III at 44.1 kHz. Raises ValueError for anything else."""
    at = 0
    while at < len(data):
        header = data[at : at + 4]
        if len(header) < 4 or header[0] != 0xFF or header[1] & 0xFE != 0xFA or not 0 < header[2] >> 4 < 15:
            raise ValueError(f"no MP3 frame at byte {at}")
        length = 144_000 * _KBPS[header[2] >> 4] // RATE_HZ + (header[2] >> 1 & 1)
        yield data[at : at + length]
        at += length


def _lame(lame: ctypes.CDLL, sound: Samples, kbps: int, effort: int) -> bytes:
    """All that LAME makes of a sound at a constant rate and without a bit reservoir (functions of lame.h)."""
    encoder = ctypes.c_void_p(lame.lame_init())
    try:
        settings = {
            "in_samplerate": RATE_HZ, "out_samplerate": RATE_HZ, "num_channels": 2, "mode": 1, "brate": kbps,
            "quality": effort, "disable_reservoir": 1, "bWriteVbrTag": 0,
        }  # fmt: skip
        for name, value in settings.items():
            getattr(lame, f"lame_set_{name}")(encoder, value)
        if lame.lame_init_params(encoder) < 0:
            raise ValueError(f"LAME takes no {settings}")
        frames = sound.shape[1]
        out = ctypes.create_string_buffer(frames * 5 // 4 + 2 * 7200)  # as lame.h bounds it
        left, right = (np.ascontiguousarray(channel) for channel in sound)
        places = (channel.ctypes.data_as(ctypes.c_void_p) for channel in (left, right))
        size = lame.lame_encode_buffer_ieee_float(encoder, *places, frames, out, len(out))
        if size < 0:
            raise ValueError(f"LAME failed with {size}")
        data = out.raw[:size]
        size = lame.lame_encode_flush(encoder, out, len(out))
        return data + out.raw[: max(size, 0)]
    finally:
        lame.lame_close(encoder)


@cache
def _library() -> ctypes.CDLL | None:
    """LAME's own functions. lameenc, whose class has no switch for the reservoir, gives them away on Linux.

    None where it does not: FFmpeg's build of LAME does the same and takes three times as long.
    """
    import lameenc

    lame = ctypes.CDLL(lameenc.__file__)
    if not hasattr(lame, "lame_set_disable_reservoir"):
        return None
    lame.lame_init.restype = ctypes.c_void_p
    return lame
