"""Presets asked for by their own names, among other words and beside words of a style."""

import pytest

from deployments.synth.choice.understand import understand
from deployments.synth.library.presets import library
from deployments.synth.reading.names import called_by, compounds


def sounds(prompt: str) -> list[str]:
    return [layer.sound for layer in understand(prompt).layers]


@pytest.mark.parametrize("asked", ["{}", "{} in the background", "loud thunder, then {}"])
def test_a_preset_s_name_is_that_preset_alone(asked: str) -> None:
    wrong = []
    for preset in library().values():
        for name in (preset.name.lower(), preset.id.replace("_", " ")):
            found = set(sounds(asked.format(name))) - ({"thunder", "thunder_far"} if "thunder" in asked else set())
            if found != {preset.id} and "thunder" not in preset.id:
                wrong.append((name, found))
    assert len(wrong) <= 0.01 * 2 * len(library()), wrong


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a slow acid arpeggio", ["acid_arp"]),  # another word for the same part
        ("light rain, very light", ["rain_light"]),  # in another order
        ("rain in a forest, a pulse pad and a pulse bass", ["rain_leaves", "pulse_pad", "pulse_bass"]),
        ("the wind in some old house", ["wind_house"]),
        ("calm sea, then a stormy sea", ["sea_calm", "sea_storm"]),
        ("jazz brushes with a trumpet", ["brush_drums", "trumpet"]),
    ],
)
def test_a_name_goes_before_its_words(prompt: str, expected: list[str]) -> None:
    assert sounds(prompt) == expected


def test_a_style_in_a_name_colours_and_sets_the_pace() -> None:
    assert sounds("techno kit") == ["techno_drums"]
    assert understand("techno kit").tempo_bpm == understand("techno").tempo_bpm
    assert len(sounds("techno")) > 1


def test_a_name_that_is_ruled_out_is_no_thing() -> None:
    assert "taiko" not in sounds("epic, no taiko drums")
    assert not {"pulse_bass", "bass"} & set(sounds("a pad without pulse bass"))


def test_names_are_found_whole() -> None:
    assert called_by("french horns", "horns") == "horn_section"
    assert called_by("a french horn", "horn") == "french_horn"
    assert called_by("pad that is warm", "rain") is None
    assert compounds()["rain in forest"] == "rain"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("newsroom keys hammering out a story", ["typewriter"]),
        ("submarine looking for echoes", ["sonar"]),
        ("a whistled tune", ["whistle"]),
        ("an organ that breathes in", ["organ"]),  # breath_pad is near, but nobody calls it an organ
        ("blues guitar in the evening", ["pluck"]),
    ],
)
def test_all_that_is_said_may_mean_another_kind(prompt: str, expected: list[str]) -> None:
    assert sounds(prompt) == expected


@pytest.mark.parametrize("prompt", ["wind in my old house", "a rock by the sea", "a swing in the wind"])
def test_a_place_is_no_style(prompt: str) -> None:
    assert {library()[sound].role for sound in sounds(prompt)} == {"AMBIENCE"}
    assert understand(prompt).tempo_bpm is None


@pytest.mark.parametrize("prompt", ["a house track", "some rock", "deep house in the old town"])
def test_a_style_is_still_a_band(prompt: str) -> None:
    assert len(sounds(prompt)) >= 3


def test_crickets_play_no_jazz() -> None:
    assert "crickets" not in sounds("late night jazz trio")
    assert sounds("jazz piano at night") == sounds("jazz piano")
    assert "crickets" in sounds("a calm night")


def test_a_style_colours_an_effect() -> None:
    assert sounds("cinematic boom") == ["impact"]


def test_a_forest_without_birds_is_a_forest_in_parts() -> None:
    assert sounds("forest") == ["forest"]
    assert sounds("forest, no birds") == ["breeze"]
    assert len(sounds("forest with strong wind, no birds")) == 1


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("taiko percussion", ["taiko"]),
        ("a spanish guitar", ["nylon_guitar"]),  # a tag of one preset alone
        ("sea birds, far away", ["seagulls"]),
        ("crackling vinyl noise", ["vinyl"]),
        ("city at night", ["city"]),
    ],
)
def test_the_same_thing_said_twice_is_one_layer(prompt: str, expected: list[str]) -> None:
    assert sounds(prompt) == expected


@pytest.mark.parametrize(("prompt", "role"), [("bell pad", "PAD"), ("organ bass", "BASS"), ("jazz guitar", "PLUCK")])
def test_the_last_word_is_the_thing(prompt: str, role: str) -> None:
    assert [library()[sound].role for sound in sounds(prompt)] == [role]


def test_what_a_thing_does_is_no_thing() -> None:
    assert {library()[sound].role for sound in sounds("a bass that kicks")} == {"BASS"}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("warm pad for my yoga class", ["pad"]),
        ("soft kick, off-beat hats", ["kick", "hats"]),
        ("a drone and a church bell; keep the drone loud", ["drone", "church_bell"]),
        ("gated snare drums", ["gated_drums"]),
    ],
)
def test_words_that_only_describe_are_no_layers(prompt: str, expected: list[str]) -> None:
    assert sounds(prompt) == expected


def test_a_style_in_a_clause_of_its_own_colours_what_is_named() -> None:
    assert sounds("chiptune: arpeggios, lead and drums") == ["chip_arp", "chip_lead", "chip_drums"]
    assert sounds("jazz, bass and drums") == ["upright_bass", "brush_drums"]
    assert sounds("jazz with a harp") == ["harp"]
    assert "claps" in sounds("deep house with warm bass, claps and rhodes chords")


@pytest.mark.parametrize(
    ("prompt", "sound"), [("Baghdad fretless lute", "oud"), ("a lute", "lute"), ("a mournful duduk", "oboe")]
)
def test_what_is_said_of_an_instrument_tells_which_is_meant(prompt: str, sound: str) -> None:
    assert [layer.sound for layer in understand(prompt).layers] == [sound]
