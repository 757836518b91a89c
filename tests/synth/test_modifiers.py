"""Words in every form and to every degree, and what they do to presets that stand apart."""

import numpy as np
import pytest

from deployments.synth.library.presets import library
from deployments.synth.score.arrange import brightness
from deployments.synth.terms.change import LIMITS, Change
from deployments.synth.words.modifiers import CHANGES
from deployments.synth.words.vocabulary import LIKENESSES, WORDS
from tests.synth.listen import centroid_hz, make, mono
from tests.synth.pairs import attack_s, envelope, slow_modulation


def test_every_word_can_be_found_and_stays_within_the_limits() -> None:
    for words in (WORDS, LIKENESSES):
        for phrase, change in words.items():
            assert phrase == phrase.lower()
            assert phrase.count(" ") < 4
            assert any(vars(change).values())
            assert all(abs(value) <= getattr(LIMITS, name) for name, value in vars(change).items())


@pytest.mark.parametrize(
    ("phrase", "share"),
    [("brighter", 1.15), ("brightest", 1.4), ("brightish", 0.6), ("slightly bright", 0.5), ("very bright", 1.35),
     ("not bright", -0.8), ("not too bright", -0.35), ("less bright", -0.5), ("not very bright", -0.5)],
)  # fmt: skip
def test_forms_and_degrees_are_shares_of_the_word(phrase: str, share: float) -> None:
    assert CHANGES[phrase].brightness == pytest.approx(share * CHANGES["bright"].brightness)


@pytest.mark.parametrize("phrase", ["river", "hardly", "summer", "like rain", "very piano", "not", "number", "organ"])
def test_what_changes_nothing_is_no_phrase(phrase: str) -> None:
    assert phrase not in CHANGES
    with pytest.raises(KeyError):
        CHANGES[phrase]


@pytest.mark.parametrize(
    ("phrase", "field", "sign"),
    [("like honey", "brightness", -1), ("like broken glass", "brightness", 1), ("as a razor", "brightness", 1),
     ("like a keyhole", "width", -1), ("snail like", "tempo", -1), ("made of silver", "brightness", 1),
     ("far less dense", "intensity", -1), ("much faster", "tempo", 1), ("not wide", "width", -1),
     ("treble rolled off", "brightness", -1), ("roll off the highs", "brightness", -1),
     ("highs cranked", "brightness", 1),
     ("boosted lows", "brightness", -1), ("zero rise time", "attack", -1), ("slow entrance", "attack", 1),
     ("filter shut", "brightness", -1), ("soft start", "attack", 1),
     ("oceans of silence", "intensity", -1), ("tiptoe into", "attack", 1), ("snap into", "attack", -1)],
)  # fmt: skip
def test_likenesses_and_comparisons_point_the_right_way(phrase: str, field: str, sign: int) -> None:
    assert getattr(CHANGES[phrase], field) * sign > 0


def test_a_change_turned_around_and_added_is_nothing() -> None:
    dense = CHANGES["dense"]
    assert dense.times(-1.0).intensity == -dense.intensity
    assert Change(attack=2).times(4).attack == LIMITS.attack


@pytest.mark.parametrize("role", ["PAD", "STRINGS", "KEYS", "BELL", "DRONE"])
def test_the_brightest_preset_darkens_more_than_the_darkest(role: str) -> None:
    presets = sorted((p for p in library().values() if p.role == role), key=lambda preset: preset.centroid_hz)
    assert brightness(presets[-1], -1.5) < brightness(presets[0], -1.5) < 0
    assert brightness(presets[0], 1.3) > brightness(presets[-1], 1.3) > 0


def test_dark_is_darker_than_bright_whichever_presets_they_meet() -> None:
    dull, shiny = (
        centroid_hz(mono(make(f"a {word} {sound}", duration_s=5, key="C", scale="minor")))
        for word, sound in (("stygian", "glockenspiel"), ("gleaming", "kalimba"))
    )
    assert shiny > dull


@pytest.mark.parametrize("sound", ["harp", "piano", "marimba", "upright bass", "rain", "ukulele"])
def test_a_slow_attack_is_heard_of_what_is_struck(sound: str) -> None:
    sudden, slow = (attack_s(mono(make(f"{sound} {how}", duration_s=8))) for how in ("", "fading in slowly"))
    assert slow > sudden + 0.2


@pytest.mark.parametrize("sound", ["organ", "cathedral organ", "square lead", "string machine", "accordion"])
def test_a_sudden_held_note_falls_to_less_than_it_began_with(sound: str) -> None:
    level = envelope(mono(make(f"{sound} with a fast attack", 11, duration_s=8)), 0.02)
    begins = int(np.argmax(level > 0.1 * level.max()))
    at_once = level[begins : begins + 14].max()  # 80 ms
    later = np.median(level[begins + 60 : begins + 100])  # 0.35 to 0.6 s
    assert later < 0.75 * at_once


def test_a_swell_neither_clicks_nor_stays_closed() -> None:
    signal = mono(make("a nylon guitar swelling slowly", duration_s=12))
    level = envelope(signal, 0.02)
    assert (level > 0.1 * level.max()).mean() > 0.5
    steps = abs(signal[1:] - signal[:-1]).max() / abs(signal).max()
    assert steps < 0.35


@pytest.mark.parametrize("noise", ["hiss", "wind", "green_noise", "rain"])
def test_a_noise_swells_or_flutters_as_the_words_say(noise: str) -> None:
    slow, plain, quick = (
        slow_modulation(mono(make(f"{word}", 3, preset=noise, duration_s=24.0)))
        for word in ("ebbing", "sound", "sputtering")
    )
    assert slow > plain + 0.1
    assert quick < plain


def test_a_word_for_motion_keeps_its_other_meanings() -> None:
    assert CHANGES["pelting"].level_db > 0
    assert CHANGES["pelting"].motion > 0
    assert CHANGES["undulating"].attack > 0
    assert CHANGES["undulating"].motion < 0


def test_words_leave_the_preset_s_dynamics_alone() -> None:
    assert make("slowly rising, endless", preset="blizzard", duration_s=2.0).samples.any()
