"""Segment k in the formats that players ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Literal

from serve_app.streams.coding import CODECS, Codec, CodecName, encode
from serve_app.streams.mixing import render
from serve_app.streams.packaging import fragment, init_segment, packed
from serve_app.streams.sounds import Items
from serve_app.streams.timeline import Timeline

SegmentFormat = Literal["aac", "adts", "mp3", "flac", "opus"]


@dataclass(frozen=True)
class Packaging:
    """A format's codec, what its files are called, and whether a header of its own comes first (`EXT-X-MAP`)."""

    codec: Codec
    suffix: str
    media_type: str
    has_init: bool
    codecs: str  # as in the attribute CODECS (RFC 6381)


FORMATS: Mapping[SegmentFormat, Packaging] = {
    "aac": Packaging(CODECS["aac"], "m4s", "audio/mp4", True, "mp4a.40.2"),
    "adts": Packaging(CODECS["aac"], "aac", "audio/aac", False, "mp4a.40.2"),
    "mp3": Packaging(CODECS["mp3"], "mp3", "audio/mpeg", False, "mp4a.40.34"),
    "flac": Packaging(CODECS["flac"], "m4s", "audio/mp4", True, "fLaC"),
    "opus": Packaging(CODECS["opus"], "m4s", "audio/mp4", True, "Opus"),
}


@dataclass(frozen=True)
class Encoded:
    """The packets of segment `k`: those of a codec are shared by the formats that have it."""

    codec: Codec
    k: int
    first: int  # frame of the codec, from the stream's start
    packets: tuple[bytes, ...]


def frames_of(timeline: Timeline, k: int, codec: Codec) -> tuple[int, int]:
    """The frames [first, last) of segment `k`: whole ones, the last of the stream filled up with silence."""
    start, end = timeline.span(k)
    last = -(-end // codec.frame) if end == timeline.end else end // codec.frame
    return start // codec.frame, last


def duration_s(timeline: Timeline, k: int, codec: Codec) -> Fraction:
    """How long segment `k` takes, exactly."""
    first, last = frames_of(timeline, k, codec)
    return Fraction((last - first) * codec.packet, codec.rate_hz)


def encoded(timeline: Timeline, items: Items, k: int, codec: CodecName = "aac", *, voice: bool = True) -> Encoded:
    """Segment `k`, a pure function of the timeline and the items. Raises ValueError for one after the end."""
    chosen = CODECS[codec]
    first, last = frames_of(timeline, k, chosen)
    packets = encode(chosen, partial(render, timeline, items, voice=voice), first, last)
    return Encoded(chosen, k, first, tuple(packets))


def packaged(segment: Encoded, format: SegmentFormat) -> bytes:
    """The file of a segment in a format of its codec."""
    if FORMATS[format].codec is not segment.codec:
        raise ValueError(f"{format} does not hold {segment.codec.name}")
    if FORMATS[format].has_init:
        return fragment(segment.codec, segment.first, segment.packets, segment.k + 1)
    return packed(segment.codec, segment.first, segment.packets)


def header(format: SegmentFormat) -> bytes | None:
    """The file of `EXT-X-MAP`, the same for every stream; None for a format without one."""
    return init_segment(FORMATS[format].codec) if FORMATS[format].has_init else None
