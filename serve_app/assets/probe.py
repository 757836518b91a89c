"""What a file of a stranger is, found out in a process that may do nothing else. Run as a script; see `inspection.py`.

It reads the file at standard input and writes one JSON object: {kind, media_type, facts} or {refused: why}. It decodes
every sample and every pixel, within limits of memory, time and frames, so that whatever the decoders do happens here.
Nothing of ours is imported: the process starts in a fraction of a second and knows no configuration.
"""

import json
import os
import re
import resource
import sys
from collections.abc import Callable, Iterator
from typing import IO, Any

Facts = dict[str, Any]

MOST_CHANNELS = 8
RATES_HZ = range(4_000, 384_001)
BLOCK_FRAMES = 1 << 14

_SNDFILE = {"WAV", "WAVEX", "RF64", "FLAC", "OGG", "AIFF", "MPEG", "MP3"}
_BY_SNDFILE = {"audio/wav", "audio/flac", "audio/ogg", "audio/aiff", "audio/mpeg"}
_EXACT = {"audio/wav", "audio/flac", "audio/aiff"}  # libsndfile knows how many frames there are
_DEMUXERS = {"audio/mp4": "mov", "audio/webm": "matroska", "audio/aac": "aac", "audio/mpeg": "mp3", "audio/ogg": "ogg"}
_PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_TAKEN = {  # what a file begins with, `.` for any byte
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/webp": rb"RIFF....WEBP",
    "audio/wav": rb"(RIFF|RF64)....WAVE",
    "audio/aiff": rb"FORM....AIF[FC]",
    "audio/flac": rb"fLaC",
    "audio/ogg": rb"OggS",
    "audio/mp4": rb"....ftyp(?!avif|avis|hei[cx]|mif1|msf1)",
    "audio/webm": rb"\x1aE\xdf\xa3",
    "audio/aac": rb"\xff[\xf0\xf1\xf8\xf9]",
    "audio/mpeg": rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]",
}
_INSTEAD = "send PNG, JPEG or WebP"
_REFUSED = {  # what is known and not taken, in words
    rb"....ftyp": f"an AVIF or HEIC picture; {_INSTEAD}",
    rb"GIF8": f"a GIF; {_INSTEAD}",
    rb"II\*\x00|MM\x00\*": f"a TIFF; {_INSTEAD}",
    rb"BM": f"a BMP; {_INSTEAD}",
    rb"RIFF|RF64|FORM": "a container without sound",
    rb"%PDF": "a PDF",
    rb"PK\x03\x04": "a ZIP archive",
    rb"\x1f\x8b": "compressed by gzip",
    rb".*<svg": f"an SVG; {_INSTEAD}",
}
_TURNED = range(5, 9)  # orientations that lie on their side
_KNOWN = "WAV, FLAC, Ogg, MP3, AAC, MP4, WebM, AIFF, PNG, JPEG, WebP"


class Refused(Exception):
    """The file cannot be used; the text is fit for its owner."""


def type_of(head: bytes) -> str:
    """The media type by the first bytes, whatever the file is called. Raises Refused."""
    for media_type, start in _TAKEN.items():
        if re.match(start, head, re.DOTALL):
            return media_type
    for start, words in _REFUSED.items():
        if re.match(start, head, re.DOTALL):
            raise Refused(f"the file is {words}")
    raise Refused(f"the file is of no known format of sound or picture ({_KNOWN})")


class Counted:
    """Blocks of a sound as they are decoded: counts frames, looks for what is no number, ends at a limit."""

    def __init__(self, rate_hz: int, channels: int, longest_s: float) -> None:
        if rate_hz not in RATES_HZ:
            raise Refused(f"the sound has a rate of {rate_hz} Hz; {RATES_HZ[0]} to {RATES_HZ[-1]} Hz are possible")
        if not 1 <= channels <= MOST_CHANNELS:
            raise Refused(f"the sound has {channels} channels; 1 to {MOST_CHANNELS} are possible")
        self.rate_hz, self.channels, self.longest_s = rate_hz, channels, longest_s
        self.frames = 0

    def check_length(self, frames: int) -> None:
        """Raise Refused for more than is possible."""
        if frames > self.longest_s * self.rate_hz:
            seconds = f"{frames / self.rate_hz:.0f}"
            raise Refused(f"the sound lasts {seconds} s or longer; {self.longest_s:g} s are possible")

    def add(self, block: Any, frames: int) -> None:
        """One more block of decoded samples (frames, channels), of whatever type they have."""
        import numpy as np

        if not np.isfinite(block).all():
            raise Refused("the sound holds samples that are no numbers (NaN or infinity)")
        self.frames += frames
        self.check_length(self.frames)

    def facts(self) -> Facts:
        """What is told of the sound. Raises Refused for an empty one."""
        if not self.frames:
            raise Refused("the sound has no samples")
        seconds = round(self.frames / self.rate_hz, 6)
        return {"duration_s": seconds, "sample_rate_hz": self.rate_hz, "channels": self.channels}


Count = Callable[[int, int, float], Counted]


