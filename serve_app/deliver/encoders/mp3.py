"""MP3 by lameenc: LAME as it is, three times as fast as libsndfile's or FFmpeg's build of it.

lameenc gives frames without the tag that says where the sound begins and ends, so it is written here: a first frame of
silence that holds what Xing and LAME put there (gabriel.mp3-tech.org/mp3infotag.html). Decoders that read it
(libsndfile, FFmpeg, browsers) give exactly the frames written, others about 1,100 frames of silence first.
"""

import struct
from collections.abc import Iterable, Iterator
from itertools import chain

import lameenc

from serve_app.deliver.encoders.blocks import Samples, floats, integers
from serve_app.deliver.encoders.target import Target

_DELAY = 576  # frames by which LAME's output is late; decoders add 529 of their own
_VBR_OFF, _VBR_MTRH, _VBR_QUALITY = 0, 4, 2  # LAME's V2, about 190 kbit/s for stereo music
_EFFORT = 5  # 3, LAME's own choice, costs a fifth more and saves 2 % of the bytes for the same noise
_KBPS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_TAG_BYTES = 156  # after header and side information


def write_mp3(samples: Samples, rate_hz: int, target: Target) -> None:
    """One or two channels, at a rate that MP3 has."""
    encoder = _encoder(len(samples), rate_hz)
    stream = _Frames(rate_hz, target)
    for block in integers(floats(samples, rate_hz), 16):
        stream.write(encoder.encode(block.tobytes()))
    stream.write(encoder.flush())
    stream.write_tag(samples.shape[1])


def stream_mp3(blocks: Iterable[Samples], frames: int | None, rate_hz: int, channels: int) -> Iterator[bytes]:
    """As `write_mp3`, of a sound that will have so many frames; its tag has no table of places to seek to.

    Where nobody knows how many, there is no tag, and the bit rate is constant: players take the length from it.
    """
    encoder, tag = _encoder(channels, rate_hz, constant=frames is None), b""
    for block in chain(integers(blocks, 16), (None,)):
        data = bytes(encoder.flush() if block is None else encoder.encode(block.tobytes()))
        if data and not tag and frames is not None:  # LAME gives whole frames
            header = _tag_header(data[:4], rate_hz)
            tag = _tag(header, _frames_of(frames, header), frames).ljust(_length(header, rate_hz), b"\0")
            yield tag
        yield data


def _encoder(channels: int, rate_hz: int, *, constant: bool = False) -> lameenc.Encoder:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(channels)
    encoder.set_in_sample_rate(rate_hz)
    encoder.set_out_sample_rate(rate_hz)
    if constant:
        encoder.set_vbr(_VBR_OFF)
        encoder.set_bit_rate(_constant_kbps(rate_hz, channels))
    else:
        encoder.set_vbr(_VBR_MTRH)
        encoder.set_vbr_quality(_VBR_QUALITY)
    encoder.set_quality(_EFFORT)
    return encoder


def _frames_of(samples: int, header: bytes | bytearray) -> int:
    """How many MP3 frames LAME makes of so many samples of a channel."""
    return -(-samples // 1152) + 1 if _is_mpeg1(header) else -(-samples // 576) + 2


class _Frames:
    """Writes whole frames after a place for the tag, and remembers where each begins."""

    def __init__(self, rate_hz: int, target: Target) -> None:
        self._rate_hz, self._target = rate_hz, target
        self._rest = bytearray()
        self._header = b""  # of the tag
        self._starts: list[int] = []
        self._at = 0

    def write(self, data: bytes) -> None:
        self._rest += data
        if not self._header and len(self._rest) >= 4:
            self._header = _tag_header(self._rest[:4], self._rate_hz)
            self._at = _length(self._header, self._rate_hz)
            self._target.write(bytes(self._at))
        end = 0
        while len(self._rest) >= end + 4:
            length = _length(self._rest[end : end + 4], self._rate_hz)
            if len(self._rest) < end + length:
                break
            self._starts.append(self._at + end)
            end += length
        self._target.write(bytes(self._rest[:end]))
        del self._rest[:end]
        self._at += end

    def write_tag(self, frames: int) -> None:
        """`frames` of sound were encoded, and all of the stream is written."""
        count = len(self._starts)
        places = bytes(256 * self._starts[count * percent // 100] // self._at for percent in range(100))
        self._target.seek(0)
        self._target.write(_tag(self._header, count, frames, self._at, places))


def _tag(header: bytes, count: int, samples: int, size: int = 0, places: bytes = b"") -> bytes:
    """The first frame, that says how many follow; those of a stream have no size yet and no `places` to seek to."""
    padding = count * (1152 if _is_mpeg1(header) else 576) - samples - _DELAY
    seeking = struct.pack(">I100s", size, places) if places else b""
    xing = struct.pack(">4s2I", b"Xing", 0xF if places else 0x9, count) + seeking
    xing += struct.pack(">I", 100 - 10 * _VBR_QUALITY - _EFFORT)
    lame = struct.pack(">9sB11x", b"LAME3.100", _VBR_MTRH) + (_DELAY << 12 | padding).to_bytes(3)
    tag = header + bytes(_side_bytes(header)) + xing + lame + struct.pack(">4xIH", size, 0)
    return tag + _crc(tag).to_bytes(2)


def _constant_kbps(rate_hz: int, channels: int) -> int:
    """As many as MP3 needs to leave speech and music as they are: 96 a channel at 48 kHz, 48 at 24 kHz."""
    table = _KBPS_MPEG1 if rate_hz >= 32_000 else _KBPS_MPEG2
    wanted = channels * rate_hz // 500
    return next((kbps for kbps in table[1:] if kbps >= wanted), table[-1])


def _side_bytes(header: bytes | bytearray) -> int:
    mono = header[3] >> 6 == 3
    if _is_mpeg1(header):
        return 17 if mono else 32
    return 9 if mono else 17


def _is_mpeg1(header: bytes | bytearray) -> bool:
    return bool(header[1] & 8)


def _length(header: bytes | bytearray, rate_hz: int) -> int:
    """Bytes of the frame with this header."""
    index, padded = header[2] >> 4, header[2] >> 1 & 1
    if _is_mpeg1(header):
        return 144_000 * _KBPS_MPEG1[index] // rate_hz + padded
    return 72_000 * _KBPS_MPEG2[index] // rate_hz + padded


def _tag_header(first: bytes | bytearray, rate_hz: int) -> bytes:
    """That of the first frame, with the lowest bit rate that has room for the tag."""
    headers = (bytes([*first[:2], index << 4 | first[2] & 0x0C, first[3]]) for index in range(1, 15))
    return next(header for header in headers if _length(header, rate_hz) >= 4 + 32 + _TAG_BYTES)


def _crc(data: bytes) -> int:
    """CRC-16/ARC, which players check before they believe the tag."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
