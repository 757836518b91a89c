# same maths as a plain scalar per-sample loop, JIT-compiled by numba (fastmath): what a simple engine without voice SIMD gets
import sys, time

t0 = time.perf_counter()
from common import *
import numba as nb, math

t_imp = time.perf_counter() - t0
work = sys.argv[1]
CL = np.array([1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617])
AL = np.array([556, 441, 341, 225])


@nb.njit(fastmath=True)
def fv(inp, cb, ci, cz, ab, ai, ch):
    s = np.float32(0)
    for k in range(8):
        L = CL[k] + 23 * ch
        o = cb[ch, k, ci[ch, k]]
        cz[ch, k] = o * np.float32(0.8) + cz[ch, k] * np.float32(0.2)
        cb[ch, k, ci[ch, k]] = inp + cz[ch, k] * np.float32(0.84)
        s += o
        j = ci[ch, k] + 1
        ci[ch, k] = 0 if j >= L else j
    for k in range(4):
        L = AL[k] + 23 * ch
        o = ab[ch, k, ai[ch, k]]
        ab[ch, k, ai[ch, k]] = s + o * np.float32(0.5)
        s = o - s
        j = ai[ch, k] + 1
        ai[ch, k] = 0 if j >= L else j
    return s


@nb.njit(fastmath=True)
def runA(n, freqs, det, out):
    f4 = np.float32
    ph = np.zeros((8, 3), f4)
    dt = np.empty((8, 3), f4)
    z1 = np.zeros(8, f4)
    z2 = np.zeros(8, f4)
    env = f4(0)
    cb = np.zeros((2, 8, 1700), f4)
    ci = np.zeros((2, 8), np.int64)
    cz = np.zeros((2, 8), f4)
    ab = np.zeros((2, 4, 700), f4)
    ai = np.zeros((2, 4), np.int64)
    cbuf = np.zeros((2, 2048), f4)
    dbuf = np.zeros((2, 32768), f4)
    lim = f4(0)
    y = np.zeros(2, f4)
    bus = np.zeros(2, f4)
    pl = np.empty(8, f4)
    pr = np.empty(8, f4)
    g = f4(0)
    a1 = f4(0)
    a2 = f4(0)
    a3 = f4(0)
    k = f4(0.5)
    for v in range(8):
        pl[v] = math.sqrt(1 - (v + 0.5) / 8)
        pr[v] = math.sqrt((v + 0.5) / 8)
        for j in range(3):
            dt[v, j] = freqs[v] * det[j] / 44100
    for i in range(n):
        m = i % 330750
        if m < 264600:
            env = f4(m / 35280) if m < 35280 else (f4(1 - 0.3 * (m - 35280) / 44100) if m < 79380 else f4(0.7))
        else:
            env = f4(max(0.0, 0.7 * (1 - (m - 264600) / 52920)))
        if i & 63 == 0:
            g = f4(math.tan(math.pi * (400 + 3000 * env + 200 * math.sin(2 * math.pi * 0.3 * i / 44100)) / 44100))
            a1 = f4(1) / (f4(1) + g * (g + k))
            a2 = g * a1
            a3 = g * a2
        bus[0] = 0
        bus[1] = 0
        for v in range(8):
            s = f4(0)
            for j in range(3):
                d = dt[v, j]
                p = ph[v, j] + d
                if p >= 1:
                    p -= f4(1)
                ph[v, j] = p
                o = p + p - f4(1)
                if p < d:
                    q = p / d
                    o -= q + q - q * q - f4(1)
                elif p > f4(1) - d:
                    q = (p - f4(1)) / d
                    o -= q * q + q + q + f4(1)
                s += o
            s *= f4(0.12)
            v3 = s - z2[v]
            b = a1 * z1[v] + a2 * v3
            l = z2[v] + a2 * z1[v] + a3 * v3
            z1[v] = 2 * b - z1[v]
            z2[v] = 2 * l - z2[v]
            l *= env
            bus[0] += l * pl[v]
            bus[1] += l * pr[v]
        for ch in range(2):
            cbuf[ch, i & 2047] = bus[ch]
            d = 600 + 200 * math.sin(2 * math.pi * 0.5 * i / 44100 + 1.57 * ch)
            di = int(d)
            fr = f4(d - di)
            t = cbuf[ch, (i - di) & 2047]
            c = bus[ch] * f4(0.7) + f4(0.5) * (t + fr * (cbuf[ch, (i - di - 1) & 2047] - t))
            D = 16537 if ch == 0 else 22050
            e = dbuf[ch, (i - D) & 32767]
            dbuf[ch, i & 32767] = c + f4(0.35) * e
            y[ch] = c + f4(0.25) * e
        inp = (y[0] + y[1]) * f4(0.015)
        for ch in range(2):
            y[ch] = y[ch] * f4(0.7) + f4(0.3) * fv(inp, cb, ci, cz, ab, ai, ch)
        pk = max(abs(y[0]), abs(y[1]))
        lim = max(pk, lim * f4(0.9998))
        gn = f4(0.9) / lim if lim > f4(0.9) else f4(1)
        out[0, i] = y[0] * gn
        out[1, i] = y[1] * gn


