"""Negation, quantity, comparison, reference: what is ruled out, what is turned around, whom a word belongs to."""

import pytest

from deployments.synth.choice.understand import understand
from deployments.synth.library.presets import library
from deployments.synth.reading.wording import plainly
from deployments.synth.terms.change import Change
from deployments.synth.words.modifiers import CHANGES


def change_of(prompt: str, role: str) -> Change:
    found = [layer.change for layer in understand(prompt).layers if library()[layer.sound].role == role]
    assert len(found) == 1, f"{prompt}: {[layer.sound for layer in understand(prompt).layers]}"
    return found[0]


def roles(prompt: str) -> set[str]:
    return {library()[layer.sound].role for layer in understand(prompt).layers}


@pytest.mark.parametrize(
    "prompt",
    ["forest, nothing with a beat", "drumless lofi", "drum-less techno", "a beatless house track",
     "non-percussive house",
     "drum-free lofi", "percussion free techno", "house, hold the drums", "rock, lose the drums please",
     "drums? no thanks, pads",
     "lofi. Drums: no thank you", "techno, drums not wanted", "house but leave the drums out",
     "neither drums nor piano, a harp",
     "everything but drums: techno", "techno sans drums", "lofi w/o drums", "pop, keep the drums out",
     "no more drums, a pad",
     "house other than the drums", "techno, nothing percussive", "Techno ohne Schlagzeug", "a pad, i hate drums",
     "a pad without reverb-drenched drums or any arpeggios"],
)  # fmt: skip
def test_no_drums_in_many_words(prompt: str) -> None:
    assert roles(prompt)
    assert "PERCUSSION" not in roles(prompt)


@pytest.mark.parametrize(
    ("prompt", "role"),
    [("endless rain", "AMBIENCE"), ("never-ending rain", "AMBIENCE"), ("rain on no man's land", "AMBIENCE"),
     ("nothing but drums", "PERCUSSION"), ("drums, nothing else", "PERCUSSION"), ("not only rain but a pad",
     "AMBIENCE"),
     ("strings hold the chord over drums", "PERCUSSION"), ("royalty free drums", "PERCUSSION"), ("no doubt: a pad",
     "PAD"),
     ("less is more: a pad", "PAD"), ("a weightless pad", "PAD"), ("drums besides a pad", "PERCUSSION"),
     ("nothing percussive besides the shaker, a pad", "PERCUSSION"), ("no instruments except drums", "PERCUSSION"),
     ("no drums other than a kick, a pad", "PERCUSSION"), ("no sound but rain", "AMBIENCE"), ("a knot of bells",
     "BELL")],
)  # fmt: skip
def test_what_only_looks_like_a_negation(prompt: str, role: str) -> None:
    assert role in roles(prompt)


@pytest.mark.parametrize(
    ("prompt", "role", "field", "sign"),
    [("a pad, nothing bright", "PAD", "brightness", -1), ("rain, nothing loud", "AMBIENCE", "level_db", -1),
     ("rain, but no heavy rain", "AMBIENCE", "intensity", -1), ("wind, no sudden noises", "AMBIENCE", "attack", 1),
     ("an organ with hardly any highs", "KEYS", "brightness", -1), ("a pad without any sheen", "PAD", "brightness", -1),
     ("a pad with plenty of sheen", "PAD", "brightness", 1), ("bells with no gaps", "BELL", "intensity", 1),
     ("a glockenspiel with lots of rests", "BELL", "intensity", -1), ("a pad with no delay", "PAD", "attack", -1),
     ("a choir with little reverb", "PAD", "distance", -1), ("harp with hardly any notes", "PLUCK", "intensity", -1)],
)  # fmt: skip
def test_a_refused_quality_turns_around(prompt: str, role: str, field: str, sign: int) -> None:
    assert getattr(change_of(prompt, role), field) * sign > 0


@pytest.mark.parametrize(
    ("prompt", "sign"),
    [("rain louder than the pad", 1), ("the rain quieter than the pad", -1),
     ("a pad and rain, the rain louder than the pad", 1),
     ("a pad and rain, but turn the rain down", -1), ("turn up the rain, and a pad", 1),
     ("a pad, bring the rain up", 1),
     ("a pad and rain, less rain", -1), ("a pad; more rain", 1), ("a pad and much less rain", -1),
     ("a pad with lots of rain", 1),
     ("a pad and a little bit of rain", -1), ("a pad and hardly any rain", -1), ("a pad, just a hint of the rain", -1),
     ("a pad, rain at -12 dB", -1), ("a pad, rain 6 dB louder", 1), ("a pad, rain 6 decibels below the pad", -1),
     ("a pad and rain, boost the rain", 1), ("a pad and rain with the rain turned down", -1)],
)  # fmt: skip
def test_a_level_is_that_of_the_thing_it_is_said_of(prompt: str, sign: int) -> None:
    assert change_of(prompt, "AMBIENCE").level_db * sign > 0
    assert change_of(prompt, "PAD").level_db == 0


