"""Sentence embeddings: a BERT encoder in numpy, its weights, its tokenizer. No torch, no download, no start-up.

A query of a dozen tokens is too little work to pay for a framework: reading the weights and a first vector take
a tenth of a second here. The numbers are those of transformers' BertModel within 1e-5 (tests/weights/test_sentence.py).
Papers: Devlin et al., "BERT", 2018; Reimers and Gurevych, "Sentence-BERT", 2019.
"""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.contract import LoadFailed
from deployments.weights.blas import one_thread
from deployments.weights.hashes import sha256_of
from deployments.weights.mapped import mapped
from deployments.weights.sentence_models import MINILM, WEIGHTS, bge_folder, minilm_folder

Vectors = NDArray[np.float32]

_BGE_QUERY = "Represent this sentence for searching relevant passages: "
_BATCH_TOKENS = 2048  # bounds the memory of a batch; more of them at once is not faster


class SentenceEncoder:
    """Texts -> unit vectors (texts, dimensions). `folder` holds a BERT sentence model as the hub lays it out.

    Raises LoadFailed that names what is missing. Safe from several threads: nothing changes after loading. Matrix
    products of this process use one thread from then on; many texts are shared out over the cores by batches.
    """

    def __init__(self, folder: Path, sha256: str | None = None) -> None:
        one_thread()
        self.folder = folder
        config = self._json("config.json")
        self.heads, self.layers = int(config["num_attention_heads"]), int(config["num_hidden_layers"])
        self.dimensions, self.epsilon = int(config["hidden_size"]), np.float32(config["layer_norm_eps"])
        self.first_token = bool(self._json("1_Pooling/config.json").get("pooling_mode_cls_token"))
        self.query_prefix = _BGE_QUERY if self.first_token else ""
        longest = int(self._json("sentence_bert_config.json").get("max_seq_length") or 512)
        self.tokenizer = self._tokenizer(min(longest, int(config["max_position_embeddings"])))
        self.digest = _digest(folder / WEIGHTS, sha256)
        self.weights = self._weights()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector per text, float32 (texts, dimensions)."""
        tokens = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        vectors = np.empty((len(tokens), self.dimensions), np.float32)

        def fill(batch: list[int]) -> None:
            vectors[batch] = self._forward([tokens[index] for index in batch])

        batches = _batches([len(ids) for ids in tokens])
        if len(batches) > 1:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(fill, batches))
        else:
            for batch in batches:
                fill(batch)
        return vectors

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """`encode`, with the words that the model wants before a question."""
        return self.encode([self.query_prefix + text for text in texts])

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """All texts lie behind one another in one matrix (tokens, dimensions); only attention keeps them apart."""
        bounds = np.cumsum([0, *map(len, tokens)]).tolist()
        spans = [slice(a, b) for a, b in pairwise(bounds)]
        # Rows in fours: OpenBLAS multiplies 16 rows a third faster than 15.
        ids = np.zeros((bounds[-1] + 3) // 4 * 4, np.int64)
        places = np.zeros_like(ids)
        for span, text in zip(spans, tokens, strict=True):
            ids[span], places[span] = text, np.arange(len(text))
        weights = self.weights
        x = weights["words"][ids] + weights["places"][places] + weights["segment"]
        x = self._normalised(x, "embeddings")
        for layer in range(self.layers):
            x = self._normalised(x + self._attention(x, spans, f"{layer}.attention"), f"{layer}.attention")
            hidden = _gelu(x @ weights[f"{layer}.up"] + weights[f"{layer}.up.bias"])
            x = self._normalised(
                x + hidden @ weights[f"{layer}.down"] + weights[f"{layer}.down.bias"], f"{layer}.output"
            )
        pooled: Vectors = np.stack([x[span][0] if self.first_token else x[span].mean(axis=0) for span in spans])
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled

    def _attention(self, x: Vectors, spans: Sequence[slice], name: str) -> Vectors:
        size = self.dimensions // self.heads
        mixed = x @ self.weights[name + ".qkv"] + self.weights[name + ".qkv.bias"]
        heard = np.zeros_like(x)
        for tokens, same in groupby(spans, lambda span: span.stop - span.start):
            of_one_length = list(same)
            span = slice(of_one_length[0].start, of_one_length[-1].stop)
            # (3, texts, heads, tokens, size)
            query, key, value = mixed[span].reshape(-1, tokens, 3, self.heads, size).transpose(2, 0, 3, 1, 4)
            score = query @ key.swapaxes(-1, -2) * np.float32(size**-0.5)
            share = np.exp(score - score.max(axis=-1, keepdims=True))
            share /= share.sum(axis=-1, keepdims=True)
            heard[span] = (share @ value).swapaxes(1, 2).reshape(-1, self.dimensions)
        projected: Vectors = heard @ self.weights[name + ".out"] + self.weights[name + ".out.bias"]
        return projected

    def _normalised(self, x: Vectors, name: str) -> Vectors:
        """Layer normalization."""
        x = x - x.mean(axis=-1, keepdims=True)
        x /= np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + self.epsilon)
        x *= self.weights[name + ".norm"]
        x += self.weights[name + ".norm.bias"]
        return x

    def _weights(self) -> Mapping[str, Vectors]:
        """The checkpoint's matrices as (inputs, outputs), query, key and value side by side.

        What is looked up stays in the file; matrices are turned around, because OpenBLAS multiplies a few rows by one
        that lies the other way in twice the time.
        """
        kept, read = self._tensors(), self._tensors()  # mapped apart: what is only read leaves the memory again
        weights = {
            "words": _single(kept["embeddings.word_embeddings.weight"]),
            "places": _single(kept["embeddings.position_embeddings.weight"]),
            "segment": _single(kept["embeddings.token_type_embeddings.weight"][0]),
        }
        dense: dict[str, list[NDArray[Any]]] = {}

        def add(kinds: Mapping[str, Sequence[str]], norms: Mapping[str, str]) -> None:
            for name, sources in kinds.items():
                dense[name] = [read[source + ".weight"] for source in sources]
                weights[name + ".bias"] = np.concatenate([read[s + ".bias"] for s in sources], dtype=np.float32)
            for name, source in norms.items():
                weights[name + ".norm"] = np.array(read[source + ".weight"], np.float32)
                weights[name + ".norm.bias"] = np.array(read[source + ".bias"], np.float32)

        add({}, {"embeddings": "embeddings.LayerNorm"})
        for layer in range(self.layers):
            source = f"encoder.layer.{layer}."
            heads = [f"{source}attention.self.{part}" for part in ("query", "key", "value")]
            out, up, down = (source + name + ".dense" for name in ("attention.output", "intermediate", "output"))
            add(
                {f"{layer}.attention.qkv": heads, f"{layer}.attention.out": [out],
                 f"{layer}.up": [up], f"{layer}.down": [down]},
                {f"{layer}.attention": f"{source}attention.output.LayerNorm",
                 f"{layer}.output": f"{source}output.LayerNorm"},
            )  # fmt: skip
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            weights.update(zip(dense, pool.map(_turned, dense.values()), strict=True))
        return weights

    def _tensors(self) -> Mapping[str, NDArray[Any]]:
        """The checkpoint's tensors in the mapped file."""
        tensors, _ = mapped(self.folder / WEIGHTS)
        return {name.removeprefix("bert."): value for name, value in tensors.items()}

    def _tokenizer(self, longest: int) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(longest)
        return tokenizer

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            raise LoadFailed(f"{path} is missing; {self.folder} is not a complete sentence model")
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return loaded


