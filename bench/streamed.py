"""How long until a tenth of a second of sound can be heard: `python bench/streamed.py URL [--json FILE]`.

Asks a running service for streamed sounds of the synth, one after the other, each of another seed, and prints the time
from the request to the byte with which 0.1 s can be decoded: median and 99th percentile for each format, beside the
load of the machine. With `--at-once N` as many clients then listen at real time, and what they would have waited for
is printed.

With `--speech` the sounds are texts of 200 characters that nobody has spoken before, in three sentences and in one,
each through /v1/audio/speech; with `--at-once N` that many clients ask at the same time, ten times over.
"""

import argparse
import io
import json
import os
import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import av
import httpx

HEARD_S = 0.1
PROMPT = "gentle rain with a warm low pad"


WORDS = [
    "river",
    "lantern",
    "copper",
    "morning",
    "window",
    "silver",
    "garden",
    "distant",
    "thunder",
    "velvet",
    "harbour",
    "winter",
    "candle",
    "meadow",
    "station",
    "orange",
    "pepper",
    "gentle",
    "mountain",
    "basket",
    "letter",
    "yellow",
    "summer",
    "island",
    "paper",
    "wooden",
    "marble",
    "feather",
    "quiet",
    "anchor",
]
SPEECH_HZ = 24_000


def text_of(number: int, one_sentence: bool) -> str:
    """200 characters of English words, other ones for every number."""
    draw, said = random.Random(number), ""
    while len(said) < 190:
        said += f"the {draw.choice(WORDS)} and a {draw.choice(WORDS)} "
        if not one_sentence and len(said) % 67 > 45:
            said = said.strip() + ". "
    return (said[:199].strip() + ".").capitalize()


def spoken(client: httpx.Client, format: str, text: str) -> tuple[list[float], list[int], bytes]:
    return received(client, "/v1/audio/speech", {"model": "hibari", "input": text, "response_format": format})


def body(format: str, seed: int, duration_s: float) -> dict[str, Any]:
    fields = {"model": "synth", "prompt": PROMPT, "duration_s": duration_s, "seed": seed}
    return {**fields, "format": format, "stream": True, "sample_rate_hz": 48_000 if format == "opus" else 44_100}


def arrivals(
    client: httpx.Client, format: str, seed: int, duration_s: float = 10.0
) -> tuple[list[float], list[int], bytes]:
    """When parts of a sound came, in seconds from the request, how many bytes were there then, and all of them."""
    return received(client, "/v1/audio/generations", body(format, seed, duration_s))


def received(client: httpx.Client, route: str, content: dict[str, Any]) -> tuple[list[float], list[int], bytes]:
    began, times, ends, data = time.perf_counter(), [], [], bytearray()
    with client.stream("POST", route, json=content) as reply:
        assert reply.status_code == 200, reply.read()
        for part in reply.iter_raw():
            times.append(time.perf_counter() - began)
            data += part
            ends.append(len(data))
    return times, ends, bytes(data)


def decodable_s(format: str, data: bytes, frames_per_s: float = 44_100) -> float:
    """How much of a sound its first bytes give."""
    if format == "pcm":
        return len(data) / (4 if frames_per_s == 44_100 else 2) / frames_per_s
    try:
        with av.open(io.BytesIO(data)) as container:
            frames = list(container.decode(audio=0))
    except (av.error.FFmpegError, IndexError):
        return 0.0
    return sum(frame.samples / frame.sample_rate for frame in frames)


def heard_after_s(format: str, found: tuple[list[float], list[int], bytes], frames_per_s: float = 44_100) -> float:
    times, ends, data = found
    pairs = zip(times, ends, strict=True)
    return next(at for at, end in pairs if decodable_s(format, data[:end], frames_per_s) >= HEARD_S)


