"""Reading prompts: which layers, which modifiers, which tempo and key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.contract import InvalidInput
from deployments.synth.lexicon import ROLE_SOUNDS, SCENES, SOUNDS
from deployments.synth.modifiers import CHANGES
from deployments.synth.presets import library
from deployments.synth.theory import SCALES, pitch_class, scale_name
from deployments.synth.understand import Layer, understand


def layers(prompt: str, negative_prompt: str = "") -> dict[str, Layer]:
    return {layer.sound: layer for layer in understand(prompt, negative_prompt).layers}


@pytest.mark.parametrize(
    ("prompt", "sounds"),
    [
        ("gentle rain with a warm low pad", ["rain_light", "pad"]),
        ("Soft rainfall, over a deep synth pad!", ["rain_light", "pad"]),
        ("ocean waves, singing bowls", ["surf", "bowl"]),
        ("wind chimes in a gentle breeze", ["wind_chimes", "breeze"]),
        ("piano chords over an electric bass line", ["keys", "bass"]),
        ("electric piano with bass guitar and drum kit", ["electric_piano", "bass", "drums"]),
        ("string pad", ["pad"]),
        ("thunderstorm", ["thunderstorm"]),
        ("rain and wind but no thunder", ["rain", "wind"]),
        ("rain without a pad", ["rain"]),
        ("no drums, bass or bells: only a velvet pad", ["velvet_pad"]),
        ("not too loud pad with bells", ["pad", "bell"]),
        ("music without drums", ["pad", "keys", "bass"]),
        ("techno without bass", ["kick", "hats", "arp"]),
        ("lofi beat with rain", ["lofi_drums", "rain", "electric_piano", "bass", "vinyl"]),
        ("white noise for sleep", ["hiss"]),
        ("ambient", ["pad"]),
        ("ambient rain", ["rain"]),
        ("drum and bass", ["drums", "bass", "pad"]),
        ("bass and drums", ["bass", "drums"]),
    ],
)
def test_layers(prompt: str, sounds: list[str]) -> None:
    assert sorted(layers(prompt)) == sorted(sounds)


def test_modifiers_belong_to_their_sound() -> None:
    found = layers("soft rain with a dark low pad, and thunder in the distance")
    assert found["rain_light"].change.level_db < 0
    assert found["rain_light"].change.register == 0
    assert found["dark_pad"].change.level_db == 0
    assert (found["dark_pad"].change.register, found["dark_pad"].change.brightness < -1) == (-1, True)
    assert found["thunder_far"].change.distance == 1
    assert found["rain_light"].change.distance == 0


def test_what_stands_behind_with_a_comma_of_its_own_is_for_all() -> None:
    assert all(layer.change.distance > 0 for layer in layers("rain with a pad, spacious").values())


def test_an_unknown_sound_keeps_its_modifiers() -> None:
    assert layers("campfire, crickets, distant owl")["crickets"].change.distance == 0


@pytest.mark.parametrize("negative_prompt", ["drums", "drums, bells", "no drums", "loud drums and bells"])
def test_a_negative_prompt_excludes(negative_prompt: str) -> None:
    assert "drums" not in layers("a pad with drums", negative_prompt)
    assert "pad" in layers("a pad with drums", negative_prompt)


def test_excluding_everything_that_was_asked_leaves_something_else() -> None:
    assert not {"pad", "rain"} & set(layers("rain and pad", "rain, pad"))
    assert layers("rain and pad", "rain, pad")


@pytest.mark.parametrize(
    ("prompt", "key", "scale"),
    [
        ("pad in D minor", "D", "minor"),
        ("an arp in F# lydian", "F#", "lydian"),
        ("strings in E flat major", "Eb", "major"),
        ("bells, Bb dorian", "Bb", "dorian"),
        ("A minor piano piece", "A", "minor"),
        ("a minor change of wind", None, None),
        ("pad, key of G", "G", None),
        ("a flute in C minor pentatonic", "C", "minor_pentatonic"),
        ("sad piano", None, "minor"),
        ("a plain pad", None, None),
    ],
)
def test_key_and_scale(prompt: str, key: str | None, scale: str | None) -> None:
    meaning = understand(prompt)
    assert (meaning.key, meaning.scale) == (key, scale)


@pytest.mark.parametrize(
    ("prompt", "tempo_bpm"),
    [
        ("beat at 70 bpm", 70),
        ("128BPM techno", 128),
        ("tempo 95 drums", 95),
        ("techno", 130),
        ("9 bpm", None),
        ("pad", None),
    ],
)
def test_tempo(prompt: str, tempo_bpm: float | None) -> None:
    assert understand(prompt).tempo_bpm == tempo_bpm


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_gives_layers(prompt: str, negative_prompt: str) -> None:
    assert understand(prompt, negative_prompt).layers


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([*SOUNDS, *CHANGES, *SCENES, "no", "without", "not", ",", "and", "with", "a", "or"])))
def test_any_known_words_give_layers(words: list[str]) -> None:
    meaning = understand(" ".join(words))
    assert meaning.layers
    assert not {layer.sound for layer in meaning.layers} & set(meaning.excluded) or not meaning.understood


def test_every_word_leads_to_a_patch() -> None:
    scenes = {sound for scene in SCENES.values() for sound in (*scene.sounds, *scene.nature)}
    assert {*SOUNDS.values(), *ROLE_SOUNDS.values()} | scenes <= set(library())
    assert {scene.scale for scene in SCENES.values()} - {None} <= set(SCALES)


@pytest.mark.parametrize(
    ("key", "value"), [("C", 0), ("c#", 1), ("Db", 1), ("E♭", 3), ("B", 11), ("Cb", 11), ("B#", 0)]
)
def test_pitch_classes(key: str, value: int) -> None:
    assert pitch_class(key) == value


def test_an_unknown_scale_names_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="dorian"):
        scale_name("dorain")
    assert scale_name("Natural Minor") == "minor"
