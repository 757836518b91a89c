"""The file formats of sound: names, media types, what each can hold, versions of encoders."""

from collections.abc import Mapping
from typing import Literal

Format = Literal["wav", "flac", "opus", "mp3", "aac"]
StreamFormat = Literal["wav", "flac", "opus", "mp3", "aac", "pcm"]
BitDepth = Literal[16, 24, 32]

MEDIA_TYPES: Mapping[str, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "aac": "audio/mp4",
}
STREAM_TYPES: Mapping[str, str] = {**MEDIA_TYPES, "aac": "audio/aac", "pcm": "audio/pcm"}
MOST_CHANNELS: Mapping[StreamFormat, int] = {"pcm": 8, "wav": 8, "flac": 8, "opus": 2, "mp3": 2, "aac": 2}
MOST_HZ: Mapping[StreamFormat, int] = {"mp3": 48_000, "aac": 96_000}  # that may be asked for
RATES_HZ: Mapping[StreamFormat, tuple[int, ...]] = {  # a format that is not named takes any rate
    "opus": (8_000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
    "aac": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000),
}
# Part of the content address of these formats: raised when encoding gives other bytes for the same samples.
ENCODERS: Mapping[StreamFormat, int] = {"opus": 2, "mp3": 2}


def encoder_rate_hz(format: StreamFormat, rate_hz: int) -> int:
    """Return the rate to resample to before `encode`: the next that the format has, or its highest."""
    rates = RATES_HZ.get(format)
    return rate_hz if rates is None else min((rate for rate in rates if rate >= rate_hz), default=rates[-1])
