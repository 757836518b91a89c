"""Vectors of fixed texts: shipped ones are what the model gives, others are made once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from deployments.synth.library import compiled, vectors
from deployments.synth.library.axes import Axes, nouns
from deployments.synth.library.compiled import shipped
from deployments.synth.library.presets import library
from deployments.synth.library.search import PresetSearch
from deployments.synth.library.vectors import pack, ship, stored, unpack, vectors_of
from deployments.weights.sentence import SentenceEncoder, Vectors
from deployments.weights.sentence_models import minilm_folder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(minilm_folder())


class Counting:
    """Counts what a real encoder is asked for."""

    def __init__(self, encoder: SentenceEncoder, digest: str) -> None:
        self.encoder, self.digest = encoder, digest
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return self.encoder.encode(texts)

    encode_queries = encode


def texts() -> list[str]:
    return sorted({text for preset in library().values() for text in preset.views()})


def test_all_texts_of_the_library_are_shipped_and_no_others(encoder: SentenceEncoder) -> None:
    counting = Counting(encoder, encoder.digest)
    PresetSearch(library(), counting)
    axes = Axes(counting, nouns())
    arrays, words = shipped(vectors.FILE)
    assert words["digest"] == encoder.digest
    assert counting.asked == [], "run scripts/build_library.py"
    assert len(arrays["keys"]) == len(texts()) + len(axes.known), "run scripts/build_library.py"


def test_shipped_vectors_are_those_of_the_model(encoder: SentenceEncoder) -> None:
    some = texts()[::100]
    near = (vectors_of(some, encoder) * encoder.encode(some)).sum(axis=1)
    assert near.min() > 0.9998


def test_another_model_makes_its_own(encoder: SentenceEncoder) -> None:
    counting = Counting(encoder, "another")
    vectors_of(["Steady rain", "rain"], counting)
    assert counting.asked == ["Steady rain", "rain"]


def test_only_strange_texts_are_embedded_and_once(encoder: SentenceEncoder, tmp_path: Path) -> None:
    counting = Counting(encoder, encoder.digest)
    first = vectors_of(["rain", "a walrus in a bathtub"], counting, tmp_path)
    again = vectors_of(["rain", "a walrus in a bathtub"], counting, tmp_path)
    assert counting.asked == ["a walrus in a bathtub"]
    np.testing.assert_array_equal(first, again)


def test_a_file_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    made = np.ones((1, 3), np.int8)
    stored(tmp_path, ["text"], lambda: made)
    next(tmp_path.glob("*.npy")).write_bytes(b"torn")
    np.testing.assert_array_equal(stored(tmp_path, ["text"], lambda: made), made)


def test_eight_bits_keep_the_direction() -> None:
    random = np.random.default_rng(1).standard_normal((50, 384)).astype(np.float32)
    unit = random / np.linalg.norm(random, axis=1, keepdims=True)
    assert (unpack(pack(unit)) * unit).sum(axis=1).min() > 0.9998


def test_what_is_shipped_is_read_back_and_a_torn_file_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: SentenceEncoder
) -> None:
    monkeypatch.setattr(compiled, "folder", lambda: tmp_path)
    ship({"a walrus": encoder.encode(["a walrus"])[0]}, encoder.digest, tmp_path / vectors.FILE)
    counting = Counting(encoder, encoder.digest)
    try:
        shipped.cache_clear()
        vectors_of(["a walrus"], counting)
        assert counting.asked == []
        (tmp_path / vectors.FILE).write_bytes(b"torn")
        shipped.cache_clear()
        vectors_of(["a walrus"], counting)
        assert counting.asked == ["a walrus"]
    finally:
        shipped.cache_clear()
