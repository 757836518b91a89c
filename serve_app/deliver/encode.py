"""Samples to the bytes of a wav, flac, opus or mp3 file. Pure: the same samples give the same bytes, always.

Decoded length is exact for every format. WAV and FLAC hold the frames as they are. Ogg Opus carries its
pre-skip and the granule position of its last page. MP3 carries encoder delay and padding in the LAME tag of
its first frame: decoders that read it (libsndfile, FFmpeg, browsers) give exactly the frames written, others
give about 1,100 frames of silence first and the padding of the last frame.

Opus and MP3 may overshoot: a decoded peak can lie a little over the true peak that went in, which is why the
finisher leaves 1 dB.
"""

import io
import mmap
import struct
import zlib
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import BinaryIO, Literal

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from serve_app.deliver.delivery import File
from serve_app.deliver.sound import Format
from serve_app.errors import StorageFull

BitDepth = Literal[16, 24, 32]
Block = NDArray[np.float32] | NDArray[np.int16] | NDArray[np.int32]

MEDIA_TYPES: dict[Format, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
}
RATES_HZ: dict[Format, tuple[int, ...]] = {  # a format that is not named takes any rate
    "opus": (8_000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
_CONTAINERS: dict[Format, str] = {"wav": "WAV", "flac": "FLAC", "opus": "OGG", "mp3": "MP3"}
_SUBTYPES: dict[BitDepth, str] = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}
_FLAC_LEVEL = 0.375  # libFLAC's level 3 of 8: level 5 saves 3 % and costs a quarter more
_MP3_QUALITY = 0.2  # LAME's V2, about 190 kbit/s for stereo music
IN_MEMORY_BYTES = 16 << 20  # of samples: what is longer is encoded to a temporary file
_OGG_SERIAL = struct.pack("<I", 0x436F_6E74)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def encoder_rate_hz(format: Format, rate_hz: int) -> int:
    """Return the rate to resample to before `encode`: the next that the format has, or its highest."""
    rates = RATES_HZ.get(format)
    return rate_hz if rates is None else min((rate for rate in rates if rate >= rate_hz), default=rates[-1])


def encode(samples: NDArray[np.float32], sample_rate_hz: int, format: Format, bit_depth: BitDepth = 16) -> File:
    """Encode float32 samples (channels, frames), nominal range [-1, 1].

    `bit_depth` concerns wav (16, 24, or 32 for float) and flac (16, 24): integers are dithered with
    triangular noise of 2 LSB width (Lipshitz, Wannamaker and Vanderkooy, "Quantization and Dither", JAES
    1992) and clip at full scale. Raises ValueError for a rate or a depth that the format lacks, StorageFull when the
    temporary folder has no room.
    """
    options: dict[str, object] = {"subtype": _SUBTYPES[bit_depth]}
    if format == "flac":
        options["compression_level"] = _FLAC_LEVEL
    elif format == "mp3":
        options = {"subtype": "MPEG_LAYER_III", "compression_level": _MP3_QUALITY, "bitrate_mode": "VARIABLE"}
    elif format == "opus":
        options = {"subtype": "OPUS"}
    if encoder_rate_hz(format, sample_rate_hz) != sample_rate_hz:
        raise ValueError(f"{format} cannot hold {sample_rate_hz} Hz; resample to one of {RATES_HZ[format]} Hz")
    if format == "flac" and bit_depth == 32:
        raise ValueError("flac holds 16 or 24 bits, not 32; ask for wav to get float samples")
    options["format"] = _CONTAINERS[format]
    blocks = _quantised(samples, sample_rate_hz, bit_depth if format in ("wav", "flac") else 32)
    if samples.nbytes <= IN_MEMORY_BYTES:
        memory = io.BytesIO()
        _write(_Target(memory), blocks, sample_rate_hz, len(samples), options)
        with memory.getbuffer() as view:
            _make_reproducible(view, format)
        return File(memory.getvalue(), MEDIA_TYPES[format])
    with TemporaryFile(buffering=0) as file:
        _write(_Target(file), blocks, sample_rate_hz, len(samples), options)
        data = mmap.mmap(file.fileno(), 0)
    _make_reproducible(data, format)
    return File(data, MEDIA_TYPES[format])


class _Target:
    """A file as soundfile writes to it. An error there would only be printed (C calls it), so it is kept."""

    def __init__(self, file: BinaryIO | io.RawIOBase) -> None:
        self.seek, self.tell, self._write = file.seek, file.tell, file.write
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._write(data) or 0
        except OSError as error:
            self.error = self.error or error
            return 0


def _write(target: _Target, blocks: Iterator[Block], rate_hz: int, channels: int, options: dict[str, object]) -> None:
    try:
        with sf.SoundFile(target, "w", rate_hz, channels, **options) as out:
            # One long write can overflow the codec's stack (libsndfile issue 1095); one second at a time is safe.
            for block in blocks:
                out.write(block)
    except Exception:
        if target.error is None:  # else that is the cause
            raise
    if target.error is not None:
        reason = f"the temporary folder did not take the encoded sound: {target.error.strerror}"
        raise StorageFull(reason) from target.error


def _quantised(samples: NDArray[np.float32], block: int, bit_depth: int) -> Iterator[Block]:
    """Yield blocks (frames, channels): float as it is, or dithered integers in the upper bits."""
    noise = np.random.SFC64(0)
    for start in range(0, samples.shape[-1], block):
        part = np.ascontiguousarray(samples[:, start : start + block].T)
        yield part if bit_depth == 32 else _dithered(part, bit_depth, noise)


def _dithered(part: NDArray[np.float32], bit_depth: int, noise: np.random.SFC64) -> Block:
    """Round to `bit_depth` after adding the sum of two independent uniform values, each 1 LSB wide."""
    full = 1 << (bit_depth - 1)
    halves = noise.random_raw((part.size + 1) // 2).view(np.int16).reshape(-1, 2)[: part.size]
    # float32 holds 24 bits, too few to dither a 24-bit sample near full scale.
    scaled = part * full if bit_depth == 16 else part.astype(np.float64) * full
    scaled += ((halves[:, 0].astype(np.float32) + halves[:, 1]) * np.float32(2**-16)).reshape(part.shape)
    np.clip(np.rint(scaled, out=scaled), -full, full - 1, out=scaled)
    if bit_depth == 16:
        return scaled.astype(np.int16)
    return np.left_shift(scaled.astype(np.int32), 8, dtype=np.int32)


def _make_reproducible(data: memoryview | mmap.mmap, format: Format) -> None:
    """Undo what libsndfile sets anew in each file: Ogg's serial number, the time in WAV's PEAK chunk."""
    if format == "opus":
        for start, end in _ogg_pages(data):
            _renumber(data, start, end)
    peak = bytes(data[:128]).find(b"PEAK") if format == "wav" else -1
    if peak >= 0:
        data[peak + 12 : peak + 16] = bytes(4)


def _ogg_pages(data: memoryview | mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where the pages of an Ogg file begin and end (RFC 3533, section 6)."""
    start = 0
    while start < len(data):
        segments = data[start + 26]
        end = start + 27 + segments + sum(data[start + 27 : start + 27 + segments])
        yield start, end
        start = end


def _renumber(data: memoryview | mmap.mmap, start: int, end: int) -> None:
    """Set the serial number and the checksum of one Ogg page.

    Ogg's CRC has zlib's polynomial, bits in the other order and no inversion: both ends are bit-reversed.
    """
    data[start + 14 : start + 18] = _OGG_SERIAL
    data[start + 22 : start + 26] = bytes(4)
    crc = zlib.crc32(bytes(data[start:end]).translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    data[start + 22 : start + 26] = crc.to_bytes(4, "little").translate(_REVERSED)[::-1]
