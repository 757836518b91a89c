"""Prompts of several things as people type them, and what a person expects to hear: how often is all of it right?"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from deployments.synth.choice.understand import Interpretation, Layer, understand
from deployments.synth.library.presets import library
from deployments.synth.request import SynthRequest
from deployments.synth.score.interpret import interpret
from deployments.synth.terms.roles import ROLES
from deployments.synth.words.musical import read_terms

CASES = json.loads((Path(__file__).parents[1] / "data" / "prompts_layers.json").read_text(encoding="utf-8"))
# What a word does to the layer that it belongs to.
_HEARD: Mapping[str, Callable[[Layer], bool]] = {
    "quiet": lambda layer: layer.change.level_db < 0,
    "loud": lambda layer: layer.change.level_db > 0,
    "distant": lambda layer: layer.change.distance > 0,
    "sparse": lambda layer: layer.change.intensity < 0,
    "bright": lambda layer: layer.change.brightness > 0,
    "dark": lambda layer: layer.change.brightness < 0,
}


def is_one(layer: Layer, names: str) -> bool:
    """Whether a layer is one of the presets or roles that are named."""
    return bool({layer.sound, library()[layer.sound].role} & set(names.split()))


def faults(case: Mapping[str, Any]) -> Iterator[str]:
    """What is not as expected."""
    meaning = understand(case["prompt"])
    ids = [layer.sound for layer in meaning.layers]
    found = [next((layer for layer in meaning.layers if is_one(layer, names)), None) for names in case["layers"]]
    yield from (f"no {names}, but {ids}" for names, layer in zip(case["layers"], found, strict=True) if layer is None)
    if not case.get("more"):
        unasked = [layer.sound for layer in meaning.layers if not any(is_one(layer, names) for names in case["layers"])]
        yield from (f"{sound} was not asked for" for sound in unasked)
    for name, holds in _HEARD.items():
        layers = [found[at] for at in case.get(name, ())]
        yield from (f"{layer.sound} is not {name}" for layer in layers if layer is not None and not holds(layer))
    for absent in case.get("absent", ()):
        yield from (f"{layer.sound} was ruled out" for layer in meaning.layers if is_one(layer, absent))
    yield from _terms(case, meaning)


def _terms(case: Mapping[str, Any], meaning: Interpretation) -> Iterator[str]:
    """What is not as expected of tempo, key, scale, metre and length."""
    song = interpret(SynthRequest(prompt=case["prompt"]), seed=1).song
    for name in ("tempo_bpm", "key", "scale", "beats"):
        if name in case and getattr(meaning, name) != case[name]:
            yield f"{name} {getattr(meaning, name)}, not {case[name]}"
    if case.get("slow") and not song.tempo_bpm < 80:
        yield f"{song.tempo_bpm} bpm is not slow"
    if "duration_s" in case and read_terms(case["prompt"]).duration_s != case["duration_s"]:
        yield f"{read_terms(case['prompt']).duration_s} s, not {case['duration_s']}"


def test_what_people_type_becomes_what_they_expect() -> None:
    wrong = {case["prompt"]: list(faults(case)) for case in CASES}
    wrong = {prompt: found for prompt, found in wrong.items() if found}
    assert len(CASES) == 60
    assert len(wrong) <= 0.05 * len(CASES), "\n".join(f"{prompt}: {found}" for prompt, found in wrong.items())


def test_what_is_expected_can_be_had() -> None:
    known = {*library(), *ROLES}
    assert all(set(names.split()) & known for case in CASES for names in case["layers"])
