"""What models of speech share: turns, edges, stretching."""

import threading

import numpy as np
import pytest

from deployments.speech.edges import silence, trimmed
from deployments.speech.stretch import own_speed, stretched
from deployments.speech.turns import Turns

RATE_HZ = 24_000


def tone(seconds: float, hz: float = 220.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE_HZ)) / RATE_HZ).astype(np.float32) / 2


def test_whoever_has_had_least_is_next_and_then_whoever_came_first() -> None:
    turns, order = Turns(1), list[str]()

    def compute(name: str, had: float) -> None:
        with turns.turn(had):
            order.append(name)

    threads = []
    with turns.turn(0):
        for count, (name, had) in enumerate([("long", 9.0), ("new", 0.0), ("middle", 3.0), ("newer", 0.0)], 1):
            threads.append(threading.Thread(target=compute, args=(name, had)))
            threads[-1].start()
            while len(turns.waiting) < count:
                threads[-1].join(0.001)
    for thread in threads:
        thread.join()
    assert order == ["new", "newer", "middle", "long"]
    assert turns.free == 1


def test_nobody_waits_for_ever_where_new_ones_never_end() -> None:
    turns, order, threads = Turns(1), list[str](), list[threading.Thread]()

    def wait_in_line(name: str, had: float, others: int = 0) -> None:
        thread, before = threading.Thread(target=compute, args=(name, had, others)), len(turns.waiting)
        thread.start()
        threads.append(thread)
        while len(turns.waiting) == before:
            thread.join(0.001)

    def compute(name: str, had: float, others: int) -> None:
        with turns.turn(had) as made:
            order.append(name)
            made(1.0)
            if others:  # there is always a new one when a place gets free
                wait_in_line("new", 0.0, others - 1)

    with turns.turn(0):
        wait_in_line("long", 5.0)
        wait_in_line("new", 0.0, others=20)
    for thread in threads:  # the list grows until the last of them was started, by the one before it
        thread.join()
    assert (len(order), order.index("long")) == (22, 5)


def test_no_more_compute_than_may_and_a_failure_gives_its_place_back() -> None:
    turns, running, most, door = Turns(2), 0, 0, threading.Lock()

    def compute() -> None:
        nonlocal running, most
        with turns.turn(0):
            with door:
                running += 1
                most = max(most, running)
            with door:
                running -= 1

    with pytest.raises(ValueError, match="broken"), turns.turn(0):
        raise ValueError("broken")
    threads = [threading.Thread(target=compute) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 2
    assert turns.free == 2


def test_silence_around_speech_is_cut_to_30_ms_and_the_ends_fade() -> None:
    quiet = silence(0.5, RATE_HZ)[0]
    kept = trimmed(np.concatenate([quiet, tone(1), quiet]), RATE_HZ)
    assert len(kept) / RATE_HZ == pytest.approx(1.06, abs=0.01)
    assert kept[0] == kept[-1] == 0
    assert np.abs(kept).max() == pytest.approx(0.5, abs=0.01)
    assert len(trimmed(quiet, RATE_HZ)) == 0


def test_a_sound_that_begins_at_once_fades_in() -> None:
    kept = trimmed(np.full(RATE_HZ, 0.5, np.float32), RATE_HZ)
    assert kept[0] == kept[-1] == 0
    assert np.abs(np.diff(kept)).max() < 0.01


@pytest.mark.parametrize("factor", [0.25, 0.6, 1.0, 1.7, 4.0])
def test_what_is_stretched_keeps_its_pitch(factor: float) -> None:
    other = stretched(tone(2), RATE_HZ, factor)
    assert 2 / (len(other) / RATE_HZ) == pytest.approx(factor, rel=0.03)
    spectrum = np.abs(np.fft.rfft(other * np.hanning(len(other))))
    assert np.argmax(spectrum) * RATE_HZ / len(other) == pytest.approx(220, abs=4)
    assert np.sqrt(np.mean(other**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_the_rest_of_a_speed_is_never_a_large_stretch_where_speech_is_slow() -> None:
    assert [own_speed(speed) for speed in (0.25, 0.7, 0.75, 1, 4)] == [0.5, 0.5, 1, 1, 1]
