"""The contract over every model of the built-in configuration: whoever adds one to it gets these tests."""

import threading
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.contract import CAPABILITY_FIELDS, Audio, Cancelled, Context, Model
from serve_app.config import ModelEntry, parse_args
from serve_app.jobs.catalogue import Catalogue, CatalogueEntry
from serve_app.launch.config_file import read_config
from serve_app.replica.replica import whole

PARTS = {"scoring", "embedding"}  # of other models: they make no sound
CATALOGUE = Catalogue(parse_args(read_config(None)).models)
ENTRIES = {item.name: item for item in CATALOGUE if item.info.task not in PARTS}
DURATIONS_S = (0.5, 1.0, 1.234)


@pytest.fixture(scope="module", params=list(ENTRIES))
def entry(request: pytest.FixtureRequest) -> CatalogueEntry:
    return ENTRIES[request.param]


@pytest.fixture(scope="module")
def model(entry: CatalogueEntry) -> Any:
    made = entry.model_class(entry.options)
    made.load()
    return made


def make(model: Any, entry: CatalogueEntry, seed: int, **fields: Any) -> Audio:
    request = entry.request_type.model_validate(
        {"prompt": "gentle rain with a warm low pad", "duration_s": 1, **fields}
    )
    return whole(model.generate(request, Context(seed=seed)))


def test_the_facts_are_whole(entry: CatalogueEntry, model: Any) -> None:
    info = entry.info
    assert isinstance(model, Model)
    assert 8000 <= info.sample_rate_hz <= 192_000
    assert info.channels in (1, 2)
    assert 0 < info.max_duration_s < 24 * 3600
    assert info.revision
    assert info.licence.weights
    for capability in info.capabilities:
        assert CAPABILITY_FIELDS.get(capability, frozenset()) <= set(entry.request_type.model_fields)
    schema = entry.input_schema()
    assert {"prompt", "duration_s", "seed", "n", "format"} <= schema["properties"].keys()
    for name, field in schema["properties"].items():
        assert field.get("description"), f"{name} has no description"


@pytest.mark.parametrize("duration_s", DURATIONS_S)
def test_the_default_request_gives_a_sound_of_the_exact_length(
    entry: CatalogueEntry, model: Any, duration_s: float
) -> None:
    audio = make(model, entry, 1, duration_s=duration_s)
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == (entry.info.channels, round(duration_s * entry.info.sample_rate_hz))
    assert audio.sample_rate_hz == entry.info.sample_rate_hz
    assert np.isfinite(audio.samples).all()
    assert 0.001 < np.abs(audio.samples).max() < 4


def test_the_same_seed_gives_the_same_samples(entry: CatalogueEntry, model: Any) -> None:
    first, again, other = (make(model, entry, seed).samples for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_second_object_gives_the_same_samples(entry: CatalogueEntry, model: Any) -> None:
    made = entry.model_class(entry.options)
    made.load()
    assert np.array_equal(make(made, entry, 7).samples, make(model, entry, 7).samples)


def test_a_cancel_ends_it(entry: CatalogueEntry, model: Any) -> None:
    context = Context(seed=1)
    context.cancelled.set()
    request = entry.request_type(prompt="rain", duration_s=min(60.0, entry.info.max_duration_s))
    with pytest.raises(Cancelled):
        whole(model.generate(request, context))


def test_a_cancel_meanwhile_ends_it_at_the_next_step(entry: CatalogueEntry, model: Any) -> None:
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def progress(step: int, steps: int) -> None:
        seen.append((step, steps))
        stop.set()

    request = entry.request_type(prompt="rain", duration_s=min(60.0, entry.info.max_duration_s))
    with pytest.raises(Cancelled):
        whole(model.generate(request, Context(seed=1, progress=progress, cancelled=stop)))
    assert len(seen) == 1


def test_unknown_options_are_refused(entry: CatalogueEntry) -> None:
    with pytest.raises(ValidationError):
        entry.model_class.Options.model_validate({"no_such_option": 1})
    with pytest.raises(ValidationError):
        entry.request_type.model_validate({"prompt": "x", "no_such_field": 1})


def test_what_it_lacks_on_this_machine_is_told_before_it_is_loaded(entry: CatalogueEntry) -> None:
    made: Any = entry.model_class(entry.options)
    assert list(made.missing() if hasattr(made, "missing") else ()) == []


def test_making_the_object_is_cheap_and_its_class_imports_anywhere(entry: CatalogueEntry) -> None:
    assert isinstance(entry.entry, ModelEntry)
    entry.model_class(entry.options)
