"""espeak-ng in a process of its own: a text and its language go in, sound or phonemes come out."""
