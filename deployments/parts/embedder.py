"""Sentence embeddings as a deployment of its own: all-MiniLM-L6-v2, or BGE-large where its weights are.

Other models are composed with it by `parts: {embedder: embedder}`. It makes no sound itself and takes no jobs.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from deployments.contract import Frozen, Licence, ModelInfo
from deployments.weights.hub import Report
from deployments.weights.sentence import SentenceEncoder, Vectors, open_encoder
from deployments.weights.sentence_models import lacking, pull_minilm

Kind = Literal["texts", "queries", "digest"]
_Waiting = tuple[list[str], Future[Vectors]]


class EmbedderOptions(Frozen):
    """Which sentence model."""

    model_path: str | None = Field(
        default=None,
        description="A folder with a BERT sentence model; else BGE-large in MODELS_DIR, MiniLM there, or its package.",
    )


class Embedder:
    """Texts to unit vectors for every model that searches; calls that wait for one another are one batch."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="embedding",
        licence=Licence(weights="Apache-2.0", commercial=True),
        revision="embedder-1",
    )
    Options: ClassVar[type[EmbedderOptions]] = EmbedderOptions

    def __init__(self, options: EmbedderOptions | None = None) -> None:
        self.options = options or EmbedderOptions()
        self.encoder: SentenceEncoder | None = None
        self.running = threading.Lock()
        self.door = threading.Lock()
        self.waiting: list[_Waiting] = []

    def load(self) -> None:
        """Read the weights and embed once. Raises LoadFailed saying what is missing and what to do."""
        path = self.options.model_path
        self.encoder = open_encoder(Path(path).expanduser() if path else None)
        self.encoder.encode(["ready"])

    def download(self, report: Report) -> list[Path]:
        """Fetch all-MiniLM-L6-v2 below MODELS_DIR; returns its folder. Raises LoadFailed."""
        return [pull_minilm(report)]

    def missing(self) -> list[str]:
        """A line when the sentence model is not on this machine."""
        return lacking(self.options.model_path)

    def ask(self, kind: Kind, texts: Sequence[str] = (), patience_s: float | None = None) -> tuple[str, Vectors]:
        """The digest of the weights, and one vector per text, (texts, dimensions).

        "queries" are what is searched for, "texts" what is found; "digest" wants no vectors. `patience_s` is for
        remote callers.
        """
        assert self.encoder is not None, "load comes first"
        prefix = self.encoder.query_prefix if kind == "queries" else ""
        return self.encoder.digest, self._batched([prefix + text for text in texts])

    def _batched(self, texts: list[str]) -> Vectors:
        """Embed with whatever came while the last batch ran."""
        mine: Future[Vectors] = Future()
        with self.door:
            self.waiting.append((texts, mine))
        with self.running:
            with self.door:
                batch, self.waiting = self.waiting, []
            if batch:
                self._embed(batch)
        return mine.result()

    def _embed(self, batch: Sequence[_Waiting]) -> None:
        assert self.encoder is not None
        try:
            vectors = self.encoder.encode([text for texts, _ in batch for text in texts])
        except BaseException as error:
            for _, future in batch:
                future.set_exception(error)
            raise
        ends = np.cumsum([len(texts) for texts, _ in batch]).tolist()
        for (texts, future), end in zip(batch, ends, strict=True):
            future.set_result(vectors[end - len(texts) : end])
