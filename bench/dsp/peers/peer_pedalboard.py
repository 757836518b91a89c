import sys, time

t0 = time.perf_counter()
from common import *
import pedalboard as pb

t_imp = time.perf_counter() - t0
work, bs = sys.argv[1], int(sys.argv[2])
x = make_input()
t1 = time.perf_counter()
if work == "B":
    b = pb.Pedalboard(
        [
            pb.LowShelfFilter(100, 3),
            pb.PeakFilter(500, -2),
            pb.PeakFilter(3000, 2),
            pb.HighShelfFilter(8000, -3),
            pb.Compressor(-18, 4, 10, 100),
            pb.Reverb(room_size=0.6, wet_level=0.25, dry_level=0.75),
        ]
    )
else:  # effects half of A only
    b = pb.Pedalboard(
        [
            pb.Chorus(0.5, 0.25, 13.6, 0, 0.5),
            pb.Delay(0.375, 0.35, 0.25),
            pb.Reverb(room_size=0.6, wet_level=0.3, dry_level=0.7),
            pb.Limiter(-1, 100),
        ]
    )
setup = time.perf_counter() - t1
with Timer() as tf:
    b.process(x[:, :64], SR, buffer_size=64)
best = None
for _ in range(1):
    with Timer() as t:
        y = b.process(x, SR, buffer_size=bs)
    if best is None or t.wall < best.wall:
        best = t
report(
    f"pedalboard bs{bs}" + ("" if work == "B" else " (fx half only)"),
    work,
    setup,
    best.wall,
    best.cpu,
    tf.wall,
    y,
    import_s=t_imp,
)
