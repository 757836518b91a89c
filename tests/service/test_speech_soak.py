"""Sixteen clients that speak without a pause: nothing fails, nobody waits long, no process grows."""

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from tests.support.live import Service, config_file, running
from tests.support.soak import at_length

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(900)]

CLIENTS, SECONDS = 16, at_length(300, 24)
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
LENGTHS = (1, 1, 2, 3, 5, 8, 40)  # sentences
HIBARI = {
    "name": "hibari",
    "model": "deployments.speech.hibari:Hibari",
    "replicas": {"min": 1, "max": 1, "cpus": 0.5, "target_ongoing": 16},
}
SUBJECTS = ("The old captain", "A letter from Boston", "My sister", "Flight 447", "The price of $12.50", "Nobody")
VERBS = ("waited for", "never mentioned", "changed", "was seen near", "had forgotten about", "counted on")
OBJECTS = ("the harbour at 7:45 pm", "42 white birds", "the quiet garden", "what Mrs. Thompson said", "the last train")
MOST_GROWTH = 1.1  # of memory, from the second quarter of the time to the last one


@dataclass
class Heard:
    """What the clients met."""

    first_s: list[float] = field(default_factory=list)
    gap_s: list[float] = field(default_factory=list)  # the longest one in each sound
    wrong: list[str] = field(default_factory=list)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, config_file(tmp_path, [HIBARI])) as service:
        yield service


def text(draw: random.Random) -> str:
    parts = (SUBJECTS, VERBS, OBJECTS)
    return " ".join(f"{' '.join(map(draw.choice, parts))}." for _ in range(draw.choice(LENGTHS)))


def speak(service: Service, number: int, until: float, heard: Heard) -> None:
    draw = random.Random(number)
    with httpx.Client(base_url=service.url, timeout=120) as client:
        while time.monotonic() < until and not heard.wrong:
            body = {"input": text(draw), "response_format": draw.choice(FORMATS), "seed": draw.randrange(2**31)}
            came = [time.perf_counter()]
            try:
                with client.stream("POST", "/v1/audio/speech", json=body) as reply:
                    came += [time.perf_counter() for _ in reply.iter_raw()]
            except httpx.TransportError as error:
                heard.wrong.append(f"{type(error).__name__}: {error}")
                return
            if reply.status_code != 200 or len(came) < 2:
                heard.wrong.append(f"{reply.status_code} to {body}")
                return
            waits = [after - before for before, after in pairwise(came)]
            heard.first_s.append(waits[0])
            heard.gap_s.append(max(waits))


def test_sixteen_clients_speak_without_a_pause(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    until = time.monotonic() + SECONDS
    clients = [threading.Thread(target=speak, args=(service, number, until, heard)) for number in range(CLIENTS)]
    processes = {name: psutil.Process(service.pids(name)[0]) for name in ("hibari", "ingress")}
    memory: dict[str, list[int]] = {name: [] for name in processes}
    for client in clients:
        client.start()
    while any(client.is_alive() for client in clients):
        for name, process in processes.items():
            memory[name].append(process.memory_info().rss)
        time.sleep(0.25)
    assert not heard.wrong, heard.wrong[:5]
    assert {name: service.pids(name) for name in processes} == {name: [item.pid] for name, item in processes.items()}
    p50, p99 = (1000 * float(np.percentile(heard.first_s, at)) for at in (50, 99))
    grown = {name: growth(seen) for name, seen in memory.items()}
    with capsys.disabled():
        sizes = {name: f"{max(seen) >> 20} MiB" for name, seen in memory.items()}
        print(f"\n{len(heard.first_s)} sounds in {SECONDS} s; first sound p50 {p50:.0f} ms, p99 {p99:.0f} ms")
        print(f"longest wait within a sound {max(heard.gap_s):.1f} s; memory {sizes}, grown {grown}")
    assert len(heard.first_s) > CLIENTS
    assert max(grown.values()) <= MOST_GROWTH
    assert not [line for line in service.log_lines() if '"level": "ERROR"' in line]


def growth(seen: list[int]) -> float:
    """The last quarter over the second one."""
    quarters = [float(np.median(part)) for part in np.array_split(seen, 4)]
    return round(quarters[3] / quarters[1], 3)
