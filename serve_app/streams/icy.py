"""Plain MP3 over HTTP as radio players know it: frames from any position on, titles between the bytes (ICY)."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from serve_app.streams.coding import CODECS, mp3_frames
from serve_app.streams.grid import segment_at
from serve_app.streams.packaging import TIMESTAMP_BYTES
from serve_app.streams.segments import frames_of
from serve_app.streams.timeline import Timeline

METAINT = 16_000  # bytes of sound between two titles
_BLOCK = 16
_LONGEST_TITLE = 255 * _BLOCK - len("StreamTitle='';")


class Position(NamedTuple):
    """A frame of MP3 within a stored segment."""

    k: int
    frame: int


def position_at(timeline: Timeline, sample: int) -> Position:
    """Where the frame with a sample >= 0 lies: the last one before the end if the sample is not there any more."""
    codec = CODECS["mp3"]
    if timeline.end is not None:
        sample = min(sample, timeline.end - 1)
    frame = sample // codec.frame
    # A boundary within a frame leaves the frame to the segment that begins there.
    k = segment_at((frame + 1) * codec.frame - 1)
    if timeline.last_segment is not None:
        k = min(k, timeline.last_segment)
    return Position(k, frame - frames_of(timeline, k, codec)[0])


def frames_from(segment: bytes, frame: int = 0) -> list[bytes]:
    """The frames of a stored segment (`packaged`, mp3) from one on, without its ID3 tag."""
    return list(mp3_frames(segment[TIMESTAMP_BYTES:]))[frame:]


def with_titles(data: Iterable[bytes], title: Callable[[], str], every: int = METAINT) -> Iterator[bytes]:
    """The same bytes, and after each `every` of them a block with the title if it is another one."""
    left, said = every, ""
    for part in data:
        rest = part
        while len(rest) >= left:
            now = title()
            yield rest[:left] + (title_block(now) if now != said else b"\0")
            rest, left, said = rest[left:], every, now
        left -= len(rest)
        if rest:
            yield rest


def title_block(title: str) -> bytes:
    """A length in units of 16 bytes and `StreamTitle='...';`. Players look for `';`, so the title has none of it."""
    cut = " ".join(title.replace("';", "' ;").split()).encode()[:_LONGEST_TITLE].decode(errors="ignore").encode()
    text = b"StreamTitle='" + cut + b"';"
    blocks = -(-len(text) // _BLOCK)
    return bytes([blocks]) + text.ljust(blocks * _BLOCK, b"\0")
