"""The chunks in which a model makes a sound: how long they may get, and all of them as one."""

import mmap
from collections.abc import Iterable, Iterator
from itertools import chain
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from deployments.contract import Audio, InvalidInput, ModelInfo, Product, Samples, SpeechRequest
from serve_app.errors import GenerationFailed, StorageFull

IN_MEMORY_BYTES = 64 << 20  # of samples: more of them wait for the last one in a temporary file
MOST_SPOKEN_BYTES = 1 << 30  # of samples that are finished at once: 3.1 hours of mono at 24 kHz


def bounded(made: Product | Iterator[Audio], request: Any, info: ModelInfo, *, kept: bool) -> Product | Iterator[Audio]:
    """What a model makes of a text, which does not say before how long it gets; anything else as it is.

    Its chunks raise InvalidInput where they exceed the model's longest sound or, when all are `kept`,
    MOST_SPOKEN_BYTES.
    """
    if isinstance(made, Product) or info.sound is None or not isinstance(request, SpeechRequest):
        return made
    return _bounded(made, info.sound.max_duration_s, MOST_SPOKEN_BYTES if kept else None)


def _bounded(chunks: Iterator[Audio], longest_s: float, most_bytes: int | None) -> Iterator[Audio]:
    made_s, size = 0.0, 0
    for chunk in chunks:
        made_s += chunk.duration_s
        size += chunk.samples.nbytes
        if made_s > longest_s:
            text = f"this text makes more than {longest_s:g} s of sound, the longest that the model makes; part it"
            raise InvalidInput(text, "/input")
        if most_bytes is not None and size > most_bytes:
            text = f"this text makes more than {most_bytes >> 20} MiB of samples, the most that are finished at once"
            raise InvalidInput(f"{text}; ask with `stream: true`, or part it", "/input")
        yield chunk


def whole(made: Product | Iterator[Audio]) -> Product:
    """One product from a model's answer, whether it came at once or as chunks of a sound.

    The samples of a long one are mapped from a nameless file. Raises GenerationFailed, StorageFull.
    """
    if isinstance(made, Product):
        return made
    chunks: list[Audio] = []
    facts: dict[str, Any] = {}
    size = 0
    for chunk in made:
        facts |= chunk.facts
        chunks.append(chunk)
        size += chunk.samples.nbytes
        if size > IN_MEMORY_BYTES:
            return _mapped(chunks, made)
    if not chunks:
        raise GenerationFailed("the model made no audio")
    samples = np.concatenate([chunk.samples for chunk in chunks], axis=-1)
    return Audio(samples, chunks[0].sample_rate_hz, facts, chunks[0].loudness_lufs)


def _mapped(begun: list[Audio], others: Iterable[Audio]) -> Audio:
    first = begun[0]
    facts: dict[str, Any] = {}
    with TemporaryFile(prefix="continuo-sound-") as file:
        for chunk in chain(_taken(begun), others):
            facts |= chunk.facts
            if chunk.samples.dtype != np.float32 or len(chunk.samples) != len(first.samples):
                raise GenerationFailed("the model returned chunks of different kinds")
            _write(file, np.ascontiguousarray(chunk.samples.T))
        mapped = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.float32)
    return Audio(mapped.reshape(-1, len(first.samples)).T, first.sample_rate_hz, facts, first.loudness_lufs)


def _taken(chunks: list[Audio]) -> Iterator[Audio]:
    """The chunks, which nobody holds any longer."""
    chunks.reverse()
    while chunks:
        yield chunks.pop()


def _write(file: Any, samples: Samples) -> None:
    try:
        file.write(samples)
        file.flush()
    except OSError as error:
        raise StorageFull(f"the temporary folder did not take the sound: {error.strerror}") from error
