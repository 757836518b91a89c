"""Search over presets: what a person would mean, by sentence vectors, and what they wrote, by BM25.

Each preset is seen as its description and as each of its tags, moods and captions alone, because people ask in two
words or with a scene. A query is compared with the two views that are nearest and with the mean of all: the one
finds what somebody has thought of, the other what nobody has. Vectors of the views are
shipped or kept (vectors.py).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.synth.library.compiled import Arrays, compiled, digest, joined
from deployments.synth.library.embedding import Embedder, Vectors, embedder
from deployments.synth.library.presets import Preset, library
from deployments.synth.library.vectors import cache_folder, packed_of, unpack

_NEAREST = 2  # views; one alone may match by accident
_MEAN = 0.6  # the weight of the mean view, beside that of the nearest
_WORDING = 0.05  # the weight of shared words, where a cosine weighs 1
_SHRINKAGE = 2.0  # of the scatter within presets towards the same in every direction
_USUAL_BM25 = 4.0
_BLOCK = 512  # texts that are projected at once, which bounds the memory of it
_WORD = re.compile(r"[a-z0-9]+")
_COMMON = """
a an and are as at be by for from has have i in into is it its like of on or some something sound sounds that the then
there this to up very was with you your me my please make give want
"""
_IGNORED = frozenset(_COMMON.split())


@dataclass(frozen=True)
class Hit:
    """A preset and how well it fits, roughly 0 to 1; over 0.5 is a good fit."""

    preset: Preset
    score: float


def words(text: str) -> list[str]:
    """The words that carry meaning, lower case, without plural and verb endings."""
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in _IGNORED]


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A word without its commonest English endings, so that "rainy", "raining" and "rains" meet."""
    endings = ("ing", "ies", "ed", "es", "y", "s", "e")
    ending = next((each for each in endings if word.endswith(each) and len(word) - len(each) >= 3), "")
    root = word.removesuffix(ending)
    return root[:-1] if len(root) > 3 and root[-1] == root[-2] else root


class Bm25:
    """Plain BM25 (Robertson and Zaragoza, 2009) over short texts."""

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        parts = compiled("bm25", digest(joined(texts), f"{k1} {b}"), lambda: self._counted(texts, k1, b))
        vocabulary = parts["words"].tobytes().decode().split("\0")
        self.vocabulary = {word: at for at, word in enumerate(vocabulary)}
        self.weights: Vectors = np.zeros((len(texts), len(vocabulary)), np.float32)
        self.weights[np.repeat(np.arange(len(texts)), parts["sizes"]), parts["columns"]] = parts["values"]

    @staticmethod
    def _counted(texts: Sequence[str], k1: float, b: float) -> Arrays:
        """All words, and of each text how many different ones it has, which, and their weights."""
        counts = [Counter(words(text)) for text in texts]
        vocabulary = {word: at for at, word in enumerate(sorted(set().union(*counts)))}
        table = np.zeros((len(texts), len(vocabulary)), np.float32)
        for row, count in enumerate(counts):
            for word, times in count.items():
                table[row, vocabulary[word]] = times
        length = table.sum(axis=1, keepdims=True)
        found = (table > 0).sum(axis=0)
        rarity = np.log(1 + (len(texts) - found + 0.5) / (found + 0.5))
        norm = k1 * (1 - b + b * length / max(1.0, float(length.mean())))
        weights = (rarity * table * (k1 + 1) / (table + norm)).astype(np.float32)
        rows, columns = np.nonzero(table)
        return {
            "words": np.frombuffer(joined(list(vocabulary)).encode(), np.uint8),
            "sizes": np.bincount(rows, minlength=len(texts)).astype(np.uint16),
            "columns": columns.astype(np.uint16),
            "values": weights[rows, columns],
        }

    def scores(self, query: str) -> Vectors:
        """One score per text, 0 where no word is shared."""
        columns = [self.vocabulary[word] for word in set(words(query)) if word in self.vocabulary]
        total: Vectors = self.weights[:, columns].sum(axis=1)
        return total


