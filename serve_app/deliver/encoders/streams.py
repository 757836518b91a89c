"""Encoders whose bytes leave as they come: blocks of samples in, bytes out, nothing that is written is changed later.

Where the length is known before, headers say it from the first byte on: WAV, FLAC, MP3 and Opus decode to exactly the
frames that went in. AAC comes as ADTS, which has no place for that: it begins with 1,024 frames of silence.

Where it is not, WAV says what players read as "until the end", FLAC that it does not know, and MP3 has no tag but a
constant bit rate, from which players take the length: it begins with 1,105 frames of silence and ends with what fills
its last frame. `final_header` gives the beginning of the WAV or FLAC file that is stored.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from serve_app.deliver.encoders.blocks import Samples, integers
from serve_app.deliver.encoders.flac_info import flac_info
from serve_app.deliver.formats import BitDepth

FINAL_HEADER_BYTES = 64
_UNKNOWN = 0xFFFFFFFF
_FLAC_INFO = 8  # where STREAMINFO begins: after the mark and the header of its block


@dataclass(frozen=True)
class Shape:
    """What is known of a sound before it is there: frames if any, their rate, channels, bits of a stored sample."""

    frames: int | None
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
    written = 0
    yield wav_header(shape)
    for data in _pcm(blocks, shape):
        written += len(data)
        yield data
    if written % 2:
        yield b"\0"


def wav_header(shape: Shape) -> bytes:
    """RIFF's header, before PCM: format 1 for integers, 3 for floats, which also has the chunk `fact`."""
    floats, frame_bytes = shape.bit_depth == 32, shape.channels * shape.bit_depth // 8
    size = _UNKNOWN if shape.frames is None else shape.frames * frame_bytes
    coding = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 3 if floats else 1, shape.channels, shape.rate_hz, shape.rate_hz * frame_bytes,
        frame_bytes, shape.bit_depth,
    )  # fmt: skip
    frames = _UNKNOWN if shape.frames is None else shape.frames
    fact = struct.pack("<4sII", b"fact", 4, frames) if floats else b""
    body = b"WAVE" + coding + fact + struct.pack("<4sI", b"data", min(size, _UNKNOWN))
    whole = _UNKNOWN if shape.frames is None else len(body) + size + size % 2
    return struct.pack("<4sI", b"RIFF", min(whole, _UNKNOWN)) + body


def final_header(format: str, shape: Shape, frames: int, header: bytes) -> bytes:
    """What a stored file begins with instead of `header`, of a sound whose `frames` were not known while it was made.

    `header` is as much of the beginning as any format has to change: FINAL_HEADER_BYTES.
    """
    if shape.frames is not None or format not in ("wav", "flac"):
        return header
    if format == "wav":
        final = wav_header(replace(shape, frames=frames))
        return final + header[len(final) :]
    return header[:_FLAC_INFO] + flac_info(header[_FLAC_INFO:], frames)
