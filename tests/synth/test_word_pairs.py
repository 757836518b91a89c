"""Words move what one hears the way they say: a hundred seeded pairs, half of them in words that no preset has."""

import re
from collections import Counter

import pytest

from deployments.synth.library.presets import library
from tests.synth.pairs import Pair, heard, load_pairs

PAIRS = load_pairs()
FIRST = list({pair.measure: pair for pair in reversed(PAIRS)}.values())


def test_half_of_the_pairs_are_in_words_of_no_preset() -> None:
    known = set(re.findall(r"[a-z]+", " ".join(preset.text().lower() for preset in library().values())))

    def new(prompt: str, other: str) -> bool:
        """Whether what sets a prompt apart is in no preset's texts."""
        return not (set(re.findall(r"[a-z]+", prompt.lower())) - set(re.findall(r"[a-z]+", other.lower()))) & known

    assert len(PAIRS) >= 100
    assert sum(new(pair.less, pair.more) or new(pair.more, pair.less) for pair in PAIRS) >= len(PAIRS) / 2


@pytest.mark.parametrize("pair", FIRST, ids=lambda pair: pair.measure)
def test_the_plain_word_of_each_kind_is_heard(pair: Pair) -> None:
    assert heard(pair)


@pytest.mark.slow
def test_the_words_of_a_hundred_pairs_are_heard() -> None:
    wrong = [pair for pair in PAIRS if not heard(pair)]
    assert len(wrong) <= 0.05 * len(PAIRS), (Counter(pair.measure for pair in wrong), wrong)
