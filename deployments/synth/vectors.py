"""Sentence vectors of texts that do not change: shipped with the library, or kept by this machine from before.

To embed every text of the library takes a core 15 seconds, more than the rest of a start. So the vectors that MiniLM
gives lie beside the presets, in eight bits a number, and only texts that are not among them are embedded, once
(scripts/embed_presets.py writes the file).
"""

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deployments.synth.embedding import Embedder, Vectors
from deployments.synth.presets import folder

Packed = NDArray[np.int8]
FILE = "vectors.npz"  # in the folder of the presets


def cache_folder() -> Path:
    """Where vectors are kept: `continuo` in XDG_CACHE_HOME (~/.cache)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "continuo"


def vectors_of(texts: Sequence[str], embedder: Embedder, kept_in: Path | None = None) -> Vectors:
    """One unit vector per text, (texts, dimensions), within a rounding to eight bits of what the embedder gives."""
    digest, known = shipped()
    known = known if digest == embedder.digest else {}
    strange = [text for text in texts if _key(text) not in known]
    made: dict[int, Packed] = {}
    if strange:
        packed = stored(kept_in, [embedder.digest, *strange], lambda: pack(embedder.encode(strange)))
        made = {_key(text): vector for text, vector in zip(strange, packed, strict=True)}
    return unpack(np.stack([made[key] if key in made else known[key] for key in map(_key, texts)]))


def pack(vectors: Vectors) -> Packed:
    """Unit vectors as eight-bit numbers, each to its own scale; the angle between both is under a degree."""
    largest = np.abs(vectors).max(axis=-1, keepdims=True)
    return np.asarray(np.round(127 * vectors / np.maximum(largest, 1e-9)), np.int8)


def unpack(packed: Packed) -> Vectors:
    """Unit vectors, float32."""
    vectors = packed.astype(np.float32)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), np.float32)


@cache
def shipped() -> tuple[str, Mapping[int, Packed]]:
    """The digest of the weights and the hash of each text with its vector; nothing where there is no such file."""
    try:
        with np.load(folder() / FILE, allow_pickle=False) as file:
            return str(file["digest"]), dict(zip(file["keys"].tolist(), file["vectors"], strict=True))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return "", {}


def ship(vectors: Mapping[str, Vectors], digest: str, path: Path) -> None:
    """Write the file: the vector of each text."""
    texts = sorted(vectors, key=_key)
    keys = np.array([_key(text) for text in texts], np.uint64)
    packed = pack(np.stack([vectors[text] for text in texts]))
    np.savez_compressed(path, digest=np.array(digest), keys=keys, vectors=packed)


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
