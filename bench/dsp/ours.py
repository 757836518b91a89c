"""One of SPEC.md's workloads on our renderer: `python bench/dsp/ours.py A 64 [draft]` prints one JSON line.

The chord of A is one `poly` whose voices have three saws, a filter that envelope and LFO move, and a place of their
own; with `draft` every node of A that has a `quality` is a draft. C is one `poly` of 64 sines whose filters follow
their notes. The output array is made and touched beforehand, so that what is timed is rendering.
"""

import json
import resource
import sys
import time
from typing import Any

import numpy as np

began = time.perf_counter()
import synth_native  # noqa: E402 - its import is timed

IMPORT_S = time.perf_counter() - began
RATE, SECONDS = 44_100, 60
NOTES = (48, 52, 55, 59, 60, 64, 67, 71)
PERIOD, GATE = round(7.5 * RATE), 6 * RATE
Event = dict[str, Any]


def pad(quality: str) -> tuple[dict[str, Any], list[Event]]:
    """A: eight voices of three saws, chorus, delay, reverb, limiter."""
    voices = {
        "waveform": "saw", "unison": 3, "detune_cents": 7, "spread": 0, "voices": 8,
        "attack_s": 0.8, "decay_s": 1.0, "sustain": 0.7, "release_s": 1.2, "cutoff_hz": 400, "resonance": 0.36,
        "filter_env_octaves": 3.09, "lfo1_hz": 0.3, "mod1_source": "lfo1", "mod1_target": "cutoff", "mod1_amount": 0.03,
        "pan_spread": 1,
    }  # fmt: skip
    bus = [
        ("chorus", {"rate_hz": 0.5, "delay_ms": 13.6, "depth_ms": 4.5, "mix": 0.4}),
        ("delay", {"time_s": 0.375, "right_time_s": 0.5, "feedback": 0.35, "mix": 0.25}),
        ("reverb", {"rt60_s": 2.0, "mix": 0.3, "damping_hz": 6000.0}),
        ("limiter", {}),
    ]
    gates = [(k * PERIOD, n) for k in range(8) for n in NOTES]
    events = [{"frame": at, "type": "note_on", "node": "source", "note": n, "velocity": 0.8} for at, n in gates]
    events += [{"frame": at + GATE, "type": "note_off", "node": "source", "note": n} for at, n in gates]
    graph = chain("poly", voices, bus)
    known = synth_native.describe()
    for node in graph["nodes"]:
        if any(param["name"] == "quality" for param in known[node["type"]]["params"]):
            node["params"]["quality"] = quality
    return graph, events


def effects() -> tuple[dict[str, Any], list[Event]]:
    """B: noise bursts through four bands of equaliser, a compressor and a reverb."""
    bands = {
        "low_shelf_hz": 100, "low_shelf_db": 3, "peak1_hz": 500, "peak1_db": -2, "peak2_hz": 3000, "peak2_db": 2,
        "high_shelf_hz": 8000, "high_shelf_db": -3,
    }  # fmt: skip
    bus = [
        ("eq", bands),
        ("compressor", {"threshold_db": -18, "ratio": 4, "attack_s": 0.01, "release_s": 0.1}),
        ("reverb", {"rt60_s": 2.0, "mix": 0.25, "damping_hz": 6000.0}),
    ]
    return chain("input", {}, bus), []


def sines() -> tuple[dict[str, Any], list[Event]]:
    """C: 64 sines, each through a low-pass of its own."""
    voices = {
        "waveform": "sine", "voices": 64, "cutoff_hz": 2378, "key_track": 1, "resonance": 0, "pan_spread": 1,
        "attack_s": 0.0005, "sustain": 1, "gain_db": -12,
    }  # fmt: skip
    notes = [69 + 12 * np.log2(110 * (1 + i / 16) / 440) for i in range(64)]
    return chain("poly", voices, []), [
        {"frame": 0, "type": "note_on", "node": "source", "note": n, "velocity": 0.5} for n in notes
    ]


def chain(kind: str, params: dict[str, Any], bus: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """A source and what follows it, one behind the other."""
    nodes: list[dict[str, Any]] = [{"id": "source", "type": kind, "params": params}]
    for name, values in bus:
        nodes.append({"id": name, "type": name, "params": values, "inputs": {"in": [nodes[-1]["id"]]}})
    return {"nodes": nodes, "output": nodes[-1]["id"]}


def bursts(frames: int) -> np.ndarray:
    """The peers' input of B (peers/common.py)."""
    noise = np.random.default_rng(1).standard_normal((2, frames)).astype(np.float32) * 0.1
    return noise * (0.3 + 0.7 * (np.arange(frames) / RATE % 0.5 < 0.25)).astype(np.float32)


def main(work: str, block: int, quality: str = "high") -> None:
    """Render one workload once and print what it took."""
    frames = SECONDS * RATE
    given = bursts(frames) if work == "B" else None
    out = np.ones((2, frames), np.float32)
    start = time.perf_counter()
    graph, events = {"A": lambda: pad(quality), "B": effects, "C": sines}[work]()
    renderer = synth_native.Renderer(synth_native.compile(graph), RATE, block=block)
    renderer.schedule(events)
    ready = time.perf_counter()
    renderer.render(64, given[:, :64] if given is not None else None)
    first = time.perf_counter()
    renderer.reset()
    renderer.schedule(events)
    wall, cpu = time.perf_counter(), time.process_time()
    renderer.render_into(out, given)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        json.dumps({
            "name": f"continuo bs{block}" + (" draft" if quality == "draft" else ""), "work": work,
            "setup_s": ready - start, "render_s": wall, "cpu_s": cpu, "first64_s": first - ready,
            "import_s": IMPORT_S, "peak": float(np.abs(out).max()), "rms": float(out.astype(np.float64).std()),
            "maxrss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        })
    )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
