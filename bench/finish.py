"""How fast the C++ engine measures, finishes and mixes 60 s of stereo, in times real time on one core.

CPU time of the calling thread, median of 5, one thread, all in one run; SYNTH_ISA chooses the instruction set.

    python bench/finish.py [PART OF A NAME]
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import synth_native
from numpy.typing import NDArray

Audio = NDArray[np.float32]
RATE, SECONDS, ROUNDS = 44100, 60, 5
FRAMES = RATE * SECONDS


def tone() -> Audio:
    """A steady sine: every one of its tops could be the highest."""
    x = 0.1 * np.sin(2 * np.pi * 997 * np.arange(FRAMES) / RATE)
    return np.stack([x, x]).astype(np.float32)


def noise() -> Audio:
    """Gaussian noise: peaks everywhere."""
    return (0.1 * np.random.default_rng(1).standard_normal((2, FRAMES))).astype(np.float32)


def music() -> Audio:
    """400 plucked notes of seven partials, panned."""
    random, out, t = np.random.default_rng(2), np.zeros((2, FRAMES), np.float32), np.arange(RATE) / RATE
    for _ in range(400):
        at, hz, pan = (
            int(random.integers(FRAMES - RATE)),
            110 * 2 ** (random.integers(36) / 12),
            random.uniform(0.3, 0.7),
        )
        partials = sum(np.sin(2 * np.pi * hz * k * t + random.uniform(0, 6.28)) / k for k in range(1, 8))
        out[:, at : at + RATE] += np.outer([1 - pan, pan], 0.1 * random.uniform(0.3, 1) * np.exp(-3 * t) * partials)
    return out


def bursts() -> Audio:
    """Quiet noise with single high samples: needs more limiting than it gets."""
    out = (0.02 * np.random.default_rng(3).standard_normal((2, FRAMES))).astype(np.float32)
    out[:, ::9000] = 0.5
    return out


def voice() -> Audio:
    """Half a second of tone in every two seconds."""
    t = np.arange(FRAMES) / RATE
    return (0.2 * np.sin(2 * np.pi * 220 * t) * (t % 2 < 0.5)).astype(np.float32)


def works() -> dict[str, Callable[[], object]]:
    """Name -> one call on 60 s."""
    steady, random, played, peaky, spoken = tone(), noise(), music(), bursts(), voice()
    loud, idle = synth_native.Limiter(RATE, gain_db=6), synth_native.Limiter(RATE)
    meter, fader, crossfader = synth_native.Meter(RATE), synth_native.Fader(), synth_native.Crossfader(RATE * 3600)
    fader.fade(0, RATE * 3600)
    return {
        "finish tone to -16 LUFS": lambda: synth_native.finish(steady, RATE),
        "finish noise to -23 LUFS": lambda: synth_native.finish(random, RATE, -23),
        "finish music to -23 LUFS": lambda: synth_native.finish(played, RATE, -23),
        "finish music to -16 LUFS": lambda: synth_native.finish(played, RATE, -16),
        "finish music to -10 LUFS, 6 dB of limiting": lambda: synth_native.finish(played, RATE, -10),
        "finish bursts, 6 dB of limiting": lambda: synth_native.finish(peaky, RATE, -16),
        "finish noise to -9 LUFS, limiting all the time": lambda: synth_native.finish(random, RATE, -9),
        "measure noise": lambda: synth_native.measure(random, RATE),
        "measure music": lambda: synth_native.measure(played, RATE),
        "crossfade 10 s": lambda: synth_native.crossfade(played, random, 10 * RATE),
        "duck": lambda: synth_native.duck(played, spoken, RATE),
        "dither to 16 bits": lambda: synth_native.dither(played),
        "Meter": lambda: meter.push(played),
        "Limiter, 6 dB into noise": lambda: loud.process(random),
        "Limiter, nothing to do": lambda: idle.process(played),
        "Fader, moving": lambda: fader.process(played),
        "Crossfader, moving": lambda: crossfader.process(played, random),
    }


def main() -> None:
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{SECONDS} s of stereo at {RATE} Hz, {synth_native.status()['isa']}\n")
    print(f"| {'work':46} | x real time | {'ms (least to most)':20} |")
    print(f"|{'-' * 48}|{'-' * 13}|{'-' * 22}|")
    for name, work in works().items():
        if part not in name:
            continue
        work()
        spent = []
        for _ in range(ROUNDS):
            start = time.thread_time()
            work()
            spent.append(time.thread_time() - start)
        middle = statistics.median(spent)
        spread = f"{middle * 1e3:5.1f} ({min(spent) * 1e3:.1f} to {max(spent) * 1e3:.1f})"
        print(f"| {name:46} | {SECONDS / middle:11.0f} | {spread:20} |")


if __name__ == "__main__":
    main()
