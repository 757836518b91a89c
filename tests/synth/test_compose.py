"""What the players play: in key, in time, in register, in order, to the end, and never twice the same."""

from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np
import pytest

from deployments.synth.library.presets import library
from deployments.synth.score.compose import SCORES, compose
from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Note, Song
from deployments.synth.terms.roles import ROLES
from deployments.synth.terms.theory import SCALES, Tonality

TONAL = {
    "chords": "PAD", "stabs": "KEYS", "drone": "DRONE", "bass": "BASS", "melody": "LEAD", "arp": "ARP",
    "broken": "KEYS", "strum": "PLUCK", "sparse": "BELL", "bowls": "BELL", "swells": "FX",
}  # fmt: skip
RHYTHMIC = ("drums", "beats", "offbeats", "rolls")


def song(scale: str = "minor", key: str = "D", duration_s: float = 60.0, **fields: object) -> Song:
    values = {"tempo_bpm": 90.0, "release_s": min(3.0, 0.25 * duration_s), "seed": 1, **fields}
    return Song(Tonality(key, scale), duration_s=duration_s, **values)  # type: ignore[arg-type]


def player(score: str, pace: float = 0.0, octave: int = 4) -> Player:
    return Player("test", score, octave, ROLES[TONAL.get(score, "PERCUSSION")], pace)  # type: ignore[index]


def notes(events: Iterator[Event]) -> list[Note]:
    return [event for event in events if isinstance(event, Note)]


@pytest.mark.parametrize("score", TONAL)
@pytest.mark.parametrize("scale", SCALES)
def test_every_note_is_in_the_key(score: str, scale: str) -> None:
    for key in ("C", "F#", "Bb"):
        piece = song(scale, key)
        played = notes(compose(piece, player(score)))
        assert played
        assert {(note.pitch - piece.tonality.tonic) % 12 for note in played} <= set(piece.tonality.steps)


@pytest.mark.parametrize("score", ["melody", "sparse", "bowls", "chords", "stabs", "arp", "broken", "strum"])
def test_twelve_seconds_tell_major_from_minor(score: str) -> None:
    for seed, (scale, third) in product(range(40), (("major", 4), ("minor", 3))):
        piece = song(scale, "Bb", 12.0, seed=seed)
        assert piece.tonality.third == 2
        assert third in {(note.pitch - piece.tonality.tonic) % 12 for note in notes(compose(piece, player(score)))}


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("duration_s", [0.05, 1.0, 7.3, 60.0])
def test_events_are_in_order_within_the_song(score: str, duration_s: float) -> None:
    piece = song(duration_s=duration_s)
    events = list(compose(piece, player(score)))
    starts = [event.start_s for event in events]
    assert starts == sorted(starts)
    assert all(0 <= start < duration_s for start in starts)
    played = [event for event in events if isinstance(event, Note)]
    assert all(note.length_s > 0 and 0 < note.velocity <= 1 for note in played)
    if score not in {"none", "thunder"}:
        assert played[0].start_s == 0


@pytest.mark.parametrize("score", [*TONAL, *RHYTHMIC])
def test_a_waltz_is_in_order_too(score: str) -> None:
    starts = [event.start_s for event in compose(song(beats=3), player(score))]
    assert starts == sorted(starts)


@pytest.mark.parametrize("score", [*TONAL, *RHYTHMIC])
def test_a_seed_is_a_piece(score: str) -> None:
    first, again, other = (list(compose(song(seed=seed), player(score))) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize("score", ["chords", "bass", "melody", "arp", "broken", "strum", "stabs"])
def test_registers_are_the_roles(score: str) -> None:
    low, high = ROLES[TONAL[score]].notes  # type: ignore[index]
    for octave in (1, 3, 5, 7):
        pitches = [note.pitch for note in notes(compose(song(), player(score, octave=octave)))]
        assert low - 2 <= min(pitches)
        assert max(pitches) <= high + 12


@pytest.mark.parametrize("score", ["arp", "broken", "melody", "drums", "sparse", "bass", "offbeats", "stabs", "birds"])
def test_dense_has_more_onsets_than_sparse(score: str) -> None:
    sparse, usual, dense = (
        len({round(note.start_s, 1) for note in notes(compose(song(), player(score, pace)))}) for pace in (-1, 0, 1)
    )
    assert sparse < usual
    assert sparse < 0.7 * dense


def test_harmony_begins_and_ends_at_home() -> None:
    for scale in SCALES:
        for seed in range(5):
            degrees = [chord.degree for chord in song(scale, seed=seed).chords()]
            assert degrees[0] == degrees[-1] == 0
            assert len(set(degrees)) > 1


def test_ten_minutes_have_form() -> None:
    piece = song(duration_s=600.0)
    chords = [chord.degree for chord in piece.chords()]
    assert len({section.theme for section in piece.sections}) >= 4
    eights = [tuple(chords[at : at + 8]) for at in range(0, len(chords) - 8, 8)]
    assert len(set(eights)) > 5
    assert len({section.energy for section in piece.sections}) > 5


@pytest.mark.parametrize("score", ["melody", "broken", "bass", "drums", "sparse"])
def test_no_two_bars_of_eight_are_alike(score: str) -> None:
    piece = song(duration_s=600.0)
    played = notes(compose(piece, player(score)))
    window = 8 * piece.bar_s
    bars: list[tuple[tuple[int, int], ...]] = []
    for at in range(int(590 / window)):
        inside = [note for note in played if at * window <= note.start_s < (at + 1) * window]
        bars.append(tuple((note.pitch, round((note.start_s - at * window) / 0.05)) for note in inside))
    assert len(set(bars)) == len(bars)


def test_melodies_breathe_and_move_by_step() -> None:
    for seed in range(8):
        played = notes(compose(song(seed=seed), player("melody")))
        gaps = [after.start_s - (note.start_s + note.length_s) for note, after in pairwise(played)]
        assert max(gaps) > 0.6  # rests
        leaps = [abs(after.pitch - note.pitch) for note, after in pairwise(played)]
        assert np.median(leaps) <= 4
        assert max(leaps) <= 14


def test_swing_delays_the_second_half_of_a_beat() -> None:
    piece = song(swing=0.6, tempo_bpm=120.0)
    late = [note.start_s / 0.5 % 1 for note in notes(compose(piece, player("offbeats")))]
    offbeat = [place for place in late if 0.3 < place < 0.9]
    assert np.mean(offbeat) == pytest.approx(0.6, abs=0.02)
    straight = [n.start_s / 0.5 % 1 for n in notes(compose(song(tempo_bpm=120.0), player("offbeats")))]
    assert np.mean([place for place in straight if 0.3 < place < 0.9]) == pytest.approx(0.5, abs=0.02)


def test_played_by_people() -> None:
    played = notes(compose(song(tempo_bpm=120.0), player("beats")))
    late = np.array([note.start_s - round(note.start_s / 0.5) * 0.5 for note in played[1:]])
    assert 0.001 < late.std() < 0.01
    assert np.abs(late).max() < 0.02
    assert np.std([note.velocity for note in played]) > 0.01


def test_the_library_names_scores_that_exist() -> None:
    assert {preset.score for preset in library().values()} <= set(SCORES)
