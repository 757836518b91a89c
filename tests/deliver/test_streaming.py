"""Streamed sounds: the finisher in pieces against the one of whole sounds, encoders whose bytes never change."""

import io
import threading
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
import soundfile as sf

from deployments.contract import Audio, Samples
from serve_app.deliver.encoders.streams import Shape, encoded
from serve_app.deliver.finish import finish
from serve_app.deliver.streaming import Aim, Finisher, stream
from serve_app.errors import UnusableAudio

RATE = 44_100
SETTINGS = {"format": "wav", "bit_depth": 16, "sample_rate_hz": None, "loudness_lufs": -16.0, "asked_loudness": True}


def noise(seconds: float, level: float = 0.05, channels: int = 2) -> Samples:
    frames = round(seconds * RATE)
    return (np.random.default_rng(0).standard_normal((channels, frames)) * level).astype(np.float32)


def chunks(samples: Samples, size: int = 4000) -> Iterator[Audio]:
    for start in range(0, samples.shape[1], size):
        yield Audio(samples[:, start : start + size], RATE)


class Kept:
    """A file that a stream leaves in a store."""

    def __init__(self) -> None:
        self.data = b""

    def __call__(self, _media_type: str) -> "Kept":
        return self

    def write(self, data: bytes) -> None:
        self.data += data

    def stored(self, file: Any) -> bytes:
        assert file.upload is self
        head = file.head or b""
        return head + self.data[len(head) :]


def finished(made: Any, aim: Aim) -> tuple[Samples, Finisher]:
    finisher = Finisher(aim)
    return np.concatenate(list(finisher.blocks(made)), axis=1), finisher


@pytest.mark.parametrize("rate_hz", [RATE, 48_000])
@pytest.mark.parametrize("seconds", [2.0, 1.9, 2.2], ids=["exact", "short", "long"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "chunks"])
def test_streamed_and_whole_agree_up_to_the_gain(rate_hz: int, seconds: float, channels: int, whole: bool) -> None:
    samples = noise(seconds)
    expected = finish(
        Audio(samples, RATE), duration_s=2.0, sample_rate_hz=rate_hz, channels=channels, loudness_lufs=-30
    ).samples
    aim = Aim(2.0, rate_hz, channels, loudness_lufs=-30, typical_lufs=-20)
    sound, _ = finished(Audio(samples, RATE) if whole else chunks(samples), aim)
    assert sound.shape == expected.shape
    gain = float((sound * expected).sum() / (expected * expected).sum())
    assert np.max(np.abs(sound / gain - expected)) < 1e-6


def test_a_sound_that_is_there_whole_gets_its_loudness_and_chunks_get_their_models() -> None:
    aim = Aim(2.0, RATE, 2, loudness_lufs=-20, typical_lufs=-26)
    _, known = finished(Audio(noise(2), RATE), aim)
    assert known.quality["loudness_lufs"] == pytest.approx(-20, abs=0.1)
    samples, preset = finished(chunks(noise(2)), aim)
    assert np.std(samples) / 0.05 == pytest.approx(10 ** (6 / 20), rel=0.02)
    assert preset.quality["limited_by"] is None


def test_true_peak_is_held_whatever_the_gain() -> None:
    _, finisher = finished(chunks(noise(2, 0.3)), Aim(2.0, RATE, 2, loudness_lufs=-5, typical_lufs=-25))
    assert finisher.quality["true_peak_dbtp"] <= -0.99
    _, finisher = finished(Audio(noise(2, 0.3), RATE), Aim(2.0, RATE, 2, loudness_lufs=-5, typical_lufs=-25))
    assert finisher.quality["true_peak_dbtp"] <= -0.99
    assert finisher.quality["limited_by"] == "true_peak"


