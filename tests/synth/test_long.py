"""Ten minutes from one seed: nothing that was heard comes again."""

import numpy as np
import pytest
import scipy.signal

from tests.synth.listen import RATE_HZ, Signal, make, mono

WINDOW_S, LOW_RATE_HZ = 8.0, 2500


def worst_repeat(signal: Signal) -> tuple[float, float, float]:
    """The highest normalized cross-correlation of a window with any place outside it, and both places in seconds."""
    low = scipy.signal.resample_poly(signal, LOW_RATE_HZ, RATE_HZ)
    frames = int(WINDOW_S * LOW_RATE_HZ)
    size = scipy.fft.next_fast_len(len(low) + frames, real=True)
    spectrum = np.fft.rfft(low, size)
    power = np.concatenate([[0.0], np.cumsum(low**2)])
    energy = np.sqrt(np.maximum(power[frames:] - power[:-frames], 1e-12))
    worst = (0.0, 0.0, 0.0)
    for start in range(0, len(low) - frames + 1, frames):
        window = low[start : start + frames]
        product = np.fft.irfft(spectrum * np.conj(np.fft.rfft(window, size)), size)[: len(energy)]
        likeness = np.abs(product) / (energy * np.linalg.norm(window) + 1e-9)
        likeness[max(0, start - frames) : start + frames] = 0
        at = int(likeness.argmax())
        worst = max(worst, (float(likeness[at]), start / LOW_RATE_HZ, at / LOW_RATE_HZ))
    return worst


def test_a_loop_is_found() -> None:
    once = np.random.default_rng(1).standard_normal(10 * RATE_HZ)
    assert worst_repeat(np.tile(once, 3))[0] > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("prompt", ["drone", "bass", "warm pad with a piano"])
def test_ten_minutes_do_not_repeat(prompt: str) -> None:
    likeness, heard_s, again_s = worst_repeat(mono(make(prompt, 3, duration_s=600)))
    assert likeness < 0.98, (heard_s, again_s)
