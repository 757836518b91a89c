"""How every preset sounds alone: there, finite, centred, stereo, under full scale, as loud as its role wants."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
import synth_native

from deployments.contract import Samples
from deployments.synth.presets import Preset, library
from deployments.synth.roles import ROLES, Role
from tests.synth.listen import RATE_HZ, make

# Basses stand in the middle, and so does one drum; an accident is a pad that does.
MAY_BE_MONO = {"heartbeat", "kick"} | {preset.id for preset in library().values() if preset.role == "BASS"}
BEFORE_THE_KNEE = 0.85  # samples over it are bent (perform.py)


def alone(preset: Preset, seed: int, duration_s: float) -> Samples:
    return make("zz", seed, preset=preset.id, duration_s=duration_s).samples


def faults(preset: Preset, samples: Samples) -> list[str]:
    """What is wrong with one rendering, in words."""
    found = []
    if not np.isfinite(samples).all():
        return ["not finite"]
    if np.abs(samples).max() > BEFORE_THE_KNEE + 0.01:
        found.append(f"peak {np.abs(samples).max():.2f}")
    if np.abs(samples.mean(axis=1)).max() > 0.003:
        found.append(f"DC {np.abs(samples.mean(axis=1)).max():.4f}")
    if preset.id not in MAY_BE_MONO and np.corrcoef(samples)[0, 1] > 0.9995:
        found.append("mono")
    body = samples[:, : int(0.75 * samples.shape[1])]
    if np.sqrt((body**2).mean()) < 1e-3:
        found.append("silent")
    return found


def loudness_lufs(samples: Samples) -> float:
    return float(synth_native.measure(samples, RATE_HZ)["loudness_lufs"])


@pytest.mark.parametrize("role", get_args(Role))
def test_a_moment_of_every_preset(role: Role) -> None:
    presets = [preset for preset in library().values() if preset.role == role]
    assert len(presets) >= 5
    wrong = {preset.id: found for preset in presets if (found := faults(preset, alone(preset, 1, 3.0)))}
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("role", get_args(Role))
def test_every_preset_over_twenty_seeds(role: Role) -> None:
    presets = [preset for preset in library().values() if preset.role == role]
    policy = ROLES[role]

    def check(preset: Preset) -> list[str]:
        made = [alone(preset, seed, 6.0) for seed in range(20)]
        off = float(np.mean([loudness_lufs(samples) for samples in made])) - policy.layer_lufs
        loudness = [f"{off:+.1f} LU"] if abs(off) > policy.window_lu else []
        return [*loudness, *{fault for samples in made for fault in faults(preset, samples)}]

    with ThreadPoolExecutor(2) as pool:
        wrong = {p.id: found for p, found in zip(presets, pool.map(check, presets), strict=True) if found}
    assert not wrong