def speech(options: argparse.Namespace) -> dict[str, Any]:
    """Until 0.1 s is there, and how many times as fast as it is spoken the whole text comes."""
    number = int(time.time() * 1000) % 2**30
    found: dict[str, Any] = {}
    with httpx.Client(base_url=options.url, timeout=60) as client:
        spoken(client, "pcm", text_of(number - 1, False))
        for format in options.formats.split(","):
            for one_sentence in (False, True):
                waits, speeds = [], []
                for _ in range(options.times):
                    number += 1
                    arrived = spoken(client, format, text_of(number, one_sentence))
                    waits.append(heard_after_s(format, arrived, SPEECH_HZ) * 1000)
                    speeds.append(decodable_s(format, arrived[2], SPEECH_HZ) / arrived[0][-1])
                name = f"{format}, {'one sentence' if one_sentence else 'three sentences'}"
                found[name] = {"p50_ms": round(statistics.median(waits), 1), "p99_ms": round(max(waits), 1)}
                found[name]["times_real_time"] = round(statistics.median(speeds), 1)
                print(name, found[name], f"load {os.getloadavg()[0]:.1f}")
    if options.at_once:
        waits = []

        def ask(number: int) -> None:
            with httpx.Client(base_url=options.url, timeout=60) as client:
                arrived = spoken(client, "pcm", text_of(number, number % 2 == 0))
                waits.append(heard_after_s("pcm", arrived, SPEECH_HZ) * 1000)

        for _ in range(10):
            threads = [threading.Thread(target=ask, args=(number := number + 1,)) for _ in range(options.at_once)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        found["together"] = {"clients": options.at_once, "p50_ms": round(statistics.median(waits), 1)}
        found["together"]["most_ms"] = round(max(waits), 1)
        print(found["together"], f"load {os.getloadavg()[0]:.1f}")
    return found


def underrun_s(found: tuple[list[float], list[int], bytes]) -> float:
    """How long a player of PCM would have stood still that began with the first tenth of a second."""
    times, ends, _ = found
    began = heard_after_s("pcm", found)
    waits = [at - began - end / 4 / 44_100 for at, end in zip(times[:-1], ends[:-1], strict=True) if at > began]
    return max(0.0, *waits) if waits else 0.0


def together(url: str, clients: int, duration_s: float = 30.0) -> dict[str, float]:
    found: list[tuple[list[float], list[int], bytes]] = []

    def listen(seed: int) -> None:
        with httpx.Client(base_url=url, timeout=120) as client:
            found.append(arrivals(client, "pcm", seed, duration_s))

    threads = [threading.Thread(target=listen, args=(int(time.time()) + seed,)) for seed in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "clients": clients,
        "first_s": round(max(heard_after_s("pcm", item) for item in found), 4),
        "underrun_s": round(max(underrun_s(item) for item in found), 4),
        "last_s": round(max(item[0][-1] for item in found), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--formats", default="pcm,mp3,opus,flac,aac,wav")
    parser.add_argument("--at-once", type=int, default=0)
    parser.add_argument("--speech", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    if options.speech:
        figures |= speech(options)
    else:
        figures |= sounds(options)
    figures["load_after"] = os.getloadavg()[0]
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def sounds(options: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    with httpx.Client(base_url=options.url, timeout=60) as client:
        for format in options.formats.split(","):
            first = int(time.time() * 1000) % 2**30
            arrivals(client, format, first, 1.0)  # warm: libraries are loaded
            waits = sorted(
                heard_after_s(format, arrivals(client, format, first + n)) * 1000 for n in range(1, options.times + 1)
            )
            p99 = waits[min(len(waits) - 1, round(0.99 * len(waits)))]
            figures[format] = {"p50_ms": round(statistics.median(waits), 1), "p99_ms": round(p99, 1)}
            p50 = figures[format]["p50_ms"]
            print(f"{format:6} p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   load {os.getloadavg()[0]:.1f}")
    if options.at_once:
        figures["together"] = together(options.url, options.at_once)
        print(figures["together"])
    return figures


if __name__ == "__main__":
    main()
