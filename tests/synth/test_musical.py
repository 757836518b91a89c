"""Tempo, length, key and scale in the many ways that people write them, and what only looks like them."""

import pytest

from deployments.synth.terms.theory import SCALES
from deployments.synth.words.musical import read_terms
from deployments.synth.words.numbers import in_figures


@pytest.mark.parametrize(
    ("words", "figures"),
    [("ninety seconds", "90 seconds"), ("twenty-five minutes", "25 minutes"), ("one hundred and ten bpm", "110 bpm"),
     ("a hundred bpm", "100 bpm"), ("one twenty eight bpm", "128 bpm"), ("two and a half minutes", "2.5 minutes"),
     ("a minute and a half", "1.5 minute"), ("half an hour", "0.5 hour"), ("a quarter of an hour", "0.25 hour"),
     ("three quarters of a minute", "0.75 minute"), ("a couple of minutes", "2 minutes"), ("a dozen seconds",
     "12 seconds"),
     ("three thousand six hundred seconds", "3600 seconds"), ("six decibels", "6 decibels"),
     ("two guitars", "two guitars"), ("one bell", "one bell"), ("half a pad", "half a pad"), ("a second", "a second")],
)  # fmt: skip
def test_numbers_become_figures_before_a_unit_only(words: str, figures: str) -> None:
    assert in_figures(words) == figures


@pytest.mark.parametrize(
    ("prompt", "duration_s"),
    [("two minutes of ocean waves", 120), ("ninety seconds of wind", 90), ("half a minute of hail", 30),
     ("rain. Half a minute.", 30), ("a half-minute drone", 30), ("a pad, 1:30", 90), ("0:45 long, bells", 45),
     ("birds, length 2:05 min", 125), ("a couple of minutes of fire", 120), ("a minute and a half of rain", 90),
     ("two and a half minutes of surf", 150), ("three quarters of a minute, harp", 45),
     ("1 minute 30 seconds of rain", 90),
     ("two minutes and fifteen seconds of rain", 135), ("1h 20min of brown noise", 4800), ("1m30s of rain", 90),
     ("1h20min of hiss", 4800),
     ("three-minute sleep track", 180), ("a pad that lasts twelve seconds", 12), ("a minute of silence and wind", 60),
     ("a river, about a minute long", 60), ("an hour of rain", 3600), ("rain for a few minutes", 180),
     ("a 45-second drone", 45), ("rain (15 sec)", 15), ("rain. length: 25 s", 25), ("duration 40, pad", 40),
     ("30 seconds in D minor, pad", 30), ("60 bpm, 30 s, wide", 30), ("15s loop", 15), ("100s of rain", 100),
     ("80s of rain", 80), ("rain for 90s", 90), ("a 10 second pad with 2 second attack", 10)],
)  # fmt: skip
def test_lengths(prompt: str, duration_s: float) -> None:
    assert read_terms(prompt).duration_s == pytest.approx(duration_s)


@pytest.mark.parametrize(
    "prompt",
    ["80s action movie", "a 60s organ", "90s trance", "1980s pop", "the '70s", "the 40s", "20s jazz", "late 50s rock",
     "80's synth", "eighties drums", "a minute detail in the rain", "minute bells", "a second pad", "the first minute",
     "a bell every ten seconds", "a ping every couple of seconds or so", "strings with a two second attack",
     "pad, attack 2 seconds", "a pad with attack of 3 s", "attack time 1500 ms", "fades out over the last five seconds",
     "a reverb tail of six seconds", "a pad that takes three seconds to come in", "rain at 2:30 in the morning",
     "a train at 5:15 pm", "wait a minute, rain", "the second movement", "a 1990s modem", "16:9 wide", "half a pad",
     "birds once a minute", "a tenth of rain"],
)  # fmt: skip
def test_what_is_no_length(prompt: str) -> None:
    assert read_terms(prompt).duration_s is None


def test_a_decade_stays_in_the_text_in_one_form() -> None:
    assert {read_terms(f"{decade} pop").rest for decade in ("80s", "'80s", "80's", "1980s")} == {"80s pop"}


