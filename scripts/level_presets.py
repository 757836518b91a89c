"""Set every preset's level_db so that the sound alone has its role's layer loudness.

    python scripts/level_presets.py [--write] [ID ...]

Prints each preset's deviation in LU over some seeds; with --write the files are corrected in place.
"""

import argparse
import re
import sys
from pathlib import Path

import numpy as np

from deployments.synth.lint import HIGHEST_LEVEL_DB, alone, loudness_lufs
from deployments.synth.presets import folder, library
from deployments.synth.roles import ROLES

_SEEDS, _DURATION_S = range(4), 15.0
_NEAR_LU = 0.3
_LEVEL = re.compile(r'("level_db": )[^,\n]+')


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
        found = [loudness_lufs(alone(preset, seed, _DURATION_S)) for seed in _SEEDS]
        off = float(np.mean(found)) - ROLES[preset.role].layer_lufs
        line = f"{preset.id:20} {preset.role:11} {off:+6.1f} LU   seeds {min(found):.1f} to {max(found):.1f} LUFS"
        sys.stdout.write(line + "\n")
        if arguments.write and abs(off) > _NEAR_LU:
            level_db = min(HIGHEST_LEVEL_DB, preset.level_db - off)
            text = _LEVEL.sub(rf'\g<1>"{level_db:.1f} dB"', files[preset.id].read_text(encoding="utf-8"), count=1)
            files[preset.id].write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
