"""Which model serves a request, what is asked of it, and under which address the result lies."""

import re
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from serve_app.config import parse_args
from serve_app.deliver.formats import ENCODERS, Format
from serve_app.deliver.sound import SoundDelivery
from serve_app.errors import ConfigError, Invalid, NotFound
from serve_app.importing import load_class
from serve_app.jobs.catalogue import Catalogue
from serve_app.jobs.plan import Plan, resolve_aliases
from tests.support import models as support
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
        address(loudness_lufs=-20), address(channels=1), address(channels=2),
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
    chime = address("chime", format="mp3", loudness_lufs=-20)  # its class is named by its name alone
    assert chime == "audio/7b/7b1ceaf23daeb63f0f64110f9947c971691a1dce96ff1e942db6cb8869b1a701.mp3"
    assert address(channels=None) == address()  # a setting that came later


def addressed(*paths: str) -> set[str]:
    """The addresses of one request, with the model named by each path in a configuration of its own."""
    catalogues = [Catalogue(parse_args({"models": [entry("model", path)]}).models) for path in paths]
    asked = {"prompt": "x", "duration_s": 1, "seed": 1}
    return {each.plan("model", asked, prefix="").candidates[0].key for each in catalogues}


def test_a_class_has_one_address_by_whatever_path_it_is_reached() -> None:
    assert len(addressed("deployments.synth:Synth", "deployments.synth.model:Synth")) == 1
    assert len(addressed("tests.support.models:Tone", "deployments.tone:Tone")) == 1


class Chime(support.Chime):
    """Another class of the same name and revision."""


def test_two_classes_that_addresses_could_not_tell_apart_are_refused() -> None:
    one, other = entry("one", "tests.support.models:Chime"), entry("other", "tests.jobs.test_catalogue:Chime")
    with pytest.raises(ConfigError, match=r"'one' .* and 'other' .* revision 'chime-1'; give one of them another"):
        Catalogue(parse_args({"models": [one, other]}).models)
    Catalogue(parse_args({"models": [one, {**one, "name": "again"}]}).models)


class Tone(support.Chime):
    """A foreign class with the name and the revision of a shipped one."""

    info = support.Chime.info.model_copy(update={"revision": "tone-1"})


def test_a_foreign_class_with_the_name_of_a_shipped_one_is_another() -> None:
    assert len(addressed("tests.jobs.test_catalogue:Tone", "deployments.tone:Tone")) == 2


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


def test_the_size_of_a_sound_counts_the_channels_that_it_has_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model's own before they become fewer, those that were asked for after they become more."""
    info = load_class("tests.support.models:Chime").info
    mono = info.sound.model_copy(update={"channels": 1})
    monkeypatch.setattr(CATALOGUE, "sound_bytes", 10 * 44_100 * 2 * 4)
    with pytest.raises(Invalid, match="10 s at this rate"):
        plan("chime", duration_s=11, channels=1)
    monkeypatch.setattr(load_class("tests.support.models:Chime"), "info", info.model_copy(update={"sound": mono}))
    assert plan("chime", duration_s=20) != plan("chime", duration_s=20, channels=1)
    with pytest.raises(Invalid, match="10 s at this rate") as refused:
        plan("chime", duration_s=20, channels=2)
    assert [error["pointer"] for error in refused.value.errors] == ["/input/duration_s"]


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


DEFAULTS = {"duration_s": 5, "steps": 4, "format": "opus", "loudness_lufs": -20}
PRESET = Catalogue(parse_args({"models": [entry("preset", defaults=DEFAULTS), entry("tone")]}).models)


def preset(model: str = "preset", **fields: Any) -> Plan:
    return PRESET.plan(model, {"prompt": "x", "seed": 1, **fields}, prefix="/input")


def test_defaults_of_an_entry_fill_what_a_request_leaves_out() -> None:
    assert preset().input.items() >= DEFAULTS.items()
    assert preset("tone").input["duration_s"] == 1.0
    assert "loudness_lufs" not in preset("tone").input
    assert preset(steps=2, format="wav", loudness_lufs=-30).input.items() >= {
        "steps": 2, "format": "wav", "loudness_lufs": -30, "duration_s": 5,
    }.items()  # fmt: skip
    assert preset(num_inference_steps=2).input["steps"] == 2
    assert preset(**dict.fromkeys(DEFAULTS)) == preset()


