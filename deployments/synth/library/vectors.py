"""Sentence vectors of texts that do not change: shipped with the library, or kept by this machine from before.

To embed every text of the library takes a core 15 seconds, more than the rest of a start. So the vectors that MiniLM
gives lie beside the presets, in eight bits a number, and only texts that are not among them are embedded, once
(scripts/build_library.py writes the file).
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deployments.synth.library.compiled import shipped, write
from deployments.synth.library.embedding import Embedder, Vectors
from deployments.weights.hashes import cache_folder

__all__ = ["FILE", "cache_folder", "pack", "packed_of", "ship", "stored", "unpack", "vectors_of"]
Packed = NDArray[np.int8]
FILE = "vectors.safetensors"  # in the folder of the presets


def vectors_of(texts: Sequence[str], embedder: Embedder, kept_in: Path | None = None) -> Vectors:
    """One unit vector per text, (texts, dimensions), within a rounding to eight bits of what the embedder gives."""
    return unpack(packed_of(texts, embedder, kept_in))


def packed_of(texts: Sequence[str], embedder: Embedder, kept_in: Path | None = None) -> Packed:
    """The same in eight bits: the shipped ones, and those that lack made and kept."""
    arrays, words = shipped(FILE)
    keys = np.fromiter(map(_key, texts), np.uint64, len(texts))
    known, at = np.zeros(len(texts), bool), np.zeros(len(texts), np.int64)
    if words.get("digest") == embedder.digest and arrays["keys"].size:
        at = np.minimum(np.searchsorted(arrays["keys"], keys), arrays["keys"].size - 1)
        known = arrays["keys"][at] == keys
    if known.all():
        return np.asarray(arrays["vectors"][at], np.int8)
    strange = [text for text, is_known in zip(texts, known.tolist(), strict=True) if not is_known]
    made = stored(kept_in, [embedder.digest, *strange], lambda: pack(embedder.encode(strange)))
    packed = np.empty((len(texts), made.shape[1]), np.int8)
    packed[~known] = made
    if known.any():
        packed[known] = arrays["vectors"][at[known]]
    return packed


def pack(vectors: Vectors) -> Packed:
    """Unit vectors as eight-bit numbers, each to its own scale; the angle between both is under a degree."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    return np.asarray(np.round(127 * vectors / np.maximum(largest, 1e-9)), np.int8)


def unpack(packed: Packed) -> Vectors:
    """Unit vectors, float32."""
    vectors = packed.astype(np.float32)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), np.float32)


def ship(vectors: Mapping[str, Vectors], digest: str, path: Path) -> None:
    """Write the file: the vector of each text, in the order of its key."""
    texts = sorted(vectors, key=_key)
    keys = np.array([_key(text) for text in texts], np.uint64)
    write({"keys": keys, "vectors": pack(np.stack([vectors[text] for text in texts]))}, {"digest": digest}, path)


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def stored(kept_in: Path | None, content: Sequence[str], make: Callable[[], Packed]) -> Packed:
    """Vectors from the file that `content` names, else made now and kept; a cache that cannot be used is no fault."""
    if kept_in is None:
        return make()
    name = hashlib.sha256("\0".join(content).encode()).hexdigest()[:32]
    path = kept_in / f"presets-{name}.npy"
    try:
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]
    except (OSError, ValueError):
        vectors = make()
    try:
        kept_in.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        with partial.open("wb") as file:
            np.save(file, vectors)
        partial.replace(path)
    except OSError:
        pass
    return vectors