@pytest.mark.parametrize(
    ("made", "word"),
    [
        (lambda: iter(()), "no audio"),
        (lambda: chunks(np.zeros((2, RATE), np.float32)), "silence"),
        (lambda: chunks(np.full((2, RATE), np.nan, np.float32)), "NaN"),
        (lambda: chunks(np.zeros((2, 0, 1), np.float32)), "no audio"),
        (lambda: iter([Audio(noise(0.1).astype(np.float64), RATE)]), "float64"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_sound_is_refused_before_a_byte_leaves(made: Any, word: str) -> None:
    sent: list[bytes] = []
    kept: Any = Kept()
    with pytest.raises(UnusableAudio, match=word):
        stream(made(), 1.0, {**SETTINGS, "typical_lufs": -20.0}, lambda data, _: sent.append(data), kept)
    assert (sent, kept.data) == ([], b"")


@pytest.mark.parametrize(
    ("second", "word"),
    [
        (Audio(np.full((2, 99), np.inf, np.float32), RATE), "infinite"),
        (Audio(noise(0.5, channels=1), RATE), "different"),
        (Audio(noise(0.5), 48_000), "different"),
        (Audio(noise(0.1), RATE), "where 3 s were asked"),
    ],
)
def test_what_goes_wrong_later_is_found_too(second: Audio, word: str) -> None:
    with pytest.raises(UnusableAudio, match=word):
        finished(iter([Audio(noise(0.5), RATE), second]), Aim(3.0, RATE, 2, -16, -20))


def test_bytes_leave_before_the_next_chunk_is_made() -> None:
    sent, seen = [], []

    def made() -> Iterator[Audio]:
        for chunk in chunks(noise(1), RATE // 10):
            seen.append(len(sent))
            yield chunk

    kept: Any = Kept()
    delivered, _ = stream(made(), 1.0, {**SETTINGS, "typical_lufs": -20.0}, lambda data, _: sent.append(data), kept)
    assert seen[1:] == sorted(set(seen[1:]))  # more at every chunk
    assert kept.stored(delivered.file) == b"".join(sent)
    assert delivered.facts["quality"]["ok"]


CASES = [
    (format, rate_hz, channels, frames, bits)
    for format, rates, depths in (
        ("wav", (RATE, 8_000), (16, 24, 32)),
        ("flac", (RATE, 96_000), (16, 24)),
        ("mp3", (RATE, 48_000, 24_000, 8_000), (16,)),
        ("opus", (48_000, 16_000), (16,)),
    )
    for rate_hz in rates
    for channels in (1, 2)
    for frames in (1152, 30_001)
    for bits in depths
]


@pytest.mark.parametrize(("format", "rate_hz", "channels", "frames", "bits"), CASES)
def test_a_stream_decodes_to_exactly_its_frames(
    format: str, rate_hz: int, channels: int, frames: int, bits: Any
) -> None:
    time_s = np.arange(frames) / rate_hz
    sound = np.stack([0.3 * np.sin(2 * np.pi * 440 * time_s + n) for n in range(channels)]).astype(np.float32)
    blocks = (sound[:, start : start + 2048] for start in range(0, frames, 2048))
    data = b"".join(encoded(format, blocks, Shape(frames, rate_hz, channels, bits)))
    assert sf.info(io.BytesIO(data)).channels == channels
    decoded, decoded_hz = sf.read(io.BytesIO(data), dtype="float32", always_2d=True)
    scaled = round(frames * decoded_hz / rate_hz)
    assert len(decoded) == scaled
    if format in ("wav", "flac"):
        assert np.max(np.abs(decoded.T - sound)) < {16: 1e-4, 24: 1e-6, 32: 1e-9}[bits]
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.audio[0].codec_context.channels == channels
        assert sum(frame.samples for frame in container.decode(audio=0)) * rate_hz >= frames * rate_hz


def test_adts_holds_the_sound_after_its_encoders_delay() -> None:
    sound = noise(1, 0.1)
    data = b"".join(encoded("aac", iter([sound]), Shape(RATE, RATE, 2)))
    with av.open(io.BytesIO(data)) as container:
        frames = sum(frame.samples for frame in container.decode(audio=0))
    assert 1024 + RATE <= frames < 1024 + RATE + 2048


def test_pcm_is_sixteen_bits_and_nothing_else() -> None:
    sound = noise(0.5, 0.1)
    data = b"".join(encoded("pcm", iter([sound]), Shape(sound.shape[1], RATE, 2)))
    assert np.max(np.abs(np.frombuffer(data, "<i2").reshape(-1, 2).T / 32768 - sound)) < 1e-4


def test_two_streams_at_once_give_the_bytes_of_one() -> None:
    sound = noise(1, 0.1)

    def encode() -> bytes:
        return b"".join(encoded("mp3", iter([sound[:, :9999], sound[:, 9999:]]), Shape(RATE, RATE, 2)))

    alone, found = encode(), list[bytes]()
    threads = [threading.Thread(target=lambda: found.append(encode())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone, alone]


ENDLESS = [("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24), ("mp3", 16), ("opus", 16), ("aac", 16)]


@pytest.mark.parametrize(("format", "bit_depth"), [*ENDLESS, ("pcm", 16)])
@pytest.mark.parametrize("rate_hz", [24_000, 44_100])
def test_a_sound_of_unknown_length_is_sent_as_it_comes_and_stored_with_its_length(
    format: str, bit_depth: int, rate_hz: int
) -> None:
    frames = round(1.37 * rate_hz) + 1
    spoken = (np.random.default_rng(1).standard_normal((1, frames)) * 0.05).astype(np.float32)
    sent: list[bytes] = []
    settings = {**SETTINGS, "format": format, "bit_depth": bit_depth, "typical_lufs": -20.0, "asked_loudness": False}
    kept: Any = Kept()
    made = (Audio(spoken[:, start : start + 2400], rate_hz) for start in range(0, frames, 2400))
    delivered, _ = stream(made, None, settings, lambda data, _head: sent.append(data), kept)
    stored, streamed = kept.stored(delivered.file), b"".join(sent)
    sent_hz = delivered.facts["sample_rate_hz"]
    length = round(delivered.facts["duration_s"] * sent_hz)
    assert length == pytest.approx(frames * sent_hz / rate_hz, abs=0 if sent_hz == rate_hz else 2)
    assert len(stored) == len(streamed)
    if format in ("wav", "flac"):
        assert stored[:64] != streamed[:64]
        assert stored[64:] == streamed[64:]
        assert sf.info(io.BytesIO(stored)).frames == frames
    else:
        assert stored == streamed
    if format == "pcm":
        assert len(stored) == 2 * frames
        return
    for data in (stored, streamed):
        decoded = decoded_by_ffmpeg(data)
        before = {"mp3": 1105, "aac": 1024}.get(format, 0)
        heard = length * 48_000 // sent_hz if format == "opus" else length
        assert 0 <= decoded - before - heard <= {"mp3": 1152, "aac": 1024}.get(format, 0)


def decoded_by_ffmpeg(data: bytes) -> int:
    with av.open(io.BytesIO(data)) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def test_players_take_the_length_of_an_mp3_of_unknown_length_from_its_bit_rate() -> None:
    quiet_then_loud = np.concatenate([noise(5, 0.0001, 1), noise(5, 0.2, 1)], axis=1)
    sent = list(encoded("mp3", iter([quiet_then_loud]), Shape(None, RATE, 1)))
    with av.open(io.BytesIO(b"".join(sent))) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(10, abs=0.1)