def test_a_default_and_the_same_value_in_the_request_are_one_sound() -> None:
    [implied] = preset().candidates
    assert implied == preset(**DEFAULTS).candidates[0] == preset("tone", **DEFAULTS).candidates[0]
    assert implied.key.endswith(".opus")
    assert implied.key != preset("tone").candidates[0].key
    assert PRESET.plan_for("preset", preset().input, prefix="").candidates == (implied,)


def test_the_schema_tells_the_defaults_of_the_entry() -> None:
    schema, plain = PRESET["preset"].input_schema(), PRESET["tone"].input_schema()
    assert {name: schema["properties"][name]["default"] for name in DEFAULTS} == DEFAULTS
    assert plain["properties"]["steps"]["default"] == 1
    assert schema["properties"]["steps"]["maximum"] == plain["properties"]["steps"]["maximum"]
    [worded] = Catalogue(parse_args({"models": [entry("worded", defaults={"prompt": "rain"})]}).models)
    assert worded.input_schema()["required"] == []


def test_a_fallback_fills_only_what_the_request_and_the_first_model_left_out() -> None:
    own = {"duration_s": 9, "steps": 9, "sample_rate_hz": 8000, "channels": 1}
    catalogue = Catalogue(parse_args({"models": [entry("low", defaults=own)]}).models)
    taken = catalogue.plan_for("low", preset(channels=2).input, prefix="", fallback=True)
    assert taken.input == {**preset(channels=2).input, "sample_rate_hz": 8000}


def test_what_was_accepted_before_the_defaults_came_is_made_as_it_was_accepted() -> None:
    accepted = preset("tone", seed=3, duration_s=1)
    later = Catalogue(parse_args({"models": [entry("tone", defaults={"loudness_lufs": -30})]}).models)
    assert later.plan_for("tone", accepted.input, prefix="").candidates == accepted.candidates


def test_auto_looks_at_what_the_defaults_make_of_a_request() -> None:
    entries = [
        entry("short", "tests.support.models:Chime", defaults={"duration_s": 20, "format": "mp3"}),
        entry("tone", defaults={"duration_s": 30}),
    ]
    catalogue = Catalogue(parse_args({"models": entries}).models)
    assert catalogue.plan("auto", {"prompt": "x"}, prefix="").model == "short"
    high = catalogue.plan("auto", {"prompt": "x", "sample_rate_hz": 96_000}, prefix="")  # more than mp3 has
    assert (high.model, high.input["duration_s"]) == ("tone", 30)


@pytest.mark.parametrize(
    ("defaults", "says"),
    [
        ({"duratoin_s": 1}, "'low': unknown field 'duratoin_s'; did you mean 'duration_s'"),
        ({"num_inference_steps": 3}, "'low': unknown field 'num_inference_steps'"),
        ({"steps": 0}, "'low' are not valid: /steps: Input should be greater than or equal to 1"),
        ({"steps": "5"}, "'low' are not valid: /steps: Input should be a valid integer"),
        ({"steps": None}, "'low' are not valid: /steps"),
        ({"format": "aiff", "n": 9}, r"'low' are not valid: /n: .*; /format: "),
        ({"channels": 3}, "'low' are not valid: /channels"),
        ({"bit_depth": 32}, "'low' are not valid: /bit_depth: 32 bit .* needs format wav"),
        ({"prompt": " "}, "'low' are not valid: /prompt: the prompt is empty"),
        ({"prompt": date(2026, 1, 1)}, r"models\.0\.defaults\.prompt: "),  # as YAML reads 2026-01-01
    ],
)
def test_defaults_that_a_model_cannot_take_are_refused_when_it_is_configured(defaults: Json, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Catalogue(parse_args({"models": [entry("low", defaults=defaults)]}).models)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("tests.support.models:Chime", "'low' are not valid: /duration_s: 20 s is the longest"),
        (JUDGE, "'low': unknown field 'duration_s'"),
    ],
)
def test_a_default_over_what_the_class_makes_is_refused(model: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Catalogue(parse_args({"models": [entry("low", model, defaults={"duration_s": 21})]}).models)


def test_the_examples_of_the_documentation_are_valid() -> None:
    text = (Path(__file__).parents[2] / "docs" / "entries.md").read_text()
    [example] = re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    catalogue = Catalogue(parse_args(yaml.safe_load(example)).models)
    assert catalogue.plan("tone", {"prompt": "x"}, prefix="").input["format"] == "opus"
