"""Reading prompts: which layers, which modifiers, which tempo and key."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployments.contract import InvalidInput
from deployments.synth.choice.understand import Layer, understand
from deployments.synth.library.presets import library
from deployments.synth.terms.theory import SCALES, pitch_class, scale_name
from deployments.synth.words.lexicon import ROLE_SOUNDS, SCENES, SOUNDS
from deployments.synth.words.modifiers import CHANGES
from deployments.synth.words.musical import read_terms


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
        ("lofi beat with rain", ["lofi_drums", "rain", "electric_piano", "warm_bass", "vinyl"]),
        ("white noise for sleep", ["hiss"]),
        ("ambient", ["pad"]),
        ("ambient rain", ["rain"]),
        ("drum and bass", ["dnb_drums", "sub_bass", "pad"]),
        ("bass and drums", ["bass", "drums"]),
        ("drums + bass + rhodes", ["drums", "bass", "electric_piano"]),
        ("drum'n'bass", ["dnb_drums", "sub_bass", "pad"]),
        ("neither drums nor bass, just pads", ["pad"]),
        ("nature sounds without birds", ["wind"]),
        ("birds singing but no wind", ["birds"]),
        ("just the sound of a river", ["river"]),
        ("fireplace, cat purring, rain against the window", ["hearth", "cat_purr", "rain_window"]),
        ("piano in the foreground, cafe noise in the background", ["keys", "cafe"]),
        ("sea, seagulls, ship horn", ["surf", "seagulls", "foghorn"]),
        ("dark ambient with heartbeat and radio static", ["heartbeat", "radio_static"]),
        ("church bells over a foggy harbour with a foghorn", ["church_bell", "foghorn"]),
        ("HEAVY RAIN ON A TIN ROOF WITH DISTANT THUNDER", ["rain_roof", "thunder_far"]),
        ("rainstorm in a jungle at night with frogs", ["rain_heavy", "jungle", "night_insects", "frogs"]),
        ("electric guitar solo, distorted, 140bpm", ["distorted_guitar"]),
        ("8-bit game music", ["chip_arp", "chip_lead", "chip_drums"]),
        ("harp arpeggio, 3/4 waltz in G major", ["harp_arp"]),
        ("thundr and a guitr", ["thunder", "pluck"]),
        ("Regen und Klavier", ["rain", "keys"]),
        ("🌧️🔥", ["rain", "fire"]),
        ("musique avec piano et pluie", ["keys", "rain"]),
        ("kittens dozing on my lap", ["cat_purr"]),
        ("frogs in the rain", ["frogs", "rain"]),
        ("walking in the rain", ["rain"]),
        ("bees buzzing in a meadow", ["bees", "dawn_forest", "breeze"]),
        ("crickets but no cicadas", ["crickets"]),
        ("an electric guitar with heavy distortion", ["distorted_guitar"]),
        ("a muted trumpet and brushed drums", ["brush_drums", "muted_trumpet"]),
        ("musicbox and windchimes", ["music_box", "wind_chimes"]),
        ("techno with everything but drums", ["acid_bass", "arp"]),
        ("fan hum", ["fan"]),
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


def test_a_scale_without_a_key() -> None:
    assert read_terms("a lullaby in a minor key").key is None
    assert read_terms("a lullaby in a minor key").scale == "minor"
    assert read_terms("a lullaby in a minor").key == "A"


def test_brackets_belong_to_what_stands_before_them() -> None:
    found = layers("rain (very quiet), piano (loud)")
    assert found["rain"].change.level_db < 0 < found["keys"].change.level_db


@pytest.mark.parametrize("prompt", ["rain 20%", "10 hours of rain", "an hour of rain", "first rain", "2 x rain"])
def test_numbers_and_lengths_do_not_colour_a_sound(prompt: str) -> None:
    assert layers(prompt)["rain"].change == Layer("rain").change


def test_a_sound_now_and_then_is_sparse_and_sets_no_length() -> None:
    prompt = "a bell every 10 seconds"
    assert layers(prompt)["bell"].change.intensity < 0
    assert read_terms(prompt).duration_s is None


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
        ("dnb at 174", 174),
        ("a choir at 60 degrees", None),
        ("9 bpm", None),
        ("pad", None),
    ],
)
def test_tempo(prompt: str, tempo_bpm: float | None) -> None:
    assert understand(prompt).tempo_bpm == tempo_bpm


@pytest.mark.parametrize(
    ("prompt", "duration_s"),
    [
        ("30s loop", 30),
        ("rain, 2 minutes long", 120),
        ("10 hours of brown noise", 36_000),
        ("half an hour of waves", 1800),
        ("five minutes of hiss", 300),
        ("a second pad", None),
        ("drums at 110 bpm", None),
    ],
)
def test_length(prompt: str, duration_s: float | None) -> None:
    assert read_terms(prompt).duration_s == duration_s


@pytest.mark.parametrize("prompt", ["", "  ", "!!!", "a", "A minor", "雨の音"])
def test_where_nothing_is_said_there_is_calm_music(prompt: str) -> None:
    meaning = understand(prompt)
    assert not meaning.understood
    assert {library()[layer.sound].role for layer in meaning.layers} & {"PAD", "STRINGS", "DRONE"}


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
