"""Encoding: exact durations, dither, the same bytes every time, and ten minutes of every format."""

import io
import mmap
import struct
from typing import Any, get_args

import av
import numpy as np
import pytest
import soundfile as sf
import synth_native
from numpy.typing import NDArray

from serve_app.deliver.delivery import File
from serve_app.deliver.encode import encode
from serve_app.deliver.formats import MEDIA_TYPES, RATES_HZ, BitDepth, Format, encoder_rate_hz
from serve_app.errors import StorageFull

FORMATS: tuple[Format, ...] = get_args(Format)
RATE_HZ = 24_000  # one that every format has


def tone(frames: int, rate_hz: int = RATE_HZ, level: float = 0.25, channels: int = 2) -> NDArray[np.float32]:
    time_s = np.arange(frames) / rate_hz
    return np.stack([level * np.sin(2 * np.pi * 440 * (c + 1) * time_s) for c in range(channels)]).astype(np.float32)


def decoded(encoded: File) -> tuple[NDArray[np.floating[Any]], int]:
    if encoded.media_type == "audio/mp4":  # libsndfile has no AAC
        samples, rate_hz, duration = by_ffmpeg(encoded)
        return samples[:, :duration], rate_hz
    samples, rate_hz = sf.read(io.BytesIO(encoded.data), always_2d=True)
    return samples.T, rate_hz


def by_ffmpeg(encoded: File) -> tuple[NDArray[np.float32], int, int]:
    """What FFmpeg decodes, its rate, and the frames that the container says there are."""
    with av.open(io.BytesIO(encoded.data)) as container:
        stream = container.streams.audio[0]
        converter = av.AudioResampler("fltp")
        frames = [made for frame in container.decode(stream) for made in converter.resample(frame)]
        samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
        assert stream.duration is not None
        assert stream.time_base is not None
        return samples, stream.rate, round(stream.duration * stream.time_base * stream.rate)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("frames", [1, 100, 1152, 24_000, 60_001])
def test_decoding_gives_exactly_the_frames_that_were_written(format: Format, frames: int) -> None:
    samples, rate_hz = decoded(encode(tone(frames), RATE_HZ, format))
    assert samples.shape == (2, frames)
    assert rate_hz == RATE_HZ


@pytest.mark.parametrize("format", FORMATS)
def test_the_sound_begins_where_it_began(format: Format) -> None:
    original = np.zeros((1, RATE_HZ), np.float32)
    original[0, 5000:9000] = np.random.default_rng(0).uniform(-0.3, 0.3, 4000)
    samples, _ = decoded(encode(original, RATE_HZ, format))
    assert int(np.argmax(np.correlate(samples[0], original[0], "full"))) == RATE_HZ - 1