def by_sndfile(file: IO[bytes], media_type: str, longest_s: float, count: Count = Counted) -> Facts:
    """A sound that libsndfile reads, decoded to its end."""
    import soundfile

    with soundfile.SoundFile(file) as sound:
        if sound.format not in _SNDFILE:
            raise Refused(f"the file is of format {sound.format}, which is not taken")
        counted = count(sound.samplerate, sound.channels, longest_s)
        told = sound.frames if media_type in _EXACT and sound.frames < 1 << 62 else 0
        counted.check_length(told)
        while len(block := sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            counted.add(block, len(block))
    if counted.frames < told:
        raise Refused(f"the sound ends after {counted.frames} of {told} frames: the file is cut off or broken")
    return counted.facts()


def by_ffmpeg(file: IO[bytes], media_type: str, longest_s: float, count: Count = Counted) -> Facts:
    """A sound that only FFmpeg's libraries read. No other file is opened, whatever a playlist in it says."""
    import av

    nothing_else = {"protocol_whitelist": "none", "max_streams": "8"}
    container: av.container.InputContainer
    with av.open(file, "r", format=_DEMUXERS[media_type], options=nothing_else, metadata_errors="replace") as container:
        if not container.streams.audio:
            raise Refused("the file holds no sound")
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        counted: Counted | None = None
        for frame in container.decode(stream):
            counted = counted or count(frame.sample_rate, frame.layout.nb_channels, longest_s)
            block = frame.to_ndarray()  # (channels, frames), or one row in which channels take turns
            counted.add(block.T if frame.format.is_planar else block.reshape(frame.samples, -1), frame.samples)
    if counted is None:
        raise Refused("the sound has no samples")
    return counted.facts()


def sound(file: IO[bytes], media_type: str, limits: Facts, count: Count = Counted) -> Facts:
    """By libsndfile, else by FFmpeg. Raises Refused with the reason of the first that knows the format.

    `count` makes what the blocks go through, another one for each reader that tries.
    """
    why = "it cannot be decoded"
    readers: list[Callable[[IO[bytes], str, float, Count], Facts]] = []
    readers += [by_sndfile] if media_type in _BY_SNDFILE else []
    readers += [by_ffmpeg] if media_type in _DEMUXERS else []
    for read in readers:
        file.seek(0)
        try:
            return read(file, media_type, limits["sound_s"], count)
        except (Refused, MemoryError, ImportError):  # of the last a decoder without room to be loaded is the reason
            raise
        except Exception as error:  # noqa: BLE001  (the edge between any decoder and ours)
            why = _in_words(error)
    raise Refused(f"the file begins like {media_type} and cannot be decoded: {why}")


def picture(file: IO[bytes], media_type: str, limits: Facts) -> Facts:
    """A still picture of 8 bits, decoded to its last pixel; width and height are those of the upright one."""
    from PIL import ExifTags, Image

    Image.MAX_IMAGE_PIXELS = None  # our own limit is looked at first
    try:
        with Image.open(file, formats=[_PICTURES[media_type]]) as image:
            if image.width * image.height > limits["pixels"]:
                size = f"{image.width} x {image.height} pixels"
                raise Refused(f"the picture has {size}; {limits['pixels']} pixels are possible")
            if getattr(image, "n_frames", 1) > 1:
                raise Refused("the picture is animated; send a still one")
            if image.mode.startswith("I") or image.mode == "F" or _deep(file):
                raise Refused("the picture has more than 8 bits per channel; send one of 8 bits")
            image.load()
            width, height = image.size
            if image.getexif().get(ExifTags.Base.Orientation) in _TURNED:
                width, height = height, width
    except (Refused, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  (the edge between any decoder and ours)
        raise Refused(f"the file begins like {media_type} and cannot be decoded: {_in_words(error)}") from None
    return {"width": width, "height": height}


def _deep(file: IO[bytes]) -> bool:
    """Whether a PNG has 16 bits per channel, of which Pillow keeps 8."""
    place = file.tell()
    file.seek(0)
    head = file.read(25)
    file.seek(place)
    return head.startswith(b"\x89PNG") and head[24:25] == b"\x10"


def _in_words(error: Exception) -> str:
    text = " ".join(str(error).split())
    clean = "".join(letter for letter in text if letter.isprintable())
    return f"{clean[:160]}" or type(error).__name__


def look(file: IO[bytes], limits: Facts) -> Facts:
    """What the file is. Raises Refused."""
    media_type = type_of(file.read(512))
    kind, read = ("image", picture) if media_type in _PICTURES else ("audio", sound)
    return {"kind": kind, "media_type": media_type, "facts": read(file, media_type, limits)}


def confine(limits: Facts) -> None:
    """Give up what this process does not need, before it looks at a single byte."""
    bounds = {
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_CPU: limits["cpu_s"],
        resource.RLIMIT_FSIZE: limits["answer_bytes"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for what, bound in bounds.items():
        resource.setrlimit(what, (bound, bound))


def _answers(limits: Facts) -> Iterator[Facts]:
    confine(limits)
    try:
        yield look(os.fdopen(0, "rb"), limits)
    except Refused as why:
        yield {"refused": str(why)}
    except MemoryError:
        yield {"refused": "the file opens to more memory than is given to it"}


if __name__ == "__main__":
    for found in _answers(json.loads(sys.argv[1])):
        sys.stdout.write(json.dumps(found))
