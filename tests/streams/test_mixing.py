"""What is heard: the same however it is split, words to the sample, the bed under them, loudness and true peak."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import synth_native
from numpy._core._multiarray_umath import __cpu_dispatch__  # type: ignore[attr-defined]

from deployments.contract import Samples
from serve_app.streams.grid import LONG, RATE_HZ, SHORT
from serve_app.streams.mixing import VOICE_LU, render
from serve_app.streams.segments import encoded
from serve_app.streams.sounds import ArraySound, Facts, FileSound, Looped, seam_correlation
from serve_app.streams.spec import Change, Edit, MusicSpec, SpeechSpec, StreamSpec, Taper, stopping
from serve_app.streams.timeline import ATTACK, DUCK_DB, RELEASE, Timeline
from tests.streams.material import Pieces, buzz, noise, pad

SPEECH = SpeechSpec(texts=("a", "b", "c"), interval_s=15)
SPEC = StreamSpec(seed=1, item_s=30, crossfade_s=6, speech=SPEECH)


def db(ratio: float) -> float:
    return 20 * float(np.log10(ratio))


def rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def eventful() -> Timeline:
    edits = [
        Edit(from_k=9, switch=True),
        Edit(from_k=10, change=Change(gain_db=-6, loudness_lufs=-20), ramp_s=15),
        Edit(from_k=11, change=Change(gain_db=0, speech=SpeechSpec(texts=("x",), interval_s=7, gain_db=-3)), ramp_s=3),
    ]
    return Timeline(SPEC.model_copy(update={"taper": Taper(over_s=60), "duration_s": 70.0}), edits)


@pytest.mark.parametrize("size", [77_777, 1001, SHORT])
def test_any_split_gives_the_same_bits(size: int) -> None:
    line, items = eventful(), Pieces(speech=buzz(0, 3.0))
    a, b = (28 * RATE_HZ, 34 * RATE_HZ) if size < 10_000 else (-5000, 71 * RATE_HZ)
    whole = render(line, items, a, b)
    pieces = [render(line, items, at, min(at + size, b)) for at in range(a, b, size)]
    assert float(np.max(np.abs(np.concatenate(pieces, axis=1) - whole))) == 0.0
    assert whole.any()
    late = render(line, items, 70 * RATE_HZ, 71 * RATE_HZ)
    assert not late.any()


def test_looped_items_are_split_invariant_and_keep_their_level() -> None:
    looped = Looped(ArraySound(noise(1, 10)), 60 * RATE_HZ)
    whole = looped.read(0, 60 * RATE_HZ)
    pieces = [looped.read(at, min(at + 99_999, 60 * RATE_HZ)) for at in range(0, 60 * RATE_HZ, 99_999)]
    assert (np.concatenate(pieces, axis=1) == whole).all()
    second = [db(rms(whole[:, at : at + RATE_HZ]) / rms(whole)) for at in range(0, 59 * RATE_HZ, RATE_HZ)]
    assert max(map(abs, second)) < 0.3
    items = Pieces({j: ArraySound(noise(j, 8)) for j in range(3)})
    assert rms(render(Timeline(SPEC), items, 20 * RATE_HZ, 28 * RATE_HZ)) > 0.01


def digest() -> str:
    """Of samples with every kind of fade, and of packets; the facts are given, as they are when items are stored."""
    facts = Facts(36 * RATE_HZ, -17.31, -3.2)
    items = Pieces(
        {j: ArraySound(noise(j, 36), facts) for j in range(3)}, ArraySound(noise(9, 3), Facts(132_300, -19.07, -4))
    )
    samples = render(eventful(), items, 0, 70 * RATE_HZ)
    packets = b"".join(encoded(Timeline(SPEC), items, 5, "flac").packets)
    return hashlib.sha256(samples.tobytes() + packets).hexdigest()


def test_every_processor_gives_the_same_bits() -> None:
    """Another process with NumPy's and the engine's kernels for plain x86-64, or whatever this machine's least is."""
    program = "from tests.streams.test_mixing import digest; print(digest())"
    least = {"NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__), "SYNTH_ISA": "x86-64"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=os.environ | least,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest()


def test_words_begin_at_their_sample_and_a_missing_one_leaves_the_bed() -> None:
    line, voice = Timeline(SPEC), ArraySound(noise(5, 3))
    text = line.speech(0, 20 * RATE_HZ)[0]
    assert text.start == 15 * RATE_HZ
    alone = render(line, Pieces({}, voice), 0, 20 * RATE_HZ)
    frames = voice.facts.frames
    heard = np.flatnonzero(alone.any(axis=0))
    assert (heard[0], heard[-1]) == (text.start, text.start + frames - 1)
    gain = alone[:, text.start : text.start + frames] / voice.read(0, frames)
    wanted = SPEC.loudness_lufs + DUCK_DB + VOICE_LU - voice.facts.loudness_lufs
    assert np.allclose(gain, 10 ** (wanted / 20), rtol=1e-5)
    bed = Pieces()
    without = render(line, bed, 14 * RATE_HZ, 20 * RATE_HZ)
    assert (without == render(line, Pieces(speech=voice), 14 * RATE_HZ, 20 * RATE_HZ, voice=False)).all()
    too_long = ArraySound(noise(5, 14.9))
    assert (without == render(line, Pieces(speech=too_long), 14 * RATE_HZ, 20 * RATE_HZ)).all()


def test_the_bed_is_9_db_down_under_a_voice_and_back_within_a_second() -> None:
    line = Timeline(SPEC)
    silent = ArraySound(np.zeros((1, 3 * RATE_HZ), np.float32), Facts(3 * RATE_HZ, -20.0, -10.0))
    start, end = 15 * RATE_HZ, 18 * RATE_HZ
    ducked = render(line, Pieces(speech=silent), 0, 20 * RATE_HZ)
    bed = render(line, Pieces(), 0, 20 * RATE_HZ)
    assert (ducked[:, : start - ATTACK] == bed[:, : start - ATTACK]).all()
    assert (ducked[:, end + RELEASE :] == bed[:, end + RELEASE :]).all()
    assert RELEASE < RATE_HZ
    under = [db(rms(ducked[:, at : at + 4410]) / rms(bed[:, at : at + 4410])) for at in range(start, end, 4410)]
    assert np.allclose(under, -9, atol=0.05)


def test_the_whole_has_its_loudness_and_no_peak_passes() -> None:
    line, items = Timeline(SPEC), Pieces(speech=buzz(1))
    report = synth_native.measure(render(line, items, 0, 3 * 60 * RATE_HZ), RATE_HZ)
    assert report["loudness_lufs"] == pytest.approx(-23, abs=0.5)
    assert report["true_peak_dbtp"] <= -1
    assert 0 < max(items.seams.values()) <= 1


@pytest.mark.parametrize("kind", ["clicks", "same"])
def test_no_peak_passes_however_hostile_the_items(kind: str) -> None:
    def hostile(seconds: float) -> ArraySound:
        sound = noise(3, seconds, 0.02)
        sound[:, 11::4001] = 0.97
        sound[:, 13::4001] = -0.97
        return ArraySound(np.ones_like(sound) * np.float32(0.9) if kind == "same" else sound)

    spec = SPEC.model_copy(update={"loudness_lufs": -14.0, "speech": SpeechSpec(texts=("a",), interval_s=5, gain_db=6)})
    items = Pieces({j: hostile(36) for j in range(4)}, hostile(3))
    items.seams = {(j, 0, j + 1, 0): 0.0 for j in range(4)}
    sound = render(Timeline(spec), items, 20 * RATE_HZ, 70 * RATE_HZ)
    assert synth_native.measure(sound, RATE_HZ)["true_peak_dbtp"] <= -1


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_the_law_of_a_crossfade_keeps_the_power(alike: float) -> None:
    shared, first, second = (noise(seed, 36) for seed in range(3))
    a, b = np.float32(alike**0.5), np.float32((1 - alike) ** 0.5)
    spec = SPEC.model_copy(update={"speech": None})
    line = Timeline(spec)
    left, right = line.music(0, 31 * RATE_HZ)
    aligned = np.roll(shared, right.start - left.start, axis=1)  # the same samples at the same time
    items = Pieces({0: ArraySound(a * aligned + b * first), 1: ArraySound(a * shared + b * second)})
    assert items.correlation(left, right) == pytest.approx(alike, abs=0.01)
    sound = render(line, items, 20 * RATE_HZ, 40 * RATE_HZ)
    levels = [db(rms(sound[:, at : at + 4410]) / rms(sound)) for at in range(0, 20 * RATE_HZ, 4410)]
    assert max(map(abs, levels)) < 0.25


def test_a_seam_without_a_neighbour_fades_alone() -> None:
    items = Pieces({0: pad(0)})
    sound = render(Timeline(SPEC), items, 0, 40 * RATE_HZ)
    assert not sound[:, 36 * RATE_HZ :].any()
    assert 0 < rms(sound[:, 35 * RATE_HZ : 36 * RATE_HZ]) < 0.3 * rms(sound[:, 28 * RATE_HZ : 29 * RATE_HZ])
    left, right = Timeline(SPEC).music(0, 31 * RATE_HZ)
    silence = ArraySound(np.zeros((2, 36 * RATE_HZ), np.float32))
    assert seam_correlation(left, silence, right, pad(1)) == 0


def test_a_switch_is_as_smooth_as_a_seam() -> None:
    line = Timeline(SPEC.model_copy(update={"speech": None}), [Edit(from_k=9, switch=True)])
    items = Pieces({j: ArraySound(noise(j, 36)) for j in range(3)})
    sound = render(line, items, 0, 30 * RATE_HZ)
    before = render(Timeline(line.spec), items, 0, 30 * RATE_HZ)
    assert (sound[:, :LONG] == before[:, :LONG]).all()
    assert not (sound[:, LONG + 5000 :] == before[:, LONG + 5000 :]).all()
    short = [db(rms(sound[:, at : at + RATE_HZ])) for at in range(RATE_HZ, 29 * RATE_HZ, RATE_HZ // 2)]
    assert max(short) - min(short) < 0.3


@pytest.mark.parametrize(
    "edit",
    [
        Edit(from_k=11, switch=True, change=Change(music=MusicSpec(prompt="bells"))),
        Edit(from_k=11, change=Change(gain_db=-20, loudness_lufs=-30, taper=Taper()), ramp_s=0.05),
        Edit(from_k=11, change=Change(speech=SpeechSpec(texts=("z",), interval_s=5))),
        Edit(from_k=11, change=Change(speech=None)),
        Edit(from_k=11, change=Change(mix=False)),
        stopping(11, 5),
    ],
    ids=["switch", "levels", "texts", "silent", "unmixed", "stop"],
)
def test_an_edit_changes_nothing_before_it_and_makes_no_step(edit: Edit) -> None:
    start = 3 * LONG  # 30.72 s: in the midst of a text
    items = Pieces({j: tone(j) for j in range(3)}, tone(9, 4.0))
    before = render(Timeline(SPEC), items, start - RATE_HZ, start + 20 * RATE_HZ)
    after = render(Timeline(SPEC, [edit]), items, start - RATE_HZ, start + 20 * RATE_HZ)
    assert (after[:, :RATE_HZ] == before[:, :RATE_HZ]).all()
    assert not (after == before).all()
    assert np.abs(np.diff(after, n=2)).max() < 1e-2 < np.abs(after).max()  # a click would be as high as the sound


def tone(number: int, seconds: float = 36.0) -> ArraySound:
    hz = 50.0 + 10 * number
    sound = 0.2 * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(round(seconds * RATE_HZ)))
    return ArraySound(np.stack([sound, sound]).astype(np.float32), Facts(len(sound), -20.0, -14.0))


def test_files_are_read_in_slices(tmp_path: "os.PathLike[str]") -> None:
    import soundfile

    path = os.path.join(tmp_path, "item.flac")
    soundfile.write(path, noise(1, 2).T, RATE_HZ, subtype="PCM_16")
    sound = FileSound(path, Facts(2 * RATE_HZ, -20, -3))
    whole = sound.read(0, 2 * RATE_HZ)
    assert (sound.read(30_001, 50_000) == whole[:, 30_001:50_000]).all()
    with pytest.raises(ValueError, match="expected 5 frames"):
        FileSound(path, Facts(5, -20, -3)).read(0, 5)
    with pytest.raises(OSError, match="none"):
        FileSound(os.path.join(tmp_path, "none.flac"), Facts(5, -20, -3)).read(0, 5)
