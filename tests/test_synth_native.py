"""The Python face of the C++ engine; its physics is tested in native/tests."""

import gc
import math
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synth_native
from numpy.typing import NDArray
from scipy import signal

Audio = NDArray[np.float32]
RATE = 44100


def graph(**params: float | str) -> dict[str, Any]:
    """A pad and rain through a reverb."""
    return {
        "nodes": [
            {"id": "pad", "type": "poly", "params": {"unison": 3, "attack_s": 0.01, **params}},
            {"id": "rain", "type": "rain", "params": {"gain_db": -20}},
            {"id": "room", "type": "reverb", "inputs": {"in": ["pad", "rain"]}},
        ],
        "output": "room",
    }


def chord(frame: int = 0) -> list[dict[str, Any]]:
    """Three notes held for half a second."""
    on = [{"frame": frame, "type": "note_on", "node": "pad", "note": n, "velocity": 0.8} for n in (48, 55, 64)]
    return on + [{"frame": frame + 22050, "type": "note_off", "node": "pad", "note": n} for n in (48, 55, 64)]


def renderer(seed: int = 1, **params: float | str) -> synth_native.Renderer:
    """A renderer with the chord scheduled."""
    made = synth_native.Renderer(synth_native.compile(graph(**params)), seed=seed)
    made.schedule(chord())
    return made


def noise(level: float, seconds: float, channels: int = 2, seed: int = 0) -> Audio:
    """Uniform noise."""
    random = np.random.default_rng(seed)
    return (random.uniform(-level, level, (channels, int(seconds * RATE)))).astype(np.float32)


def true_peak_db(audio: Audio) -> float:
    """Eight times oversampled by scipy's filter."""
    return float(20 * np.log10(np.abs(signal.resample_poly(audio.astype(np.float64), 8, 1, axis=-1)).max()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cutoff_hz": 5}, ["node 'pad' (poly)", "cutoff_hz = 5 Hz", "20 to 20000 Hz"]),
        ({"cutof_hz": 500}, ["unknown parameter 'cutof_hz'", "did you mean 'cutoff_hz'?"]),
        ({"waveform": "sow"}, ["waveform = 'sow'", "saw, square, triangle, sine"]),
        ({"gain_db": math.nan}, ["gain_db = nan", "finite"]),
        ({"voices": 1.5}, ["voices = 1.5", "whole number"]),
        ({"gain_db": True}, ["gain_db", "must be a number, not bool"]),
    ],
)
def test_wrong_parameters_are_named(change: dict[str, float | str], words: list[str]) -> None:
    with pytest.raises(ValueError, match="pad") as error:
        synth_native.compile(graph(**change))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("broken", "word"),
    [
        ({"nodes": []}, 'needs "output"'),
        ({"nodes": [], "output": "x"}, "output 'x' is not a node"),
        ({"nodes": [{"id": "a", "type": "noize"}], "output": "a"}, "did you mean 'noise'?"),
        ({"nodes": [{"id": "a", "type": "noise", "param": {}}], "output": "a"}, "did you mean 'params'?"),
        ({"nodes": [{"id": "a", "type": "gain", "inputs": {"in": ["a"]}}], "output": "a"}, "no cycle"),
        ({"nodes": {"a": 1}, "output": "a"}, "nodes must be a list, not dict"),
        ({"nodes": ["noise"], "output": "a"}, "nodes[0] must be a dict, not str"),
    ],
)
def test_wrong_graphs_are_named(broken: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=re.escape(word)):
        synth_native.compile(broken)


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({"type": "note_on", "node": "pad", "note": 60}, 'needs "frame"'),
        ({"frame": -1, "type": "note_on", "node": "pad", "note": 60}, "whole number from 0"),
        ({"frame": 0, "type": "note_on", "node": "pda", "note": 60}, "did you mean 'pad'?"),
        ({"frame": 0, "type": "note_on", "node": "room", "note": 60}, "takes no notes"),
        ({"frame": 0, "type": "note_on", "node": "pad", "note": 60, "velocity": 2}, "velocity = 2"),
        ({"frame": 0, "type": "set", "node": "pad", "param": "cutoff_hz", "value": 1e6}, "20 to 20000 Hz"),
        ({"frame": 0, "type": "bend", "node": "pad", "note": 60}, "unknown type 'bend'"),
    ],
)
def test_wrong_events_are_named_and_none_is_taken(event: dict[str, Any], word: str) -> None:
    made = synth_native.Renderer(synth_native.compile(graph()), seed=1)
    with pytest.raises(ValueError, match=re.escape(word)):
        made.schedule([*chord(), event])
    silent = synth_native.Renderer(synth_native.compile(graph()), seed=1)
    assert np.array_equal(made.render(4000), silent.render(4000))