@pytest.mark.parametrize(
    ("prompt", "sign"),
    [("a pad with attack of 3 s, and rain", 1), ("a pad, attack time 1500 ms", 1), ("a pad with attack: 5 ms", -1),
     ("a pad that takes three seconds to come in", 1), ("rain and a pad with a two second attack", 1)],
)  # fmt: skip
def test_an_attack_in_figures(prompt: str, sign: int) -> None:
    assert change_of(prompt, "PAD").attack * sign > 0


def test_what_must_not_be_is_turned_around() -> None:
    prompt = "the strings, which must never be bright, and a pad"
    assert change_of(prompt, "STRINGS").brightness < 0 == change_of(prompt, "PAD").brightness
    assert change_of("the piano should not be loud", "KEYS").level_db < 0


@pytest.mark.parametrize("prompt", ["rain, more or less", "rain, no less", "more than rain", "the less said of rain"])
def test_more_and_less_of_nothing_change_no_level(prompt: str) -> None:
    assert change_of(prompt, "AMBIENCE").level_db == 0


def test_decibels_are_decibels() -> None:
    assert CHANGES["12 decibels down"].level_db == -12
    assert change_of("a pad, rain at -6 dB", "AMBIENCE").level_db == -6
    assert change_of("a pad, rain nine decibels louder", "AMBIENCE").level_db == 9


@pytest.mark.parametrize(
    ("prompt", "one", "other"),
    [("a church bell and a drone; keep the drone loud and the bell faint", "DRONE", "BELL"),
     ("a sub bass and dnb drums, bass louder than the drums", "BASS", "PERCUSSION"),
     ("bells (loud, sparse) and a pad (dark, quiet)", "BELL", "PAD"),
     ("a loud lead, but the pad behind it hardly there", "LEAD", "PAD"),
     ("a loud lead, rain, very far away, and a harp", "LEAD", "AMBIENCE")],
)  # fmt: skip
def test_a_word_belongs_to_the_thing_it_is_said_of(prompt: str, one: str, other: str) -> None:
    assert change_of(prompt, one).level_db > change_of(prompt, other).level_db


def test_between_commas_is_the_thing_before() -> None:
    prompt = "rain, very far away, and a piano right up close"
    assert change_of(prompt, "AMBIENCE").distance > 0 > change_of(prompt, "KEYS").distance
    assert change_of("bells, dark and slow, over a pad", "PAD").brightness == 0


@pytest.mark.parametrize("end", ["narrow stereo please", "everything in mono", "the whole mix in mono"])
def test_the_whole_is_meant_at_the_end(end: str) -> None:
    assert {change_of(f"a pad, rain and bells, {end}", role).width for role in ("PAD", "AMBIENCE", "BELL")} == {-1}


@pytest.mark.parametrize("text", ["take the road back home", "move the bow up and down", "cut the grass"])
def test_what_is_turned_or_cut_is_no_sound(text: str) -> None:
    assert plainly(text) == text


def test_two_things_stay_two() -> None:
    assert len(understand("a bell and a church bell").layers) == 2
    assert len(understand("a violin and the cello").layers) == 2


@pytest.mark.parametrize(
    "text", ["", "no", "nothing", "than", "less", "hold the", "- 3 db", "drums?", "?? no thanks", "()"]
)
def test_any_turn_of_speech_can_be_read(text: str) -> None:
    assert isinstance(plainly(text), str)
    assert understand(text).layers


def test_what_is_refused_is_not_what_is_sought_when_nothing_is_named() -> None:
    refused = {layer.sound for layer in understand("something cosy without a church organ").layers}
    assert refused == {layer.sound for layer in understand("something cosy").layers}


@pytest.mark.parametrize(
    ("prompt", "sounds"),
    [("a cello that carries the melody", {"cellos"}), ("a piano like a human voice", {"keys"}),
     ("strings like a warm blanket, a bell like falling rain", {"strings", "bell"}),
     ("percussion like shakers", {"drums", "shaker"}), ("something like rain on a roof", {"rain_roof"}),
     ("a guitar that isnt distorted", {"pluck"}), ("a crackling fire", {"fire"}),
     ("a flute, like wind through reeds, and a harp", {"flute", "harp"}), ("a city at night", {"city"}),
     ("night city", {"city"})],
)  # fmt: skip
def test_what_is_said_of_a_thing_is_no_other_thing(prompt: str, sounds: set[str]) -> None:
    assert {layer.sound for layer in understand(prompt).layers} == sounds
