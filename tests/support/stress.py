"""Runs a command on a machine that is made busy and that stands still now and then, to find tests that wait for clocks.

    python -m tests.support.stress [--busy 4] [--still 2.0] [--times 10] COMMAND...

`--busy` processes spin; every few seconds some process of the command's family, or all of them, is stopped for up to
`--still` seconds (SIGSTOP, then SIGCONT), as a machine does that swaps or moves. Ends with the first failure's status.
"""

import argparse
import multiprocessing
import random
import subprocess
import sys
import threading
from contextlib import suppress

import psutil


def spin() -> None:
    while True:
        pass


def stand_still(pid: int, longest_s: float, over: threading.Event, seed: int) -> None:
    """Stop members of a family until it is over; nobody stays stopped."""
    draw = random.Random(seed)
    while not over.wait(draw.uniform(1.0, 4.0)):
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(pid)
            family = [main, *main.children(recursive=True)]
            stopped: list[psutil.Process] = []
            try:
                for member in family if draw.random() < 0.3 else [draw.choice(family)]:
                    with suppress(psutil.NoSuchProcess):
                        if member.status() != psutil.STATUS_STOPPED:  # what a test has stopped is not ours to resume
                            stopped.append(member)
                            member.suspend()
                over.wait(draw.uniform(0.2, longest_s))
            finally:
                for member in stopped:
                    with suppress(psutil.NoSuchProcess):
                        member.resume()


def once(command: list[str], longest_s: float, seed: int) -> int:
    over = threading.Event()
    process = subprocess.Popen(command)
    stopper = threading.Thread(target=stand_still, args=(process.pid, longest_s, over, seed))
    if longest_s > 0:
        stopper.start()
    try:
        return process.wait()
    finally:
        over.set()
        if stopper.is_alive():
            stopper.join()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", type=int, default=4)
    parser.add_argument("--still", type=float, default=2.0)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    busy = [multiprocessing.Process(target=spin, daemon=True) for _ in range(options.busy)]
    for process in busy:
        process.start()
    try:
        for turn in range(options.times):
            print(f"turn {turn + 1} of {options.times}", flush=True)
            if status := once(options.command, options.still, turn):
                return status
    finally:
        for process in busy:
            process.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
