"""Files as callers bring them, good and hostile, made in code."""

import io
import struct
import zlib
from fractions import Fraction

import av
import numpy as np
import soundfile
from PIL import Image


def sound(
    format: str = "WAV",
    *,
    rate_hz: int = 44_100,
    channels: int = 2,
    seconds: float = 0.5,
    subtype: str | None = None,
) -> bytes:
    """A quiet sine."""
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    samples = np.repeat(0.25 * np.sin(2 * np.pi * 440 * time_s)[:, None], channels, axis=1)
    made = io.BytesIO()
    soundfile.write(made, samples, rate_hz, format=format, subtype=subtype)
    return made.getvalue()


def by_ffmpeg(container: str, codec: str, seconds: float = 0.5, rate_hz: int = 48_000) -> bytes:
    """The same sine in a format that libsndfile does not know."""
    made = io.BytesIO()
    with av.open(made, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz, layout="stereo")
        time_s = np.arange(round(rate_hz * seconds)) / rate_hz
        samples = np.repeat(0.25 * np.sin(2 * np.pi * 440 * time_s)[None], 2, axis=0).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            out.mux(packet)
    return made.getvalue()


def wav_header(*, rate_hz: int = 44_100, channels: int = 1, bits: int = 16, data: bytes = b"", told: int = -1) -> bytes:
    """A WAV file with whatever its header says; `told` is the length that it claims."""
    size = len(data) if told < 0 else told
    block = channels * bits // 8
    kind = 3 if bits == 32 else 1
    head = struct.pack("<HHIIHH", kind, channels, rate_hz, (rate_hz * block) & 0xFFFFFFFF, block & 0xFFFF, bits)
    return (
        b"RIFF"
        + struct.pack("<I", (36 + size) & 0xFFFFFFFF)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + head
        + b"data"
        + struct.pack("<I", size & 0xFFFFFFFF)
        + data
    )


def silence(format: str, subtype: str, *, rate_hz: int, channels: int, seconds: int) -> bytes:
    """Silence, which takes little room and opens to much."""
    made = io.BytesIO()
    with soundfile.SoundFile(made, "w", rate_hz, channels, format=format, subtype=subtype) as file:
        block = np.zeros((rate_hz, channels), np.float32)
        for _ in range(seconds):
            file.write(block)
    return made.getvalue()


def picture(format: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", **more: object) -> bytes:
    """A gradient."""
    made = io.BytesIO()
    gradient = Image.linear_gradient("L").resize(size)
    gradient.convert(mode).save(made, format, **more)
    return made.getvalue()


def turned() -> bytes:
    """A JPEG of 64 x 48 that is to be shown turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture("JPEG", exif=exif)


def animated(format: str) -> bytes:
    """Three pictures in one file."""
    made = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    frames[0].save(made, format, save_all=True, append_images=frames[1:], duration=100)
    return made.getvalue()


def deep(mode: str = "I;16") -> bytes:
    """A PNG of 16 bits per channel."""
    if mode == "I;16":
        made = io.BytesIO()
        Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)).save(made, "PNG")
        return made.getvalue()
    rows = b"".join(b"\x00" + bytes(6 * 8) for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def endless_png(width: int = 20_000, height: int = 20_000) -> bytes:
    """400 megapixels in the header, some bytes of data."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")


def flat_png(side: int = 13_000) -> bytes:
    """A black PNG of 1 bit per pixel."""
    made = io.BytesIO()
    Image.new("1", (side, side)).save(made, "PNG", optimize=True)
    return made.getvalue()
