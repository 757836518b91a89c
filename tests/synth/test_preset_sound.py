"""How every preset sounds alone: there, finite, centred, stereo, under full scale, as loud as its role wants."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest

from deployments.synth.library.presets import library
from deployments.synth.sound.lint import alone, heard, sound_faults
from deployments.synth.terms.roles import Role
from tests.support.soak import at_length

SEEDS = at_length(20, 4)


@pytest.mark.parametrize("role", get_args(Role))
def test_a_moment_of_every_preset(role: Role) -> None:
    presets = [preset for preset in library().values() if preset.role == role]
    assert len(presets) >= 5
    wrong = {preset.id: found for preset in presets if (found := list(sound_faults(preset, alone(preset, 1, 3.0))))}
    assert not wrong


@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.parametrize("role", get_args(Role))
def test_every_preset_over_many_seeds(role: Role) -> None:
    presets = [preset for preset in library().values() if preset.role == role]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda preset: heard(preset, SEEDS), presets)
        wrong = {preset.id: faults for preset, faults in zip(presets, found, strict=True) if faults}
    assert not wrong


def test_faults_are_heard() -> None:
    preset = library()["pad"]
    good = alone(preset, 1, 3.0)
    assert not list(sound_faults(preset, good))
    for bad, name in (
        (good * np.float32(20), "peaks over the knee"),
        (good + np.float32(0.1), "DC"),
        (np.stack([good[0], good[0]]), "mono"),
        (good * np.float32(1e-3), "silent"),
        (good * np.float32(np.nan), "not finite"),
    ):
        assert name in list(sound_faults(preset, bad))
