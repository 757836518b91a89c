"""Whose sentence vectors the synth uses: those of the embedder that it is composed with, else its own."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deployments.contract import LoadFailed
from deployments.weights.sentence import open_encoder

Vectors = NDArray[np.float32]
log = logging.getLogger(__name__)

_INTRODUCTION_S, _QUERY_S, _INDEX_S = 10.0, 0.5, 300.0  # how long the other process may take
_FEW = 64  # texts that are a query, not an index
_RETRY_S = 5.0  # a part that failed is left alone this long


class Embedder(Protocol):
    """Texts to unit vectors; `digest` names the weights."""

    digest: str

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, (texts, dimensions)."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for what is searched for."""


class SharedEmbedder:
    """An embedder in another process, and one in this process for when that does not answer.

    The weights that answered first stay the ones of this process: a part that comes back with other weights is not
    listened to, because its vectors would not fit the index.
    """

    def __init__(self, part: Any, local: Callable[[], Embedder]) -> None:
        self.part, self.local = part, local
        self.silent_until = 0.0
        found = self._asked("digest", (), _INTRODUCTION_S)
        self.digest = found[0] if found is not None else local().digest

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, (texts, dimensions)."""
        return self._vectors("texts", texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The same for what is searched for."""
        return self._vectors("queries", texts)

    def _vectors(self, kind: str, texts: Sequence[str]) -> Vectors:
        found = self._asked(kind, texts, _QUERY_S if len(texts) <= _FEW else _INDEX_S)
        if found is not None and found[0] == self.digest:
            return found[1]
        own = self.local()
        if own.digest != self.digest:
            raise LoadFailed("the embedder does not answer, and the sentence model of this machine is another one")
        return own.encode(texts) if kind == "texts" else own.encode_queries(texts)

    def _asked(self, kind: str, texts: Sequence[str], patience_s: float) -> tuple[str, Vectors] | None:
        if time.monotonic() < self.silent_until:
            return None
        try:
            answer: tuple[str, Vectors] = self.part.ask(kind, list(texts), patience_s=patience_s)
        except RuntimeError as error:  # what a part raises that is gone, late, or without weights
            log.warning("embedding in this process for a while: %s", error)
            self.silent_until = time.monotonic() + _RETRY_S
            return None
        return answer


_parts: list[Any] = []


def share(part: Any) -> None:
    """Use this embedder deployment from now on; before the first search."""
    _parts[:] = [part]
    embedder.cache_clear()


@cache
def embedder() -> Embedder | None:
    """The sentence model of this process; None, with a warning, where there is none."""
    try:
        return SharedEmbedder(_parts[0], _local) if _parts else _local()
    except LoadFailed as error:
        log.warning("presets are searched by words alone: %s", error)
        return None


@cache
def _local() -> Embedder:
    return open_encoder()
