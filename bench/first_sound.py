"""From `git clone` to the first audio URL with one command: `python bench/first_sound.py [--json FILE]`.

Clones this repository into an empty folder, runs `make serve` there with a home of its own, prints the seconds of each
part, stops the service and removes the folder. Takes as long as the package index needs: a minute or two.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
PART = re.compile(r"set-up: (.*) took (\d+) s|(ready) after ([\d.]+) s|(first sound) after ([\d.]+) s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def measure(folder: Path) -> dict[str, float]:
    """Seconds of each part, in order, and of the whole."""
    began = time.monotonic()
    clone = folder / "continuo"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    parts = {"git clone": time.monotonic() - began}
    variables = {**os.environ, "HOME": str(folder), "CONTINUO_HOME": str(folder / "home"), "PYTHONUNBUFFERED": "1"}
    command = ["make", "serve", f"PORT={free_port()}"]
    process = subprocess.Popen(command, cwd=clone, env=variables, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if match := PART.search(line):
            name, seconds = [group for group in match.groups() if group][:2]
            parts[name] = float(seconds)
        if "/v1/files/" in line:
            break
    parts["all"] = time.monotonic() - began
    family = psutil.Process(process.pid).children(recursive=True)
    next(child for child in family if "--first-sound" in child.cmdline()).terminate()
    process.wait(60)
    process.stdout.close()
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="first-", ignore_cleanup_errors=True) as folder:
        parts = measure(Path(folder))
    for name, seconds in parts.items():
        print(f"{name:32} {seconds:8.2f} s")
    if options.json:
        options.json.write_text(json.dumps({name: round(value, 2) for name, value in parts.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