RATES = [(format, rate_hz) for format, rates in RATES_HZ.items() for rate_hz in rates]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("format", "rate_hz"), RATES)
def test_ffmpeg_reads_every_rate_of_every_format_with_the_exact_length(
    format: Format, rate_hz: int, channels: int
) -> None:
    frames = rate_hz + 77
    samples, decoded_hz, duration = by_ffmpeg(encode(tone(frames, rate_hz, channels=channels), rate_hz, format))
    assert len(samples) == channels
    wanted = frames * decoded_hz // rate_hz  # FFmpeg decodes Opus at 48 kHz, whatever went in
    if format == "aac":  # it leaves what an edit list cuts off at the end: the rest of the last frame of 1024
        assert duration == frames
        assert frames <= samples.shape[1] < frames + 1024
        assert np.abs(samples[:, frames + 64 :]).max(initial=0) < 0.01
    else:
        assert samples.shape[1] == wanted
    power = np.abs(np.fft.rfft(samples[0, : wanted // decoded_hz * decoded_hz]))
    assert int(np.argmax(power)) == 440


@pytest.mark.parametrize("format", FORMATS)
def test_rain_is_as_loud_afterwards(format: Format) -> None:
    rate_hz = encoder_rate_hz(format, 44_100)
    spectrum = np.fft.rfft(np.random.default_rng(0).normal(0, 0.1, (2, 5 * rate_hz)))
    spectrum[:, 5 * 19_000 :] = 0  # all formats go that far
    noise = np.fft.irfft(spectrum).astype(np.float32)
    samples, decoded_hz, _ = by_ffmpeg(encode(noise, rate_hz, format))
    loudness = [synth_native.measure(part, rate_hz)["loudness_lufs"] for part in (noise, samples)]
    assert decoded_hz == rate_hz
    assert loudness[1] == pytest.approx(loudness[0], abs=0.5)


@pytest.mark.parametrize(("frames", "in_memory"), [(1, True), (RATE_HZ, True), (30 * RATE_HZ, False)])
def test_the_index_of_an_mp4_stands_before_its_sound_and_cuts_exactly(
    frames: int, in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_memory:
        monkeypatch.setattr("serve_app.deliver.encode.IN_MEMORY_BYTES", 0)
    data = bytes(encode(tone(frames), RATE_HZ, "aac").data)
    assert data[4:12] == b"ftypM4A "
    assert 0 < data.index(b"moov") < data.index(b"mdat")
    edits, duration, start = struct.unpack(">IIi", data[(at := data.index(b"elst") + 8) : at + 12])
    assert (edits, duration, start) == (1, frames, 1024)


def test_an_mp3_can_be_sought_by_its_tag() -> None:
    sound = tone(10 * RATE_HZ)
    sound[:, 5 * RATE_HZ :] += np.random.default_rng(0).normal(0, 0.1, (2, 5 * RATE_HZ))  # takes more bytes
    data = bytes(encode(sound, RATE_HZ, "mp3").data)
    count, size = struct.unpack(">II", data[(at := data.index(b"Xing") + 8) : at + 8])
    places = data[at + 8 : at + 108]
    assert size == len(data)
    assert count * 576 - 10 * RATE_HZ in range(576, 3000)
    assert list(places) == sorted(places)
    assert places[0] < 3
    assert places[50] < 120  # half of the time is less than half of the bytes, which are 128


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_samples_give_the_same_bytes(format: Format) -> None:
    first, again = (encode(tone(30_000), RATE_HZ, format).data for _ in range(2))
    assert first == again


def test_float_wav_holds_no_time_of_day() -> None:
    data = encode(tone(100), RATE_HZ, "wav", 32).data
    at = data.index(b"PEAK")
    assert data[at + 12 : at + 16] == bytes(4)


@pytest.mark.parametrize("format", FORMATS)
def test_ten_minutes_of_every_format(format: Format) -> None:
    samples, rate_hz = decoded(encode(np.tile(tone(8000, 8000, channels=1), 600), 8000, format))
    assert samples.shape[1] == 600 * rate_hz == 4_800_000


@pytest.mark.parametrize(("format", "bit_depth"), [("wav", 16), ("wav", 24), ("flac", 16), ("flac", 24)])
def test_dither_is_triangular_and_does_not_depend_on_the_signal(format: Format, bit_depth: BitDepth) -> None:
    original = np.stack([np.linspace(-0.9, 0.9, 200_000), np.full(200_000, 0.3)]).astype(np.float32)
    samples, _ = decoded(encode(original, RATE_HZ, format, bit_depth))
    error = (samples - original) * 2 ** (bit_depth - 1)  # in LSB
    assert np.abs(error).max() <= 1.5 + 1e-6
    assert error.mean(axis=1) == pytest.approx([0, 0], abs=0.01)
    # Rounding has variance 1/12, triangular dither adds 2/12, whatever the signal.
    assert error.var(axis=1) == pytest.approx([0.25, 0.25], rel=0.03)


def test_a_tone_below_one_lsb_survives_dither() -> None:
    quiet = tone(RATE_HZ, level=0.4 / 32768, channels=1)
    samples, _ = decoded(encode(quiet, RATE_HZ, "flac"))
    spectrum = np.abs(np.fft.rfft(samples[0]))
    assert int(np.argmax(spectrum[20:])) + 20 == 440


def test_full_scale_clips_and_does_not_wrap() -> None:
    samples, _ = decoded(encode(np.array([[2.0, 1.0, -1.0, -2.0] * 50], np.float32), RATE_HZ, "wav"))
    assert np.all(samples[0, 0::4] > 0.999)
    assert np.all(samples[0, 3::4] == -1)


def test_float_wav_is_exact() -> None:
    original = tone(5000) * np.float32(1.7)
    samples, _ = decoded(encode(original, RATE_HZ, "wav", 32))
    np.testing.assert_array_equal(samples.astype(np.float32), original)


@pytest.mark.parametrize("bit_depth", [16, 32])
@pytest.mark.parametrize("format", FORMATS)
def test_a_long_sound_has_the_bytes_of_a_short_one(
    format: Format, bit_depth: BitDepth, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, depth = tone(5 * RATE_HZ), 24 if (format, bit_depth) == ("flac", 32) else bit_depth
    short = encode(samples, RATE_HZ, format, depth)
    monkeypatch.setattr("serve_app.deliver.encode.IN_MEMORY_BYTES", samples.nbytes - 1)
    long = encode(samples, RATE_HZ, format, depth)
    assert isinstance(long.data, mmap.mmap)
    assert bytes(long.data) == short.data


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_temporary_folder_is_told_as_such(
    format: Format, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("serve_app.deliver.encode.IN_MEMORY_BYTES", 0)
    monkeypatch.setattr("serve_app.deliver.encode.TemporaryFile", lambda buffering: open("/dev/full", "r+b", buffering))  # noqa: SIM115
    with pytest.raises(StorageFull, match=r"temporary folder .*: No space left"):
        encode(tone(5 * RATE_HZ), RATE_HZ, format)
    assert capfd.readouterr().err == ""  # what soundfile cannot raise it prints


@pytest.mark.parametrize("format", FORMATS)
def test_media_type(format: Format) -> None:
    assert encode(tone(1000), RATE_HZ, format).media_type == MEDIA_TYPES[format]


def test_opus_pages_have_valid_checksums() -> None:
    samples, _ = decoded(encode(tone(5 * RATE_HZ), RATE_HZ, "opus"))  # libogg drops pages whose checksum is wrong
    assert samples.std() == pytest.approx(0.25 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("format", ["opus", "mp3", "aac"])
def test_more_channels_than_the_format_holds_are_refused(format: Format) -> None:
    with pytest.raises(ValueError, match=f"{format} holds at most 2 channels, these are 3"):
        encode(tone(100, channels=3), RATE_HZ, format)


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_eight_channels_keep_their_order(format: Format) -> None:
    samples, _ = decoded(encode(tone(RATE_HZ, channels=8), RATE_HZ, format))
    assert [int(np.argmax(np.abs(np.fft.rfft(channel)))) for channel in samples] == [440 * c for c in range(1, 9)]


def test_encoder_rate() -> None:
    assert [encoder_rate_hz("opus", rate) for rate in (44_100, 48_000, 11_025, 96_000)] == [
        48_000,
        48_000,
        12_000,
        48_000,
    ]
    assert [encoder_rate_hz("mp3", rate) for rate in (44_100, 44_101, 192_000)] == [44_100, 48_000, 48_000]
    assert [encoder_rate_hz("aac", rate) for rate in (44_100, 50_000, 192_000)] == [44_100, 64_000, 96_000]
    assert encoder_rate_hz("flac", 37_800) == 37_800
    assert encoder_rate_hz("wav", 192_000) == 192_000


@pytest.mark.parametrize(("format", "rate_hz"), [("opus", 44_100), ("mp3", 96_000), ("aac", 192_000)])
def test_a_rate_that_the_format_lacks_is_refused(format: Format, rate_hz: int) -> None:
    with pytest.raises(ValueError, match=f"{format} .*{rate_hz} Hz"):
        encode(tone(100), rate_hz, format)


def test_float_flac_is_refused() -> None:
    with pytest.raises(ValueError, match="16 or 24"):
        encode(tone(100), RATE_HZ, "flac", 32)
