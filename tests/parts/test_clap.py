"""CLAP: the similarity that upstream tells for a sound and words, the same each time, for any length."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import ClapModel, ClapProcessor

from deployments.contract import LoadFailed, Model, PartModel
from deployments.parts.clap import MAX_WINDOWS, Clap, cut

Maker = Callable[[str], Path]
RATE_HZ = 48_000


@pytest.fixture(scope="module")
def clap(checkpoint: Maker) -> Any:
    model = Clap(Clap.Options(model_path=str(checkpoint("clap")), device="cpu"))
    model.load()
    return model


def noise(seconds: float, seed: int = 0, rate_hz: int = RATE_HZ) -> Any:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz)).astype(np.float32)


def tone(seconds: float, rate_hz: int, frequency_hz: float = 440) -> Any:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz).astype(np.float32)


def test_the_score_is_upstreams(clap: Any, checkpoint: Maker) -> None:
    model = ClapModel.from_pretrained(checkpoint("clap")).eval()
    processor = ClapProcessor.from_pretrained(checkpoint("clap"))
    for prompt in ("rain", "a dog barks"):
        told = processor(text=[prompt], audio=[noise(1)], sampling_rate=RATE_HZ, return_tensors="pt", padding=True)
        with torch.no_grad():
            found = model(**told)
        expected = torch.nn.functional.cosine_similarity(found.audio_embeds, found.text_embeds).item()
        assert clap.ask(prompt, noise(1), RATE_HZ) == pytest.approx(expected, abs=1e-5)


def test_a_score_depends_on_the_sound_and_on_the_words_and_on_nothing_else(clap: Any) -> None:
    long = noise(3.3)
    first = clap.ask("rain", long, RATE_HZ)
    assert -1 <= first <= 1
    assert clap.ask("rain", long, RATE_HZ) == first
    assert clap.ask("a dog", long, RATE_HZ) != first
    assert clap.ask("rain", noise(3.3, seed=1), RATE_HZ) != first


def test_rate_and_channels_do_not_matter(clap: Any) -> None:
    one = clap.ask("tone", tone(0.8, RATE_HZ), RATE_HZ)
    assert clap.ask("tone", np.stack([tone(0.8, RATE_HZ)] * 2), RATE_HZ) == pytest.approx(one, abs=1e-6)
    assert clap.ask("tone", tone(0.8, 16_000), 16_000) == pytest.approx(one, abs=0.02)


def test_windows_cover_a_sound_evenly() -> None:
    assert [len(part) for part in cut(np.arange(10), 20)] == [10]
    assert [list(part[[0, -1]]) for part in cut(np.arange(25), 10)] == [[0, 9], [8, 17], [15, 24]]
    assert len(cut(np.arange(100_000), 10)) == MAX_WINDOWS


def test_it_takes_no_jobs_and_says_where_its_weights_were_looked_for(tmp_path: Path, clap: Any) -> None:
    assert isinstance(clap, PartModel)
    assert not isinstance(clap, Model)
    with pytest.raises(LoadFailed, match=str(tmp_path)):
        Clap(Clap.Options(model_path=str(tmp_path / "none"))).load()
    assert clap.memory()["weights"] > 100_000


def test_the_newer_layout_of_a_processor_is_known_too(tmp_path: Path, clap: Any, checkpoint: Maker) -> None:
    ClapProcessor.from_pretrained(checkpoint("clap")).save_pretrained(tmp_path)
    clap.model.save_pretrained(tmp_path)
    again = Clap(Clap.Options(model_path=str(tmp_path), device="cpu"))
    again.load()
    assert again.ask("rain", noise(1), RATE_HZ) == clap.ask("rain", noise(1), RATE_HZ)