def open_encoder(folder: Path | None = None) -> SentenceEncoder:
    """The encoder of `folder`; else BGE-large where its weights are, else MiniLM. Raises LoadFailed."""
    chosen = folder or bge_folder()
    return SentenceEncoder(chosen) if chosen is not None else SentenceEncoder(minilm_folder(), MINILM.sha256)


def _single(tensor: NDArray[Any]) -> Vectors:
    """In float32; not copied where it is."""
    return np.asarray(tensor, np.float32)


def _turned(parts: Sequence[NDArray[Any]]) -> Vectors:
    """Matrices (outputs, inputs) as one of (inputs, outputs side by side)."""
    turned = np.empty((parts[0].shape[1], sum(map(len, parts))), np.float32)
    np.concatenate([part.T for part in parts], axis=1, out=turned)
    return turned


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of texts, short ones first, in batches of a bounded number of tokens."""
    batches: list[list[int]] = []
    filled = _BATCH_TOKENS
    for index in np.argsort(lengths, kind="stable").tolist():
        filled += lengths[index]
        if filled > _BATCH_TOKENS:
            batches.append([])
            filled = lengths[index]
        batches[-1].append(index)
    return batches


def _digest(path: Path, expected: str | None) -> str:
    """The file's sha256. Raises LoadFailed when it is not the expected one."""
    if not path.is_file():
        raise LoadFailed(f"{path} is missing")
    found = sha256_of(path)
    if expected is not None and found != expected:
        raise LoadFailed(f"{path} has sha256 {found}, not {expected}; fetch it again: continuo models pull embedder")
    return found


def _gelu(x: Vectors) -> Vectors:
    """x times the normal distribution function, by Abramowitz and Stegun 7.1.26: within 1.5e-7 of the exact one."""
    magnitude = np.abs(x) * np.float32(2**-0.5)
    t = np.reciprocal(1 + np.float32(0.3275911) * magnitude)
    tail = np.float32(1.061405429) * t
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = np.multiply(tail + np.float32(coefficient), t, out=tail)
    tail *= np.exp(-np.square(magnitude))
    half: Vectors = np.float32(0.5) * x * (1 + np.sign(x) * (1 - tail))
    return half
