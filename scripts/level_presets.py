"""Set every preset's level_db so that the sound alone has its role's layer loudness, and what is measured of it.

    python scripts/level_presets.py [--write] [ID ...]

Measured are its centroid_hz and the correlation of its channels. Prints each preset's deviation in LU over the seeds
that lint listens to; with --write the files are corrected in place, and scripts/build_library.py is wanted afterwards.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

from deployments.contract import Samples
from deployments.synth.library.compiled import folder
from deployments.synth.library.presets import library
from deployments.synth.sound.lint import HIGHEST_LEVEL_DB, LISTEN_S, alone, loudness_lufs
from deployments.synth.sound.perform import SAMPLE_RATE_HZ
from deployments.synth.terms.roles import ROLES

_SEEDS = range(20)  # what lint listens to, so that a level stands in the middle of the window that lint checks
_NEAR_LU = 0.3
_LEVEL = re.compile(r'("level_db": )[^,\n]+')
_MEASURED = re.compile(r'\n  "(?:centroid_hz|correlation)": [^,\n]+,')


def centroid_hz(samples: Samples) -> float:
    """The power-weighted mean frequency over the whole sound."""
    power = np.square(np.abs(np.fft.rfft(samples, axis=1))).sum(axis=0)
    return float(power @ np.fft.rfftfreq(samples.shape[1], 1 / SAMPLE_RATE_HZ) / power.sum())


def correlation(samples: Samples) -> float:
    """Of left and right."""
    return float(np.asarray(np.corrcoef(samples))[0, 1])


def written(text: str, level_db: float, bright_hz: float, alike: float) -> str:
    """The file's text with the figures in it."""
    levelled = _LEVEL.sub(rf'\g<1>"{level_db:.1f} dB"', _MEASURED.sub("", text), count=1)
    measured = f'\n  "centroid_hz": {bright_hz:.0f},\n  "correlation": {alike:.2f},'
    return re.sub(r'("level_db": [^\n]+)', rf"\g<1>{measured}", levelled, count=1)


def main() -> None:
    """Measure, print, correct."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    files = {path.stem: path for path in Path(folder()).rglob("*.json")}
    for preset in library().values():
        if arguments.ids and preset.id not in arguments.ids:
            continue
        made = [alone(preset, seed, LISTEN_S) for seed in _SEEDS]
        found = [loudness_lufs(samples) for samples in made]
        bright_hz = float(np.exp(np.mean([np.log(centroid_hz(samples)) for samples in made])))
        alike = float(np.mean([correlation(samples) for samples in made]))
        off = float(np.mean(found)) - ROLES[preset.role].layer_lufs
        line = f"{preset.id:20} {preset.role:11} {off:+6.1f} LU   seeds {min(found):.1f} to {max(found):.1f} LUFS"
        sys.stdout.write(f"{line}   {bright_hz:6.0f} Hz\n")
        if arguments.write:
            level_db = min(HIGHEST_LEVEL_DB, preset.level_db - off) if abs(off) > _NEAR_LU else preset.level_db
            text = written(files[preset.id].read_text(encoding="utf-8"), level_db, bright_hz, alike)
            files[preset.id].write_text(text, encoding="utf-8")
    if arguments.write:
        sys.stdout.write("now: python scripts/build_library.py\n")


if __name__ == "__main__":
    main()
