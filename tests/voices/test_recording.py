"""A recording becomes a reference: trimmed, levelled, measured; refused for its length, silence, or as unreadable."""

import io
import tempfile
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest
import soundfile
import synth_native

from serve_app.deliver.reference import hints
from serve_app.errors import UnusableFile
from serve_app.voices.recording import BOUNDS, Recording, prepared
from tests.assets import files
from tests.voices.recordings import Floats, file, speech


def looked_at(data: bytes, **bounds: Any) -> Recording:
    with tempfile.TemporaryFile() as opened:
        opened.write(data)
        opened.flush()
        return prepared(opened, "/file", replace(BOUNDS, **bounds))


def codes(recording: Recording) -> set[str]:
    return {item["code"] for item in hints(recording.checks)}


def kept(recording: Recording) -> tuple[Floats, int]:
    samples, rate_hz = soundfile.read(io.BytesIO(recording.data))
    return samples, rate_hz


def test_silence_around_it_goes_and_its_level_is_that_of_every_voice() -> None:
    around = np.zeros(2 * 24_000)
    made = looked_at(file(np.concatenate([around, 0.1 * speech(7), around]), subtype="FLOAT", channels=2))
    samples, rate_hz = kept(made)
    assert (samples.ndim, rate_hz) == (1, 24_000)
    assert 6.8 < len(samples) / rate_hz < 7.3
    measured = synth_native.measure(samples.astype(np.float32)[None], rate_hz)
    assert measured["loudness_lufs"] == pytest.approx(-18, abs=0.5)
    assert measured["true_peak_dbtp"] <= -0.9
    assert np.max(np.abs(samples[[0, -1]])) < 1e-4
    assert made.reference["duration_s"] == pytest.approx(len(samples) / rate_hz, abs=1e-3)
    assert made.reference["bytes"] == len(made.data)
    assert made.checks["duration_s"] == 11
    assert 0.3 < made.checks["silence_ratio"] < 0.6
    assert "too_quiet" in codes(made)


@pytest.mark.parametrize("snr_db", [10, 25, 45])
def test_noise_is_told_by_how_far_speech_is_above_it(snr_db: float) -> None:
    voice = speech(8, noise_db=None)
    rms = float(np.sqrt(np.mean(voice[np.abs(voice) > 1e-3] ** 2)))
    noise = np.random.default_rng(1).standard_normal(len(voice)) * rms * 10 ** (-snr_db / 20)
    made = looked_at(file(voice + noise, subtype="PCM_24"))
    assert made.checks["snr_db"] == pytest.approx(snr_db, abs=4)
    assert ("noisy" in codes(made)) is (snr_db < 20)


def test_samples_at_full_scale_are_counted() -> None:
    clipped = np.clip(6 * speech(5), -1, 1)
    made = looked_at(file(clipped, subtype="PCM_16"))
    assert made.checks["clipped_samples"] == np.count_nonzero(np.abs(clipped) >= 0.9995)
    assert "clipped" in codes(made)
    assert looked_at(file(speech(5))).checks["clipped_samples"] == 0


def test_a_good_recording_has_no_hints_and_a_telephones_has() -> None:
    assert codes(looked_at(file(speech(8)))) == set()
    made = looked_at(file(speech(3.5, 8000), 8000))
    assert kept(made)[1] == 16_000
    assert codes(made) == {"telephone", "short"}


def test_several_speakers_are_a_hint() -> None:
    both = np.concatenate([speech(7), speech(7, voice=(230.0, (900.0, 1700.0, 3100.0, 4500.0)))])
    made = looked_at(file(both))
    assert made.checks["speakers"] == 2
    assert codes(made) == {"several_speakers"}


def by_ffmpeg(container: str, codec: str, form: str, rate_hz: int = 48_000) -> bytes:
    made = io.BytesIO()
    samples = speech(5, rate_hz)[None].astype(np.float32)
    with av.open(made, "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        for part in av.AudioResampler(format=form, layout="mono", rate=rate_hz).resample(frame):
            for packet in stream.encode(part):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return made.getvalue()


FORMATS = {
    "FLAC": lambda: file(speech(5, 96_000), 96_000, "FLAC"),
    "Vorbis": lambda: file(speech(5, 44_100), 44_100, "OGG", "VORBIS"),
    "MP3": lambda: file(speech(5, 44_100), 44_100, "MP3"),
    "AIFF": lambda: file(speech(5, 44_100), 44_100, "AIFF"),
    "WAV of 8 bits": lambda: file(speech(5, 16_000), 16_000, "WAV", "PCM_U8"),
    "AAC in MP4": lambda: by_ffmpeg("mp4", "aac", "fltp"),
    "ALAC in MP4 (whole numbers)": lambda: by_ffmpeg("mp4", "alac", "s16p"),
    "Opus in WebM": lambda: by_ffmpeg("webm", "libopus", "flt"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_common_formats_are_the_same_voice(name: str) -> None:
    made = looked_at(FORMATS[name]())
    samples, rate_hz = kept(made)
    assert rate_hz <= 48_000
    assert made.checks["duration_s"] == pytest.approx(5, abs=0.1)
    expected = looked_at(file(speech(5))).checks["loudness_lufs"]
    assert made.checks["loudness_lufs"] == pytest.approx(expected, abs=1.5)
    assert np.isfinite(samples).all()


REFUSED = {
    "2 s": (lambda: file(speech(2)), "lasts 2.0 s; 3 to 60 s"),
    "70 s": (lambda: file(np.zeros(70 * 8000), 8000), "lasts 70.0 s or longer; 3 to 60 s"),
    "70 s of Ogg": (lambda: files.sound("OGG", seconds=70, rate_hz=8000), "or longer; 3 to 60 s"),
    "silence": (lambda: file(np.zeros(5 * 24_000)), "0.0 s of the recording are not silent"),
    "noise too low to hear": (lambda: file(speech(5, level=1e-5, noise_db=-100)), "not silent"),
    "a click": (lambda: file(np.pad([0.9], (30_000, 90_000))), "not silent"),
    "a picture": (files.picture, "a picture"),
    "text": (lambda: b"hello " * 1000, "no known format"),
    "no numbers": (
        lambda: files.wav_header(bits=32, data=np.full(44_100 * 4, np.nan, np.float32).tobytes()),
        "no numbers",
    ),
    "a cut off file": (lambda: file(speech(5), format="FLAC")[:-20_000], "cut off or broken|cannot be decoded"),
    "a header that lies": (lambda: files.wav_header(data=b"\0" * 100, told=1 << 30), "s or longer|lasts|cut off"),
    "nothing but a header": (files.wav_header, "no samples|lasts 0.0 s"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_recording_is_refused_with_its_pointer(name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(UnusableFile, match=words) as caught:
        looked_at(make())
    assert [item["pointer"] for item in caught.value.errors] == ["/file"]


def test_60_s_are_possible() -> None:
    assert looked_at(file(speech(60, 16_000), 16_000)).checks["duration_s"] == 60


@pytest.mark.parametrize(
    ("bounds", "words"),
    [({"memory_bytes": 100 << 20}, "memory"), ({"within_s": 0.01}, "within"), ({"answer_bytes": 4096}, "decoder")],
)
def test_the_process_is_bounded(bounds: dict[str, Any], words: str) -> None:
    with pytest.raises(UnusableFile, match=words):
        looked_at(file(speech(5)), **bounds)
