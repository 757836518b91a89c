"""What is shipped beside the presets fits them, is what would be computed, and is never used where it does not."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deployments.synth.library import compiled, presets
from deployments.synth.library.axes import Axes, nouns
from deployments.synth.library.compiled import compiling, folder, shipped
from deployments.synth.library.presets import library
from deployments.synth.library.search import PresetSearch
from deployments.weights.sentence import SentenceEncoder
from deployments.weights.sentence_models import minilm_folder

WANTED = "run: python scripts/build_library.py"
TOLERANCES = {"bm25": 1e-5, "projection": 1e-3, "axes": 1e-3}  # where a processor rounds otherwise: 1.4e-4 was seen


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(minilm_folder())


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the library that may be edited."""
    copied = Path(shutil.copytree(folder(), tmp_path / "library"))
    monkeypatch.setattr(compiled, "folder", lambda: copied)
    monkeypatch.setattr(presets, "folder", lambda: copied)
    shipped.cache_clear()
    yield copied
    shipped.cache_clear()


def test_what_is_shipped_fits_the_library(encoder: SentenceEncoder) -> None:
    with compiling() as parts:
        found = library.__wrapped__()
        PresetSearch(found, encoder)
        Axes(encoder, nouns())
    arrays, words = shipped()
    assert json.loads(words["made_of"]) == {part: key for part, (key, _) in parts.items()}, WANTED
    assert found == library()
    for part, (_, made) in parts.items():
        for name, array in made.items():
            there = arrays[f"{part}.{name}"]
            assert (there.dtype, there.shape) == (array.dtype, array.shape), WANTED
            if there.dtype.kind == "f":
                np.testing.assert_allclose(there, array, atol=TOLERANCES[part] * np.abs(array).max(), err_msg=WANTED)
            elif part != "catalogue":  # that was compared as presets; another zlib packs it otherwise
                np.testing.assert_array_equal(there, array, err_msg=WANTED)


def test_it_is_used_as_it_lies_there(encoder: SentenceEncoder) -> None:
    arrays, _ = shipped()
    assert PresetSearch(library(), encoder).project.matrix is not None
    assert np.shares_memory(PresetSearch(library(), encoder).project.matrix, arrays["projection.matrix"])
    assert np.shares_memory(Axes(encoder, nouns()).weights, arrays["axes.weights"])


def test_an_edited_preset_is_heard(elsewhere: Path) -> None:
    file = elsewhere / "ambience" / "rain.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "name": "Rain of tomorrow"}))
    assert library.__wrapped__()["rain"].name == "Rain of tomorrow"
    file.unlink()
    assert "rain" not in library.__wrapped__()


def test_a_renamed_file_is_seen(elsewhere: Path) -> None:
    (elsewhere / "ambience" / "rain.json").rename(elsewhere / "ambience" / "drizzle_of_mine.json")
    assert "drizzle_of_mine" in library.__wrapped__()


@pytest.mark.parametrize("content", [None, b"torn", b""])
def test_without_the_file_all_is_computed(elsewhere: Path, content: bytes | None) -> None:
    (elsewhere / compiled.FILE).unlink()
    if content is not None:
        (elsewhere / compiled.FILE).write_bytes(content)
    assert library.__wrapped__() == library()


def test_other_weights_ask_for_another_fit(encoder: SentenceEncoder) -> None:
    few = dict(list(library().items())[:5])
    with compiling() as of_these:
        PresetSearch(few, encoder)
    other = SentenceEncoder(minilm_folder())
    other.digest = "other weights"
    with compiling() as of_others:
        PresetSearch(few, other)
    assert of_these["projection"][0] != of_others["projection"][0]
    assert of_these["bm25"][0] == of_others["bm25"][0]