def test_render_gives_an_array_that_owns_its_buffer() -> None:
    made = renderer()
    audio = made.render(5000)
    assert audio.dtype == np.float32
    assert audio.shape == (2, 5000)
    assert audio.flags.c_contiguous
    assert audio.flags.writeable
    assert not audio.flags.owndata  # a capsule owns it
    right = audio[1]
    kept = right.copy()
    del audio, made
    gc.collect()
    for _ in range(20):
        renderer(seed=9).render(5000)
    assert np.array_equal(right, kept)


def test_collected_buffers_are_used_again() -> None:
    made = renderer()
    made.render(7000)
    gc.collect()
    before = synth_native.status()["pool"]
    for _ in range(10):
        made.render(7000)
    after = synth_native.status()["pool"]
    assert after["misses"] == before["misses"]
    assert after["hits"] >= before["hits"] + 10
    assert after["out_bytes"] == before["out_bytes"]


def test_render_of_nothing_and_of_negative() -> None:
    assert renderer().render(0).shape == (2, 0)
    with pytest.raises(ValueError, match="frames = -1"):
        renderer().render(-1)


def test_any_split_gives_the_same_samples() -> None:
    whole = renderer().render(30000)
    made, parts = renderer(), []
    random = np.random.default_rng(3)
    while made.frame < 30000:
        parts.append(made.render(min(int(random.integers(1, 700)), 30000 - made.frame)))
    assert np.array_equal(whole, np.concatenate(parts, axis=1))


def test_seeds_and_reset() -> None:
    made = renderer(seed=5)
    first = made.render(3000)
    assert np.array_equal(first, renderer(seed=5).render(3000))
    assert not np.array_equal(first, renderer(seed=6).render(3000))
    made.reset()
    assert made.frame == 0
    made.schedule(chord())
    assert np.array_equal(first, made.render(3000))


def test_render_into_fills_the_callers_array() -> None:
    out = np.empty((2, 3000), np.float32)
    renderer().render_into(out)
    assert np.array_equal(out, renderer().render(3000))
    with pytest.raises(ValueError, match="shape"):
        renderer().render_into(np.empty((3, 10), np.float32))
    with pytest.raises(TypeError):
        renderer().render_into(np.empty((2, 10), np.float64))
    out.flags.writeable = False
    with pytest.raises(ValueError, match="writ"):
        renderer().render_into(out)


def test_threads_give_identical_output() -> None:
    plan = synth_native.compile(graph())
    results: list[Audio] = []

    def work() -> None:
        made = synth_native.Renderer(plan, seed=1)
        made.schedule(chord())
        results.append(made.render(20000))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(np.array_equal(results[0], other) for other in results)


def test_swap_goes_over_to_the_other_plan() -> None:
    made = renderer(waveform="sine")
    before = made.render(10000)
    made.swap(synth_native.compile(graph(waveform="sine", gain_db=-40)), fade_s=0.02)
    after = made.render(10000)
    joined = np.concatenate([before, after], axis=1)
    assert np.abs(np.diff(joined, n=2))[:, 9900:11000].max() < 2 * np.abs(np.diff(before, n=2))[:, 5000:].max()
    with pytest.raises(ValueError, match="fade_s"):
        made.swap(synth_native.compile(graph()), fade_s=-1)


@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("target", [-14.0, -16.0, -23.0, -31.5])
def test_finish_sets_the_loudness(channels: int, target: float) -> None:
    audio = noise(0.02, 3, channels)
    given = audio.copy()
    out, report = synth_native.finish(audio, RATE, loudness_lufs=target)
    assert np.array_equal(audio, given)
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    assert report["loudness_lufs"] == pytest.approx(target, abs=0.1)
    assert synth_native.measure(out, RATE)["loudness_lufs"] == pytest.approx(target, abs=0.1)
    assert report["limited_by"] is None
    assert report["ok"] is True
    assert report["true_peak_dbtp"] <= -1.0


def test_finish_limits_at_most_6_db_and_says_so() -> None:
    audio = noise(0.05, 4)
    audio[:, 1000::9000] = 0.5
    out, report = synth_native.finish(audio, RATE)
    assert 0 < report["limited_db"] <= 6.0
    assert true_peak_db(out) <= -0.95
    assert report["loudness_lufs"] == pytest.approx(-16, abs=0.5) or report["limited_by"] == "true_peak"
    audio = noise(0.005, 4)
    audio[:, 1000::9000] = 0.9
    out, report = synth_native.finish(audio, RATE)
    assert report["limited_by"] == "true_peak"
    assert report["limited_db"] == pytest.approx(6.0, abs=0.01)
    assert report["loudness_lufs"] < -17
    assert true_peak_db(out) <= -0.95
    assert report["ok"] is True


