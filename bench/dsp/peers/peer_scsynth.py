import sys, subprocess, time, os
from common import *
import soundfile as sfile

work = sys.argv[1]


def go(tag):
    w = time.perf_counter()
    r0 = os.times()
    subprocess.run(
        [
            "scsynth",
            "-N",
            f"{TMP}/{work}_{tag}.osc",
            IN_WAV if work == "B" else "_",
            TMP + "/sc.wav",
            "44100",
            "WAV",
            "float",
            "-o",
            "2",
            "-i",
            "2",
            "-D",
            "0",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    r1 = os.times()
    return time.perf_counter() - w, r1.children_user + r1.children_system - r0.children_user - r0.children_system


w0, c0 = go("short")
w1, c1 = go("full")
y, _ = sfile.read(TMP + "/sc.wav")
report(
    "scsynth 3.13 NRT bs64",
    work,
    w0,
    w1 - w0,
    c1 - c0,
    w0,
    y[:N],
    child_rss_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
)
