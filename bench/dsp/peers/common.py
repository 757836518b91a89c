import json, os, time, sys, tempfile, resource, numpy as np

# Scratch files (input WAV, scores, renders) go to $BENCH_TMP; use a RAM disk for it when timing the command-line peers.
TMP = os.environ.setdefault("BENCH_TMP", os.path.join(tempfile.gettempdir(), "dspbench"))
os.makedirs(TMP, exist_ok=True)
SR = 44100
DUR = float(os.environ.get("DSP_SECONDS", 60))
N = int(SR * DUR)
NOTES = [48, 52, 55, 59, 60, 64, 67, 71]
FREQS = [440.0 * 2 ** ((n - 69) / 12) for n in NOTES]
DET = [2 ** (-7 / 1200), 1.0, 2 ** (7 / 1200)]
IN_WAV = TMP + "/in.wav"
IN_RAW = TMP + "/in.raw"


def make_input():
    r = np.random.default_rng(1)
    x = r.standard_normal((2, N)).astype(np.float32) * 0.1
    t = np.arange(N) / SR
    x *= (0.3 + 0.7 * ((t % 0.5) < 0.25)).astype(np.float32)
    return x


def report(name, work, setup, render, cpu, first64, y, **kw):
    y = np.asarray(y)
    print(
        json.dumps(
            dict(
                name=name,
                work=work,
                setup_s=setup,
                render_s=render,
                cpu_s=cpu,
                first64_s=first64,
                peak=float(np.max(np.abs(y))),
                rms=float(np.sqrt(np.mean(y.astype(np.float64) ** 2))),
                nan=bool(np.isnan(y).any()),
                maxrss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                **kw,
            )
        ),
        flush=True,
    )


class Timer:
    def __enter__(s):
        s.w = time.perf_counter()
        s.c = time.process_time()
        return s

    def __exit__(s, *a):
        s.wall = time.perf_counter() - s.w
        s.cpu = time.process_time() - s.c