def test_finish_takes_mono_short_strided_and_double() -> None:
    out, report = synth_native.finish(noise(0.3, 0.1)[0], RATE)
    assert out.shape == (4410,)
    assert report["loudness_lufs"] is None
    assert -2.5 < report["true_peak_dbtp"] <= -1.0  # in white noise a meter reads less than there is
    interleaved = noise(0.1, 1).T.astype(np.float64)
    strided, _ = synth_native.finish(interleaved.T, RATE)
    plain, _ = synth_native.finish(np.ascontiguousarray(interleaved.T), RATE)
    assert np.array_equal(strided, plain)


def test_broken_audio_is_refused() -> None:
    audio = noise(0.1, 1)
    audio[1, 77] = np.nan
    with pytest.raises(synth_native.NotFinite, match="NaN at channel 1, frame 77"):
        synth_native.finish(audio, RATE)
    with pytest.raises(ValueError, match="NaN"):
        synth_native.measure(audio, RATE)
    audio[1, 77] = -np.inf
    with pytest.raises(synth_native.NotFinite, match="infinity at channel 1, frame 77"):
        synth_native.finish(audio, RATE)
    with pytest.raises(synth_native.Silent, match="silent"):
        synth_native.finish(np.zeros((2, RATE), np.float32), RATE)
    assert issubclass(synth_native.NotFinite, ValueError)
    assert issubclass(synth_native.Silent, ValueError)


