"""What `continuo presets lint` looks for: faults that a person who edits a preset cannot see, or hear at once."""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import synth_native

from deployments.contract import Context, Samples
from deployments.synth.library.compiled import folder
from deployments.synth.library.presets import Preset, PresetError, library, load_preset
from deployments.synth.request import SynthRequest
from deployments.synth.score.compose import SCORES
from deployments.synth.score.interpret import interpret
from deployments.synth.sound.graph import build, events
from deployments.synth.sound.perform import SAMPLE_RATE_HZ, Piece, perform, whole
from deployments.synth.terms.roles import ROLES

HIGHEST_LEVEL_DB = 15.0  # words and slow evolution raise it further; more belongs into the preset's own nodes
LISTEN_S = 6.0
_MOST_LEANING_DB = 3.6
KNEE = 0.85  # samples over it are bent (perform.py)
# What a score plays, where that is no single voice.
_PARTS: Mapping[str, tuple[str, ...]] = {"drums": ("kick", "snare", "hat"), "thunder": ("strike",), "none": ()}
# One drum or one heart may stand in the middle, as every bass does; elsewhere mono is an accident.
_MAY_BE_MONO = frozenset({"heartbeat", "kick"})


def lint(paths: Sequence[Path], seeds: int = 0) -> Iterator[str]:
    """Yield a line for every fault in the files or folders (default: the library).

    With `seeds` each preset of the library is rendered alone that many times, and its sound is checked too.
    """
    given = [sorted(path.rglob("*.json")) if path.is_dir() else [path] for path in paths or [folder()]]
    loaded: dict[str, Preset] = {}
    for file in itertools.chain(*given):
        try:
            preset = load_preset(file)
        except (PresetError, OSError) as error:
            yield str(error)
            continue
        if preset.id in loaded:
            yield f"{file.name}: the id is used twice"
        yield from (f"{file.name}: {fault}" for fault in (*written(preset), *alike(preset, loaded.values())))
        if file.is_relative_to(folder()) and file.parent.name != preset.role.lower():
            yield f"{file.name}: a preset of role {preset.role} belongs into the folder {preset.role.lower()}"
        loaded[preset.id] = preset
        if seeds and preset.id in library():
            yield from (f"{file.name}: {fault}" for fault in sorted(heard(preset, seeds)))


def written(preset: Preset) -> Iterator[str]:
    """Faults of one preset as it is written."""
    nodes = {node.id for node in preset.graph.nodes}
    try:
        plan = synth_native.compile(preset.graph.as_dict())
        yield from (f"node '{name}' is not heard" for name in sorted(nodes - set(plan.nodes)))
    except ValueError as error:
        yield str(error)
    if preset.score not in SCORES:
        yield f"score: there is no '{preset.score}'; there are {', '.join(SCORES)}"
    for part in _PARTS.get(preset.score, ("voice",)):
        if part not in nodes:
            yield f"score '{preset.score}' plays a node '{part}', and there is none"
    if preset.level_db > HIGHEST_LEVEL_DB:
        yield f"level_db: {preset.level_db:g} dB is over {HIGHEST_LEVEL_DB:g}; raise the nodes instead"
    for field in ("tags", "captions"):
        if len(set(getattr(preset, field))) < len(getattr(preset, field)):
            yield f"{field}: one is there twice"


def alike(preset: Preset, others: Iterable[Preset]) -> Iterator[str]:
    """What it has in common with another and should not."""
    for other in others:
        for field in ("name", "description", "graph"):
            if getattr(preset, field) == getattr(other, field):
                yield f"{field}: the same as that of {other.id}"


def heard(preset: Preset, seeds: int, duration_s: float = LISTEN_S) -> set[str]:
    """Faults of its sound alone over seeds 0, 1, ...; the loudness is that of the mean."""
    made = [alone(preset, seed, duration_s) for seed in range(seeds)]
    found = {fault for samples in made for fault in sound_faults(preset, samples)}
    if "not finite" not in found and "silent" not in found:
        policy = ROLES[preset.role]
        off = float(np.mean([loudness_lufs(samples) for samples in made])) - policy.layer_lufs
        if abs(off) > policy.window_lu:
            found.add(f"{off:+.1f} LU from its role's {policy.layer_lufs:g} LUFS")
        leans_db = float(np.mean([_lean_db(samples) for samples in made]))
        if abs(leans_db) > _MOST_LEANING_DB:
            found.add(f"leans {abs(leans_db):.1f} dB to the {'right' if leans_db > 0 else 'left'}")
    return found


def _lean_db(samples: Samples) -> float:
    """How much louder the right channel is."""
    left, right = np.square(samples).mean(axis=1)
    return 10 * math.log10((right + 1e-12) / (left + 1e-12))


def alone(preset: Preset, seed: int, duration_s: float) -> Samples:
    """The preset of the library as the only layer, float32 (2, frames)."""
    decision = interpret(SynthRequest(prompt="sound", preset=preset.id, duration_s=duration_s), seed)
    graph = build(decision.places, decision.song, decision.meaning.space)
    frames = round(duration_s * SAMPLE_RATE_HZ)
    played = events(graph, decision.places, decision.song)
    return whole(perform(Piece(graph, played, frames, decision.song.release_s), Context(seed=seed)), frames)


def loudness_lufs(samples: Samples) -> float:
    """Integrated loudness."""
    return float(synth_native.measure(samples, SAMPLE_RATE_HZ)["loudness_lufs"])


def sound_faults(preset: Preset, samples: Samples) -> Iterator[str]:
    """What is wrong with one rendering, in words."""
    if not np.isfinite(samples).all():
        yield "not finite"
        return
    if np.abs(samples).max() > KNEE + 0.01:
        yield "peaks over the knee"
    if np.abs(samples.mean(axis=1)).max() > 0.003:
        yield "DC"
    centred = preset.role == "BASS" or preset.id in _MAY_BE_MONO
    if not centred and float(np.asarray(np.corrcoef(samples))[0, 1]) > 0.9995:
        yield "mono"
    if np.sqrt(np.square(samples[:, : int(0.75 * samples.shape[1])]).mean()) < 1e-3:
        yield "silent"
