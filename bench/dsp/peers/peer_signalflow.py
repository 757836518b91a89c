import sys, time

t0 = time.perf_counter()
from common import *
import signalflow as sf

t_imp = time.perf_counter() - t0
work, bs = sys.argv[1], int(sys.argv[2])
t1 = time.perf_counter()
out = sf.AudioOut_Dummy(2, SR, bs)
cfg = sf.AudioGraphConfig()
cfg.cpu_usage_limit = 0
g = sf.AudioGraph(config=cfg, output_device=out, start=False)
if work == "A":
    gate = sf.SquareLFO(1 / 7.5, 0, 1, 0.8)
    env = sf.ADSREnvelope(0.8, 1.0, 0.7, 1.2, gate)
    cut = 400 + 3000 * env + sf.SineLFO(0.3, -200, 200)
    mix = None
    for i, f in enumerate(FREQS):
        s = sf.SawOscillator(f * DET[0]) + sf.SawOscillator(f) + sf.SawOscillator(f * DET[2])
        v = sf.StereoPanner(sf.SVFilter(s * 0.12, "low_pass", cut, 0.4) * env, (i - 3.5) / 4)
        mix = v if mix is None else mix + v
    ch = mix * 0.7 + sf.OneTapDelay(mix, sf.SineLFO([0.5, 0.5], 0.0091, 0.0181)) * 0.5
    dl = ch + sf.CombDelay(ch, [0.375, 0.5], 0.35, 0.6) * 0.25
    rv = sf.FeedbackDelayNetwork(dl, 8, 0.85, 0.5, 0.3, 0.7)
    node = sf.Compressor(rv, 0.9, 20, 0.001, 0.1)
elif work == "B":
    buf = sf.Buffer(make_input())
    x = sf.BufferPlayer(buf)
    for ty, fr, gn in [("low_shelf", 100, 3), ("peak", 500, -2), ("peak", 3000, 2), ("high_shelf", 8000, -3)]:
        x = sf.BiquadFilter(x, ty, fr, 0.0, gn)
    node = sf.FeedbackDelayNetwork(sf.Compressor(x, 0.125, 4, 0.01, 0.1), 8, 0.85, 0.5, 0.25, 0.75)
else:
    mix = None
    for i in range(64):
        v = sf.BiquadFilter(sf.SineOscillator(110 * (1 + i / 16)), "low_pass", 1000 + 100 * i, 0.1) * 0.02
        mix = v if mix is None else mix + v
    node = sf.StereoPanner(mix, 0.0)
node.play()
setup = time.perf_counter() - t1
b64 = sf.Buffer(2, 64)
with Timer() as tf:
    g.render_to_buffer(b64)
buf = sf.Buffer(2, N)
with Timer() as t:
    g.render_to_buffer(buf)
report(f"signalflow bs{bs}", work, setup, t.wall, t.cpu, tf.wall, np.array(buf.data), import_s=t_imp)
