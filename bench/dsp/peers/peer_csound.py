import sys, subprocess, time, os
from common import *
import soundfile as sfile

work = sys.argv[1]
extra = sys.argv[2:]


def csd(dur):
    if work == "A":
        s = (
            "".join(
                f"i1 {k * 7.5} 6 {n} {(i + 0.5) / 8}\n" for k in range(8) if k * 7.5 < dur for i, n in enumerate(NOTES)
            )
            + f"i99 0 {dur}\n"
        )
    elif work == "B":
        s = f"i1 0 {dur}\n"
    else:
        s = "".join(f"i1 0 {dur} {i}\n" for i in range(64))
    p = f"{TMP}/{work}_{dur:.3f}.csd"
    open(p, "w").write(open(work + ".csd").read().replace("SCORE", s + f"e {dur}\n").replace("IN_WAV", IN_WAV))
    return p


def go(dur):
    w = time.perf_counter()
    r0 = os.times()
    subprocess.run(
        ["csound", "-d", "-m0", "-f", "-W", "-o", TMP + "/cs.wav", *extra, csd(dur)],
        check=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    r1 = os.times()
    return time.perf_counter() - w, r1.children_user + r1.children_system - r0.children_user - r0.children_system


w0, c0 = go(64 / SR)
w1, c1 = go(DUR)
y, _ = sfile.read(TMP + "/cs.wav")
report(
    "csound 6.18 ksmps64" + " ".join(extra),
    work,
    w0,
    w1 - w0,
    c1 - c0,
    w0,
    y[:N],
    child_rss_mb=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
)
