"""What a request did not get is told in words, and nothing is told of one that was answered in full."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.contract import Context
from deployments.synth import Synth
from deployments.synth.choice import understand
from deployments.synth.library import embedding
from deployments.synth.library.axes import axes
from deployments.synth.library.search import preset_search
from deployments.synth.request import SynthRequest
from deployments.synth.score.interpret import interpret
from deployments.weights.sentence_models import ABSENT


def notes(prompt: str, **fields: object) -> str:
    return " ".join(interpret(SynthRequest.model_validate({"prompt": prompt, **fields}), seed=1).meaning.notes)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [("no rain", "only said what must not be heard"), ("piano but no piano", "ruled out as well (piano)"),
     ("qwrtz blorf", "No sound is known"), ("?!", "No sound is named"),
     ("a sub bass and a slap bass", "slap bass gives way to sub bass"),
     ("rain, wind, fire, birds, piano, harp, flute, drums", "left out: flute, drums"),
     ("twenty minutes of rain", "1200 s are asked for; the longest sound has 600 s")],
)  # fmt: skip
def test_what_was_not_done_is_told(prompt: str, said: str) -> None:
    assert said in notes(prompt)


def test_a_field_against_the_words_is_told() -> None:
    told = notes("drums at 90 bpm in C minor for 20 seconds", tempo_bpm=140, key="G", scale="major", duration_s=9)
    for field in ("tempo_bpm = 140", "key = G", "scale = major", "duration_s = 9"):
        assert field in told
    assert not notes("drums at 90 bpm in C minor", tempo_bpm=90, key="c", scale="minor")


@pytest.mark.parametrize("prompt", ["rain", "a pad and bells, no drums", "90 seconds of drums at 100 bpm in A minor"])
def test_what_was_done_needs_no_words(prompt: str) -> None:
    assert not notes(prompt)


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a sentence model."""
    caches = (embedding.embedder, embedding._local, preset_search, axes, understand.understand)
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    monkeypatch.setattr("deployments.weights.packaged.find_spec", lambda name: None)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("fields", [{"prompt": "rain"}, {"prompt": "?!"}, {"prompt": "x", "preset": "dark_pad"}])
def test_answers_without_the_sentence_model_say_so(fields: dict[str, str]) -> None:
    request = SynthRequest.model_validate({"duration_s": 0.5, **fields})
    (chunk, *_) = Synth().generate(request, Context(seed=1))
    assert "by shared words alone" in chunk.facts["interpretation"]["notes"][-1]
    assert Synth().missing() == [ABSENT]


@pytest.mark.usefixtures("bare")
def test_presets_are_found_by_words_without_the_sentence_model() -> None:
    assert Synth().ask("presets", "crackling vinyl records", None, 3)["presets"][0]["id"] == "vinyl"
    Synth().load()
