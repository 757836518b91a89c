"""Which of two things is the louder one, in whatever words."""

import pytest

from deployments.synth.choice.understand import understand

LOUDER = (
    "{a} louder than the {b}|{b}, softer than the {a}|{a} and {b}, {b} half as loud|{a} in front of {b}|{b} behind {a}"
    "|mostly {a}, some {b}|{a} and hardly noticeable {b}|{a} and {b}, with the {b} much lower in the mix"
    "|{a} with {b} tucked underneath|{a} 80%, {b} 20%|{a} drowning out the {b}|{b} drowned out by {a}"
    "|{a} overpowering the {b}|{a}, plus {b} but quieter|{a}, plus {b} but not as loud|{a}; somewhere far off, {b}"
    "|focus on the {a}, {b} only as a backdrop|{b} at half the volume of {a}|{a} with undertones of {b}"
    "|{a} and {b}, turn the {b} down|{b} as loud as a whisper, {a}"
    "|{a} and {b}; the {b} half as loud as the {a}|{a} and {b}, keep the {b} really low"
)


@pytest.mark.parametrize("words", LOUDER.split("|"))
@pytest.mark.parametrize(("one", "other"), [("keys", "rain"), ("choir", "organ"), ("wind", "owl")])
def test_the_louder_one_is_the_one_that_is_said(words: str, one: str, other: str) -> None:
    names = {"keys": "piano"}
    levels = {
        layer.sound: layer.change.level_db for layer in understand(words.format(a=names.get(one, one), b=other)).layers
    }
    assert set(levels) == {one, other}
    assert levels[one] - levels[other] >= 1.5


@pytest.mark.parametrize("prompt", ["rain behind a hill", "rain as loud as the piano", "a fire in front of you"])
def test_what_compares_no_levels(prompt: str) -> None:
    assert len({layer.change.level_db for layer in understand(prompt).layers}) == 1
