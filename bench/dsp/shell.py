"""What surrounds the rendering: `python bench/dsp/shell.py [--json FILE]`.

Import, memory, the first 64 samples of a preset (new, of known structure, known), a note's and a block's overhead, the
hand-over of a minute, and two threads against two threads of a bare arithmetic loop (fma.cpp, compiled here with g++)
in the same run. Wall times are the best of many, because the machine is shared.
"""

import argparse
import ctypes
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import synth_native

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import ours  # noqa: E402 - a neighbour, not a package

PROBE = """
import numpy, resource, time
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
import synth_native
imported = time.perf_counter() - began
import ours
graph, events = ours.pad("high")
began = time.perf_counter()
renderer = synth_native.Renderer(synth_native.compile(graph))
renderer.schedule(events[:8])
renderer.render(64)
first = time.perf_counter() - began
out = numpy.ones((2, 441000), numpy.float32)
renderer.render_into(out)
print(imported, first, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 - out.nbytes / 2**20)
"""


def best(work: Callable[[], Any], times: int = 200) -> float:
    """The least seconds that the work took."""
    least = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - began)
    return least


def first_samples(graph: dict[str, Any], events: list[dict[str, Any]]) -> None:
    renderer = synth_native.Renderer(synth_native.compile(graph))
    renderer.schedule(events)
    renderer.render(64)


def fresh_process() -> dict[str, float]:
    """Import, first samples and memory in processes of their own: the median of nine."""
    runs = []
    for _ in range(9):
        done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, cwd=HERE)
        runs.append([float(word) for word in done.stdout.split()])
    imported, first, memory = np.median(np.array(runs), axis=0)
    return {"import_ms": 1e3 * imported, "first64_new_process_ms": 1e3 * first, "extra_memory_mb": memory}


def presets() -> dict[str, float]:
    """From a preset's dict to 64 samples."""
    graph, events = ours.pad("high")
    notes = events[:8]
    number = iter(range(10**6))

    def renamed() -> None:
        tag = next(number)
        nodes = [{**node, "id": f"{node['id']}{tag}"} for node in graph["nodes"]]
        for node in nodes:
            if "inputs" in node:
                node["inputs"] = {"in": [f"{node['inputs']['in'][0]}{tag}"]}
        first_samples({"nodes": nodes, "output": nodes[-1]["id"]}, [{**e, "node": nodes[0]["id"]} for e in notes])

    def revalued() -> None:
        nodes = [dict(node) for node in graph["nodes"]]
        nodes[0]["params"] = {**nodes[0]["params"], "cutoff_hz": 400 + next(number) % 9999}
        first_samples({"nodes": nodes, "output": graph["output"]}, notes)

    plan = synth_native.compile(graph)
    return {
        "first64_new_structure_ms": 1e3 * best(renamed),
        "first64_other_values_us": 1e6 * best(revalued),
        "first64_cached_us": 1e6 * best(lambda: first_samples(graph, notes), 1000),
        "of_it_compile_us": 1e6 * best(lambda: synth_native.compile(graph), 1000),
        "of_it_renderer_us": 1e6 * best(lambda: synth_native.Renderer(plan), 1000),
    }


def hand_over() -> dict[str, float]:
    """A call's overhead and that of a minute's buffer, with a graph that does next to nothing."""
    plan = synth_native.compile({"nodes": [{"id": "i", "type": "input"}], "output": "i"})
    renderer = synth_native.Renderer(plan, block=1024)
    minute = np.empty((2, ours.SECONDS * ours.RATE), np.float32)
    for _ in range(3):
        renderer.render(minute.shape[1])  # the pool has its pages
    into = best(lambda: renderer.render_into(minute), 50)
    whole = best(lambda: renderer.render(minute.shape[1]), 50)
    return {"render_0_us": 1e6 * best(lambda: renderer.render(0), 1000), "hand_over_60_s_us": 1e6 * (whole - into)}


def gain(work: Callable[[], Any]) -> float:
    """How much more two threads do in the same wall time than one."""

    def timed(threads: int) -> float:
        running = [threading.Thread(target=work) for _ in range(threads)]
        began = time.perf_counter()
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        return time.perf_counter() - began

    return 2 * min(timed(1) for _ in range(7)) / min(timed(2) for _ in range(7))


def two_threads() -> dict[str, float]:
    """Two renderers' gain against that of two bare loops."""
    graph, events = ours.pad("high")
    plan = synth_native.compile(graph)
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fma.so"
        options = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
        subprocess.run(["g++", *options, str(HERE / "fma.cpp"), "-o", str(library)], check=True)
        loop = ctypes.CDLL(str(library)).fma_loop

        def render() -> None:
            renderer = synth_native.Renderer(plan)
            renderer.schedule(events)
            renderer.render(20 * ours.RATE)

        bare, ours_gain = gain(lambda: loop(ctypes.c_long(12_000_000))), gain(render)
    return {"two_loops_gain": bare, "two_renderers_gain": ours_gain, "ratio": ours_gain / bare}


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    figures = {**fresh_process(), **presets(), **hand_over(), **two_threads()}
    figures = {name: round(float(value), 3) for name, value in figures.items()}
    for name, value in figures.items():
        print(f"{name:>28} {value}")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
