import sys, time

t0 = time.perf_counter()
from common import *
import dawdreamer as daw

t_imp = time.perf_counter() - t0
work, bs = sys.argv[1], int(sys.argv[2])
opts = ["-vec", "-vs", "64"] if len(sys.argv) > 3 and sys.argv[3] == "vec" else []
t1 = time.perf_counter()


def build(bs):
    e = daw.RenderEngine(SR, bs)
    f = e.make_faust_processor("f")
    try:
        f.opt_level = 4
    except Exception:
        pass
    try:
        if opts:
            f.compile_flags = opts
    except Exception as ex:
        print("noflags", ex, file=sys.stderr)
    f.set_dsp_string(open(work + ".dsp").read())
    f.compile()
    if work == "B":
        p = e.make_playback_processor("in", make_input())
        e.load_graph([(p, []), (f, ["in"])])
    else:
        e.load_graph([(f, [])])
    return e


e = build(bs)
setup = time.perf_counter() - t1
with Timer() as tf:
    e.render(64 / SR)
with Timer() as t:
    e.render(DUR)
    y = e.get_audio()
report(f"dawdreamer+faust bs{bs}" + (" vec" if opts else ""), work, setup, t.wall, t.cpu, tf.wall, y, import_s=t_imp)
