"""From words to sound on this machine: `python bench/synth.py [--json FILE]`.

Prints how many times faster than real time a minute of three layers is made on one core, with finishing and FLAC; how
long after its prompt the first chunk of a stream is there; and how much of both goes into understanding. CPU time
where work is meant, wall time where somebody waits.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from deployments.contract import Context
from deployments.synth import Synth, SynthRequest
from deployments.synth.choice.understand import understand
from serve_app.deliver.encode import encode
from serve_app.deliver.finish import finish
from serve_app.replica.replica import whole

PROMPT = "slow warm pad with distant rain and a bell now and then, D minor, 70 bpm"
PROMPTS = (
    "gentle rain with a warm low pad",
    "a lonely piano in a cathedral",
    "techno with a dark bass",
    "singing bowls",
    "soft strings over ocean waves",
    "a bright arpeggio, 120 bpm",
    "campfire and crickets at night",
    "lofi beat with rain",
    "harp in E major",
    "deep drone, ominous",
    "flute melody with birds",
    "a music box lullaby",
    "wind in the mountains",
)


def cpu_s(work: Callable[[], object], rounds: int) -> float:
    """Median CPU seconds of one round."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def minute(synth: Synth, seed: int) -> int:
    """Make, finish and encode a minute of three layers; return the bytes."""
    audio = whole(synth.generate(SynthRequest(prompt=PROMPT, duration_s=60), Context(seed=seed)))
    finished = finish(audio, duration_s=60, format="flac")
    return len(encode(finished.samples, finished.sample_rate_hz, "flac", 16).data)


def first_chunk_s(synth: Synth, prompt: str, seed: int) -> float:
    """Wall seconds from the prompt, never seen before, to the first chunk."""
    understand.cache_clear()
    began = time.perf_counter()
    next(iter(synth.generate(SynthRequest(prompt=prompt, duration_s=60), Context(seed=seed))))
    return time.perf_counter() - began


def figures(rounds: int) -> dict[str, float]:
    """All of them, in the order of printing."""
    synth = Synth()
    began = time.perf_counter()
    synth.load()
    loaded_s = time.perf_counter() - began
    seeds = iter(range(10_000))
    whole_s = cpu_s(lambda: minute(synth, next(seeds)), rounds)
    made_s = cpu_s(
        lambda: whole(synth.generate(SynthRequest(prompt=PROMPT, duration_s=60), Context(seed=next(seeds)))), rounds
    )
    waits = [first_chunk_s(synth, prompt, next(seeds)) for _ in range(rounds) for prompt in PROMPTS]
    understood = cpu_s(lambda: (understand.cache_clear(), understand(PROMPT)), rounds)
    return {
        "load_s": loaded_s,
        "minute_real_time_factor_per_core": 60 / whole_s,
        "minute_render_only_real_time_factor": 60 / made_s,
        "first_chunk_p50_ms": 1e3 * statistics.median(waits),
        "first_chunk_p90_ms": 1e3 * statistics.quantiles(waits, n=10)[-1],
        "understand_three_layers_cpu_ms": 1e3 * understood,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    result = figures(options.rounds)
    for name, value in result.items():
        print(f"{name:40} {value:10.2f}")
    if options.json:
        options.json.write_text(json.dumps({name: round(value, 3) for name, value in result.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
