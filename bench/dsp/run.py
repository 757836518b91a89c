"""Our renderer beside its peers: `python bench/dsp/run.py [--rounds 5] [--work ABC] [--only numba,faustcpp,...]
[--peers PYTHON] [--json FILE]`.

Every round runs every engine once, in turn, pinned to one core: one render of 60 s per process, timed in CPU seconds;
the table shows medians over the rounds. What is not installed is left out and named. Our module comes from the Python
that runs this; the peers' packages (numba, dawdreamer, pedalboard, signalflow, soundfile, scipy) from `--peers`, an
environment of their own; csound, scsynth with sclang, faust and g++ from the system. peers/SPEC.md has the workloads.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SECONDS = 60
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
TARGETS = {"A": (600, 2.0), "A draft": (1200, 4.0), "B": (800, 2.0), "C": (1200, 6.0)}
Row = dict[str, Any]


def commands(work: str, peers: str) -> list[list[str]]:
    """What one round runs for a workload."""
    ours = [[sys.executable, str(HERE / "ours.py"), work, block] for block in ("64", "512")]
    if work == "A":
        ours.append([sys.executable, str(HERE / "ours.py"), work, "64", "draft"])
    others = [
        ["numba"], ["faustcpp", "scalar", "64"], ["faustcpp", "vec", "512"], ["scsynth"], ["csound"],
        ["dawdreamer", "64"], ["dawdreamer", "512"], ["signalflow", "256"], ["numpy"],
    ]  # fmt: skip
    if work != "C":
        others.append(["pedalboard", "8192"])
    return ours + [[peers, f"peer_{name}.py", work, *args] for name, *args in others]


def measured(command: list[str], scratch: str) -> Row | str:
    """One process on one core: its JSON line, or why there is none."""
    core = str(max(os.sched_getaffinity(0)))
    done = subprocess.run(
        ["taskset", "-c", core, *command],
        cwd=HERE / "peers",
        env={**os.environ, **ONE_THREAD, "BENCH_TMP": scratch},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    try:
        row: Row = json.loads(done.stdout.strip().splitlines()[-1])
    except (IndexError, json.JSONDecodeError):
        return (done.stderr.strip().splitlines() or ["no output"])[-1]
    return row


def prepared(peers: str, scratch: str) -> None:
    """Write the peers' input of B and SuperCollider's scores."""
    make = "from common import *; import soundfile; x = make_input(); soundfile.write(IN_WAV, x.T, SR, subtype='FLOAT')"
    screen = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1"}
    settings: Row = {"cwd": HERE / "peers", "env": {**os.environ, **screen, "BENCH_TMP": scratch}, "timeout": 120}
    subprocess.run([peers, "-c", make + "; x.tofile(IN_RAW)"], check=False, **settings)
    try:
        subprocess.run(["sclang", "sc_defs.scd"], check=False, stdout=subprocess.DEVNULL, **settings)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        print(f"no SuperCollider scores: {error}", file=sys.stderr)


def table(rows: list[Row]) -> list[Row]:
    """Medians per workload and engine, the fastest first."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["work"], row["name"]].append(row)
    lines = []
    for (work, name), group in groups.items():
        speeds = [SECONDS / max(row["cpu_s"], 1e-9) for row in group]
        lines.append({
            "work": work, "name": name, "n": len(group), "x_real_time": round(statistics.median(speeds), 1),
            "least": round(min(speeds), 1), "most": round(max(speeds), 1),
            "first64_ms": round(1e3 * statistics.median(row["first64_s"] or 0 for row in group), 3),
            "setup_s": round(statistics.median(row["setup_s"] for row in group), 4),
            "peak": round(group[0]["peak"], 3), "rms": round(group[0].get("rms2") or group[0]["rms"], 4),
        })  # fmt: skip
    return sorted(lines, key=lambda line: (line["work"], -line["x_real_time"]))


def verdicts(lines: list[Row]) -> list[str]:
    """Our figures against the targets and the fastest peer of the run that does the whole workload."""
    said = []
    for target, (speed, ratio) in TARGETS.items():
        work, draft = target[0], target.endswith("draft")
        ours = [x for x in lines if x["work"] == work and x["name"] == "continuo bs64" + (" draft" if draft else "")]
        theirs = [x for x in lines if x["work"] == work and "continuo" not in x["name"] and "half" not in x["name"]]
        if not ours or not theirs:
            continue
        best = max(theirs, key=lambda line: line["x_real_time"])
        x = ours[0]["x_real_time"]
        times = x / best["x_real_time"]
        said.append(f"{target}: {x:.0f}x (target {speed}), {times:.1f} times {best['name']} (target {ratio:g})")
    for work in "ABC":
        at = {x["name"]: x["x_real_time"] for x in lines if x["work"] == work}
        if {"continuo bs64", "continuo bs512"} <= set(at):
            said.append(
                f"{work}: block 64 at {at['continuo bs64'] / at['continuo bs512']:.2f} of block 512 (target 0.9)"
            )
    return said


def sampled(asked: argparse.Namespace) -> tuple[list[Row], dict[str, str]]:
    """Every engine once a round: the rows, and why an engine is missing."""
    rows: list[Row] = []
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        prepared(asked.peers, scratch)
        for command in [c for _ in range(asked.rounds) for w in asked.work for c in commands(w, asked.peers)]:
            name = " ".join(command[1:])
            if not any(part in name for part in ["ours.py", *asked.only.split(",")]):
                continue
            row = missing.get(name) or measured(command, scratch)
            if isinstance(row, str):
                missing[name] = row
            else:
                rows.append(row)
    return rows, missing


def shown(x: Row) -> str:
    """One line of the table."""
    speed = f"{x['x_real_time']:.0f} ({x['least']:.0f}-{x['most']:.0f})"
    rest = f"{x['setup_s']} | {x['first64_ms']} | {x['peak']} / {x['rms']} | {x['n']}"
    return f"| {x['work']} | {x['name']} | {speed} | {rest} |"


def main() -> None:
    """Run, print the table, store it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", default="ABC")
    parser.add_argument("--only", default="", help="parts of the names of the engines to run; ours always run")
    parser.add_argument("--peers", default=sys.executable)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rows, missing = sampled(asked)
    lines = table(rows)
    print("| work | engine | x real time, CPU median (min-max) | set-up s | first 64 ms | peak / rms | n |")
    print("|---|---|---|---|---|---|---|")
    print(*map(shown, lines), *verdicts(lines), sep="\n")
    for name, reason in missing.items():
        print(f"left out: {name}: {reason}")
    if asked.json:
        facts = {"machine": platform.machine(), "rows": lines, "verdicts": verdicts(lines), "missing": missing}
        asked.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
