"""The contract over every model of the built-in configuration: whoever adds one to it gets these tests."""

import threading
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.contract import CAPABILITY_FIELDS, Audio, Cancelled, Context, Image, Model
from serve_app.config import ModelEntry, parse_args
from serve_app.config_file import read_config
from serve_app.jobs.catalogue import Catalogue, CatalogueEntry
from serve_app.replica.replica import whole

CATALOGUE = Catalogue(parse_args(read_config(None)).models)
MAKERS = {item.name: item for item in CATALOGUE if item.takes_jobs}
SOUNDS = [name for name, item in MAKERS.items() if item.info.sound is not None and item.info.speech is None]
SPEECH = [name for name, item in MAKERS.items() if item.info.speech is not None]
IMAGES = [name for name, item in MAKERS.items() if item.info.image is not None]
DURATIONS_S = (0.5, 1.0, 1.234)


@pytest.fixture(scope="module", params=list(MAKERS))
def entry(request: pytest.FixtureRequest) -> CatalogueEntry:
    return MAKERS[request.param]


of_sounds = pytest.mark.parametrize("entry", SOUNDS, indirect=True)
of_speech = pytest.mark.parametrize("entry", SPEECH, indirect=True)
of_images = pytest.mark.parametrize("entry", IMAGES, indirect=True)


@pytest.fixture(scope="module")
def model(entry: CatalogueEntry) -> Any:
    made = entry.model_class(entry.options)
    made.load()
    return made


def long_request(entry: CatalogueEntry) -> Any:
    """A request for as much as the model makes, up to a minute."""
    if entry.info.speech is not None:
        return entry.request_type(input="It rains on the roof. " * 20)
    sound = entry.info.sound
    return entry.request_type(prompt="rain", **({"duration_s": min(60.0, sound.max_duration_s)} if sound else {}))


def make(model: Any, entry: CatalogueEntry, seed: int, **fields: Any) -> Any:
    """The samples or pixels of a short request."""
    short: dict[str, Any] = {"prompt": "gentle rain with a warm low pad"}
    if entry.info.sound is not None:
        short = {"input": "Gentle rain."} if entry.info.speech is not None else {**short, "duration_s": 1}
    request = entry.request_type.model_validate({**short, **fields})
    made = whole(model.generate(request, Context(seed=seed)))
    return made.samples if isinstance(made, Audio) else made.pixels


def test_the_facts_are_whole(entry: CatalogueEntry, model: Any) -> None:
    info = entry.info
    assert isinstance(model, Model)
    assert (info.sound is None) != (info.image is None)
    if info.sound is not None:
        assert 8000 <= info.sound.sample_rate_hz <= 192_000
        assert info.sound.channels in (1, 2)
        assert 0 < info.sound.max_duration_s < 24 * 3600
    assert info.revision
    assert info.licence.weights
    for capability in info.capabilities:
        assert CAPABILITY_FIELDS.get(capability, frozenset()) <= set(entry.request_type.model_fields)
    schema = entry.input_schema()
    own = {"input", "voice"} if info.speech else {"prompt", "duration_s" if info.sound else "size"}
    assert own | {"seed", "n", "format"} <= schema["properties"].keys()
    for name, field in schema["properties"].items():
        assert field.get("description"), f"{name} has no description"


@of_sounds
@pytest.mark.parametrize("duration_s", DURATIONS_S)
def test_the_default_request_gives_a_sound_of_the_exact_length(
    entry: CatalogueEntry, model: Any, duration_s: float
) -> None:
    request = entry.request_type(prompt="gentle rain with a warm low pad", duration_s=duration_s)
    audio = whole(model.generate(request, Context(seed=1)))
    assert isinstance(audio, Audio)
    assert audio.samples.dtype == np.float32
    assert audio.samples.shape == (entry.info.sound.channels, round(duration_s * entry.info.sound.sample_rate_hz))
    assert audio.sample_rate_hz == entry.info.sound.sample_rate_hz
    assert np.isfinite(audio.samples).all()
    assert 0.001 < np.abs(audio.samples).max() < 4


@of_speech
def test_every_text_is_spoken_at_the_rate_that_is_declared(entry: CatalogueEntry, model: Any) -> None:
    audio = whole(model.generate(entry.request_type(input="Gentle rain, and a warm low wind."), Context(seed=1)))
    assert isinstance(audio, Audio)
    assert audio.samples.dtype == np.float32
    assert len(audio.samples) == entry.info.sound.channels
    assert audio.sample_rate_hz == entry.info.sound.sample_rate_hz
    assert 1 < audio.duration_s < 6
    assert 0.01 < np.abs(audio.samples).max() < 4


@of_images
def test_the_default_request_gives_a_picture_and_an_asked_size_is_exact(entry: CatalogueEntry, model: Any) -> None:
    grid = 8 * entry.info.image.multiple_of
    for size in (None, f"{3 * grid}x{2 * grid}"):
        image = whole(model.generate(entry.request_type(prompt="a lighthouse", size=size), Context(seed=1)))
        assert isinstance(image, Image)
        assert image.pixels.dtype == np.uint8
        height, width, depth = image.pixels.shape
        assert height * width <= entry.info.image.max_pixels
        assert depth in (3, 4)
        assert image.pixels.min() < image.pixels.max()
    assert (width, height) == (3 * grid, 2 * grid)


def test_the_same_seed_gives_the_same_product(entry: CatalogueEntry, model: Any) -> None:
    first, again, other = (make(model, entry, seed) for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_second_object_gives_the_same_product(entry: CatalogueEntry, model: Any) -> None:
    made = entry.model_class(entry.options)
    made.load()
    assert np.array_equal(make(made, entry, 7), make(model, entry, 7))


def test_a_cancel_ends_it(entry: CatalogueEntry, model: Any) -> None:
    context = Context(seed=1)
    context.cancelled.set()
    with pytest.raises(Cancelled):
        whole(model.generate(long_request(entry), context))


def test_a_cancel_meanwhile_ends_it_at_the_next_step(entry: CatalogueEntry, model: Any) -> None:
    seen: list[tuple[int, int]] = []
    stop = threading.Event()

    def progress(step: int, steps: int) -> None:
        seen.append((step, steps))
        stop.set()

    with pytest.raises(Cancelled):
        whole(model.generate(long_request(entry), Context(seed=1, progress=progress, cancelled=stop)))
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
