"""Emoji, accents, signs and slips of the finger."""

import pytest

from deployments.synth.reading import spelling
from deployments.synth.reading.spelling import corrected, plain


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("café & crêpe", "cafe and crepe"),
        ("drums+bass", "drums, bass"),
        ("drum n bass", "drum and bass"),
        ("R&B", "rnb"),
        ("F♯ dorian, B♭", "F♯ dorian, B♭"),
        ("rain w/ bells, w/o drums", "rain with  bells, w/o drums"),
        ("🎸", ", guitar, "),
        ("rain/piano/vinyl, 3/4", "rain, piano, vinyl, 3/4"),
        ("rain - a harp—bells, 80 - 90 bpm, -6 dB", "rain, a harp, bells, 80 - 90 bpm, -6 dB"),
    ],
)
def test_plain(text: str, said: str) -> None:
    assert plain(text) == said


@pytest.mark.parametrize(
    "slip",
    """thundr=thunder pianno=piano gutiar=guitar paino=piano vioiln=violin distnat=distant symphany=symphony
    saxaphone=saxophone marimbas=marimbas rian=rian""".split(),  # noqa: SIM905
)
def test_one_slip_is_forgiven(slip: str) -> None:
    typed, meant = slip.split("=")
    assert corrected(typed) == meant


@pytest.mark.parametrize(
    "word",
    """waiter sting belts chains horse beach kalimba shruti flume tasty hangover wisely bleach morphine starling tarde
    nicht natura treno miley rowling downey tempi sforzando arco guiro cajon ramen cracker""".split(),  # noqa: SIM905
)
def test_a_word_that_is_right_stays(word: str) -> None:
    assert corrected(word) == word


def test_without_a_dictionary_nothing_is_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spelling, "_right", frozenset)
    assert corrected.__wrapped__("pianno") == "pianno"