@pytest.mark.parametrize(
    ("audio", "rate", "word"),
    [
        (np.zeros((9, 100), np.float32), RATE, "9 channels"),
        (np.zeros((2, 0), np.float32), RATE, "empty"),
        (np.zeros((1, 2, 3), np.float32), RATE, "3 dimensions"),
        (np.zeros((2, 100), np.int16), RATE, "int16"),
        (np.zeros((2, 100), np.float32), 100, "sample_rate_hz = 100"),
        (np.zeros((2, 100), np.float32), math.nan, "sample_rate_hz = nan"),
    ],
)
def test_wrong_audio_is_named(audio: NDArray[Any], rate: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        synth_native.finish(audio, rate)


def test_measure_reports_every_key() -> None:
    report = synth_native.measure(noise(0.5, 4), RATE)
    assert {
        "loudness_lufs", "true_peak_dbtp", "peak", "dc_offset", "silence_ratio", "clipped_samples", "clicks",
        "limited_by", "ok", "gain_db", "limited_db", "momentary_max_lufs", "short_term_max_lufs", "loudness_range_lu",
    } == set(report)  # fmt: skip
    assert synth_native.measure(np.zeros(RATE, np.float32), RATE)["silence_ratio"] == 1.0


def test_crossfade_duck_and_dither() -> None:
    a, b = noise(0.5, 1, seed=1), noise(0.5, 1, seed=2)
    joined = synth_native.crossfade(a, b, 1000)
    assert joined.shape == (2, 2 * RATE - 1000)
    assert np.array_equal(joined[:, : RATE - 1000], a[:, :-1000])
    with pytest.raises(ValueError, match="equal_power, equal_gain"):
        synth_native.crossfade(a, b, 1000, curve="linear")  # type: ignore[arg-type]
    voice = np.zeros(RATE, np.float32)
    assert np.allclose(synth_native.duck(a, voice, RATE), a)
    voice[:] = 0.2
    ducked = synth_native.duck(a, voice, RATE, amount_db=-20)
    assert np.std(ducked[:, RATE // 2 :]) == pytest.approx(0.1 * np.std(a), rel=0.02)
    for bits in (16, 24):
        whole = synth_native.dither(a, bits=bits, seed=3)
        full = 2 ** (bits - 1) - 1
        assert whole.dtype == np.int32
        assert np.abs(whole / full - a).max() <= 1.51 / full
        assert np.array_equal(whole, synth_native.dither(a, bits=bits, seed=3))
    assert not np.array_equal(synth_native.dither(a, seed=3), synth_native.dither(a, seed=4))


def test_describe_is_the_table_that_validates() -> None:
    types = synth_native.describe()
    assert list(types) == synth_native.status()["node_types"]
    for name, node in types.items():
        params = {p["name"]: p["default"] for p in node["params"]}
        inputs = ({"in": ["n"]} if node["takes_input"] else {}) | (
            {"sidechain": ["n"]} if node["takes_sidechain"] else {}
        )
        nodes = [{"id": "n", "type": "noise"}, {"id": "a", "type": name, "params": params, "inputs": inputs}]
        graph: dict[str, Any] = {"nodes": nodes, "output": "a"}
        if node["is_control"]:
            nodes.append({"id": "g", "type": "gain", "inputs": {"in": ["n"]}})
            move = {"from": "a", "to": "g", "param": "gain_db", "amount": 6}
            graph = {"nodes": nodes, "output": "g", "modulations": [move]}
        assert "a" in synth_native.compile(graph).nodes


def test_an_input_is_heard_and_its_shape_is_checked() -> None:
    plan = synth_native.compile({"nodes": [{"id": "i", "type": "input"}], "output": "i"})
    heard = synth_native.Renderer(plan)
    given = noise(0.5, 0.1)
    assert np.array_equal(heard.render(given.shape[1], given), given)
    assert not heard.render(100).any()
    with pytest.raises(ValueError, match=re.escape("shape (2, 50)")):
        heard.render(50, given)
    with pytest.raises(ValueError, match="floating point"):
        heard.render(2, np.zeros((2, 2), np.int16))


def test_a_synced_lfo_moves_a_level_with_the_tempo() -> None:
    nodes = [
        {"id": "n", "type": "noise", "params": {"gain_db": 0}},
        {"id": "l", "type": "lfo", "params": {"shape": "square", "sync_beats": 2}},
        {"id": "g", "type": "gain", "inputs": {"in": ["n"]}},
    ]
    move = {"from": "l", "to": "g", "param": "gain_db", "amount": 20}
    plan = synth_native.compile({"nodes": nodes, "output": "g", "modulations": [move], "tempo_bpm": 60})
    moved = synth_native.Renderer(plan)
    moved.schedule([{"frame": 2 * RATE, "type": "tempo", "tempo_bpm": 120}])
    level = moved.render(4 * RATE)[0].reshape(-1, RATE // 20).std(axis=1) > 1
    assert np.count_nonzero(np.diff(level[:38].astype(int))) == 1
    assert np.count_nonzero(np.diff(level[42:78].astype(int))) == 3


def test_limits_are_honoured_and_reported() -> None:
    rich = synth_native.compile(graph(unison=7, voices=16))
    free = synth_native.Renderer(rich).status()
    assert free["degraded"] == []
    assert free["cpu"] > 0
    assert free["block"] == 64
    held = synth_native.Renderer(rich, block=1024, max_cpu=0.5 * free["cpu"], max_latency_ms=5).status()
    assert held["degraded"][0] == "pad: quality high -> draft"
    assert held["cpu"] < free["cpu"]
    assert held["latency_ms"] <= 5
    assert held["max_latency_ms"] == 5
    with pytest.raises(ValueError, match=re.escape("max_cpu = 0 of a core is outside")):
        synth_native.Renderer(rich, max_cpu=0)


def test_equal_dicts_are_one_plan_and_changed_ones_are_not() -> None:
    synth_native.compile(graph(cutoff_hz=777))
    before = synth_native.status()
    changing = graph(cutoff_hz=777)
    synth_native.compile(changing)
    after = synth_native.status()
    assert after["plans"]["hits"] == before["plans"]["hits"] + 1
    assert after["plans_compiled"] == before["plans_compiled"]
    changing["nodes"][0]["params"]["cutoff_hz"] = 778  # other values, the same structure
    synth_native.compile(changing)
    last = synth_native.status()
    assert last["plans_compiled"] == after["plans_compiled"] + 1
    assert last["structures"]["hits"] == after["structures"]["hits"] + 1
    changing["nodes"][0]["params"]["cutoff_hz"] = 5
    with pytest.raises(ValueError, match="cutoff_hz = 5 Hz"):
        synth_native.compile(changing)
    for n in range(80):
        synth_native.compile(graph(cutoff_hz=1000 + n))
    assert synth_native.status()["plans"]["entries"] <= 64


def test_the_readme_names_every_parameter() -> None:
    readme = (Path(__file__).parents[1] / "native" / "README.md").read_text()
    for name, node in synth_native.describe().items():
        assert f"`{name}`" in readme
        for param in node["params"]:
            assert f"`{param['name']}`" in readme


def test_the_stub_matches_the_module() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "synth_native"]
    config = Path(__file__).parents[1] / "native" / "bindings"
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=config)
    assert done.returncode == 0, done.stdout + done.stderr
