"""Write what is shipped beside the presets: the vectors of all texts, and what is computed of the files alone.

    python scripts/build_library.py

Wanted whenever a preset, the words that change sounds, or what is computed of them has changed; a test tells. Until
then a start computes what does not fit, in seconds. Texts that have a vector already keep it.
"""

import sys
from collections.abc import Sequence

from deployments.synth.library import compiled, vectors
from deployments.synth.library.axes import Axes, nouns
from deployments.synth.library.compiled import folder
from deployments.synth.library.presets import library
from deployments.synth.library.search import PresetSearch
from deployments.weights.sentence import SentenceEncoder, Vectors
from deployments.weights.sentence_models import minilm_folder


class Listening:
    """An embedder that keeps which texts it was asked for, under another name, so that it is asked for all."""

    digest = "listening"

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder
        self.made: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text, in eight bits."""
        found = vectors.vectors_of(texts, self.encoder)
        self.made.update(zip(texts, found, strict=True))
        return found

    encode_queries = encode


def main() -> None:
    """Embed, fit, write, say how much."""
    encoder = SentenceEncoder(minilm_folder())
    listening = Listening(encoder)
    with compiled.compiling():
        PresetSearch(library(), listening)
        Axes(listening, nouns())
    vectors.ship(listening.made, encoder.digest, folder() / vectors.FILE)
    compiled.shipped.cache_clear()
    library.cache_clear()
    with compiled.compiling() as parts:
        PresetSearch(library(), encoder)
        Axes(encoder, nouns())
    compiled.ship(parts, folder() / compiled.FILE)
    sys.stdout.write(f"{len(listening.made)} texts\n")
    for name in (vectors.FILE, compiled.FILE):
        sys.stdout.write(f"{name}: {(folder() / name).stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
