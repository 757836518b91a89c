"""Which model serves a request, what is asked of it, and under which address the result lies."""

from typing import Any

import pytest

from serve_app.config import parse_args
from serve_app.errors import Invalid, NotFound
from serve_app.graph import Catalogue, Plan, load_class, resolve_aliases
from tests.support.service import Json, entry

CATALOGUE = Catalogue(
    parse_args(
        {
            "models": [
                entry("chime", "tests.support.models:Chime"),
                entry("tone"),
                entry("faulty", options={"fault": "nan"}),
            ]
        }
    ).models
)


def plan(model: str = "tone", **fields: Any) -> Plan:
    return CATALOGUE.plan(model, {"prompt": "x", "duration_s": 1, **fields}, prefix="/input")


def address(model: str = "tone", **fields: Any) -> str:
    return plan(model, **{"seed": 1, **fields}).candidates[0].key


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({}, "chime"),
        ({"tempo_bpm": 90}, "chime"),
        ({"steps": 3}, "tone"),
        ({"num_inference_steps": 3}, "tone"),
        ({"duration_s": 21}, "tone"),
        ({"duration_s": 20}, "chime"),
    ],
)
def test_auto_takes_the_first_model_that_can(fields: Json, model: str) -> None:
    assert plan("auto", **fields).model == model


def test_auto_says_what_is_wrong_when_no_model_can() -> None:
    with pytest.raises(Invalid, match="longest"):
        plan("auto", duration_s=61)
    with pytest.raises(Invalid, match="unknown field 'zzz'"):
        plan("auto", zzz=1)
    with pytest.raises(Invalid, match="no configured model serves speech"):
        CATALOGUE.plan("auto", {"prompt": "x"}, prefix="", tasks=("speech",))


def test_the_address_is_that_of_the_sound() -> None:
    assert address() == address(duration_s=1.0, frequency_hz=440, format="flac", n=1) == address(steps=None)
    assert address() == address(loudness_lufs=None)
    others = [
        address("faulty"), address("chime"), address(seed=2), address(prompt="y"), address(duration_s=1.5),
        address(steps=2), address(format="wav"), address(bit_depth=24), address(sample_rate_hz=48_000),
        address(loudness_lufs=-20),
    ]  # fmt: skip
    assert len({address(), *others}) == len(others) + 1
    assert address(format="mp3").endswith(".mp3")


def test_candidates_have_seeds_in_a_row_and_addresses_of_their_own() -> None:
    made = plan(seed=2**32 - 2, n=4)
    assert [item.seed for item in made.candidates] == [2**32 - 2, 2**32 - 1, 0, 1]
    assert len({item.key for item in made.candidates}) == 4
    assert made.candidates[1].key == address(seed=2**32 - 1)


def test_a_drawn_seed_is_told_and_makes_the_request_repeatable() -> None:
    made = plan()
    assert not made.seed_given
    assert 0 <= made.seed < 2**31
    assert made.input["seed"] == made.seed
    again = CATALOGUE.plan_for("tone", made.input, prefix="/input")
    assert (again.candidates, again.seed_given) == (made.candidates, True)
    assert plan().seed != made.seed


def test_what_is_stored_is_plain_json_and_means_the_same_again() -> None:
    import json

    made = plan(seed=3, n=2, loudness_lufs=-20, steps=7, duration_s=3)
    stored = json.loads(json.dumps(made.input))
    assert CATALOGUE.plan_for("tone", stored, prefix="/input") == made


def test_aliases_are_other_names() -> None:
    assert resolve_aliases({"audio_length_in_s": 3, "num_waveforms_per_prompt": 2}, "") == {"duration_s": 3, "n": 2}
    assert resolve_aliases({"audio_length_in_s": 3, "duration_s": None}, "") == {"duration_s": 3}
    assert resolve_aliases({"audio_length_in_s": None, "duration_s": 2}, "") == {"duration_s": 2}
    for both in ({"steps": 1, "num_inference_steps": 1}, {"num_inference_steps": 1, "steps": 2}):
        with pytest.raises(Invalid) as refused:
            resolve_aliases(both, "/input")
        assert refused.value.errors[0]["pointer"] == "/input/num_inference_steps"


def test_the_schema_of_a_model_tells_every_field() -> None:
    schema = CATALOGUE["tone"].input_schema()
    assert {"prompt", "duration_s", "seed", "steps", "n", "format", "bit_depth"} <= schema["properties"].keys()
    assert schema["required"] == ["prompt"]
    assert CATALOGUE.names == ["chime", "tone", "faulty"]
    with pytest.raises(NotFound, match="did you mean 'chime'"):
        CATALOGUE["chimes"]
    assert load_class("deployments.tone:Tone").__name__ == "Tone"
