# Saw aliasing of each peer: f Hz (integer), 1 s window after 1 s, 44.1 kHz, Blackman-Harris; alias = everything off the harmonic bins.
import numpy as np, subprocess, os, sys, tempfile
from scipy.signal import get_window
import soundfile as sfile

SR = 44100
TMP = os.environ.get("BENCH_TMP", os.path.join(tempfile.gettempdir(), "dspbench"))
os.makedirs(TMP, exist_ok=True)


def measure(y, f):
    y = np.asarray(y, np.float64)[SR : 2 * SR]
    w = get_window("blackmanharris", SR)
    P = np.abs(np.fft.rfft(y * w)) ** 2
    m = np.zeros(len(P), bool)
    h = f
    while h < SR / 2:
        m[max(0, h - 6) : h + 7] = True
        h += f
    m[:7] = True
    fund = P[f - 6 : f + 7].sum()
    al = P.copy()
    al[m] = 0
    lo = al.copy()
    lo[15000:] = 0
    worst = max(al[k : k + 13].sum() for k in range(7, len(al) - 13, 5))
    return 10 * np.log10(al.sum() / P[m].sum()), 10 * np.log10(worst / fund), 10 * np.log10(lo.sum() / P[m].sum())


def faust(f, expr):
    import dawdreamer as daw

    e = daw.RenderEngine(SR, 512)
    p = e.make_faust_processor("f")
    p.set_dsp_string(f'import("stdfaust.lib"); process = {expr.format(f=f)} <: _,_;')
    e.load_graph([(p, [])])
    e.render(2.2)
    return e.get_audio()[0]


def csound(f, line):
    c = f"<CsoundSynthesizer>\n<CsInstruments>\nsr=44100\nksmps=64\nnchnls=1\n0dbfs=1\ninstr 1\n{line.format(f=f)}\nout a1\nendin\n</CsInstruments>\n<CsScore>\ni1 0 2.2\n</CsScore>\n</CsoundSynthesizer>\n"
    open(TMP + "/al.csd", "w").write(c)
    subprocess.run(
        ["csound", "-d", "-m0", "-f", "-W", "-o", TMP + "/al.wav", TMP + "/al.csd"], check=True, capture_output=True
    )
    return sfile.read(TMP + "/al.wav")[0]


def sf_(f):
    import signalflow as sf

    g = sf_.g if hasattr(sf_, "g") else sf.AudioGraph(output_device=sf.AudioOut_Dummy(1, SR, 256), start=False)
    sf_.g = g
    g.clear()
    n = sf.SawOscillator(f)
    n.play()
    b = sf.Buffer(1, int(SR * 2.2))
    g.render_to_buffer(b)
    return np.array(b.data[0])


def pb(f):
    dt = f / SR
    p = (np.arange(int(SR * 2.2)) * dt) % 1
    q = p / dt
    r = (p - 1) / dt
    return 2 * p - 1 - np.where(q < 1, 2 * q - q * q - 1, 0) - np.where(r > -1, r * r + 2 * r + 1, 0)


def sc(f):
    o = f"{TMP}/saw_{f}.wav"
    return sfile.read(o)[0]


T = {
    "naive": lambda f: 2 * ((np.arange(int(SR * 2.2)) * f / SR) % 1) - 1,
    "PolyBLEP 2-point (numpy)": pb,
    "Faust os.sawtooth": lambda f: faust(f, "os.sawtooth({f})"),
    "Faust os.polyblep_saw": lambda f: faust(f, "os.polyblep_saw({f})"),
    "Faust os.saw4": lambda f: faust(f, "os.saw4({f})"),
    "csound vco2 mode 0": lambda f: csound(f, "a1 vco2 0.5,{f}"),
    "signalflow SawOscillator": sf_,
    "SuperCollider Saw.ar": sc,
}
print(
    "| oscillator | "
    + " | ".join(f"{f} Hz total/worst/below 15 kHz" for f in (441 + 2, 1661, 3727))
    + " |\n|---|---|---|---|"
)
for n, fn in T.items():
    row = []
    for f in (443, 1661, 3727):
        try:
            row.append("%.1f / %.1f / %.1f" % measure(fn(f), f))
        except Exception as e:
            row.append("n/a " + str(e)[:60])
    print(f"| {n} | " + " | ".join(row) + " |")
