"""What files are told to be, and what becomes of those that want to do harm."""

import io
import os
import resource
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from serve_app.assets import inspection
from serve_app.assets.inspection import Bounds, Found, inspect
from serve_app.errors import UnusableFile
from tests.assets import files

BOUNDS = Bounds(sound_s=600, pixels=1 << 26)


def looked_at(data: bytes, bounds: Bounds = BOUNDS) -> Found:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return inspect(file, bounds, "/file")


GOOD_SOUNDS = {
    "wav": (lambda: files.sound("WAV"), "audio/wav", 44_100),
    "wav float": (lambda: files.sound("WAV", subtype="FLOAT"), "audio/wav", 44_100),
    "wav extensible 24": (lambda: files.sound("WAVEX", subtype="PCM_24"), "audio/wav", 44_100),
    "rf64": (lambda: files.sound("RF64"), "audio/wav", 44_100),
    "flac": (lambda: files.sound("FLAC"), "audio/flac", 44_100),
    "aiff": (lambda: files.sound("AIFF"), "audio/aiff", 44_100),
    "vorbis": (lambda: files.sound("OGG"), "audio/ogg", 44_100),
    "opus": (lambda: files.sound("OGG", subtype="OPUS", rate_hz=48_000), "audio/ogg", 48_000),
    "mp3": (lambda: files.sound("MP3"), "audio/mpeg", 44_100),
    "m4a": (lambda: files.by_ffmpeg("ipod", "aac"), "audio/mp4", 48_000),
    "adts": (lambda: files.by_ffmpeg("adts", "aac"), "audio/aac", 48_000),
    "webm": (lambda: files.by_ffmpeg("webm", "libopus"), "audio/webm", 48_000),
}


@pytest.mark.parametrize("name", GOOD_SOUNDS)
def test_a_sound_is_told_by_its_content(name: str) -> None:
    make, media_type, rate_hz = GOOD_SOUNDS[name]
    found = looked_at(make())
    assert (found.kind, found.media_type) == ("audio", media_type)
    assert (found.facts["sample_rate_hz"], found.facts["channels"]) == (rate_hz, 2)
    assert found.facts["duration_s"] == pytest.approx(0.5, abs=0.08)  # encoders pad


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_told_by_its_content(format: str) -> None:
    found = looked_at(files.picture(format))
    assert found == Found("image", f"image/{format.lower()}", {"width": 64, "height": 48})


def test_a_turned_picture_is_as_wide_as_it_is_shown() -> None:
    assert looked_at(files.turned()).facts == {"width": 48, "height": 64}


def test_what_lies_behind_a_picture_is_not_looked_at() -> None:
    polyglot = files.picture("PNG") + b"PK\x03\x04<script>alert(1)</script>" + files.sound()
    assert looked_at(polyglot).media_type == "image/png"


def test_a_header_that_claims_more_than_there_is_gives_what_there_is() -> None:
    data = np.full(4410, 1000, "<i2").tobytes()
    found = looked_at(files.wav_header(data=data, told=0x7FFFFFF0))
    assert found.facts == {"duration_s": 0.1, "sample_rate_hz": 44_100, "channels": 1}


