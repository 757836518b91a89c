"""What a word that is in no table does to a sound, judged by its neighbours in the space of sentence vectors.

Kernel ridge regression (Saunders et al., 1998) from the vector of a phrase to the `Change` that the table of
modifiers gives for it. What presets are called is in it as well, as changing nothing, so that "wooden" or "harbour"
stay nouns.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deployments.synth.library.compiled import Arrays, compiled, digest, joined
from deployments.synth.library.embedding import Embedder
from deployments.synth.library.presets import library
from deployments.synth.library.search import preset_search
from deployments.synth.library.vectors import cache_folder, vectors_of
from deployments.synth.terms.change import NAMES, Change
from deployments.synth.words.vocabulary import WORDS

Vectors = NDArray[np.float32]
_RIDGE = 0.1
_NEUTRAL = 0.3  # how much a noun weighs beside a modifier
_CERTAIN = 0.12  # a smaller share of a strong change is noise
_TOLD = 0.25  # the same of a whole clause, which may say something else altogether
_BOOST = 1.6  # what a regression takes from extremes, given back


class Axes:
    """The regression, fitted once; `change` remembers the phrases that it was asked for."""

    def __init__(self, embedder: Embedder, nouns: Sequence[str], kept_in: Path | None = None) -> None:
        self.embedder = embedder
        taught_by = WORDS
        plain = [noun for noun in nouns if noun not in taught_by]
        texts = [_framed(phrase) for phrase in (*taught_by, *plain)]
        self.known = vectors_of(texts, embedder, kept_in)
        self.scale = np.array([max(abs(getattr(change, name)) for change in taught_by.values()) for name in NAMES])
        taught = np.zeros((len(texts), len(NAMES)))
        taught[: len(taught_by)] = [[getattr(change, name) for name in NAMES] for change in taught_by.values()]
        weight = np.where(np.arange(len(texts)) < len(taught_by), 1.0, _NEUTRAL)

        def fit() -> Arrays:
            gram = _kernel(self.known, self.known) + np.diag(_RIDGE / weight)
            return {"weights": np.linalg.solve(gram, taught / self.scale)}

        made_of = digest(embedder.digest, joined(texts), taught.tobytes(), weight.tobytes(), str(_RIDGE))
        self.weights: NDArray[np.float64] = compiled("axes", made_of, fit)["weights"]
        self.change = lru_cache(maxsize=4096)(self._change)

    def strengths(self, phrases: Sequence[str]) -> NDArray[np.float64]:
        """Each field's share of a strong change, (phrases, fields of Change), however small."""
        vectors = self.embedder.encode([_framed(phrase) for phrase in phrases])
        return np.asarray(_kernel(vectors, self.known) @ self.weights, np.float64)

    def told(self, clause: str) -> Change:
        """What a clause that names no sound says of one: nothing but what is beyond doubt."""
        return self._change(clause, _TOLD)

    def _change(self, phrase: str, certain: float = _CERTAIN) -> Change:
        """What a phrase does to a sound: nothing where no field stands out."""
        shares = self.strengths([phrase])[0]
        shares[np.abs(shares) < max(certain, 0.5 * float(np.abs(shares).max()))] = 0
        values = _BOOST * shares * self.scale
        rounded = np.clip(values, -self.scale, self.scale).round(1)  # what a vector's last digits say is not heard
        return Change(**dict(zip(NAMES, rounded.tolist(), strict=True)))


def _kernel(a: Vectors, b: Vectors) -> NDArray[np.float64]:
    """A cubic kernel over cosines."""
    return np.asarray(4 * ((1 + a @ b.T) / 2) ** 3, np.float64)


def _framed(phrase: str) -> str:
    """A word in the company that shows how it is meant."""
    return f"a sound {phrase}" if " " in phrase else f"a {phrase} sound"


@cache
def axes() -> Axes | None:
    """The axes of this process's sentence model; None where there is none, and unknown words then change nothing."""
    embedder = preset_search().embedder
    if embedder is None:
        return None
    return Axes(embedder, nouns(), cache_folder())


def nouns() -> list[str]:
    """The words of which the names of the presets are made."""
    return sorted({word for preset in library().values() for word in preset.name.lower().split()})
