"""Modifiers change levels, and rain with a pad is both."""

import numpy as np
import pytest
import scipy.stats
import synth_native

from deployments.contract import Audio
from tests.synth.listen import RATE_HZ, band, flatness, level_db, make, mono
from tests.synth.pairs import sameness


def loudness_lufs(audio: Audio) -> float:
    return float(synth_native.measure(audio.samples, RATE_HZ)["loudness_lufs"])


@pytest.mark.parametrize(("word", "change_db"), [("soft", -6), ("distant", -9), ("loud", 4)])
def test_modifiers_change_the_level(word: str, change_db: float) -> None:
    usual, changed = (loudness_lufs(make(prompt, duration_s=8)) for prompt in ("wind", f"{word} wind"))
    assert changed - usual == pytest.approx(change_db, abs=2.5)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    "prompt",
    [
        "gentle rain with a warm low pad",
        "a warm, low pad under gentle rain",
        "soft rainfall and a deep warm synth pad",
        "light drizzle over a mellow low pad",
        "low warm pads, with rain falling softly",
        "rain in the background with a low, dark pad",
    ],
)
def test_rain_with_a_low_pad_has_drops_above_and_harmony_below(prompt: str, seed: int) -> None:
    signal = mono(make(prompt, seed, duration_s=10))
    assert abs(level_db(signal, 2000, 20_000) - level_db(signal, 30, 500)) < 20
    assert flatness(signal, 2000, 8000) > 0.3  # noise
    assert flatness(signal, 50, 500) < 0.1  # partials
    drops = band(signal, 2000, 15_000)
    assert scipy.stats.kurtosis(drops) > 1.5  # single drops stand out; steady noise has 0
    assert 20 * np.log10(np.abs(drops).max() / drops.std()) > 15


def test_no_sound_hides_another() -> None:
    both = mono(make("wind with a bell", duration_s=10))
    without = mono(make("wind with a bell", duration_s=10, negative_prompt="bell"))
    assert level_db(both - without, 300, 5000) > level_db(without, 300, 5000) - 10


@pytest.mark.parametrize("preset", ["brown_noise", "pad", "chamber_strings", "bass_arp", "theremin", "drums"])
def test_wide_is_wider_and_mono_still_has_it_all(preset: str) -> None:
    narrow, plain, wide = (
        sameness(make(word, 3, preset=preset, duration_s=4.0)) for word in ("narrow", "sound", "wide")
    )
    assert narrow > 0.95
    assert wide < plain - 0.05
    assert wide > -0.3


@pytest.mark.parametrize("preset", ["organ", "chamber_strings", "string_machine", "synth_pluck"])
def test_copies_in_unison_stand_on_both_sides(preset: str) -> None:
    left, right = np.square(make("sound", 2, preset=preset, duration_s=4.0).samples).mean(axis=1)
    assert abs(10 * np.log10(left / right)) < 1.5
