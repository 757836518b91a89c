"""Which model serves a request, what is asked of it, and under which address the result lies."""

from typing import Any, get_args

import pytest

from serve_app.config import parse_args
from serve_app.deliver.sound import ENCODERS, Format, SoundDelivery
from serve_app.errors import Invalid, NotFound
from serve_app.importing import load_class
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.plan import Plan, resolve_aliases
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
    assert address(format="aac").endswith(".m4a")


def test_another_encoder_is_another_address_for_its_format_only(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {format: address(format=format) for format in get_args(Format)}
    monkeypatch.setattr("serve_app.deliver.sound.ENCODERS", {**ENCODERS, "opus": ENCODERS["opus"] + 1, "aac": 2})
    assert {format for format, key in before.items() if address(format=format) != key} == {"opus", "aac"}


def test_more_channels_than_the_format_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tone = load_class("deployments.tone:Tone")
    wide = tone.info.sound.model_copy(update={"channels": 4})
    monkeypatch.setattr(tone, "info", tone.info.model_copy(update={"sound": wide}))
    for format in ("opus", "mp3", "aac"):
        with pytest.raises(Invalid, match=f"{format} holds 2 channels, model 'tone' makes 4") as refused:
            plan(format=format)
        assert [error["pointer"] for error in refused.value.errors] == ["/input/channels"]
        plan(format=format, channels=2)
    plan(format="flac")


def test_the_address_of_a_model_without_parts_is_the_one_that_stored_sounds_have() -> None:
    assert address() == "audio/23/23fdfa3266ccc2a33641ebd17af8083b2e4125ad2c09ba6ce03c423eb5dab8bd.flac"
    chime = address("chime", format="mp3", loudness_lufs=-20)
    assert chime == "audio/b2/b25ae31b268ea9ba2db90ef9c08f4a9a9ff6d9ebacd0edaa40ec03bf478db7ed.mp3"


JUDGE = "tests.support.models:Judge"


def composed(*parts: Json, **names: str) -> str:
    """The address of a sound whose model is composed with `names` of `parts`."""
    catalogue = Catalogue(parse_args({"models": [entry("tone", parts=names), *parts]}).models)
    return catalogue.plan("tone", {"prompt": "x", "duration_s": 1, "seed": 1}, prefix="").candidates[0].key


def test_what_a_model_is_composed_with_is_part_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    one = composed(entry("one", JUDGE), scorer="one")
    assert one == composed(entry("other-name", JUDGE), scorer="other-name")
    others = {
        address(),
        composed(entry("one", JUDGE), embedder="one"),
        composed(entry("one", JUDGE, options={"load_s": 1}), scorer="one"),
        composed(entry("one", "tests.support.models:Chime"), scorer="one"),
        composed(entry("one", JUDGE, parts={"x": "two"}), entry("two", "deployments.tone:Tone"), scorer="one"),
        composed(entry("one", JUDGE, parts={"x": "two"}), entry("two", JUDGE), scorer="one"),
    }
    assert len({one, *others}) == 7
    judge = load_class(JUDGE)
    monkeypatch.setattr(judge, "info", judge.info.model_copy(update={"revision": "judge-2"}))
    assert composed(entry("one", JUDGE), scorer="one") not in {one, *others}


def test_a_sound_that_would_not_fit_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    second = 44_100 * 2 * 4  # bytes of float32
    monkeypatch.setattr(CATALOGUE, "sound_bytes", 10 * second)
    plan(duration_s=10)
    plan(duration_s=10, sample_rate_hz=8000, format="mp3")
    for fields, at in (
        ({"duration_s": 10.1}, "/input/duration_s"),
        ({"duration_s": 10.1, "sample_rate_hz": 8000}, "/input/duration_s"),
        ({"duration_s": 6, "sample_rate_hz": 96_000}, "/input/sample_rate_hz"),
        ({"duration_s": 60, "sample_rate_hz": 192_000, "n": 8}, "/input/duration_s"),
    ):
        with pytest.raises(Invalid, match="MiB are possible") as refused:
            plan(**fields)
        assert [error["pointer"] for error in refused.value.errors] == [at]
    assert CATALOGUE.plan_for("tone", {"prompt": "x", "duration_s": 11}, prefix="")  # accepted before the limit fell


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


def aliased(raw: Json) -> Json:
    return resolve_aliases(raw, SoundDelivery.aliases, "/input")


def test_aliases_are_other_names() -> None:
    assert aliased({"audio_length_in_s": 3, "num_waveforms_per_prompt": 2}) == {"duration_s": 3, "n": 2}
    assert aliased({"audio_length_in_s": 3, "duration_s": None}) == {"duration_s": 3}
    assert aliased({"audio_length_in_s": None, "duration_s": 2}) == {"duration_s": 2}
    for both in ({"steps": 1, "num_inference_steps": 1}, {"num_inference_steps": 1, "steps": 2}):
        with pytest.raises(Invalid) as refused:
            aliased(both)
        assert refused.value.errors[0]["pointer"] == "/input/num_inference_steps"


def test_the_schema_of_a_model_tells_every_field() -> None:
    schema = CATALOGUE["tone"].input_schema()
    assert {"prompt", "duration_s", "seed", "steps", "n", "format", "bit_depth"} <= schema["properties"].keys()
    assert schema["required"] == ["prompt"]
    assert CATALOGUE.names == ["chime", "tone", "faulty"]
    with pytest.raises(NotFound, match="did you mean 'chime'"):
        CATALOGUE["chimes"]
    assert load_class("deployments.tone:Tone").__name__ == "Tone"
