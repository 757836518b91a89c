"""What a request did not get is told in words, and nothing is told of one that was answered in full."""

import pytest

from deployments.synth.interpret import interpret
from deployments.synth.request import SynthRequest


def notes(prompt: str, **fields: object) -> str:
    return " ".join(interpret(SynthRequest.model_validate({"prompt": prompt, **fields}), seed=1).meaning.notes)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("no rain", "only said what must not be heard"), ("piano but no piano", "ruled out as well (piano)"),
     ("qwrtz blorf", "No sound is known"), ("?!", "No sound is named"),
     ("a sub bass and a slap bass", "slap bass gives way to sub bass"),
     ("rain, wind, fire, birds, piano, harp, flute, drums", "left out: flute, drums"),
     ("twenty minutes of rain", "1200 s are asked for; the longest sound has 600 s")],
)  # fmt: skip
def test_what_was_not_done_is_told(prompt: str, said: str) -> None:
    assert said in notes(prompt)


def test_a_field_against_the_words_is_told() -> None:
    told = notes("drums at 90 bpm in C minor for 20 seconds", tempo_bpm=140, key="G", scale="major", duration_s=9)
    for field in ("tempo_bpm = 140", "key = G", "scale = major", "duration_s = 9"):
        assert field in told
    assert not notes("drums at 90 bpm in C minor", tempo_bpm=90, key="c", scale="minor")


@pytest.mark.parametrize("prompt", ["rain", "a pad and bells, no drums", "90 seconds of drums at 100 bpm in A minor"])
def test_what_was_done_needs_no_words(prompt: str) -> None:
    assert not notes(prompt)
