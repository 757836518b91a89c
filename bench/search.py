"""Preset search: top-3 hit rates beside plain BM25, and the time of a search with its embedding."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deployments.sentence import open_encoder
from deployments.synth.presets import library
from deployments.synth.search import Bm25, PresetSearch

PROMPTS = json.loads((Path(__file__).parents[1] / "tests" / "data" / "prompts_presets.json").read_text())


def hit_rates(top: Callable[[str], list[str]], verbose: bool) -> tuple[float, float, float]:
    """Share of prompts with an expected preset among the first three: all, sharing words, sharing none."""
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for case in PROMPTS:
        found = top(case["prompt"])
        hit = bool(set(found[:3]) & set(case["expected"]))
        hits[case["overlap"]].append(hit)
        if verbose and not hit:
            print(f"  missed: {case['prompt']!r} -> {found[:5]}, expected {case['expected']}")
    return float(np.mean(hits[True] + hits[False])), float(np.mean(hits[True])), float(np.mean(hits[False]))


def main() -> None:
    search = PresetSearch(library(), open_encoder())
    ids = list(library())
    bm25 = Bm25([preset.text() for preset in library().values()])
    rates = {
        "BM25": hit_rates(lambda q: [ids[i] for i in np.argsort(-bm25.scores(q), kind="stable")], False),
        "search": hit_rates(lambda q: [hit.preset.id for hit in search.search(q, 5)], "-v" in sys.argv),
    }
    print(f"{len(ids)} presets, {len(PROMPTS)} prompts; an expected preset is among the first three:")
    for name, (every, shared, none) in rates.items():
        print(f"  {name:7} all {every:6.1%}   words shared {shared:6.1%}   none shared {none:6.1%}")
    took = []
    for case in PROMPTS * 3:
        began = time.perf_counter()
        search.search(case["prompt"])
        took.append(time.perf_counter() - began)
    print(f"  search with embedding: p50 {1e3 * np.median(took):.1f} ms, p95 {1e3 * np.quantile(took, 0.95):.1f} ms")


if __name__ == "__main__":
    main()
