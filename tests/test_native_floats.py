"""The native engine takes any float: whatever level, length and layout in memory, sound or a clear error."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import synth_native
from numpy.typing import NDArray

Audio = NDArray[np.float32]
RATE = 44_100
LARGEST = float(np.finfo(np.float32).max)
LENGTHS = [1, 2, 3, 15, 16, 17, 33, 1535, 1536, 1537, 17_639, 17_640, 17_641, 50_001]
LEVELS = [1e-45, 1e-38, 1e-20, 1e-6, 2e-5, 0.5, 1.0, 1e5, 1e12, 1e19, 1e30, LARGEST]


def unaligned(audio: Audio) -> Audio:
    """The same samples at an odd address, as a view into bytes may be."""
    view = np.frombuffer(b"x" + audio.tobytes(), np.float32, offset=1).reshape(audio.shape)
    assert not view.flags.aligned
    return view


LAYOUTS: Mapping[str, Callable[[Audio], NDArray[Any]]] = {
    "odd slice": lambda x: np.pad(x, ((0, 0), (3, 2)))[:, 3:-2],
    "every other frame": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "backwards": lambda x: np.ascontiguousarray(x[:, ::-1])[:, ::-1],
    "channels backwards": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "Fortran order": np.asfortranarray,
    "interleaved": lambda x: np.ascontiguousarray(x.T).T,
    "unaligned": unaligned,
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "double": lambda x: x.astype(np.float64),
    "long double": lambda x: x.astype(np.longdouble),
    "read-only": lambda x: np.frombuffer(x.tobytes(), np.float32).reshape(x.shape),
}


def noise(frames: int, level: float, channels: int = 2) -> Audio:
    """Uniform noise whose highest sample is `level`."""
    made = np.random.default_rng(frames).uniform(-1, 1, (channels, frames))
    return np.asarray(made / np.abs(made).max() * level, np.float32)


def below_full_scale(audio: Audio) -> Audio:
    """The same with its highest sample between a half and one."""
    return np.asarray(np.ldexp(audio, -np.frexp(np.abs(audio).max())[1]), np.float32)


def figures(report: Mapping[str, Any]) -> list[float]:
    return [float(value) for value in report.values() if isinstance(value, int | float)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("true_peak_dbtp", [0.0, -1.0, -40.0])
def test_any_level_and_length_is_finished(level: float, true_peak_dbtp: float) -> None:
    for frames in LENGTHS:
        audio = noise(frames, level)
        if level < 1e-5:
            with pytest.raises(synth_native.Silent):
                synth_native.finish(audio, RATE, true_peak_dbtp=true_peak_dbtp)
            continue
        out, report = synth_native.finish(audio, RATE, true_peak_dbtp=true_peak_dbtp)
        assert out.shape == audio.shape
        assert 0 < np.abs(out).max() <= 10 ** (true_peak_dbtp / 20)
        assert report["true_peak_dbtp"] <= true_peak_dbtp
        assert np.isfinite(figures(report)).all()


@pytest.mark.parametrize("level", [2.0**21, 1e12, 1e19, 1e30, 1e38, LARGEST])
def test_a_loud_sound_is_finished_as_the_same_below_full_scale(level: float) -> None:
    for frames in LENGTHS:
        audio = noise(frames, level)
        quiet = below_full_scale(audio)
        out, report = synth_native.finish(audio, RATE)
        same, other = synth_native.finish(quiet, RATE)
        assert np.array_equal(out, same)
        lower_db = 20 * math.log10(float(np.abs(quiet).max()) / float(np.abs(audio).max()))
        assert report["gain_db"] == pytest.approx(other["gain_db"] + lower_db, abs=1e-6)
        assert report["loudness_lufs"] == other["loudness_lufs"]


def test_a_loud_constant_is_finished_as_a_quiet_one() -> None:
    out, report = synth_native.finish(np.full((2, RATE), 1e30, np.float32), RATE)
    same, _ = synth_native.finish(below_full_scale(np.full((2, RATE), 1e30, np.float32)), RATE)
    assert np.array_equal(out, same)
    assert report["dc_offset"] == pytest.approx(1e30)
    assert report["clipped_samples"] == 2 * RATE
    assert report["ok"] is False


@pytest.mark.parametrize("binades", [21, 60, 127])
def test_a_loud_sound_is_measured_as_a_quiet_one_and_so_many_decibels(binades: int) -> None:
    quiet = noise(4 * RATE, 0.9)
    report, other = (synth_native.measure(audio, RATE) for audio in (np.ldexp(quiet, binades), quiet))
    more_db = 20 * math.log10(2) * binades
    for name in ("loudness_lufs", "true_peak_dbtp", "momentary_max_lufs", "short_term_max_lufs"):
        assert report[name] == pytest.approx(other[name] + more_db, abs=1e-6)
    assert report["loudness_range_lu"] == pytest.approx(other["loudness_range_lu"], abs=1e-6)
    assert report["peak"] == other["peak"] * 2.0**binades
    assert report["dc_offset"] == pytest.approx(other["dc_offset"] * 2.0**binades)


def test_the_largest_samples_are_measured() -> None:
    audio = np.where(np.random.default_rng(0).random((2, RATE)) < 0.5, -LARGEST, LARGEST).astype(np.float32)
    report = synth_native.measure(audio, RATE)
    assert np.isfinite(figures(report)).all()
    assert report["peak"] == LARGEST
    assert report["true_peak_dbtp"] > 20 * math.log10(LARGEST)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_in_memory_is_no_matter(layout: str) -> None:
    for frames in (1, 2, 17, 1537, 20_001):
        audio = noise(frames, 0.3)
        given = LAYOUTS[layout](audio)
        assert np.array_equal(synth_native.finish(given, RATE)[0], synth_native.finish(audio, RATE)[0])
        assert synth_native.measure(given, RATE) == synth_native.measure(audio, RATE)
        assert np.array_equal(
            synth_native.crossfade(given, audio, frames // 2), synth_native.crossfade(audio, audio, frames // 2)
        )
        assert np.array_equal(synth_native.duck(given, audio, RATE), synth_native.duck(audio, audio, RATE))
        assert np.array_equal(synth_native.Limiter(RATE).process(given), synth_native.Limiter(RATE).process(audio))
        plan = synth_native.compile({"nodes": [{"id": "i", "type": "input"}], "output": "i"})
        assert np.array_equal(synth_native.Renderer(plan).render(frames, given), audio)


@pytest.mark.parametrize("level", [1e-45, 1.0, 1e12, 1e25, 1e36, LARGEST])
@pytest.mark.parametrize("gain_db", [-60.0, 0.0, 60.0])
def test_a_limiter_holds_its_ceiling_at_any_level(level: float, gain_db: float) -> None:
    audio = noise(RATE, level)
    whole, pieces = (synth_native.Limiter(RATE, gain_db=gain_db) for _ in range(2))
    out = whole.process(audio)
    assert np.abs(out).max() <= 10 ** (-1 / 20)
    assert math.isfinite(whole.limited_db)
    parts = [pieces.process(audio[:, at : at + 333]) for at in range(0, RATE, 333)]
    assert np.array_equal(np.concatenate(parts, axis=1), out)
    if 1.0 <= level * 10 ** (gain_db / 20) < 1e36:
        assert np.abs(out[:, 5000:]).max() > 0.3


def test_a_limiter_comes_back_from_the_loudest_sample() -> None:
    audio = noise(RATE, 0.3)
    audio[0, 100] = LARGEST
    limiter = synth_native.Limiter(RATE)
    out = np.concatenate([limiter.process(audio), limiter.flush()], axis=1)[:, limiter.latency :]
    assert np.allclose(out[:, RATE // 2 :], audio[:, RATE // 2 :], atol=1e-4)


def test_what_a_float_cannot_hold_is_its_largest_number() -> None:
    loud = np.full((2, 3000), LARGEST, np.float32)
    assert synth_native.crossfade(loud, loud, 1000).max() == np.float32(LARGEST)
    assert synth_native.duck(loud, loud, RATE).max() == np.float32(LARGEST)
    fader = synth_native.Fader(16.0)
    fader.fade(0.0, 1000, at=1000)
    assert np.isfinite(fader.process(loud)).all()
    assert synth_native.dither(-loud).min() == -(2**15 - 1)


def _streams() -> Mapping[str, Callable[[NDArray[Any]], object]]:
    """Everything that takes audio, by name."""
    fine = np.zeros((2, 500), np.float32)
    return {
        "finish": lambda x: synth_native.finish(x, RATE),
        "measure": lambda x: synth_native.measure(x, RATE),
        "crossfade from": lambda x: synth_native.crossfade(x, fine, 100),
        "crossfade to": lambda x: synth_native.crossfade(fine, x, 100),
        "fade": lambda x: synth_native.fade(x, 100, 100),
        "duck a bed": lambda x: synth_native.duck(x, fine, RATE),
        "duck by a voice": lambda x: synth_native.duck(fine, x, RATE),
        "dither": synth_native.dither,
        "Meter": synth_native.Meter(RATE).push,
        "Limiter": synth_native.Limiter(RATE).process,
        "Ducker, bed": lambda x: synth_native.Ducker(RATE, voice_channels=2).process(x, fine),
        "Ducker, voice": lambda x: synth_native.Ducker(RATE, voice_channels=2).process(fine, x),
        "Crossfader, from": lambda x: synth_native.Crossfader(100).process(x, fine),
        "Crossfader, to": lambda x: synth_native.Crossfader(100).process(fine, x),
        "Fader": synth_native.Fader().process,
        "Dither": synth_native.Dither().process,
    }


@pytest.mark.parametrize("name", _streams())
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_named_by_channel_and_frame(name: str, bad: float) -> None:
    audio = np.zeros((2, 500), np.float32)
    audio[1, 77] = bad
    word = "NaN" if math.isnan(bad) else "infinity"
    with pytest.raises(synth_native.NotFinite, match=f"{word} at channel 1, frame 77"):
        _streams()[name](audio)


@pytest.mark.parametrize("name", _streams())
def test_a_double_that_no_float_holds_is_named_without_a_warning(name: str) -> None:
    audio = np.zeros((2, 500))
    audio[0, 5] = -1e300
    with pytest.raises(synth_native.NotFinite, match="infinity at channel 0, frame 5"):
        _streams()[name](audio)


@pytest.mark.parametrize("name", _streams())
def test_no_frames_at_all_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        _streams()[name](np.zeros((2, 0), np.float32))


def test_what_an_input_cannot_mean_is_silence() -> None:
    plan = synth_native.compile({"nodes": [{"id": "i", "type": "input"}], "output": "i"})
    given = np.array([[math.nan, math.inf, -math.inf, LARGEST, 1e4, 1e-45, 0.5]] * 2, np.float32)
    assert synth_native.Renderer(plan).render(7, given)[0].tolist() == pytest.approx([0, 0, 0, 0, 1e4, 0, 0.5])


def test_render_into_takes_its_own_input_and_refuses_odd_addresses() -> None:
    plan = synth_native.compile({"nodes": [{"id": "i", "type": "input"}], "output": "i"})
    audio = noise(5000, 0.5)
    same = audio.copy()
    made = synth_native.Renderer(plan)
    made.swap(plan, 0.05)
    other = synth_native.Renderer(plan)
    other.swap(plan, 0.05)
    made.render_into(same, same)
    assert np.array_equal(same, other.render(5000, audio))
    odd = np.frombuffer(bytearray(8 * 10 + 1), np.float32, offset=1).reshape(2, 10)
    with pytest.raises(ValueError, match="aligned"):
        made.render_into(odd)
    for wrong in (np.empty((10, 2), np.float32).T, np.empty((2, 20), np.float32)[:, ::2], np.empty((2, 10), ">f4")):
        with pytest.raises(TypeError):
            made.render_into(wrong)
    made.render_into(np.empty((2, 0), np.float32))


@pytest.mark.parametrize("frames", [2**61, 2**62, 2**63 - 1])
def test_more_frames_than_there_is_memory_are_refused(frames: int) -> None:
    plan = synth_native.compile({"nodes": [{"id": "i", "type": "input"}], "output": "i"})
    with pytest.raises(MemoryError):
        synth_native.Renderer(plan).render(frames)


def test_lengths_near_the_end_of_the_numbers() -> None:
    most = 2**63 - 1
    audio = noise(100, 0.5)
    with pytest.raises(ValueError, match=re.escape(f"frames_in = {most} and frames_out = {most}")):
        synth_native.fade(audio, most, most)
    with pytest.raises(ValueError, match="frames"):
        synth_native.crossfade(audio, audio, most)
    cross = synth_native.Crossfader(most, at=most)
    assert np.array_equal(cross.process(audio, -audio), audio)
    assert not cross.done
    fader = synth_native.Fader()
    fader.fade(0.0, most, at=most)
    assert np.array_equal(fader.process(audio), audio)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"sample_rate_hz": math.inf}, "sample_rate_hz = inf"),
        ({"sample_rate_hz": -1e300}, "sample_rate_hz"),
        ({"loudness_lufs": math.nan}, "loudness_lufs = nan"),
        ({"loudness_lufs": 1e30}, "loudness_lufs"),
        ({"loudness_lufs": -math.inf}, "loudness_lufs"),
        ({"true_peak_dbtp": math.nan}, "true_peak_dbtp = nan"),
        ({"true_peak_dbtp": 1e-30}, "true_peak_dbtp"),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        synth_native.finish(noise(100, 0.5), **{"sample_rate_hz": RATE, **arguments})


@pytest.mark.parametrize("frame", [-1, 0.5, math.nan, math.inf, 1e300, 10**400])
def test_an_events_frame_is_a_whole_number(frame: float) -> None:
    made = synth_native.Renderer(synth_native.compile({"nodes": [{"id": "a", "type": "poly"}], "output": "a"}))
    with pytest.raises(ValueError, match="frame"):
        made.schedule([{"frame": frame, "type": "note_on", "node": "a", "note": 60}])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300, 10**400])
@pytest.mark.parametrize("field", ["note", "velocity"])
def test_an_events_figures_are_finite(field: str, value: float) -> None:
    made = synth_native.Renderer(synth_native.compile({"nodes": [{"id": "a", "type": "poly"}], "output": "a"}))
    with pytest.raises(ValueError, match=field):
        made.schedule([{"frame": 0, "type": "note_on", "node": "a", "note": 60, field: value}])
