"""The Python face of the engine's streams; their sound is tested in native/tests/test_streams.cpp."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import synth_native
from numpy.typing import NDArray

Audio = NDArray[np.float32]
Process = Callable[[Audio], NDArray[Any]]
RATE = 44100


def noise(level: float, frames: int, channels: int = 2, seed: int = 0) -> Audio:
    """Uniform noise."""
    return np.random.default_rng(seed).uniform(-level, level, (channels, frames)).astype(np.float32)


def limiter() -> Process:
    """6 dB into a ceiling."""
    return synth_native.Limiter(RATE, gain_db=6).process


def ducker() -> Process:
    """The audio as a bed under its own left channel."""
    made = synth_native.Ducker(RATE)
    return lambda audio: made.process(audio, audio[0])


def crossfader() -> Process:
    """From the audio to its negative."""
    made = synth_native.Crossfader(9000, at=3000)
    return lambda audio: made.process(audio, -audio)


def fader() -> Process:
    """Out and in again."""
    made = synth_native.Fader()
    made.fade(0.0, 5000, at=1000)
    made.fade(1.0, 5000, at=8000, curve="linear")
    return made.process


def dither() -> Process:
    """To 16 bits."""
    return synth_native.Dither(seed=3).process


@pytest.mark.parametrize("make", [limiter, ducker, crossfader, fader, dither])
def test_pieces_are_the_whole(make: Callable[[], Process]) -> None:
    audio = noise(0.8, 30000)
    whole = make()(audio)
    process, random, pieces, at = make(), np.random.default_rng(1), [], 0
    while at < audio.shape[1]:
        count = int(random.integers(1, 2500))
        pieces.append(process(audio[:, at : at + count]))
        at += count
    assert whole.shape == audio.shape
    assert np.array_equal(whole, np.concatenate(pieces, axis=1))


def test_a_meter_reports_what_measure_reports() -> None:
    audio = noise(0.3, 4 * RATE)
    meter = synth_native.Meter(RATE)
    assert meter.momentary_lufs is None
    for start in range(0, audio.shape[1], 5000):
        meter.push(audio[:, start : start + 5000])
    assert meter.frames == audio.shape[1]
    assert meter.report() == synth_native.measure(audio, RATE)
    assert meter.momentary_lufs == pytest.approx(meter.report()["loudness_lufs"], abs=0.3)
    assert meter.short_term_lufs == pytest.approx(meter.report()["loudness_lufs"], abs=0.1)


def test_nothing_of_broken_audio_counts() -> None:
    broken = noise(0.3, 1000)
    broken[1, 900] = np.nan
    meter, cut = synth_native.Meter(RATE), synth_native.Limiter(RATE)
    whole = synth_native.Limiter(RATE)
    with pytest.raises(synth_native.NotFinite, match="frame 900"):
        meter.push(broken)
    assert meter.frames == 0
    with pytest.raises(synth_native.NotFinite):
        cut.process(broken)
    with pytest.raises(synth_native.NotFinite):
        synth_native.Ducker(RATE).process(broken, broken[0])
    with pytest.raises(synth_native.NotFinite):
        synth_native.Dither().process(broken)
    good = noise(0.9, 5000)
    assert np.array_equal(cut.process(good), whole.process(good))


def test_limiter_and_ducker_give_everything_back_after_their_latency() -> None:
    audio = noise(0.1, 3000)
    made = synth_native.Limiter(RATE)
    out = np.concatenate([made.process(audio), made.flush()], axis=1)
    assert np.array_equal(out[:, made.latency :], audio)
    assert made.limited_db == 0
    voice = noise(0.3, 3000, 1, seed=1)[0]
    ducking = synth_native.Ducker(RATE)
    out = np.concatenate([ducking.process(audio, voice), ducking.flush()], axis=1)
    assert np.array_equal(out[:, ducking.latency :], synth_native.duck(audio, voice, RATE))


def test_limiter_holds_the_ceiling_and_says_by_how_much() -> None:
    made = synth_native.Limiter(RATE, gain_db=12, true_peak_dbtp=-2)
    out = made.process(noise(0.5, 2 * RATE))
    assert -2.5 < synth_native.measure(out, RATE)["true_peak_dbtp"] <= -2
    assert 8 < made.limited_db < 16


def test_fade_and_fader_agree() -> None:
    audio = noise(0.5, 4000, 1)[0]
    faded = synth_native.fade(audio, 1000, 500)
    assert faded.shape == audio.shape
    assert abs(faded[0]) < 1e-3
    assert np.array_equal(faded[1000:-500], audio[1000:-500])
    made = synth_native.Fader(0.0)
    made.fade(1.0, 1000)
    made.fade(0.0, 500, at=3500)
    assert np.array_equal(made.process(audio), faded)
    assert made.level == 0
    with pytest.raises(ValueError, match="frames_in"):
        synth_native.fade(audio, 3000, 1001)


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: synth_native.Meter(100), "sample_rate_hz"),
        (lambda: synth_native.Meter(RATE, 9), "channels = 9"),
        (lambda: synth_native.Limiter(RATE, gain_db=90), "gain_db = 90.0 dB"),
        (lambda: synth_native.Limiter(RATE, true_peak_dbtp=1), "true_peak_dbtp"),
        (lambda: synth_native.Limiter(RATE).process(noise(0.1, 10, 1)), "1 channels, expected 2"),
        (lambda: synth_native.Ducker(RATE, 4, 2), "voice_channels = 2"),
        (lambda: synth_native.Ducker(RATE, attack_s=6), "attack_s"),
        (lambda: synth_native.Ducker(RATE).process(noise(0.1, 10), noise(0.1, 9, 1)), "same length"),
        (lambda: synth_native.Crossfader(-1), "frames = -1"),
        (lambda: synth_native.Crossfader(5, "fast"), "equal_power, equal_gain"),  # type: ignore[arg-type]
        (lambda: synth_native.Crossfader(5).process(noise(0.1, 9), noise(0.1, 9, 1)), "same shape"),
        (lambda: synth_native.Fader(-1), "level = -1.0"),
        (lambda: synth_native.Fader().fade(1, -5), "frames = -5"),
        (lambda: synth_native.Dither(8), "bits = 8"),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[], object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        make()


def test_threads_finish_alike() -> None:
    audio = noise(0.5, 2 * RATE)
    alone, _ = synth_native.finish(audio, RATE, loudness_lufs=-8)
    results: list[Audio] = []
    threads = [
        threading.Thread(target=lambda: results.append(synth_native.finish(audio, RATE, loudness_lufs=-8)[0]))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(np.array_equal(alone, other) for other in results)
