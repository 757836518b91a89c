"""Segments from encoders of their own, decoded: no sample more or less, no step, no more noise than of one encoder."""

import io
import struct
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
import pytest
import soxr

from deployments.contract import Samples
from serve_app.streams import coding
from serve_app.streams.coding import CODECS, CodecName, encode, mp3_frames
from serve_app.streams.grid import LONG, RATE_HZ, SHORT, SHORTS, segment_at, segment_span
from serve_app.streams.mixing import render
from serve_app.streams.packaging import TIMESTAMP_BYTES, fragment, init_segment, packed, timestamp
from serve_app.streams.segments import FORMATS, SegmentFormat, encoded, frames_of, header, packaged
from serve_app.streams.spec import SpeechSpec, StreamSpec
from serve_app.streams.timeline import Timeline
from tests.streams.material import Pieces, buzz

LINE = Timeline(StreamSpec(seed=1, item_s=30, speech=SpeechSpec(texts=("a", "b"), interval_s=15)))
SEGMENTS: Mapping[CodecName, int] = {
    "aac": segment_at(180 * RATE_HZ) + 1, "mp3": segment_at(180 * RATE_HZ) + 1, "opus": 13, "flac": 11,
}  # fmt: skip
FRAMES = segment_span(SEGMENTS["aac"]).start
GATE_DB = 1.0


@cache
def items() -> Pieces:
    return Pieces(speech=buzz(0))


@cache
def source() -> Samples:
    return render(LINE, items(), 0, FRAMES)


