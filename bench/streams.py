"""What endless streams cost: `python bench/streams.py [--seconds 123]`.

Music of the synth (60 s and a cross-fade of 6), a text each 30 s, in memory. Of each format the seconds of stream that
one second of a core makes, segment by segment, with mixing and packaging; how much noisier the worst seam is than one
encoder would have left it there; then how long the first segment of a new stream takes, and a long one at hour 3. Load
is printed beside, since another process on the core costs up to half.
"""

import argparse
import io
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import av
import numpy as np
import soxr

from deployments.contract import Samples
from deployments.synth import generate_audio
from serve_app.streams.coding import CODECS, Codec, encode
from serve_app.streams.grid import LONG, RATE_HZ, segment_at
from serve_app.streams.mixing import render
from serve_app.streams.packaging import TIMESTAMP_BYTES, fragment, init_segment, packed
from serve_app.streams.segments import encoded, frames_of, packaged
from serve_app.streams.sounds import ArraySound, Sound, seam_correlation
from serve_app.streams.spec import SpeechSpec, StreamSpec
from serve_app.streams.timeline import MusicItem, SpokenText, Timeline

SPEC = StreamSpec(seed=4, speech=SpeechSpec(texts=("breathe", "let go", "you are safe"), interval_s=30))
CHOICES: Sequence[tuple[str, Codec]] = (
    ("aac (default)", CODECS["aac"]),
    ("aac fast, 128 kbit/s", replace(CODECS["aac"], options={"aac_coder": "fast", "cutoff": "20000"})),
    ("aac twoloop", replace(CODECS["aac"], options={"aac_coder": "twoloop"})),
    ("mp3 q5 (default)", CODECS["mp3"]),
    ("mp3 q2", replace(CODECS["mp3"], options={"quality": "2"})),
    ("opus c7 (default)", CODECS["opus"]),
    ("opus c10", replace(CODECS["opus"], options={**CODECS["opus"].options, "compression_level": "10"})),
    ("flac", CODECS["flac"]),
)


class Made:
    """Three items of the synth in turn, and a tone that is spoken."""

    def __init__(self, timeline: Timeline) -> None:
        items = [timeline.takes(j)[0] for j in range(3)]
        seconds = items[0].frames / RATE_HZ
        self._music = [
            ArraySound(generate_audio(item.prompt, key=item.key, scale=item.scale, duration=seconds, seed=item.seed))
            for item in items
        ]
        self._voice = ArraySound(generate_audio("a soft voice choir", duration=6.0, seed=1))
        self._seams: dict[tuple[int, int], float] = {}

    def music(self, item: MusicItem) -> Sound:
        return self._music[item.j % 3]

    def speech(self, text: SpokenText) -> Sound:
        return self._voice

    def correlation(self, before: MusicItem, after: MusicItem) -> float:
        pair = before.j % 3, after.j % 3
        if pair not in self._seams:
            self._seams[pair] = seam_correlation(before, self.music(before), after, self.music(after))
        return self._seams[pair]


def cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def decoded(codec: Codec, packets: Sequence[bytes]) -> Samples:
    if codec.name in ("aac", "mp3"):
        data, container = packed(codec, 0, packets)[TIMESTAMP_BYTES:], codec.name
    else:
        data, container = init_segment(codec) + fragment(codec, 0, packets, 1), "mp4"
    with av.open(io.BytesIO(data), format=container) as opened:
        sound = np.concatenate([frame.to_ndarray() for frame in opened.decode(audio=0)], axis=1)
    return sound if len(sound) == 2 else sound.reshape(-1, 2).T.astype(np.float32) / 2**15


def noise_db(sound: Samples) -> float:
    return 10 * float(np.log10(np.mean(np.square(sound, dtype=np.float64)) + 1e-20))


def worst_seam_db(codec: Codec, line: Timeline, items: Made, stitched: Sequence[bytes], segments: int) -> float:
    one = encode(codec, partial(render, line, items), 0, len(stitched))
    wanted = render(line, items, 0, line.span(segments).start)
    if codec.rate_hz != RATE_HZ:
        wanted = soxr.resample(wanted.T, RATE_HZ, codec.rate_hz, quality="HQ").T
    ours, theirs = decoded(codec, stitched), decoded(codec, one)
    length, around = min(ours.shape[1], wanted.shape[1]), 4 * codec.packet
    ours, theirs = ours[:, :length] - wanted[:, :length], theirs[:, :length] - wanted[:, :length]
    seams = [frames_of(line, k, codec)[0] * codec.packet for k in range(1, segments)]
    return max(
        noise_db(ours[:, at - around : at + around]) - noise_db(theirs[:, at - around : at + around]) for at in seams
    )


def main(seconds: float) -> None:
    line = Timeline(SPEC)
    items = Made(line)
    first, segments = 9, segment_at(round(seconds * RATE_HZ)) + 1  # the first 10.24 s are short ones
    stream_s = (segments - first) * LONG / RATE_HZ
    render(line, items, 0, LONG)

    print(f"{stream_s:.0f} s of stream, load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':22}{'x one core':>11}{'cpu-s an hour':>15}{'worst seam dB':>15}")
    spent = cpu_s(lambda: [render(line, items, *line.span(k)) for k in range(first, segments)])
    print(f"{'mix alone':22}{stream_s / spent:11.0f}{3600 * spent / stream_s:15.1f}")
    for name, codec in CHOICES:
        draw = partial(render, line, items)

        def make(codec: Codec = codec, draw: Callable[[int, int], Samples] = draw) -> None:
            for k in range(first, segments):
                begins, ends = frames_of(line, k, codec)
                packets = encode(codec, draw, begins, ends)
                (fragment(codec, begins, packets, k) if codec.name != "mp3" else packed(codec, begins, packets))

        spent = cpu_s(make)
        stitched = [packet for k in range(segments) for packet in encode(codec, draw, *frames_of(line, k, codec))]
        seam_db = worst_seam_db(codec, line, items, stitched, segments)
        print(f"{name:22}{stream_s / spent:11.1f}{3600 * spent / stream_s:15.1f}{seam_db:15.2f}", flush=True)

    print(f"\n{'':32}{'median ms':>10}{'99th':>8}")
    hour_3 = segment_at(3 * 3600 * RATE_HZ)
    for name, k in (("first segment of a new stream", 0), ("10.24 s at hour 3", hour_3)):
        for format, codec in (("aac", "aac"), ("mp3", "mp3")):
            walls = []
            for seed in range(100):
                began = time.perf_counter()
                packaged(encoded(Timeline(SPEC.model_copy(update={"seed": seed})), items, k, codec), format)
                walls.append((time.perf_counter() - began) * 1e3)
            walls.sort()
            print(f"{name + ', ' + format:32}{statistics.median(walls):10.1f}{walls[98]:8.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=123.0, help="of stream, from the start")
    main(parser.parse_args().seconds)
