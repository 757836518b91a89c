"""The published Python functions."""

import json
from typing import Any

import numpy as np
import pytest
import synth_native

from deployments.contract import InvalidInput
from deployments.synth import generate_audio, generate_from_preset, get_status
from deployments.synth.library.compiled import folder
from tests.synth.listen import pitch_classes


def test_generate_audio() -> None:
    first = generate_audio("soft pad", duration=1.5, seed=3, key="A", scale="minor", tempo=80)
    assert first.shape == (2, 66_150)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(
        first, generate_audio("soft pad", duration=1.5, seed=3, key="A", scale="minor", tempo=80)
    )


def test_without_a_seed_one_is_drawn() -> None:
    assert np.any(generate_audio("rain", duration=0.2) != generate_audio("rain", duration=0.2))


def test_the_defaults_are_c_major() -> None:
    share = pitch_classes(generate_audio("piano", duration=6, seed=1).mean(axis=0, dtype=np.float64))
    assert share[[0, 2, 4, 5, 7, 9, 11]].sum() > 0.9


def test_words_decide_what_is_left_out() -> None:
    said = generate_audio("piano in D minor at 80 bpm for 4 seconds", seed=1)
    assert said.shape == (2, 4 * 44_100)
    given = generate_audio("piano", tempo=80, key="D", scale="minor", duration=4, seed=1)
    np.testing.assert_array_equal(said, given)


