"""Search finds presets by meaning and by word, keeps its index, and works by words alone."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contract import LoadFailed
from deployments.synth.library import embedding, search
from deployments.synth.library.presets import library
from deployments.synth.library.search import PresetSearch, preset_search, stem, words
from deployments.weights.sentence import SentenceEncoder, open_encoder

PROMPTS = Path(__file__).parents[1] / "data" / "prompts_presets.json"


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return open_encoder()


@pytest.fixture(scope="module")
def indexed() -> PresetSearch:
    return preset_search()


def ids(hits: Sequence[search.Hit]) -> list[str]:
    return [hit.preset.id for hit in hits]


def test_words_and_meanings_find_their_preset(indexed: PresetSearch) -> None:
    assert ids(indexed.search("vinyl crackle"))[0] == "vinyl"
    assert {"surf", "sea_calm"} & set(ids(indexed.search("the Atlantic rolling ashore")))


def hit_rate(indexed: PresetSearch, cases: list[dict[str, Any]]) -> float:
    hits = [set(ids(indexed.search(case["prompt"]))) & set(case["expected"]) for case in cases]
    return float(np.mean([bool(hit) for hit in hits]))


def test_what_people_ask_for_is_among_the_first_three(indexed: PresetSearch) -> None:
    cases = json.loads(PROMPTS.read_text())
    unlike = [case for case in cases if not case["overlap"]]
    assert (len(cases), len(unlike)) == (60, 30)
    assert hit_rate(indexed, cases) >= 0.9
    assert hit_rate(indexed, unlike) >= 0.75


@pytest.mark.parametrize("case", json.loads(PROMPTS.read_text()), ids=lambda case: case["prompt"])
def test_a_prompt_said_to_share_no_word_shares_none(case: dict[str, Any]) -> None:
    for name in case["expected"]:
        shared = set(words(case["prompt"])) & set(words(library()[name].text()))
        assert case["overlap"] or not shared


def test_best_first_as_many_as_asked_and_only_of_the_role(indexed: PresetSearch) -> None:
    hits = indexed.search("warm", 7)
    assert len(hits) == 7
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert {hit.preset.role for hit in indexed.search("warm", 3, role="BASS")} == {"BASS"}


def test_one_batch_finds_what_single_searches_find(indexed: PresetSearch) -> None:
    queries = ["rain", "a bell now and then", "dark drone"]
    assert [ids(hits) for hits in indexed.search_many(queries)] == [ids(indexed.search(query)) for query in queries]


def test_an_index_is_the_same_each_time(tmp_path: Path, encoder: SentenceEncoder) -> None:
    few = dict(list(library().items())[:3])
    first, again = (PresetSearch(few, encoder, tmp_path) for _ in range(2))
    np.testing.assert_array_equal(first.views, again.views)
    assert first.search("a plane") == again.search("a plane")


def test_without_a_sentence_model_words_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise LoadFailed("no weights")

    monkeypatch.setattr(embedding, "_local", missing)
    embedding.embedder.cache_clear()
    found = preset_search.__wrapped__().search("crackling vinyl records")
    embedding.embedder.cache_clear()
    assert ids(found)[0] == "vinyl"


@pytest.mark.parametrize(
    ("one", "other"),
    [("raining", "rainy"), ("drums", "drum"), ("berries", "berry"), ("humming", "hum"), ("bells", "bell")],
)
def test_forms_of_a_word_meet(one: str, other: str) -> None:
    assert stem(one) == stem(other)


def test_words_without_meaning_do_not_count() -> None:
    assert words("the Sound of the Rain") == [stem("rain")]
