"""Scores of events with silence around them: bells, bowls, birds, crickets, thunder, swells."""

import math
from collections.abc import Iterator

from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Move, Note, Song

_LONG_S, _HURRIED = 4.0, 1.8  # what is struck that seldom is only dense if it hurries more


def sparse(song: Song, player: Player) -> Iterator[Event]:
    """Single strikes on tones of the scale that fit the chord, with long pauses; now and then two or three."""
    yield from _strikes(song, player, 1.9)


def bowls(song: Song, player: Player) -> Iterator[Event]:
    """Slow strikes that are left to ring out, the tonic first and most often."""
    yield from _strikes(song, player, 6.0)


def _strikes(song: Song, player: Player, gap_s: float) -> Iterator[Event]:
    random = song.random(player.name)
    slowest_hz, fastest_hz = player.policy.onsets_hz
    faster = 2.0 ** (player.pace * (_HURRIED if gap_s > _LONG_S and player.pace > 0 else 1.0))
    gap = min(1 / slowest_hz, max(1 / fastest_hz, gap_s / faster))
    if song.pulse:
        gap = song.beat_s * 2.0 ** round(math.log2(gap / song.beat_s)) if gap_s > _LONG_S else player.step_s(song, 1.0)
    start, strikes, told = 0.0, 0, False  # whether it is known to be major or minor
    while start == 0 or start < song.end_s - min(1.5, 0.4 * song.duration_s):
        chord = song.chord_at(start)
        tones = song.tonality.chord(chord.degree)
        degree = 0 if start == 0 or random.random() < 0.2 else _degree_of(song, tones[int(random.integers(len(tones)))])
        strikes += 1
        if not told and (strikes > 2 or (strikes == 2 and (song.tonality.chord(0)[1] in tones or gap > song.chord_s))):
            degree, told = song.tonality.third, True
        velocity = 0.55 + 0.22 * float(random.random())
        yield Note(start, gap, player.pitch(song, degree), velocity)
        if gap_s < _LONG_S and not song.pulse and random.random() < 0.3:  # an answer, softer and near
            after = start + float(random.uniform(0.5, 1.0)) * song.beat_s
            if after < song.end_s - 0.3:
                answer = degree + int(random.choice([-1, 2, 4]))
                yield Note(after, gap, player.pitch(song, answer), 0.7 * velocity)
                start = after
        start += gap * (1.0 if song.pulse else float(random.uniform(0.5, 1.5 if told else 1.0)))


def _degree_of(song: Song, pitch_class: int) -> int:
    return next(d for d in range(len(song.tonality.steps)) if song.tonality.note(d, 0) % 12 == pitch_class)


def birds(song: Song, player: Player) -> Iterator[Event]:
    """Three birds, each with its own pitch and phrase."""
    random = song.random(player.name)
    pitches = random.uniform(91, 103, 3)
    lengths = random.uniform(0.05, 0.12, 3)
    start = 0.0
    while start == 0 or start < song.end_s - 0.2:
        bird = int(random.integers(3))
        loud = float(random.uniform(0.5, 0.85))
        for call in range(int(random.integers(2, 7))):
            if start > 0 and start > song.end_s - 0.1:
                return
            pitch = round(float(pitches[bird]) + float(random.normal(0, 1.2)) - 0.4 * call)
            yield Note(start, float(lengths[bird]), pitch, loud)
            start += float(lengths[bird]) * 1.9
        start += float(random.uniform(0.3, 2.2)) / 2.0**player.pace


def crickets(song: Song, player: Player) -> Iterator[Event]:
    """One held tone; the preset turns it into chirps."""
    yield Note(0.0, song.held(0.0, song.duration_s), 104 + int(song.random(player.name).integers(4)), 0.7)


def thunder(song: Song, player: Player) -> Iterator[Event]:
    """Strikes: a quick rise and a long uneven roll, on the level of a rumbling noise."""
    random = song.random(player.name)
    start = min(float(random.uniform(0.1, 0.5)), 0.1 * song.duration_s)
    while start < max(0.8 * song.duration_s, 0.2):
        loud, time = float(random.uniform(-4, 0)), start
        yield Move(time, "strike", "gain_db", loud, 0.06)
        for roll in range(int(random.integers(3, 6))):
            time += float(random.uniform(0.25, 0.7))
            yield Move(time, "strike", "gain_db", loud - 5 * (roll + 1) - float(random.uniform(0, 5)), 0.25)
        yield Move(time + 0.5, "strike", "gain_db", -50.0, 1.5)
        start = time + float(random.uniform(3.5, 9)) / 2.0**player.pace


def swells(song: Song, player: Player) -> Iterator[Event]:
    """Held notes that come and go by themselves: risers, whales, far horns."""
    random = song.random(player.name)
    start = 0.0
    while start == 0 or start < song.end_s - 1.0:
        tones = song.tonality.chord(song.chord_at(start).degree)
        degree = _degree_of(song, tones[int(random.integers(len(tones)))])
        length = float(random.uniform(2.5, 6.0)) / 2.0**player.pace
        yield Note(start, song.held(start, length), player.pitch(song, degree), 0.6 + 0.2 * float(random.random()))
        start += length * float(random.uniform(1.1, 2.0))
