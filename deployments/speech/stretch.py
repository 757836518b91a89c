"""Speech made faster or slower after it was spoken, at its own pitch: FFmpeg's atempo (WSOLA)."""

from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from deployments.contract import Samples

_LEAST, _MOST = 0.5, 2.0  # of one atempo; more than one are chained


def own_speed(speed: float) -> float:
    """Which speed a network is asked for, so that the rest can be stretched.

    Its durations are whole frames of 12.5 or 25 ms: asked for 1.1 it may give 1.0 or 1.2, and above 1.5 it swallows
    phonemes. At 0.5 they are doubled, which sounds better than WSOLA does.
    """
    return 0.5 if speed < 0.75 else 1.0


def stretched(samples: Samples, rate_hz: int, factor: float) -> Samples:
    """Mono float32 (frames,) `factor` times as fast."""
    if not len(samples) or abs(factor - 1) < 1e-3:
        return samples
    import av

    graph = av.filter.Graph()
    source: Any = graph.add_abuffer(format="flt", sample_rate=rate_hz, layout="mono", time_base=Fraction(1, rate_hz))
    chain = [source, *(graph.add("atempo", f"{step:.9f}") for step in _steps(factor)), graph.add("abuffersink")]
    for one, next_one in pairwise(chain):
        one.link_to(next_one)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), format="flt", layout="mono")
    frame.sample_rate, frame.pts = rate_hz, 0
    source.push(frame)
    source.push(None)
    return np.concatenate([np.zeros(0, np.float32), *_pulled(chain[-1])])


def _steps(factor: float) -> list[float]:
    """Factors between 0.5 and 2 whose product it is."""
    steps = []
    while not _LEAST <= factor <= _MOST:
        steps.append(_LEAST if factor < _LEAST else _MOST)
        factor /= steps[-1]
    return [*steps, factor]


def _pulled(sink: Any) -> list[Samples]:
    import av

    parts = []
    while True:
        try:
            parts.append(sink.pull().to_ndarray().reshape(-1))
        except (av.BlockingIOError, av.EOFError):
            return parts
