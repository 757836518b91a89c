"""Playlists as strict parsers read them, and plain MP3 with titles."""

from datetime import UTC, datetime, timedelta

import m3u8
import pytest

from serve_app.streams.coding import CODECS
from serve_app.streams.grid import LONG, RATE_HZ, segment_at, segment_span
from serve_app.streams.icy import METAINT, frames_from, position_at, title_block, with_titles
from serve_app.streams.playlist import TARGET_S, Window, media_playlist
from serve_app.streams.segments import FORMATS, SegmentFormat, encoded, frames_of, packaged
from serve_app.streams.spec import SpeechSpec, StreamSpec
from serve_app.streams.timeline import Timeline
from tests.streams.material import Pieces

TEXTS = ('Breathe in,\n  "slowly"', "let go")
LINE = Timeline(StreamSpec(seed=2, speech=SpeechSpec(texts=TEXTS)))
EPOCH = datetime(2026, 3, 1, 22, 0, 0, 123456, tzinfo=UTC)


def window(first: int, last: int, header: str | None = None, over: bool = False) -> Window:
    return Window(first, last, EPOCH, lambda k: f"https://cdn/s/{k}.m4s?sig=a%2Fb", header, over)


@pytest.mark.parametrize("format", list(FORMATS))
@pytest.mark.parametrize("first", [0, 5, 8_437])
def test_a_playlist_is_read_by_a_strict_parser(format: SegmentFormat, first: int) -> None:
    header = "https://cdn/init.mp4" if FORMATS[format].has_init else None
    texts = [(text, 3 * RATE_HZ) for text in LINE.speech(segment_span(first).start, segment_span(first + 11).end)]
    text = media_playlist(LINE, format, window(first, first + 11, header), texts)
    m3u8.parser.parse(text, strict=True)
    playlist = m3u8.loads(text)
    assert (playlist.media_sequence, playlist.target_duration, playlist.is_endlist) == (first, TARGET_S, False)
    uris = [f"https://cdn/s/{k}.m4s?sig=a%2Fb" for k in range(first, first + 12)]
    assert [segment.uri for segment in playlist.segments] == uris
    assert ("#EXT-X-START:TIME-OFFSET=0,PRECISE=YES" in text) == (first == 0)
    assert "DISCONTINUITY" not in text
    maps = {segment.init_section and segment.init_section.uri for segment in playlist.segments}
    assert maps == {header}
    codec = FORMATS[format].codec
    for k, segment in enumerate(playlist.segments, first):
        assert round(segment.duration) <= TARGET_S
        start = frames_of(LINE, k, codec)[0] * codec.packet / codec.rate_hz
        assert abs(segment.program_date_time - EPOCH - timedelta(seconds=start)) <= timedelta(milliseconds=1)
    total = sum(segment.duration for segment in playlist.segments)
    got = frames_of(LINE, first + 11, codec)[1] - frames_of(LINE, first, codec)[0]
    assert total == pytest.approx(got * codec.packet / codec.rate_hz, abs=1e-5)


def test_texts_are_date_ranges() -> None:
    texts = [(text, 2 * RATE_HZ) for text in LINE.speech(0, 91 * RATE_HZ)]
    text = media_playlist(LINE, "mp3", window(0, 20), texts)
    ranges = m3u8.loads(text).segments[0].dateranges
    assert [found.id for found in ranges] == [f"speech-{spoken.slot}" for spoken, _ in texts]
    said = {value for found in ranges for name, value in found.x_client_attrs if name == "x_text"}
    assert said == {"\"Breathe in, 'slowly'\"", '"let go"'}
    assert all(float(found.duration) == 2 for found in ranges)
    assert ranges[0].start_date == "2026-03-01T22:00:30.123Z"


def test_a_playlist_ends_with_its_stream() -> None:
    line = Timeline(StreamSpec(seed=2, duration_s=60))
    last = line.last_segment
    assert last is not None
    playlist = m3u8.loads(media_playlist(line, "adts", window(last - 3, last, over=True)))
    assert playlist.is_endlist
    assert playlist.segments[-1].duration == pytest.approx(60 - segment_span(last).start / RATE_HZ, abs=0.03)
    with pytest.raises(ValueError, match="no segment"):
        media_playlist(line, "adts", window(last, last + 1))
    with pytest.raises(ValueError, match="has a header"):
        media_playlist(line, "aac", window(0, 1))


def test_mp3_goes_on_from_any_position() -> None:
    codec, items = CODECS["mp3"], Pieces()
    whole = [frame for k in range(10) for frame in frames_from(packaged(encoded(LINE, items, k, "mp3"), "mp3"))]
    for sample in (0, 1151, 50_175, 50_176, 50_688, LONG - 1, LONG, LONG + 5):
        k, frame = position_at(LINE, sample)
        rest = frames_from(packaged(encoded(LINE, items, k, "mp3"), "mp3"), frame)
        at = sample // codec.frame
        assert rest == whole[at : at + len(rest)]
        assert rest
    ends = Timeline(StreamSpec(seed=2, duration_s=60))
    assert position_at(ends, 10**12) == position_at(ends, 60 * RATE_HZ - 1)
    day = position_at(LINE, 24 * 3600 * RATE_HZ)
    assert day.k == segment_at(24 * 3600 * RATE_HZ)


@pytest.mark.parametrize("size", [1, 417, 16_000, 50_000])
def test_titles_stand_where_players_look_for_them(size: int) -> None:
    sound = bytes(range(251)) * 400
    titles = iter(["one", "one", "it's; two", "x" * 5000, "x" * 5000, "end"])
    parts = [sound[at : at + size] for at in range(0, len(sound), size)]
    data = b"".join(with_titles(parts, lambda: next(titles)))
    heard, said, at = b"", [], 0
    while at < len(data):
        heard += data[at : at + METAINT]
        at += METAINT
        if at < len(data):
            length = data[at] * 16
            said.append(data[at + 1 : at + 1 + length].rstrip(b"\0").decode())
            at += 1 + length
    assert heard == sound
    assert said[:3] == ["StreamTitle='one';", "", "StreamTitle='it's; two';"]
    assert said[4] == ""
    assert len(said[3]) == 255 * 16
    assert title_block("a';b")[1:].rstrip(b"\0") == b"StreamTitle='a' ;b';"
    assert len(title_block("é" * 4000)) == 1 + 255 * 16
