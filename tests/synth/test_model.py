"""What a listener would notice: lengths, endings, seeds, key, tempo, colour, and stopping at once."""

from dataclasses import replace

import numpy as np
import pytest
import synth_native

from deployments.contract import Cancelled, Capability, Context, InvalidInput, Model
from deployments.synth import Synth, SynthRequest
from deployments.synth.choice.understand import Layer
from deployments.synth.library.presets import library
from deployments.synth.score.arrange import arrange
from deployments.synth.score.song import Song
from deployments.synth.sound.graph import build
from deployments.synth.terms.change import Change
from deployments.synth.terms.theory import SCALES, Tonality, lead_voices
from tests.synth.listen import RATE_HZ, band, centroid_hz, make, mono, onset_period_s, pitch_classes, sounds


def test_it_is_a_model() -> None:
    synth = Synth()
    synth.load()
    assert isinstance(synth, Model)


@pytest.mark.parametrize("duration_s", [0.05, 0.123456, 1.0, 60.0])
@pytest.mark.parametrize("prompt", ["gentle rain with a warm low pad", "bell", "techno"])
def test_duration_is_exact_and_there_is_sound(prompt: str, duration_s: float) -> None:
    audio = make(prompt, duration_s=duration_s)
    assert audio.samples.shape == (2, round(duration_s * RATE_HZ))
    assert audio.samples.dtype == np.float32
    assert np.abs(audio.samples).max() > 1e-3
    assert np.isfinite(audio.samples).all()


@pytest.mark.parametrize("prompt", ["rain", "pad", "drums", "bell and strings", "ocean"])
def test_it_ends_by_itself(prompt: str) -> None:
    samples = make(prompt, duration_s=6).samples
    assert np.abs(samples[:, -50:]).max() < 1e-3
    tail, body = samples[:, -4410:], samples[:, RATE_HZ:-RATE_HZ]
    assert np.sqrt((tail**2).mean()) < 0.25 * np.sqrt((body**2).mean())