def rms_db(samples: Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def decoded(data: bytes, container: str) -> Samples:
    with av.open(io.BytesIO(data), format=container) as opened:
        frames = [frame.to_ndarray() for frame in opened.decode(audio=0)]
    whole = np.concatenate(frames, axis=1)
    return whole if len(whole) == 2 else whole.reshape(-1, 2).T.astype(np.float32) / 2**15


def decoded_packets(name: CodecName, packets: Sequence[bytes]) -> Samples:
    codec = CODECS[name]
    if name in ("aac", "mp3"):
        return decoded(packed(codec, 0, packets)[TIMESTAMP_BYTES:], "mp3" if name == "mp3" else "aac")
    return decoded(init_segment(codec) + fragment(codec, 0, packets, 1), "mp4")


@pytest.mark.parametrize("name", list(SEGMENTS))
def test_segments_are_one_stream(name: CodecName) -> None:
    codec, segments = CODECS[name], SEGMENTS[name]
    stitched = [packet for k in range(segments) for packet in encoded(LINE, items(), k, name).packets]
    count = frames_of(LINE, segments - 1, codec)[1]
    one = encode(codec, partial(render, LINE, items()), 0, count)
    assert len(stitched) == len(one) == segment_span(segments).start // codec.frame
    if name == "mp3":
        assert stitched == one
    sound, continuous = decoded_packets(name, stitched), decoded_packets(name, one)
    assert sound.shape == continuous.shape == (2, count * codec.packet)
    wanted = source()
    if codec.rate_hz != RATE_HZ:
        wanted = soxr.resample(wanted.T, RATE_HZ, codec.rate_hz, quality="HQ").T
    wanted = wanted[:, : sound.shape[1]]
    assert rms_db(sound - wanted) - rms_db(continuous - wanted) < GATE_DB
    for k in range(1, segments):
        seam, around = frames_of(LINE, k, codec)[0] * codec.packet, codec.rate_hz // 5
        near = slice(seam - around, seam + around)
        ours, theirs = (noise_db(made[:, near], wanted[:, near]) for made in (sound, continuous))
        assert ours - theirs <= GATE_DB, f"seam {k}: {ours - theirs:.2f} dB"
        for side in (slice(seam - 4096, seam), slice(seam, seam + 4096)):
            # Opus takes away what is below 3 Hz, for which low tones come a little early.
            assert abs(lag(sound[0], wanted[0], side)) <= (name == "opus")


def noise_db(made: Samples, wanted: Samples) -> float:
    """The level of what differs, over noise 40 dB under the sound, in which what is less goes unheard."""
    unheard = np.mean(np.square(wanted, dtype=np.float64)) * 1e-4
    return 10 * float(np.log10(np.mean(np.square(made - wanted, dtype=np.float64)) + unheard + 1e-20))


def lag(sound: Samples, wanted: Samples, part: slice) -> int:
    """By how many samples a part of a sound is late, at most 24: where it differs least."""
    stretch = wanted[part.start - 24 : part.stop + 24].astype(np.float64)
    differences = np.lib.stride_tricks.sliding_window_view(stretch, part.stop - part.start) - sound[part]
    return 24 - int(np.argmin(np.einsum("ij,ij->i", differences, differences)))


def test_mp3_without_the_library_of_lameenc_meets_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert coding._library() is not None
    ours = encoded(LINE, items(), 3, "mp3").packets
    monkeypatch.setattr(coding, "_library", lambda: None)
    assert encoded(LINE, items(), 3, "mp3").packets != ours  # the slower build rounds otherwise
    stitched = [packet for k in range(5) for packet in encoded(LINE, items(), k, "mp3").packets]
    assert encode(CODECS["mp3"], partial(render, LINE, items()), 0, len(stitched)) == stitched
    near = decoded_packets("mp3", stitched) - source()[:, : len(stitched) * 1152]
    assert rms_db(near[:, 4096:]) < rms_db(source()[:, : len(stitched) * 1152]) - 10


@pytest.mark.parametrize("name", ["aac", "mp3", "opus", "flac"])
def test_a_late_segment_is_whole_and_the_same_each_time(name: CodecName) -> None:
    late = 1_234_567
    segment = encoded(LINE, items(), late, name)
    codec = CODECS[name]
    assert segment.first * codec.frame == segment_span(late).start
    assert len(segment.packets) * codec.frame == LONG
    assert encoded(LINE, items(), late, name) == segment
    bed = encoded(LINE, items(), late, name, voice=False)
    assert len(bed.packets) == len(segment.packets)


@pytest.mark.parametrize("format", ["aac", "flac", "opus"])
def test_fragments_have_integer_times_for_days(format: SegmentFormat) -> None:
    codec = FORMATS[format].codec
    for hours in (0, 24, 24 * 365):
        k = segment_at(hours * 3600 * RATE_HZ)
        first, last = frames_of(LINE, k, codec)
        data = fragment(codec, first, [b"x"] * (last - first), k + 1)
        at = data.index(b"tfdt") + 8
        (time,) = struct.unpack(">Q", data[at : at + 8])
        assert time == first * codec.packet
        if k >= SHORTS:
            assert time * RATE_HZ == segment_span(k).start * codec.rate_hz
        assert frames_of(LINE, k + 1, codec)[0] == last


def test_timestamps_of_packed_audio_are_exact_and_wrap() -> None:
    for hours in (0, 1, 24, 27, 24 * 365):
        k = segment_at(hours * 3600 * RATE_HZ)
        for format in ("adts", "mp3"):
            codec = FORMATS[format].codec
            tag = packed(codec, frames_of(LINE, k, codec)[0], [])
            (time,) = struct.unpack(">Q", tag[-8:])
            assert time < 2**33
            if k >= SHORTS:
                assert time * RATE_HZ == segment_span(k).start * 90_000 % (2**33 * RATE_HZ)
    assert timestamp(2**33 + 5) == timestamp(5)
    assert len(timestamp(5)) == TIMESTAMP_BYTES


@pytest.mark.parametrize("format", ["aac", "adts", "flac", "opus"])
def test_packets_decode_from_a_file_of_segments_with_even_times(format: SegmentFormat) -> None:
    codec = FORMATS[format].codec
    first = SHORTS - 2
    segments = [encoded(LINE, items(), k, codec.name) for k in range(first, SHORTS + 1)]
    data = (header(format) or b"") + b"".join(packaged(segment, format) for segment in segments)
    count = sum(len(segment.packets) for segment in segments)
    container = "aac" if format == "adts" else "mp4"
    assert decoded(data, container).shape == (2, count * codec.packet)
    if FORMATS[format].has_init:
        with av.open(io.BytesIO(data), format="mp4") as opened:
            times = [packet.pts for packet in opened.demux(audio=0) if packet.pts is not None]
        assert times == [(segments[0].first + n) * codec.packet for n in range(count)]


def test_the_last_segment_ends_with_the_stream() -> None:
    line = Timeline(LINE.spec.model_copy(update={"duration_s": 25.0}))
    last = line.last_segment
    assert last == segment_at(25 * RATE_HZ - 1)
    for name in ("aac", "mp3", "flac", "opus"):
        codec = CODECS[name]
        first, end = frames_of(line, last, codec)
        assert (end - 1) * codec.frame < 25 * RATE_HZ <= end * codec.frame
        assert len(encoded(line, items(), last, name).packets) == end - first
    with pytest.raises(ValueError, match="no segment"):
        encoded(line, items(), last + 1)


def test_formats_keep_to_their_codecs() -> None:
    segment = encoded(LINE, items(), 3, "aac")
    assert packaged(segment, "adts")[TIMESTAMP_BYTES:].count(b"\xff\xf1") >= SHORT // 1024
    with pytest.raises(ValueError, match="does not hold"):
        packaged(segment, "mp3")
    assert header("mp3") is None
    with pytest.raises(ValueError, match="no MP3 frame"):
        list(mp3_frames(b"no"))


@pytest.mark.parametrize("format", ["aac", "adts", "mp3", "flac"])
def test_an_hls_player_hears_each_sample_once(format: SegmentFormat, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from serve_app.streams.playlist import Window, media_playlist

    codec, last = FORMATS[format].codec, SHORTS + 2
    suffix = FORMATS[format].suffix
    for k in range(last + 1):
        (tmp_path / f"{k}.{suffix}").write_bytes(packaged(encoded(LINE, items(), k, codec.name), format))
    head = header(format)
    if head is not None:
        (tmp_path / "init.mp4").write_bytes(head)
    window = Window(
        0, last, datetime(2026, 1, 1, tzinfo=UTC), lambda k: f"{k}.{suffix}", "init.mp4" if head else None, is_over=True
    )
    (tmp_path / "list.m3u8").write_text(media_playlist(LINE, format, window))
    with av.open(str(tmp_path / "list.m3u8"), options={"allowed_extensions": "ALL"}) as opened:
        got = sum(frame.samples for frame in opened.decode(audio=0))
    assert got == frames_of(LINE, last, codec)[1] * codec.packet
