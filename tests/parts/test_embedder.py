"""The embedder as a part: one batch for those who wait, other weights refused, a fallback while it is away."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from deployments.contract import LoadFailed, Model, PartModel
from deployments.parts.embedder import Embedder, EmbedderOptions
from deployments.synth.library.embedding import SharedEmbedder
from deployments.weights.sentence import SentenceEncoder, open_encoder

TEXTS = ["rain", "a warm pad", "thunder far away"]


@pytest.fixture(scope="module")
def loaded() -> Embedder:
    made = Embedder()
    made.load()
    return made


@pytest.fixture(scope="module")
def own() -> SentenceEncoder:
    return open_encoder()


def test_it_is_a_model_that_makes_no_sound(loaded: Embedder) -> None:
    assert isinstance(loaded, PartModel)
    assert not isinstance(loaded, Model)
    assert (loaded.info.sound, loaded.info.image) == (None, None)


def test_it_tells_whether_its_weights_are_here(loaded: Embedder) -> None:
    assert loaded.missing() == []
    (line,) = Embedder(EmbedderOptions(model_path="/nowhere")).missing()
    assert "/nowhere: there is no such folder" in line


def test_it_answers_with_the_vectors_and_whose_they_are(loaded: Embedder, own: SentenceEncoder) -> None:
    digest, vectors = loaded.ask("texts", TEXTS)
    assert digest == own.digest
    np.testing.assert_allclose(vectors, own.encode(TEXTS), atol=2e-6)


def test_calls_that_wait_are_one_batch(own: SentenceEncoder) -> None:
    entered, go, sizes = threading.Event(), threading.Event(), list[int]()

    class Slow:
        digest, query_prefix = own.digest, ""

        def encode(self, texts: Sequence[str]) -> Any:
            sizes.append(len(texts))
            entered.set()
            assert go.wait(60)
            return own.encode(texts)

    embedder = Embedder()
    embedder.encoder = Slow()  # type: ignore[assignment]
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(embedder.ask, "texts", ["first"])
        assert entered.wait(60)
        others = [pool.submit(embedder.ask, "texts", [f"text {i}", "second"]) for i in range(5)]
        while len(embedder.waiting) < 5:
            pass
        go.set()
        answers = [other.result(60)[1] for other in others]
    assert first.result()[1].shape == (1, own.dimensions)
    assert sizes == [1, 10]
    for i, vectors in enumerate(answers):
        np.testing.assert_allclose(vectors, own.encode([f"text {i}", "second"]), atol=2e-6)


class Part:
    """An embedder behind a hop that may be away or have other weights."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder, self.away, self.digest, self.asked = embedder, False, "", list[str]()

    def ask(self, kind: Any, texts: Sequence[str], patience_s: float) -> tuple[str, Any]:
        assert patience_s > 0
        self.asked.append(kind)
        if self.away:
            raise RuntimeError("no answer")
        digest, vectors = self.embedder.ask(kind, texts)
        return self.digest or digest, vectors


def test_the_part_is_asked_and_this_process_takes_over_when_it_is_away(loaded: Embedder, own: SentenceEncoder) -> None:
    part = Part(loaded)
    shared = SharedEmbedder(part, lambda: own)
    np.testing.assert_allclose(shared.encode_queries(TEXTS), own.encode(TEXTS), atol=2e-6)
    assert part.asked == ["digest", "queries"]
    part.away = True
    np.testing.assert_array_equal(shared.encode(TEXTS), own.encode(TEXTS))
    np.testing.assert_array_equal(shared.encode(TEXTS), own.encode(TEXTS))
    assert part.asked == ["digest", "queries", "texts"]  # left alone for a while after it failed


def test_vectors_of_other_weights_are_never_mixed(loaded: Embedder, own: SentenceEncoder) -> None:
    part = Part(loaded)
    part.digest = "other weights"
    shared = SharedEmbedder(part, lambda: own)
    part.away = True
    with pytest.raises(LoadFailed, match="another one"):
        shared.encode(TEXTS)


def test_a_part_that_never_came_leaves_the_model_of_this_process(loaded: Embedder, own: SentenceEncoder) -> None:
    part = Part(loaded)
    part.away = True
    assert SharedEmbedder(part, lambda: own).digest == own.digest
