"""Write native/presets/vectors.npz: what MiniLM makes of every text of the library and of the words that change sounds.

python scripts/embed_presets.py

Wanted when many texts have changed; those that the file lacks are embedded at the first start, 2 ms each.
"""

import sys
from collections.abc import Sequence

from deployments.sentence import SentenceEncoder, Vectors, minilm_folder
from deployments.synth.axes import Axes, nouns
from deployments.synth.presets import folder, library
from deployments.synth.search import PresetSearch
from deployments.synth.vectors import FILE, ship


class Listening:
    """An embedder under another name, so that nothing is known yet, that keeps what it made."""

    digest = "listening"

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder
        self.made: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """One unit vector per text."""
        vectors = self.encoder.encode(texts)
        self.made.update(zip(texts, vectors, strict=True))
        return vectors

    encode_queries = encode


def main() -> None:
    """Embed, write, say how much."""
    listening = Listening(SentenceEncoder(minilm_folder()))
    PresetSearch(library(), listening)
    Axes(listening, nouns(), None)
    path = folder() / FILE
    ship(listening.made, listening.encoder.digest, path)
    sys.stdout.write(f"{len(listening.made)} texts, {path.stat().st_size / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