def nan_samples() -> bytes:
    made = io.BytesIO()
    samples = np.zeros((4410, 1), np.float32)
    samples[2000] = np.nan
    soundfile.write(made, samples, 44_100, format="WAV", subtype="FLOAT")
    return made.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing known": (lambda: os.urandom(16) * 100, "no known format"),
    "text": (lambda: b"hello " * 100, "no known format"),
    "one byte": (lambda: b"\xff", "no known format"),
    "svg": (lambda: b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG"),
    "pdf": (lambda: b"%PDF-1.7\n" + bytes(100), "a PDF"),
    "zip": (lambda: b"PK\x03\x04" + bytes(100), "a ZIP"),
    "gzip": (lambda: b"\x1f\x8b\x08" + bytes(100), "gzip"),
    "playlist": (lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "no known format"),
    "avi": (lambda: b"RIFF\x00\x00\x00\x00AVI " + bytes(100), "without sound"),
    "gif": (lambda: files.animated("GIF"), "a GIF"),
    "animated webp": (lambda: files.animated("WEBP"), "animated"),
    "animated png": (lambda: files.animated("PNG"), "animated"),
    "16 bits of grey": (files.deep, "8 bits"),
    "16 bits of colour": (lambda: files.deep("RGB"), "8 bits"),
    "png header only": (lambda: files.picture("PNG")[:33], "cannot be decoded"),
    "png cut off": (lambda: files.picture("PNG", (512, 512))[:-200], "cannot be decoded"),
    "jpeg cut off": (lambda: files.picture("JPEG", (512, 512))[:-2000], "cannot be decoded"),
    "webp cut off": (lambda: files.picture("WEBP", (512, 512))[:-200], "cannot be decoded"),
    "png of 169 megapixels": (files.flat_png, "13000 x 13000"),
    "png that claims 400 megapixels": (files.endless_png, "20000 x 20000"),
    "wav header only": (files.wav_header, "no samples"),
    "wav of no length": (lambda: files.sound(seconds=0), "no samples"),
    "riff only": (lambda: b"RIFF\x24\x00\x00\x00WAVE", "cannot be decoded"),
    "wav of 1 Hz": (lambda: files.wav_header(rate_hz=1, data=bytes(200)), "1 Hz"),
    "wav of 10 MHz": (lambda: files.wav_header(rate_hz=10_000_000, data=bytes(200)), "10000000 Hz"),
    "wav of 64 channels": (lambda: files.wav_header(channels=64, data=bytes(12_800)), "64 channels"),
    "wav of no channel": (lambda: files.wav_header(channels=0, data=bytes(200)), "cannot be decoded"),
    "flac cut off": (lambda: files.sound("FLAC", seconds=2)[:-3000], "cut off|cannot be decoded"),
    "flac header only": (lambda: files.sound("FLAC")[:60], "cut off|no samples|cannot be decoded"),
    "flac of nothing": (lambda: b"fLaC" + bytes(1000), "cannot be decoded|no samples"),
    "ogg of nothing": (lambda: b"OggS" + bytes(1000), "cannot be decoded"),
    "mp3 of nothing": (lambda: b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(1000), "cannot be decoded"),
    "mp4 without sound": (lambda: files.by_ffmpeg("ipod", "aac")[:40], "cannot be decoded"),
    "webm of nothing": (lambda: b"\x1aE\xdf\xa3" + bytes(1000), "cannot be decoded"),
    "aac of nothing": (lambda: b"\xff\xf1" + bytes(1000), "cannot be decoded|no samples"),
    "NaN": (nan_samples, "no numbers"),
    "two hours": (
        lambda: files.silence("FLAC", "PCM_16", rate_hz=8000, channels=1, seconds=7200),
        "600 s are possible",
    ),
    "a flac that opens to a gigabyte": (
        lambda: files.silence("FLAC", "PCM_16", rate_hz=48_000, channels=8, seconds=601),
        "600 s are possible",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_reason(name: str) -> None:
    make, reason = HOSTILE[name]
    with pytest.raises(UnusableFile, match=reason) as refused:
        looked_at(make())
    assert refused.value.errors[0]["pointer"] == "/file"


WHOLE: dict[str, Callable[[], bytes]] = {
    "png": files.picture,
    "jpeg": lambda: files.picture("JPEG"),
    "webp": lambda: files.picture("WEBP"),
    "wav": lambda: files.sound("WAV", seconds=0.2),
    "flac": lambda: files.sound("FLAC", seconds=0.2),
    "ogg": lambda: files.sound("OGG", seconds=0.2),
    "mp3": lambda: files.sound("MP3", seconds=0.2),
    "m4a": lambda: files.by_ffmpeg("ipod", "aac"),
    "webm": lambda: files.by_ffmpeg("webm", "libopus"),
}


def peak_of_children_bytes() -> int:
    """The most memory that any child of this process had."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def check_damaged(kind: str, places: range) -> None:
    """Bytes changed here and there, an end that is missing: each is read or refused, in bounded memory."""
    whole, before_bytes = WHOLE[kind](), peak_of_children_bytes()
    for place in places:
        random = np.random.default_rng(place)
        data = bytearray(whole)
        for at in random.integers(4, len(data), 12):
            data[at] = random.integers(256)
        with suppress(UnusableFile):
            assert looked_at(bytes(data[: random.integers(len(data) // 2, len(data) + 1)])).kind in ("audio", "image")
    peak_bytes = peak_of_children_bytes()
    assert peak_bytes < BOUNDS.memory_bytes or peak_bytes == before_bytes  # that of another test's child


@pytest.mark.parametrize("kind", WHOLE)
def test_a_damaged_file_is_read_or_refused(kind: str) -> None:
    check_damaged(kind, range(3))


@pytest.mark.slow
@pytest.mark.parametrize("kind", WHOLE)
def test_many_damaged_files_are_read_or_refused(kind: str) -> None:
    check_damaged(kind, range(3, 25))


def test_the_largest_picture_that_is_possible_opens() -> None:
    found = looked_at(files.picture("PNG", (8192, 8192), "RGBA", compress_level=1))
    assert found.facts == {"width": 8192, "height": 8192}


def test_what_takes_more_memory_than_it_may_is_refused() -> None:
    bounds = replace(BOUNDS, pixels=1 << 30, memory_bytes=320 << 20)
    with pytest.raises(UnusableFile, match="memory"):
        looked_at(files.endless_png(), bounds)


def test_what_takes_more_time_than_it_may_is_refused() -> None:
    endless = files.by_ffmpeg("adts", "aac", 1.0) * 2000  # any number of such files is one of that length
    bounds = replace(BOUNDS, sound_s=1e6)
    with pytest.raises(UnusableFile, match="s to decode"):
        looked_at(endless, replace(bounds, cpu_s=1))
    with pytest.raises(UnusableFile, match=r"within 0\.3 s"):
        looked_at(endless, replace(bounds, within_s=0.3))


def test_the_process_that_looks_knows_neither_secrets_nor_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not to be seen")
    real = inspection.subprocess.run

    def spy(command: list[str], **more: Any) -> Any:
        script = (
            "import json,os;fds=[int(n) for n in os.listdir('/proc/self/fd')];"
            "print(json.dumps({'kind':'audio','media_type':'audio/wav',"
            "'facts':{'environment':sorted(os.environ),'descriptors':[f for f in fds if f>2]}}))"
        )
        return real([command[0], "-I", "-c", script], **more)

    with open(os.devnull) as kept:
        os.set_inheritable(kept.fileno(), True)
        monkeypatch.setattr(inspection.subprocess, "run", spy)
        seen = looked_at(files.sound()).facts
    assert "AWS_SECRET_ACCESS_KEY" not in seen["environment"]
    assert len(seen["descriptors"]) <= 1  # that of the listing itself
