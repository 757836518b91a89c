"""Where segments begin, in samples at 44.1 kHz: integers, so that nothing drifts.

A long segment has 451,584 samples, 10.24 s: whole frames of AAC, MP3, FLAC and Opus and whole ticks of the 90 kHz
clock. The first 10.24 s are nine short segments of 50,176 samples (49 frames of AAC, 102,400 ticks), so that a player
has something at once. All codecs share the index: where a boundary is within a frame of a codec, its segment begins
with the frame.
"""

from typing import NamedTuple

RATE_HZ = 44_100
LONG = 451_584
SHORT = 50_176
SHORTS = LONG // SHORT


class Span(NamedTuple):
    """Samples from `start` to before `end`."""

    start: int
    end: int


def segment_span(k: int) -> Span:
    """The samples of segment `k` >= 0."""
    if k < SHORTS:
        return Span(k * SHORT, (k + 1) * SHORT)
    start = (k - SHORTS + 1) * LONG
    return Span(start, start + LONG)


def segment_at(sample: int) -> int:
    """The segment in which a sample >= 0 lies."""
    return sample // SHORT if sample < LONG else sample // LONG + SHORTS - 1


def samples(seconds: float) -> int:
    """Seconds in samples, to the nearest."""
    return round(seconds * RATE_HZ)


def seconds(samples: int) -> float:
    """Samples in seconds."""
    return samples / RATE_HZ


def ticks(sample: int) -> int:
    """The time of a sample on the 90 kHz clock: exact at boundaries of segments, else the nearest."""
    return (sample * 100 + 24) // 49
