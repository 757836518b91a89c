"""Layers of a long piece come and go; short ones are left alone."""

from collections.abc import Sequence

import pytest

from deployments.synth.score.compose import SCORES, compose
from deployments.synth.score.player import Player
from deployments.synth.score.song import Note, Song
from deployments.synth.score.stage import Part, Presence, presences, staged
from deployments.synth.terms.roles import ROLES
from deployments.synth.terms.theory import Tonality
from tests.synth.listen import RATE_HZ, make, mono
from tests.synth.pairs import envelope

BAND = (
    Part("rain", "AMBIENCE", "none"), Part("pad", "PAD", "chords"), Part("keys", "KEYS", "broken"),
    Part("bass", "BASS", "bass"), Part("drums", "PERCUSSION", "drums"),
)  # fmt: skip


def song(duration_s: float, seed: int = 1) -> Song:
    return Song(Tonality("C", "minor"), 90.0, duration_s, 3.0, seed)


def on_stage(plan: dict[str, Presence], time_s: float) -> list[str]:
    return [name for name, presence in plan.items() if any(a <= time_s < b for a, b in presence.spans_s)]


def played(piece: Song, part: Part, presence: Presence) -> list[Note]:
    player = Player(part.name, part.score, 4, ROLES[part.role])
    events = list(staged(compose(piece, player), part, presence, piece))
    assert [event.start_s for event in events] == sorted(event.start_s for event in events)
    return [event for event in events if isinstance(event, Note)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("duration_s", [45.0, 60.0, 180.0, 600.0])
def test_layers_enter_one_after_another_thin_out_and_drums_stop_first(duration_s: float, seed: int) -> None:
    piece = song(duration_s, seed)
    plan = presences(piece, BAND)
    entries = [presence.spans_s[0][0] for presence in plan.values()]
    assert entries[0] == 0
    assert len(set(entries)) >= 4
    assert max(entries) < 0.3 * duration_s
    crowd = [len(on_stage(plan, time_s)) for time_s in range(int(duration_s))]
    full = crowd.index(len(BAND))
    assert min(crowd) >= 1
    assert min(crowd[full : int(0.85 * duration_s)]) < len(BAND)
    assert "drums" not in on_stage(plan, duration_s - 1)
    assert {"rain", "pad"} <= set(on_stage(plan, duration_s - 1))


@pytest.mark.parametrize("parts", [BAND, BAND[:1], BAND[2:3]])
def test_a_short_piece_has_everybody_throughout(parts: Sequence[Part]) -> None:
    assert all(presence.throughout and not presence.thin_s for presence in presences(song(24.0), parts).values())


@pytest.mark.parametrize("score", sorted(set(SCORES) - {"none", "thunder"}))
def test_nothing_is_heard_of_who_is_away(score: str) -> None:
    piece = song(60.0)
    presence = Presence(((piece.chord_s * 2, piece.chord_s * 8), (piece.chord_s * 11, 60.0)))
    notes = played(piece, Part("layer", "PAD", score), presence)
    assert notes
    for note in notes:
        inside = [b for a, b in presence.spans_s if a - 0.04 <= note.start_s < b]
        assert inside
        assert note.start_s + note.length_s <= inside[0] + 0.05


def test_held_chords_are_complete_when_the_pad_comes_back() -> None:
    piece = song(60.0)
    again = piece.chord_s * 9
    part = Part("pad", "PAD", "chords")
    usual = played(piece, part, Presence(((0.0, 60.0),)))
    back = played(piece, part, Presence(((0.0, piece.chord_s * 6), (again, 60.0))))

    def sounding(notes: list[Note]) -> set[int]:
        return {note.pitch for note in notes if note.start_s <= again + 0.05 < note.start_s + note.length_s}

    assert sounding(back) == sounding(usual) != set()


def test_who_is_alone_plays_less_in_the_middle() -> None:
    piece = song(120.0)
    keys = BAND[2]
    presence = presences(piece, [keys])["keys"]
    (begin, end), *_ = presence.thin_s
    everything = played(piece, keys, Presence(((0.0, 120.0),)))
    less = played(piece, keys, presence)
    assert sum(begin < n.start_s < end for n in less) < 0.85 * sum(begin < n.start_s < end for n in everything)
    assert sum(n.start_s < begin for n in less) == sum(n.start_s < begin for n in everything)


def test_a_long_piece_begins_with_less_than_its_middle() -> None:
    level = envelope(mono(make("lofi beat with a pad", 3, duration_s=40.0)), 0.5)
    frames_per_s = RATE_HZ / 256
    assert level[: int(3 * frames_per_s)].mean() < 0.8 * level[int(12 * frames_per_s) : int(18 * frames_per_s)].mean()
