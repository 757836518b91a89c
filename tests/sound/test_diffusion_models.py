"""Every diffusion model on its tiny checkpoint: the contract, and what the options of precision and memory do to it."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contract import CAPABILITY_FIELDS, Cancelled, Context, EngineModel, LoadFailed, Model, OutOfMemory
from deployments.denoise.graphs import Graphed
from deployments.sound.audioldm import AudioLDM
from deployments.sound.audioldm2 import AudioLDM2
from deployments.sound.stable_audio import StableAudio
from deployments.sound.tangoflux import TangoFlux
from tests.denoise.test_graphs import Computing
from tests.sound.test_parity import options as options_of

Maker = Callable[[str], Path]
KINDS = {"audioldm": AudioLDM, "audioldm2": AudioLDM2, "stable_audio": StableAudio, "tangoflux": TangoFlux}


@pytest.fixture(scope="module", params=list(KINDS))
def make(request: pytest.FixtureRequest, checkpoint: Maker) -> Any:
    """`make(**options)`: the loaded model; the one without options is made once."""
    made: dict[str, Any] = {}

    def build(**changes: Any) -> Any:
        key = str(sorted(changes.items()))
        if key not in made:
            base = options_of(checkpoint(request.param))
            model = KINDS[request.param](KINDS[request.param].Options.model_validate(base | changes))
            model.load()
            made[key] = model
        return made[key]

    yield build
    for model in made.values():
        model.engine.close()


def sound(model: Any, seed: int = 1, **fields: Any) -> Any:
    request = model.Request(**{"prompt": "gentle rain", "duration_s": 0.5, "steps": 3, **fields})
    return model.generate(request, Context(seed=seed)).samples


def test_the_contract_holds(make: Any) -> None:
    model = make()
    info = model.info
    assert isinstance(model, Model)
    assert isinstance(model, EngineModel)
    assert (info.licence.commercial, bool(info.licence.url), bool(info.memory_gib)) == (False, True, True)
    for capability in info.capabilities:
        assert CAPABILITY_FIELDS.get(capability, frozenset()) <= set(model.Request.model_fields)
    for duration_s in (0.02, 0.5, 0.713):
        samples = sound(model, duration_s=duration_s)
        assert samples.shape == (info.sound.channels, round(duration_s * info.sound.sample_rate_hz))
        assert samples.dtype == np.float32
        assert 0.001 < np.abs(samples).max() < 4
    assert np.array_equal(sound(model), sound(model))
    assert not np.array_equal(sound(model), sound(model, seed=2))
    assert not np.array_equal(sound(model), sound(model, prompt="a dog"))


def test_a_cancel_ends_it_within_a_step(make: Any) -> None:
    model = make()
    stop, seen = threading.Event(), []

    def progress(step: int, steps: int) -> None:
        seen.append(step)
        if step == 3:
            stop.set()

    request = model.Request(prompt="rain", duration_s=0.5, steps=200)
    with pytest.raises(Cancelled):
        model.generate(request, Context(seed=1, progress=progress, cancelled=stop))
    assert seen[-1] <= 4


@pytest.mark.parametrize(("kind", "error"), [("8bit", 0.25), ("4bit", 1.5)])
def test_quantized_it_makes_nearly_the_same_sound_from_less(make: Any, kind: str, error: float) -> None:
    plain, small = make(), make(quantization=kind)
    assert small.memory()["weights"] < plain.memory()["weights"]
    expected, got = sound(plain, guidance_scale=1), sound(small, guidance_scale=1)
    assert np.isfinite(got).all()
    assert 0 < np.linalg.norm(got - expected) <= error * np.linalg.norm(expected)


def test_in_half_precision_it_makes_nearly_the_same_sound(make: Any) -> None:
    expected, got = sound(make(), guidance_scale=1), sound(make(use_half_precision=True), guidance_scale=1)
    assert 0 < np.linalg.norm(got - expected) <= 0.3 * np.linalg.norm(expected)


def test_what_cannot_fit_is_refused_before_it_starts(make: Any) -> None:
    model = make()
    weights = model.memory()["weights"]
    assert model.memory()["in_use"] > weights
    with pytest.raises(LoadFailed, match="max_memory allows"):
        make(max_memory=weights - 1)
    with pytest.raises(LoadFailed, match="not even a short sound fits"):
        make(max_memory=weights + 1000)
    seen: list[int] = []
    limited = make(max_memory=weights + (1 << 30))
    limited.denoiser.budget.limit = weights + 1000
    request = limited.Request(prompt="rain", duration_s=0.6, steps=3)
    with pytest.raises(OutOfMemory, match=r"0.6 s of sound needs .*iB \(.* of weights\), max_memory allows"):
        limited.generate(request, Context(seed=1, progress=lambda step, steps: seen.append(step)))
    assert seen == []


def test_an_unknown_module_to_offload_is_told_with_the_known_ones(make: Any) -> None:
    with pytest.raises(LoadFailed, match="offload_modules names nothing; the modules are"):
        make(offload_modules=("nothing",))
    assert np.array_equal(sound(make(offload_modules=("vae",))), sound(make()))


def test_the_steps_of_a_request_that_does_not_say_are_an_option(make: Any) -> None:
    seen: list[tuple[int, int]] = []
    model = make(diffusion_steps=4)
    model.generate(model.Request(prompt="rain", duration_s=0.5), Context(1, lambda *step: seen.append(step)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_steps_replayed_as_graphs_make_the_same_sound(make: Any) -> None:
    plain, graphed = make(), make(diffusion_steps=5)
    graphed.denoiser.graphed = Graphed(graphed.denoiser.step, Computing)
    for fields in ({"guidance_scale": 3.5}, {"guidance_scale": 1.0, "prompt": "a dog barks, twice and far away"}):
        one, other = sound(plain, **fields), sound(graphed, **fields)
        assert np.linalg.norm(one - other) <= 1e-5 * np.linalg.norm(one)
    assert graphed.denoiser.graphed.captured


def test_a_missing_package_is_told_with_what_installs_it(checkpoint: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    model = AudioLDM(AudioLDM.Options.model_validate(options_of(checkpoint("audioldm"))))
    with pytest.raises(LoadFailed, match=r"diffusers.* is not installed; .*\[models\]"):
        model.load()
