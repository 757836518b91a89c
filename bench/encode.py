"""Finish and encode 10 s of stereo, and of each format what it costs beside an earlier commit, in one process.

    python bench/encode.py [COMMIT] [SECONDS]

Rounds alternate; the figures are milliseconds of one core (the thread's own time, medians), the last column earlier
over now. What the earlier commit had no format for is left out of it.
"""

import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np

from deployments.contract import Audio
from deployments.synth import generate_audio
from serve_app.deliver import encode as now
from serve_app.deliver.finish import finish

ROUNDS = 9
BEFORE = "d93ad52"  # the last commit that encoded everything by libsndfile
PROMPT = "wind over a slow drone with bells and a soft beat"


def module_of(commit: str) -> ModuleType:
    """serve_app/deliver/encode.py as it was; what it imports is of today."""
    source = subprocess.run(
        ["git", "show", f"{commit}:serve_app/deliver/encode.py"], capture_output=True, check=True, text=True
    ).stdout
    with TemporaryDirectory() as folder:
        file = Path(folder) / "encode_before.py"
        file.write_text(source)
        spec = importlib.util.spec_from_file_location("encode_before", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def cost_ms(work: Callable[[], Any]) -> float:
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1e3


def main(commit: str = BEFORE, seconds: str = "10") -> None:
    before = module_of(commit)
    rendered = generate_audio(PROMPT, duration=float(seconds), seed=3)
    print(f"{seconds} s of stereo, {ROUNDS} rounds: ms of one core, KiB\n")
    print(f"{'':12}{'finish':>8}{'before':>8}{'now':>8}{'ratio':>7}{'KiB before':>12}{'now':>7}")
    for format, depth in (("wav", 16), ("flac", 16), ("flac", 24), ("opus", 16), ("mp3", 16), ("aac", 16)):
        sound = finish(Audio(np.array(rendered), 44_100), format=format)
        given = (sound.samples, sound.sample_rate_hz, format, depth)
        sizes = [len(module.encode(*given).data) / 1024 for module in (before, now) if format in module.MEDIA_TYPES]
        spent: list[list[float]] = [[], [], []]
        for _ in range(ROUNDS):
            spent[0].append(cost_ms(lambda: finish(Audio(np.array(rendered), 44_100), format=format)))  # noqa: B023
            if len(sizes) == 2:
                spent[1].append(cost_ms(lambda: before.encode(*given)))  # noqa: B023
            spent[2].append(cost_ms(lambda: now.encode(*given)))  # noqa: B023
        finished, earlier, today = (statistics.median(part) if part else float("nan") for part in spent)
        line = f"{finished:8.1f}{earlier:8.1f}{today:8.1f}{earlier / today:7.2f}{sizes[0]:12.0f}{sizes[-1]:7.0f}"
        print(f"{format} {depth:<7}{line}".replace("nan", "  -"))


if __name__ == "__main__":
    main(*sys.argv[1:])
