"""The library loads, its units are the engine's, and a faulty file is refused by file and field."""

import json
from pathlib import Path
from typing import Any

import pytest
import synth_native

from deployments.synth.library.presets import PresetError, library, load_folder, load_preset, parse_preset
from deployments.synth.request import SynthRequest
from deployments.synth.score.interpret import interpret
from deployments.synth.sound.graph import build

GOOD: dict[str, Any] = {
    "id": "test_pad",
    "version": 1,
    "name": "Test pad",
    "description": "A pad that exists for the sake of this test only.",
    "tags": ["one", "two", "three"],
    "role": "PAD",
    "mood": ["calm"],
    "energy": 0.2,
    "score": "chords",
    "level_db": "0.5",
    "reverb_db": "-10 dB",
    "graph": {
        "nodes": [
            {
                "id": "voice",
                "type": "poly",
                "params": {"attack_s": "250 ms", "cutoff_hz": "A5", "sustain": "40 %", "gain_db": "-3 dB"},
            },
            {"id": "chorus", "type": "chorus", "inputs": {"in": ["voice"]}, "params": {"depth_ms": "0.002 s"}},
        ],
        "output": "chorus",
    },
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**GOOD, **fields}


def with_param(name: str, value: object) -> dict[str, Any]:
    graph = json.loads(json.dumps(GOOD["graph"]))
    graph["nodes"][0]["params"][name] = value
    return changed(graph=graph)


def test_units_are_the_engines_after_loading() -> None:
    preset = parse_preset(GOOD, "test")
    voice, chorus = preset.graph.nodes
    assert voice.params == pytest.approx({"attack_s": 0.25, "cutoff_hz": 880, "sustain": 0.4, "gain_db": -3})
    assert chorus.params == pytest.approx({"depth_ms": 2})
    assert preset.level_db == pytest.approx(-6.02, abs=0.01)
    synth_native.compile(preset.graph.as_dict())


@pytest.mark.parametrize(
    ("raw", "field", "words"),
    [
        (with_param("attack_s", "3 kHz"), "graph.nodes[0].params.attack_s", "ms"),
        (with_param("attack_s", "2 min"), "graph.nodes[0].params.attack_s", "60"),
        (with_param("cutof_hz", 300), "graph.nodes[0].params.cutof_hz", "cutoff_hz"),
        (with_param("waveform", "sow"), "graph.nodes[0].params.waveform", "saw"),
        (with_param("sustain", float("nan")), "graph.nodes[0].params.sustain", "finite"),
        (changed(role="PADS"), "role", "AMBIENCE"),
        (changed(energy=2), "energy", "1"),
        (changed(colour="red"), "colour", "Extra"),
        (changed(level_db="3 s"), "level_db", "dB"),
        (changed(tags=["one"]), "tags", "3"),
    ],
)
def test_a_fault_names_file_and_field(raw: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(PresetError) as caught:
        parse_preset(raw, "soft.json")
    assert str(caught.value).startswith(f"soft.json: {field}")
    assert words in str(caught.value)


def test_a_file_that_is_no_json_and_an_id_used_twice(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(PresetError, match=r"broken\.json: not JSON"):
        load_preset(tmp_path / "broken.json")
    (tmp_path / "broken.json").unlink()
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps(GOOD))
    with pytest.raises(PresetError, match=r"b\.json: the id 'test_pad'"):
        list(load_folder(tmp_path))


@pytest.mark.parametrize("preset", library().values(), ids=lambda preset: preset.id)
def test_every_preset_compiles(preset: Any) -> None:
    plan = synth_native.compile(preset.graph.as_dict())
    assert {node.id for node in preset.graph.nodes} == set(plan.nodes)  # none is unused


def test_a_modulation_is_kept_between_the_nodes_of_its_layer() -> None:
    written = library()["didgeridoo"].graph.as_dict()["modulations"]
    assert [(move["from"], move["to"], move["param"]) for move in written] == [("tongue", "mouth", "vowel")]
    decision = interpret(SynthRequest(prompt="sound", preset="didgeridoo", duration_s=1.0), seed=1)
    graph = build(decision.places, decision.song, 0.0)
    moved = graph["modulations"][0]
    assert (moved["from"], moved["to"], moved["amount"]) == ("didgeridoo.tongue", "didgeridoo.mouth", 1.6)
    assert graph["tempo_bpm"] == decision.song.tempo_bpm
    assert "didgeridoo.tongue" in synth_native.compile(graph).nodes
