"""Encoders whose bytes leave as they come: blocks of samples in, bytes out, nothing that is written is changed later.

The length is known before, so headers say it from the first byte on: WAV, FLAC, MP3 and Opus decode to exactly the
frames that went in. AAC comes as ADTS, which has no place for that: it begins with 1,024 frames of silence.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from serve_app.deliver.encoders.blocks import Samples, integers
from serve_app.deliver.formats import BitDepth


@dataclass(frozen=True)
class Shape:
    """What is known of a sound before it is there: frames, their rate, channels, bits of a stored sample."""

    frames: int
    rate_hz: int
    channels: int
    bit_depth: BitDepth = 16


def encoded(format: str, blocks: Iterable[Samples], shape: Shape) -> Iterator[bytes]:
    """The bytes of float32 blocks (channels, frames). Each library is loaded when it is needed."""
    if format == "pcm":
        return _pcm(blocks, shape)
    if format == "wav":
        return _wav(blocks, shape)
    if format == "mp3":
        from serve_app.deliver.encoders.mp3 import stream_mp3

        return stream_mp3(blocks, shape.frames, shape.rate_hz, shape.channels)
    from serve_app.deliver.encoders.ffmpeg import stream_adts, stream_flac, stream_opus

    if format == "flac":
        return stream_flac(blocks, shape.frames, shape.rate_hz, shape.channels, shape.bit_depth)
    stream = stream_opus if format == "opus" else stream_adts
    return stream(blocks, shape.rate_hz, shape.channels)


def _pcm(blocks: Iterable[Samples], shape: Shape) -> Iterator[bytes]:
    """Little-endian integers, of 24 bits in three bytes, or floats; frames one after the other."""
    if shape.bit_depth == 32:
        for block in blocks:
            yield block.T.astype("<f4").tobytes()
        return
    for part in integers(blocks, 24 if shape.bit_depth == 24 else 16):
        data = part.astype(part.dtype.newbyteorder("<"), copy=False)
        yield data.tobytes() if shape.bit_depth == 16 else data.view("u1").reshape(-1, 4)[:, 1:].tobytes()


def _wav(blocks: Iterable[Samples], shape: Shape) -> Iterator[bytes]:
    """RIFF's header, then PCM: format 1 for integers, 3 for floats, which also has the chunk `fact`."""
    floats, frame_bytes = shape.bit_depth == 32, shape.channels * shape.bit_depth // 8
    size = shape.frames * frame_bytes
    coding = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 3 if floats else 1, shape.channels, shape.rate_hz, shape.rate_hz * frame_bytes,
        frame_bytes, shape.bit_depth,
    )  # fmt: skip
    fact = struct.pack("<4sII", b"fact", 4, shape.frames) if floats else b""
    padding = bytes(size % 2)
    body = b"WAVE" + coding + fact + struct.pack("<4sI", b"data", size)
    yield struct.pack("<4sI", b"RIFF", len(body) + size + len(padding)) + body
    yield from _pcm(blocks, shape)
    if padding:
        yield padding
