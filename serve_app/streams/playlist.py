"""The media playlist of a stream (RFC 8216): a window of segments, their clock time, the texts in them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from serve_app.streams.grid import RATE_HZ
from serve_app.streams.segments import FORMATS, SegmentFormat, duration_s, frames_of
from serve_app.streams.timeline import SpokenText, Timeline

TARGET_S = 11  # above 10.24: not all players round
MEDIA_TYPE = "application/vnd.apple.mpegurl"


@dataclass(frozen=True)
class Window:
    """Segments `first` to `last` of a stream that began at `epoch`, and where they and their header are found.

    `is_over`: the stream has an end and `last` is its last segment or its listeners are sent away.
    """

    first: int
    last: int
    epoch: datetime
    segment_uri: Callable[[int], str]
    header_uri: str | None = None
    is_over: bool = False


def media_playlist(
    timeline: Timeline, format: SegmentFormat, window: Window, texts: Iterable[tuple[SpokenText, int]] = ()
) -> str:
    """The playlist; `texts` are those spoken in the window, each with its length in frames.

    Raises ValueError for a format with a header whose address is not given, and for segments after the end.
    """
    if FORMATS[format].has_init != (window.header_uri is not None):
        raise ValueError(f"{format} has {'a' if FORMATS[format].has_init else 'no'} header")
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{TARGET_S}",
        f"#EXT-X-MEDIA-SEQUENCE:{window.first}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    if window.first == 0:  # else a player would begin three segments before the end of the window
        lines.append("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES")
    if window.header_uri is not None:
        lines.append(f"#EXT-X-MAP:URI={_quoted(window.header_uri)}")
    lines += [_date_range(window.epoch, text, frames) for text, frames in texts]
    codec = FORMATS[format].codec
    for k in range(window.first, window.last + 1):
        start = Fraction(frames_of(timeline, k, codec)[0] * codec.packet, codec.rate_hz)
        lines += [
            f"#EXT-X-PROGRAM-DATE-TIME:{_date(window.epoch, start)}",
            f"#EXTINF:{float(duration_s(timeline, k, codec)):.6f},",
            window.segment_uri(k),
        ]
    if window.is_over:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _date_range(epoch: datetime, text: SpokenText, frames: int) -> str:
    attributes = {
        "ID": f'"speech-{text.slot}"',
        "CLASS": '"continuo.speech"',
        "START-DATE": f'"{_date(epoch, Fraction(text.start, RATE_HZ))}"',
        "DURATION": f"{frames / RATE_HZ:.6f}",
        "X-TEXT": _quoted(text.text),
    }
    return "#EXT-X-DATERANGE:" + ",".join(f"{name}={value}" for name, value in attributes.items())


def _quoted(text: str) -> str:
    """A quoted string, which has no way to hold a quotation mark or the end of a line."""
    return '"' + " ".join(text.replace('"', "'").split()) + '"'


def _date(epoch: datetime, after_s: Fraction) -> str:
    date = epoch.astimezone(UTC) + timedelta(microseconds=round(after_s * 1_000_000))
    return date.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