@nb.njit(fastmath=True)
def runB(x, co, out):
    f4 = np.float32
    z = np.zeros((2, 4, 2), f4)
    cb = np.zeros((2, 8, 1700), f4)
    ci = np.zeros((2, 8), np.int64)
    cz = np.zeros((2, 8), f4)
    ab = np.zeros((2, 4, 700), f4)
    ai = np.zeros((2, 4), np.int64)
    lv = f4(0)
    y = np.zeros(2, f4)
    for i in range(x.shape[1]):
        for ch in range(2):
            s = x[ch, i]
            for k in range(4):
                o = co[k, 0] * s + z[ch, k, 0]
                z[ch, k, 0] = co[k, 1] * s - co[k, 3] * o + z[ch, k, 1]
                z[ch, k, 1] = co[k, 2] * s - co[k, 4] * o
                s = o
            y[ch] = s
        pk = max(abs(y[0]), abs(y[1]))
        lv += (f4(0.0023) if pk > lv else f4(0.00023)) * (pk - lv)
        gn = f4(math.exp(-0.75 * math.log(lv / 0.125))) if lv > 0.125 else f4(1)
        y[0] *= gn
        y[1] *= gn
        inp = (y[0] + y[1]) * f4(0.015)
        for ch in range(2):
            out[ch, i] = f4(0.75) * y[ch] + f4(0.25) * fv(inp, cb, ci, cz, ab, ai, ch)


@nb.njit(fastmath=True)
def runC(n, inc, co, out):
    f4 = np.float32
    c = np.ones(64, f4)
    s = np.zeros(64, f4)
    cr = np.cos(inc).astype(f4)
    sr = np.sin(inc).astype(f4)
    z1 = np.zeros(64, f4)
    z2 = np.zeros(64, f4)
    for i in range(n):
        a = f4(0)
        b = f4(0)
        for v in range(64):
            t = c[v] * cr[v] - s[v] * sr[v]
            s[v] = s[v] * cr[v] + c[v] * sr[v]
            c[v] = t
            o = co[v, 0] * s[v] + z1[v]
            z1[v] = co[v, 1] * s[v] - co[v, 3] * o + z2[v]
            z2[v] = co[v, 2] * s[v] - co[v, 4] * o
            if v & 1:
                b += o
            else:
                a += o
        out[0, i] = a * f4(0.02)
        out[1, i] = b * f4(0.02)


def rbj(kind, f, g=0, q=0.707):
    A = 10 ** (g / 40)
    w = 2 * np.pi * f / SR
    c, al = np.cos(w), np.sin(w) / 2 / q
    r = 2 * np.sqrt(A) * al
    if kind == "pk":
        b, a = [1 + al * A, -2 * c, 1 - al * A], [1 + al / A, -2 * c, 1 - al / A]
    elif kind == "lp":
        b, a = [(1 - c) / 2, 1 - c, (1 - c) / 2], [1 + al, -2 * c, 1 - al]
    else:
        s = 1 if kind == "ls" else -1
        b = [
            A * ((A + 1) - s * (A - 1) * c + r),
            s * 2 * A * ((A - 1) - s * (A + 1) * c),
            A * ((A + 1) - s * (A - 1) * c - r),
        ]
        a = [(A + 1) + s * (A - 1) * c + r, -s * 2 * ((A - 1) + s * (A + 1) * c), (A + 1) + s * (A - 1) * c - r]
    return np.array([*b, *a[1:]], np.float32) / np.float32(a[0])


out = np.zeros((2, N), np.float32)
fr = np.array(FREQS, np.float32)
det = np.array(DET, np.float32)
if work == "A":
    f = lambda n: runA(n, fr, det, out)
elif work == "B":
    x = make_input()
    co = np.stack([rbj("ls", 100, 3), rbj("pk", 500, -2), rbj("pk", 3000, 2), rbj("hs", 8000, -3)])
    f = lambda n: runB(x[:, :n], co, out)
else:
    co = np.stack([rbj("lp", 1000 + 100 * i) for i in range(64)])
    inc = 2 * np.pi * 110 * (1 + np.arange(64) / 16) / SR
    f = lambda n: runC(n, inc, co, out)
with Timer() as ts:
    f(64)
with Timer() as tf:
    f(64)
best = None
for _ in range(1):
    with Timer() as t:
        f(N)
    if best is None or t.wall < best.wall:
        best = t
report("numba scalar loop", work, ts.wall, best.wall, best.cpu, tf.wall, out, import_s=t_imp)