@pytest.mark.parametrize(
    ("prompt", "tempo_bpm"),
    [("drums, tempo around 110", 110), ("a tempo of about 96", 96), ("tempo: 84", 84), ("bpm: 87 drums", 87),
     ("bpm=150", 150), ("drums with bpm 133", 133), ("ninety beats per minute", 90), ("sixty-five bpm", 65),
     ("at one twenty bpm", 120), ("one hundred and seventy four bpm", 174), ("110 beats/min", 110),
     ("techno 135", 135), ("dnb 174, dark", 174), ("minimal deep house at 122: soft kick", 122),
     ("trance at 138!", 138),
     ("drums 96.5 bpm", 96.5), ("between 80 and 90 bpm", 85), ("100-110 bpm", 105), ("quarter note = 96", 96),
     ("drums @ 140 bpm", 140), ("a groove at around 98", 98), ("speed 70 bpm", 70)],
)  # fmt: skip
def test_tempi(prompt: str, tempo_bpm: float) -> None:
    assert read_terms(prompt).tempo_bpm == pytest.approx(tempo_bpm)


@pytest.mark.parametrize(
    "prompt",
    ["rain at 60 degrees", "techno from 1995", "an 808 bass", "techno 90s", "disco 70", "at 110 hz", "tempo 90%",
     "house music",
     "synthwave 1984", "route 66", "two beats", "100 birds", "beats for ninety seconds"],
)  # fmt: skip
def test_what_is_no_tempo(prompt: str) -> None:
    assert read_terms(prompt).tempo_bpm is None


def test_a_tempo_in_words_leaves_no_beats_behind() -> None:
    assert "beat" not in read_terms("strings at ninety beats per minute").rest


@pytest.mark.parametrize(
    ("prompt", "key", "scale"),
    [("pad on F, mixolydian", "F", "mixolydian"), ("pad in E flat (minor)", "Eb", "minor"),
     ("pad, C# min", "C#", "minor"), ("pad in f# min", "F#", "minor"), ("pad, G maj", "G", "major"), ("pad Gmaj7",
     "G", "major"),
     ("pad, F#m", "F#", "minor"), ("harp, c#m", "C#", "minor"), ("a pad rooted on D", "D", None), ("root note E",
     "E", None),
     ("with tonic F", "F", None), ("pad, minor, root A", "A", "minor"), ("drone tuned to A", "A", None),
     ("drone centred on Eb", "Eb", None), ("strings based around G sharp", "G#", None), ("with D as the root",
     "D", None),
     ("G as home note", "G", None), ("A is the tonal centre", "A", None), ("dorian, E tonic", "E", "dorian"),
     ("minor pentatonic scale on A", "A", "minor_pentatonic"), ("whole tone on C", "C", "whole_tone"),
     ("whole-tone scale from C#", "C#", "whole_tone"), ("lydian starting on F", "F", "lydian"), ("H-moll", "B",
     "minor"),
     ("Klavier in fis-Moll", "F#", "minor"), ("Es-Dur", "Eb", "major"), ("B-Dur", "Bb", "major"), ("la mineur", "A",
     "minor"),
     ("sol mayor", "G", "major"), ("oud in D hijaz", "D", "phrygian_dominant"),
     ("oud, maqam hijaz", None, "phrygian_dominant"),
     ("E phrygian dominant", "E", "phrygian_dominant"), ("an arabic scale", None, "double_harmonic"),
     ("key: Bb", "Bb", None), ("in the key of e", "E", None), ("E minor chord", "E", "minor"), ("C major pad", "C",
     "major")],
)  # fmt: skip
def test_keys(prompt: str, key: str | None, scale: str | None) -> None:
    terms = read_terms(prompt)
    assert (terms.key, terms.scale) == (key, scale)


@pytest.mark.parametrize(
    "prompt",
    ["a minor problem with the wind", "A minor incident", "a major storm", "minor details", "centred on a pad",
     "based on a true story", "a drone tuned to a low note", "the key of a door", "major city traffic",
     "arabic coffee house",
     "plan b", "vitamin c", "a spanish guitar", "arabic lute"],
)  # fmt: skip
def test_what_is_no_key(prompt: str) -> None:
    terms = read_terms(prompt)
    assert (terms.key, terms.scale) == (None, None)


def test_every_scale_can_be_named_on_any_note() -> None:
    for scale in SCALES:
        terms = read_terms(f"a harp in F# {scale.replace('_', ' ')}")
        assert (terms.key, terms.scale) == ("F#", scale)
        assert read_terms(f"a harp, {scale.replace('_', ' ')} scale on Eb").key == "Eb"