class Projection:
    """Vectors, less what all have in common, whitened by the scatter within groups; unit vectors come back.

    Within-class covariance normalization (Hatch, Kajarekar and Stolcke, 2006): directions in which the views of one
    preset differ anyhow, such as how long or how poetic a text is, tell presets apart least.
    """

    def __init__(self, centre: Vectors, matrix: Vectors) -> None:
        self.centre, self.matrix = centre, matrix

    @classmethod
    def fit(cls, groups: Sequence[Vectors]) -> "Projection":
        """The one that groups of vectors ask for."""
        centre = np.concatenate(groups).mean(axis=0)
        apart = np.concatenate([group - group.mean(axis=0) for group in groups])
        scatter = apart.T @ apart / len(apart)
        floor = max(_SHRINKAGE * float(np.trace(scatter)) / len(scatter), 1e-6)
        size, direction = np.linalg.eigh(scatter + floor * np.eye(len(scatter)))
        return cls(centre, ((direction / np.sqrt(size)) @ direction.T).astype(np.float32))

    def __call__(self, vectors: Vectors) -> Vectors:
        """(texts, dimensions) -> the same, projected."""
        return _unit((vectors - self.centre) @ self.matrix)


def _unit(vectors: NDArray[Any]) -> Vectors:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9), np.float32)


class PresetSearch:
    """The index over a library. Without an embedder only words count."""

    def __init__(
        self, presets: Mapping[str, Preset], embedder: Embedder | None, index_folder: Path | None = None
    ) -> None:
        self.presets = tuple(presets.values())
        self.bm25 = Bm25([preset.text() for preset in self.presets])
        self.embedder = embedder
        if embedder is not None:
            self._index(embedder, index_folder)

    def _index(self, embedder: Embedder, folder: Path | None) -> None:
        """Project all views so that what differs between the views of one preset counts less."""
        views = [preset.views() for preset in self.presets]
        texts = list(dict.fromkeys(text for view in views for text in view))
        row = {text: at for at, text in enumerate(texts)}
        packed = packed_of(texts, embedder, folder)
        rows = [[row[text] for text in view] for view in views]
        made_of = digest(embedder.digest, *map(joined, views), str(_SHRINKAGE))
        fitted = compiled("projection", made_of, lambda: vars(Projection.fit([unpack(packed[each]) for each in rows])))
        self.project = Projection(fitted["centre"], fitted["matrix"])
        self.views: Vectors = np.empty((packed.shape[1], len(texts)), np.float32)  # (dimensions, texts)
        for block in (slice(at, at + _BLOCK) for at in range(0, len(texts), _BLOCK)):
            self.views[:, block] = self.project(unpack(packed[block])).T
        self.means = _unit(np.stack([np.ascontiguousarray(self.views[:, each].T).mean(axis=0) for each in rows])).T
        most = max(map(len, rows))
        # (presets, most views), filled up with a view that is like nothing
        self.rows = np.array([each + [len(texts)] * (most - len(each)) for each in rows])

    def search(self, query: str, limit: int = 3, role: str | None = None) -> list[Hit]:
        """The presets that fit best, best first; `role` keeps only its own."""
        return self.search_many([query], limit, role)[0]

    def search_many(self, queries: Sequence[str], limit: int = 3, role: str | None = None) -> list[list[Hit]]:
        """`search` for several queries in one batch of the encoder."""
        near = self._nearness(queries)
        return [self._best(near[row] + self._wording(query), limit, role) for row, query in enumerate(queries)]

    def _best(self, scores: Vectors, limit: int, role: str | None) -> list[Hit]:
        order = np.argsort(-scores, kind="stable").tolist()
        fitting = [at for at in order if role is None or self.presets[at].role == role]
        return [Hit(self.presets[at], round(float(scores[at]), 4)) for at in fitting[:limit]]

    def _nearness(self, queries: Sequence[str]) -> Vectors:
        """How near each preset is, (queries, presets): to its nearest views and to the mean of all."""
        if self.embedder is None:
            return np.zeros((len(queries), len(self.presets)), np.float32)
        asked = self.project(self.embedder.encode_queries(queries))
        with_filler = np.pad(asked @ self.views, ((0, 0), (0, 1)), constant_values=-1)
        nearest = np.partition(with_filler[:, self.rows], -_NEAREST, axis=-1)[..., -_NEAREST:].mean(axis=-1)
        return np.asarray(_MEAN * (asked @ self.means) + (1 - _MEAN) * nearest, np.float32)

    def _wording(self, query: str) -> Vectors:
        """BM25 as a share of the best, less where even the best shares only common words."""
        scores = self.bm25.scores(query)
        return np.asarray(_WORDING * scores / (scores.max() + _USUAL_BM25), np.float32)


@cache
def preset_search() -> PresetSearch:
    """The search over the library with the sentence model of this process; only words count where there is none."""
    return PresetSearch(library(), embedder(), cache_folder())
