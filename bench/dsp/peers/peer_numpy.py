import sys, time

t0 = time.perf_counter()
from common import *
from scipy.signal import lfilter, sosfilt

t_imp = time.perf_counter() - t0
work = sys.argv[1]


def adsr(gate_on=6.0, per=7.5):
    t = np.arange(N, dtype=np.float64) / SR % per
    e = np.where(t < 0.8, t / 0.8, np.where(t < 1.8, 1 - 0.3 * (t - 0.8), 0.7))
    return np.where(t < gate_on, e, np.maximum(0.0, 0.7 * (1 - (t - gate_on) / 1.2))).astype(np.float32)


def saw(f):
    dt = f / SR
    p = (np.arange(N) * dt) % 1.0
    y = 2 * p - 1
    a = p < dt
    q = p[a] / dt
    y[a] -= q + q - q * q - 1
    b = p > 1 - dt
    q = (p[b] - 1) / dt
    y[b] -= q * q + q + q + 1
    return y.astype(np.float32)


def rbj(kind, f, g, q=0.707):
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
    return np.array(b) / a[0], np.array(a) / a[0]


def freeverb(x, room=0.84, damp=0.2):
    out = np.zeros_like(x)
    inp = (x[0] + x[1]) * 0.015
    for ch in range(2):
        acc = np.zeros(N, np.float32)
        for d in (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617):
            d += 23 * ch
            buf = np.zeros(N + d, np.float32)
            z = np.zeros(1)
            for i in range(0, N, d):
                n = min(d, N - i)
                o = buf[i : i + n]
                lp, z = lfilter([1 - damp], [1, -damp], o, zi=z)
                buf[i + d : i + d + n] = inp[i : i + n] + lp * room
            acc += buf[:N]
        for d in (556, 441, 341, 225):
            d += 23 * ch
            buf = np.zeros(N + d, np.float32)
            y = np.empty(N, np.float32)
            for i in range(0, N, d):
                n = min(d, N - i)
                o = buf[i : i + n]
                buf[i + d : i + d + n] = acc[i : i + n] + o * 0.5
                y[i : i + n] = o - acc[i : i + n]
            acc = y
        out[ch] = acc
    return out


def A():
    env = adsr()
    t = np.arange(N) / SR
    lfo = 200 * np.sin(2 * np.pi * 0.3 * t)
    cut = (400 + 3000 * env + lfo)[::64]
    w = 2 * np.pi * cut / SR
    c = np.cos(w)
    al = np.sin(w) / 4
    a0 = 1 + al
    Bq = np.stack([(1 - c) / 2, 1 - c, (1 - c) / 2], 1) / a0[:, None]
    Aq = np.stack([a0, -2 * c, 1 - al], 1) / a0[:, None]
    V = np.stack([sum(saw(f * d) for d in DET) * 0.12 for f in FREQS])
    Y = np.empty_like(V)
    zi = np.zeros((8, 2))
    for k, i in enumerate(range(0, N, 64)):  # one coefficient set per 64-sample block, all voices as rows
        Y[:, i : i + 64], zi = lfilter(Bq[k], Aq[k], V[:, i : i + 64], axis=1, zi=zi)
    Y *= env
    pan = (np.arange(8) + 0.5) / 8
    x = np.stack([np.sqrt(1 - pan) @ Y, np.sqrt(pan) @ Y]).astype(np.float32)
    out = np.empty_like(x)
    for ch in range(2):
        d = np.arange(N) - (600 + 200 * np.sin(2 * np.pi * 0.5 * t + 1.57 * ch))
        i = np.floor(d).astype(np.int64)
        f = (d - i).astype(np.float32)
        xp = np.concatenate([np.zeros(2048, np.float32), x[ch]])
        i += 2048
        cch = x[ch] * 0.7 + 0.5 * (xp[i] * (1 - f) + xp[i + 1] * f)
        D = (16537, 22050)[ch]
        buf = np.zeros(N + D, np.float32)
        for i0 in range(0, N, D):
            n = min(D, N - i0)
            buf[i0 + D : i0 + D + n] = cch[i0 : i0 + n] + 0.35 * buf[i0 : i0 + n]
        out[ch] = cch + 0.25 * buf[:N]
    y = 0.7 * out + 0.3 * freeverb(out)
    pk = np.abs(y).max(0)
    lv = lfilter([1 - 0.999], [1, -0.999], pk)
    return y * np.minimum(1, 0.9 / np.maximum(np.maximum(pk, lv), 1e-6)).astype(np.float32)


def B():
    x = X
    for k, f, g in (("ls", 100, 3), ("pk", 500, -2), ("pk", 3000, 2), ("hs", 8000, -3)):
        b, a = rbj(k, f, g)
        x = lfilter(b, a, x, axis=1)
    lv = np.abs(x).max(0)
    lv = lfilter([0.0023], [1, -0.9977], lv)
    db = 20 * np.log10(lv + 1e-9)
    x = (x * 10 ** (-np.maximum(0, db + 18) * 0.75 / 20)).astype(np.float32)
    return 0.75 * x + 0.25 * freeverb(x)


def C():
    t = np.arange(N)
    o = np.zeros((2, N))
    for i in range(64):
        b, a = rbj("lp", 1000 + 100 * i, 0)
        o[i % 2] += lfilter(b, a, 0.02 * np.sin(2 * np.pi * 110 * (1 + i / 16) / SR * t))
    return o.astype(np.float32)


X = make_input() if work == "B" else None
with Timer() as t:
    y = {"A": A, "B": B, "C": C}[work]()
report("numpy+scipy", work, 0, t.wall, t.cpu, 0, y, import_s=t_imp)