def test_an_argument_beats_the_words_even_where_it_is_the_default() -> None:
    said = generate_audio(
        "piano in D minor at 80 bpm for 4 seconds", tempo=120.0, key="C", scale="major", duration=2.0, seed=1
    )
    given = generate_audio("piano", tempo=120.0, key="C", scale="major", duration=2.0, seed=1)
    np.testing.assert_array_equal(said, given)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_cpu", 0),
        ("max_cpu", 1.5),
        ("max_latency", 0),
        ("tempo", 5),
        ("tempo", float("nan")),
        ("duration", 0),
        ("duration", 1e6),
        ("key", "X"),
        ("scale", "x"),
        ("role", "x"),
        ("prompt", ""),
        ("seed", -1),
    ],
)
def test_errors_name_the_argument(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        generate_audio(**{"prompt": "pad", "duration": 0.1, field: value})
    assert caught.value.pointer == f"/{field}"


def test_a_tight_budget_is_still_sound() -> None:
    audio = generate_audio("pad", max_cpu=0.005, max_latency=0.4, duration=1, seed=1)
    assert np.abs(audio).max() > 0.01


@pytest.mark.parametrize(("note", "hz"), [(69, 440), (57, 220)])
def test_a_flat_preset_plays_its_note(note: int, hz: float) -> None:
    preset = {"waveform": "sine", "attack_ms": 20, "sustain": 1.0, "cutoff_khz": 12, "note": note}
    audio = generate_from_preset(preset, duration=1.0, sample_rate=48_000)
    assert audio.shape == (2, 48_000)
    assert int(np.argmax(np.abs(np.fft.rfft(audio[0])))) == pytest.approx(hz, abs=1)


def test_a_chord() -> None:
    audio = generate_from_preset({"waveform": "sine", "note": [60, 64, 67]}, duration=1.0)
    assert set(np.argsort(pitch_classes(audio[0].astype(np.float64)))[-3:]) == {0, 4, 7}


def test_a_graph_with_events() -> None:
    graph = {
        "nodes": [
            {"id": "v", "type": "poly", "params": {"waveform": "sine"}},
            {"id": "out", "type": "gain", "params": {"gain_db": -6}, "inputs": {"in": ["v"]}},
        ],
        "output": "out",
        "events": [{"frame": 22_050, "type": "note_on", "node": "v", "note": 69, "velocity": 1.0}],
    }
    audio = generate_from_preset(graph, duration=1.0)
    assert np.abs(audio[:, :22_000]).max() == 0
    assert np.abs(audio[:, 23_000:40_000]).max() > 0.01
    assert "events" in graph


@pytest.mark.parametrize(
    ("preset", "named"),
    [
        ({"cutof_hz": 100}, "cutof_hz"),
        ({"cutoff_hz": -5}, "cutoff_hz"),
        ({"nodes": [{"id": "a", "type": "nope", "params": {}}], "output": "a"}, "nope"),
        ({"nodes": [{"id": "a", "type": "noise", "params": {"gain_db": 900}}], "output": "a"}, "gain_db"),
        ({"nodes": [], "output": "a"}, "a"),
    ],
)
def test_a_wrong_preset_names_the_field(preset: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        generate_from_preset(preset)


@pytest.mark.parametrize(("argument", "value"), [("duration", 0), ("duration", 1e9), ("sample_rate", 10)])
def test_duration_and_rate_are_checked(argument: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        generate_from_preset({}, **{argument: value})
    assert caught.value.pointer == f"/{argument}"


@pytest.mark.parametrize(
    ("argument", "value"), [("max_cpu", "much"), ("max_cpu", None), ("max_latency", float("inf")), ("max_latency", "x")]
)
def test_what_is_no_number_is_named(argument: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=argument):
        generate_audio("pad", duration=0.1, **{argument: value})


def test_an_error_does_not_repeat_a_long_prompt() -> None:
    with pytest.raises(InvalidInput, match=r"4000 characters.*10000 characters") as caught:
        generate_audio("a" * 10_000)
    assert len(str(caught.value)) < 200


_VOICE = {"nodes": [{"id": "v", "type": "poly"}], "output": "v"}


@pytest.mark.parametrize(
    ("preset", "pointer"),
    [(None, "/preset_params"), ([1], "/preset_params"), ({"note": "x"}, "/note"), ({"note": [60, 400]}, "/note"),
     ({"velocity": 5}, "/velocity"), ({"seed": "x"}, "/seed"), ({"seed": -1}, "/seed"),
     ({**_VOICE, "events": "x"}, "/events"), ({**_VOICE, "events": [{}]}, "/events/0/frame"),
     ({**_VOICE, "events": [{"frame": float("nan"), "type": "note_on"}]}, "/events/0/frame"),
     ({"graph": {"nodes": []}}, "/graph/nodes"), ({"graph": _VOICE, "level_db": "loud"}, "/graph")],
)  # fmt: skip
def test_a_wrong_field_of_a_preset_is_named(preset: Any, pointer: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        generate_from_preset(preset)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("id_", ["pad", "rain", "techno_drums", "vibraphone"])
def test_a_preset_file_plays(id_: str) -> None:
    file = next(folder().rglob(f"{id_}.json"))
    preset = json.loads(file.read_text(encoding="utf-8"))
    audio = generate_from_preset(preset, duration=1.0)
    assert np.abs(audio).max() > 0.01
    softer = generate_from_preset({**preset, "level_db": "-40 dB"}, duration=1.0)
    assert np.abs(softer).max() < 0.1 * np.abs(audio).max()


@pytest.mark.parametrize("id_", ["rain", "airplane_cabin", "campfire", "bees"])
def test_the_graph_of_a_preset_file_plays_as_it_is_written(id_: str) -> None:
    graph = json.loads(next(folder().rglob(f"{id_}.json")).read_text(encoding="utf-8"))["graph"]
    assert any(isinstance(value, str) and " " in value for node in graph["nodes"] for value in node["params"].values())
    note = {"frame": 0, "type": "note_on", "note": 60}
    takes_notes = {name for name, kind in synth_native.describe().items() if kind["takes_notes"]}
    events = [{**note, "node": node["id"]} for node in graph["nodes"] if node["type"] in takes_notes]
    assert np.abs(generate_from_preset({**graph, "events": events}, duration=1.0)).max() > 1e-3


def test_a_graph_may_be_written_with_units_and_decimal_commas() -> None:
    def level(gain_db: Any) -> float:
        node = {"id": "a", "type": "noise", "params": {"color": "pink", "gain_db": gain_db}}
        audio = generate_from_preset({"nodes": [node], "output": "a", "seed": 1}, duration=0.2)
        return float(np.abs(audio).max())

    assert level("-13.2 dB") == level("-13,2 dB") == level("−13,2 dB") == level(-13.2)  # noqa: RUF001
    with pytest.raises(InvalidInput, match=r"nodes\.0\.params\.gain_db: '-13 Hz'") as caught:
        level("-13 Hz")
    assert caught.value.pointer == "/nodes/0/params/gain_db"


def test_status() -> None:
    status = get_status()
    assert status["ready"]
    assert "rain" in status["sounds"]
    assert status["engine"]["version"]
