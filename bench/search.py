"""Preset search: top-3 hit rates beside plain BM25, and the time of a search with its embedding.

python bench/search.py [-v] [prompts.json], the file as tests/data/prompts_presets.json: prompt, expected, overlap.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deployments.synth.library.presets import library
from deployments.synth.library.search import Bm25, PresetSearch, words
from deployments.weights.sentence import open_encoder

OURS = Path(__file__).parents[1] / "tests" / "data" / "prompts_presets.json"
FILE = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), OURS)
PROMPTS = json.loads(Path(FILE).read_text(encoding="utf-8"))


def unlike(case: Mapping[str, Any]) -> bool:
    """Whether a prompt shares no word with any text of what is expected, the captions included."""
    asked = set(words(case["prompt"]))
    return not any(asked & set(words(library()[name].text())) for name in case["expected"])


def hit_rates(top: Callable[[str], list[str]], verbose: bool) -> str:
    """Share of prompts with an expected preset among the first three, of all and of those that share no word."""
    hits = []
    for case in PROMPTS:
        found = top(case["prompt"])
        hits.append(bool(set(found[:3]) & set(case["expected"])))
        if verbose and not hits[-1]:
            print(f"  missed: {case['prompt']!r} -> {found[:5]}, expected {case['expected']}")
    kinds = {
        "all": [True] * len(PROMPTS),
        "words shared": [case["overlap"] for case in PROMPTS],
        "none": [not case["overlap"] for case in PROMPTS],
        "none with captions either": [unlike(case) for case in PROMPTS],
    }
    rates = {name: [hit for hit, of in zip(hits, kind, strict=True) if of] for name, kind in kinds.items()}
    return ", ".join(f"{name} {np.mean(of):6.1%} of {len(of)}" for name, of in rates.items() if of)


def main() -> None:
    search = PresetSearch(library(), open_encoder())
    ids = list(library())
    bm25 = Bm25([preset.text() for preset in library().values()])
    rates = {
        "BM25": hit_rates(lambda q: [ids[i] for i in np.argsort(-bm25.scores(q), kind="stable")], False),
        "search": hit_rates(lambda q: [hit.preset.id for hit in search.search(q, 5)], "-v" in sys.argv),
    }
    print(f"{len(ids)} presets, {len(PROMPTS)} prompts; an expected preset is among the first three:")
    for name, line in rates.items():
        print(f"  {name:7} {line}")
    for name, clock in (("search with embedding", time.perf_counter), ("of it on a core", time.process_time)):
        took = []
        for case in PROMPTS * 3:
            began = clock()
            search.search(case["prompt"])
            took.append(clock() - began)
        print(f"  {name}: p50 {1e3 * np.median(took):.1f} ms, p95 {1e3 * np.quantile(took, 0.95):.1f} ms")


if __name__ == "__main__":
    main()