@pytest.mark.parametrize("prompt", ["gentle rain with a warm low pad", "lofi beat", "thunderstorm"])
def test_seeds(prompt: str) -> None:
    first, again, other = (make(prompt, seed, duration_s=2).samples for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.corrcoef(first[0], other[0])[0, 1] < 0.9


def test_without_a_layer_the_others_stay_as_they_were() -> None:
    both = mono(make("bell with rain", duration_s=4, key="C", scale="minor"))
    bell = mono(make("bell", duration_s=4, key="C", scale="minor"))
    rain = mono(make("rain", duration_s=4, key="C", scale="minor"))
    assert np.corrcoef(both, bell + rain)[0, 1] > 0.95


@pytest.mark.parametrize("sound", ["pad", "arpeggio", "flute melody", "piano", "strings"])
@pytest.mark.parametrize(
    ("key", "scale"), [("D", "minor"), ("F#", "major"), ("Bb", "dorian"), ("C", "minor pentatonic")]
)
def test_the_key_is_heard(sound: str, key: str, scale: str) -> None:
    audio = make(sound, duration_s=10, key=key, scale=scale)
    tonality = Tonality(key, scale)
    share = pitch_classes(mono(audio))
    inside = sum(share[(tonality.tonic + step) % 12] for step in tonality.steps)
    assert inside > 0.7  # the fifths and thirds among the partials lie outside
    others = [sum(share[(other + step) % 12] for step in tonality.steps) for other in away(tonality)]
    assert inside > max(others) - 0.01  # a few notes of a melody may fit two keys
    assert audio.facts["interpretation"]["key"] == key


def away(tonality: Tonality) -> list[int]:
    """Tonics of keys that share few notes with this one."""
    return [tonality.tonic + steps for steps in (1, 4, 6, 8, 11)]


def test_the_key_of_the_prompt_and_the_field_above_it() -> None:
    facts = make("pad in D minor at 70 bpm", duration_s=0.1).facts["interpretation"]
    assert (facts["key"], facts["scale"], facts["tempo_bpm"]) == ("D", "minor", 70)
    facts = make("pad in D minor at 70 bpm", duration_s=0.1, key="eb", scale="Major", tempo_bpm=100).facts[
        "interpretation"
    ]
    assert (facts["key"], facts["scale"], facts["tempo_bpm"]) == ("Eb", "major", 100)


@pytest.mark.parametrize("tempo_bpm", [60, 90, 128, 174])
def test_the_tempo_is_heard(tempo_bpm: float) -> None:
    beat_s = 60 / tempo_bpm
    kick = band(mono(make("kick drum", duration_s=12, tempo_bpm=tempo_bpm)), 30, 200)
    assert onset_period_s(kick, 0.7 * beat_s, 1.4 * beat_s) == pytest.approx(beat_s, rel=0.03)


def test_words_set_the_tempo() -> None:
    kick = band(mono(make("a kick drum at 75 bpm", duration_s=12)), 30, 200)
    assert onset_period_s(kick, 0.5, 1.2) == pytest.approx(0.8, rel=0.03)


def test_negation_removes_the_layer() -> None:
    without = make("rain, a pad and no drums", negative_prompt="pad, bells", duration_s=1)
    assert sounds(without) == ["rain"]
    same = make("rain", duration_s=1)
    np.testing.assert_array_equal(without.samples, same.samples)


@pytest.mark.parametrize("sound", ["pad", "strings", "rain", "bell", "wind"])
def test_dark_is_darker_than_bright(sound: str) -> None:
    dark, usual, bright = (
        centroid_hz(mono(make(f"{word} {sound}", duration_s=5, key="C", scale="minor")))
        for word in ("dark", "", "bright")
    )
    assert dark < 0.97 * usual
    assert usual < 0.99 * bright


@pytest.mark.parametrize("sound", ["drone", "pad", "bell", "rain"])
def test_low_is_lower(sound: str) -> None:
    low, usual = (
        centroid_hz(mono(make(prompt, duration_s=5, key="C", scale="major"))) for prompt in (f"low {sound}", sound)
    )
    assert low < 0.85 * usual


def test_many_loud_layers_stay_within_full_scale() -> None:
    prompt = ", ".join(f"loud heavy {sound}" for sound in ("rain", "wind", "fire", "drums", "bass", "thunder"))
    samples = make(prompt, duration_s=6).samples
    assert 0.3 < np.abs(samples).max() <= 0.9701


def test_an_unknown_prompt_is_music_and_other_words_are_other_music() -> None:
    made = [make(prompt, duration_s=1) for prompt in ("xyzzy", "plugh", "qwerty", "foo", "bar")]
    assert all(sounds(audio) for audio in made)
    assert len({tuple(sounds(audio)) for audio in made}) > 1
    assert not made[0].facts["interpretation"]["understood"]


@pytest.mark.parametrize("role", ["PAD", "bass", "Drums", "BELL"])
def test_a_role_gives_an_unknown_prompt_its_sound(role: str) -> None:
    assert sounds(make("xyzzy", duration_s=0.1, role=role)) == [role.lower()]


@pytest.mark.parametrize("chunk", [1, 3])
def test_cancel_stops_after_the_chunk(chunk: int) -> None:
    context = Context(seed=1)
    steps: list[tuple[int, int]] = []

    def progress(step: int, total: int) -> None:
        steps.append((step, total))
        if step == chunk:
            context.cancelled.set()

    context.progress = progress
    chunks = Synth().generate(SynthRequest(prompt="rain", duration_s=60), context)
    heard = [next(chunks) for _ in range(chunk - 1)]
    with pytest.raises(Cancelled):
        next(chunks)
    assert sum(audio.duration_s for audio in heard) < 1
    assert steps[-1][0] == chunk
    assert steps[-1][1] > 60


def test_it_streams() -> None:
    chunks = list(Synth().generate(SynthRequest(prompt="rain and a pad", duration_s=10), Context(seed=1)))
    assert Capability.STREAMING in Synth.info.capabilities
    assert chunks[0].duration_s <= 0.1
    assert max(chunk.duration_s for chunk in chunks) < 1
    assert chunks[0].facts["interpretation"]["layers"]
    assert sum(chunk.samples.shape[1] for chunk in chunks) == 10 * RATE_HZ


@pytest.mark.parametrize(
    ("field", "value"), [("key", "H"), ("key", "C##"), ("scale", "blue"), ("role", "COOK"), ("preset", "padd")]
)
def test_bad_input_names_its_field(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Synth().generate(SynthRequest.model_validate({"prompt": "pad", field: value}), Context(seed=1))
    assert caught.value.pointer == f"/{field}"
    assert value in caught.value.detail


@pytest.mark.parametrize("scale", SCALES)
def test_voices_move_little_from_chord_to_chord(scale: str) -> None:
    tonality, voices = Tonality("C", scale), (50, 57, 62)
    for degree in (0, 3, 4, 0, 2, 1, 0):
        before, voices = voices, lead_voices(tuple(tonality.chord(degree)), voices, 48, 67)
        assert {v % 12 for v in voices} == set(tonality.chord(degree))
        assert max(abs(a - b) for a, b in zip(before, voices, strict=True)) <= 8


def test_no_preset_clashes_with_the_nodes_of_the_mix() -> None:
    song = Song(Tonality("C", "minor"), 90.0, 4.0, 1.0, 1)
    change = Change(level_db=-3, brightness=-1.5, register=-1, distance=1, width=1, attack=2, intensity=1)
    for name in library():
        layers = (Layer("bass", "", change), Layer(name, "", change), Layer(name, "", replace(change, brightness=1.5)))
        synth_native.compile(build(arrange(layers), song, 0.5))
