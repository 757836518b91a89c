"""A sound is ruled out in whatever words, and what only looks like it is not."""

import pytest

from deployments.synth.choice.understand import understand
from deployments.synth.reading.refusals import ruled_out

WAYS = (
    "jazz, exclude piano|jazz with the piano removed|jazz with piano taken out|jazz and an absence of piano"
    "|jazz with a complete lack of piano|jazz, not a single piano|jazz, zero piano|jazz, piano: none|jazz, piano? no"
    "|jazz, refrain from using piano|jazz, keep the piano out of it|jazz, ban the piano|jazz, nor any piano"
    "|jazz that doesn't have piano|jazz, it shouldn't contain piano|jazz, stay away from piano|jazz, cut out the piano"
    "|jazz, I'd rather not have piano|jazz with the piano switched off|I'm allergic to piano. jazz"
    "|jazz, leave the saxophone and the piano out|jazz with piano, no wait, saxophone|jazz, drop the piano"
)


@pytest.mark.parametrize("prompt", WAYS.split("|"))
def test_a_refusal_in_many_words(prompt: str) -> None:
    meaning = understand(prompt)
    assert meaning.understood
    assert {"keys", "gentle_piano", "electric_piano"} <= set(meaning.excluded)
    assert not {layer.sound for layer in meaning.layers} & set(meaning.excluded)


@pytest.mark.parametrize(
    ("prompt", "sounds"),
    [("a harp - no, wait, make it a koto", {"koto"}), ("an owl, sorry, wolves", {"wolves"}),
     ("PIANO!!! no wait... HARP", {"harp"}),
     ("rain and a piano, I mean a harp", {"rain", "harp"}), ("a beat, but leave the hats and claps off", {"drums"}),
     ("a house beat but hold the hi hats", {"house_drums"}),
     ("rain, leave the drums and bass out of the picture", {"rain"}),
     ("sleigh bells, no other bells", {"sleigh_bells"}),
     ("congas, no drum kit", {"hand_drums"}), ("a pad. Vocals are out.", {"pad"}),
     ("a pad, no birds, and a whistle", {"pad", "whistle"}), ("wolves without the owl", {"wolves"}),
     ("surf with ukulele - leave the seagulls at home", {"surf", "ukulele"}),
     ("wolves, owl-free", {"wolves"})],
)  # fmt: skip
def test_what_is_taken_back_leaves_the_rest(prompt: str, sounds: set[str]) -> None:
    assert {layer.sound for layer in understand(prompt).layers} == sounds


@pytest.mark.parametrize(
    "text",
    ["jazz trumpet, muted", "with a muted trumpet", "strings hold the chord", "organ with the highs removed",
     "a road out of town", "cut the power", "a bell with no attack"],
)  # fmt: skip
def test_what_is_no_refusal_stays_as_it_is(text: str) -> None:
    assert ruled_out(text) == text
