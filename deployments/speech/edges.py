"""Where pieces of speech begin and end: their own silence is cut, so that pauses are what the text says."""

import numpy as np

from deployments.contract import Samples

_FRAME_S, _PAD_S, _FADE_S = 0.005, 0.03, 0.01
_QUIET_DB = -60.0


def trimmed(samples: Samples, rate_hz: int, quiet_db: float = _QUIET_DB) -> Samples:
    """Mono float32 (frames,) from 30 ms before its first frame (5 ms) over `quiet_db` dBFS to 30 ms after the last one.

    Both ends fade over 10 ms, so that any two pieces join without a click. Empty if nothing is that loud.
    """
    size = max(1, round(_FRAME_S * rate_hz))
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.flatnonzero(np.mean(np.square(whole), axis=1) > 10 ** (quiet_db / 10))
    if not len(loud):
        return samples[:0]
    pad = round(_PAD_S * rate_hz)
    kept = samples[max(0, loud[0] * size - pad) : (loud[-1] + 1) * size + pad].copy()
    fade = min(len(kept) // 2, round(_FADE_S * rate_hz))
    slope = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32)) ** 2
    kept[:fade] *= slope
    kept[len(kept) - fade :] *= slope[::-1]
    return kept


def silence(seconds: float, rate_hz: int) -> Samples:
    """Float32 (1, frames) of nothing."""
    return np.zeros((1, round(seconds * rate_hz)), np.float32)
