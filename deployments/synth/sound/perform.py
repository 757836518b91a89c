"""From a decided piece to samples, chunk by chunk: the first one is there before the second is composed."""

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import synth_native

from deployments.contract import Context, Samples
from deployments.synth.sound.graph import Graph, Timed

SAMPLE_RATE_HZ = 44_100
DEFAULT_BLOCK = 128  # 2.9 ms; a finer control rate cannot be heard and costs pads a fifth more
_FIRST_CHUNK_S, _LONGEST_CHUNK_S = 0.1, 0.8  # a listener hears soon; a cancel stops within a chunk
_KNEE = 0.85  # samples up to here stay as they are
_ROOM = 0.97 - _KNEE
_EDGE = 88  # frames of the fade in: 2 ms


@dataclass(frozen=True)
class Piece:
    """Everything that rendering needs. `fade_s` at the end is what the sound dies away over.

    `max_cpu` is a share of one core, `max_latency_ms` the longest block; the engine keeps both by giving up quality.
    """

    graph: Graph
    events: Iterable[Timed]
    frames: int
    fade_s: float
    sample_rate_hz: float = SAMPLE_RATE_HZ
    block: int = DEFAULT_BLOCK
    max_cpu: float | None = None
    max_latency_ms: float | None = None


def perform(piece: Piece, context: Context) -> Iterator[Samples]:
    """Yield consecutive float32 (2, n) chunks within full scale. Raises Cancelled between two of them."""
    renderer = synth_native.Renderer(
        compiled(json.dumps(piece.graph)),
        sample_rate_hz=piece.sample_rate_hz,
        seed=context.seed,
        block=piece.block,
        max_cpu=piece.max_cpu,
        max_latency_ms=piece.max_latency_ms,
    )
    score = iter(piece.events)
    fade = round(piece.fade_s * piece.sample_rate_hz)
    following: Timed | None = next(score, None)
    edges = list(_edges(piece.frames, piece.sample_rate_hz))
    for number, (start, end) in enumerate(edges):
        due = []
        while following is not None and following[0] * piece.sample_rate_hz < end:
            due += [_at_frame(event, piece.sample_rate_hz) for event in following[1]]
            following = next(score, None)
        renderer.schedule(due)
        samples = renderer.render(end - start)
        _within_full_scale(samples)
        _faded(samples, start, piece.frames, fade)
        context.step(number + 1, len(edges))
        yield samples


def whole(chunks: Iterator[Samples], frames: int) -> Samples:
    """Join chunks to float32 (2, frames)."""
    samples, start = np.empty((2, frames), np.float32), 0
    for chunk in chunks:
        samples[:, start : start + chunk.shape[1]] = chunk
        start += chunk.shape[1]
    return samples


@functools.lru_cache(maxsize=256)
def compiled(graph: str) -> synth_native.Plan:
    """The plan of a graph as JSON, kept because the same preset is asked for again and again."""
    return synth_native.compile(json.loads(graph))


def _edges(frames: int, rate_hz: float) -> Iterator[tuple[int, int]]:
    """Chunks from a short first one to long ones."""
    start, size = 0, _FIRST_CHUNK_S
    while start < frames:
        end = min(frames, start + max(1, round(size * rate_hz)))
        yield start, end
        start, size = end, min(_LONGEST_CHUNK_S, 2 * size)


def _at_frame(event: dict[str, Any], rate_hz: float) -> dict[str, Any]:
    return {"frame": round(event["time_s"] * rate_hz)} | {k: v for k, v in event.items() if k != "time_s"}


def _within_full_scale(samples: Samples) -> None:
    """Bend what goes over the knee towards full scale, in place: sample by sample, so that chunks do not matter."""
    if max(float(samples.max()), -float(samples.min())) > _KNEE:
        over = np.maximum(np.abs(samples) - np.float32(_KNEE), 0)
        bent = np.float32(_ROOM) * np.tanh(over / np.float32(_ROOM)) - over
        samples += np.sign(samples) * bent


def _faded(samples: Samples, start: int, frames: int, fade: int) -> None:
    """Apply this chunk's part of the fades, in place: 2 ms in, and a raised cosine over `fade` frames at the end."""
    end = start + samples.shape[1]
    if start < _EDGE:
        ramp = np.arange(start, min(_EDGE, end), dtype=np.float32) / np.float32(_EDGE)
        samples[:, : len(ramp)] *= ramp
    first = frames - fade
    if fade and end > first:
        at = np.arange(max(start, first), end, dtype=np.float32) - np.float32(first)
        samples[:, end - start - len(at) :] *= np.float32(0.5) + np.float32(0.5) * np.cos(np.float32(np.pi / fade) * at)
