"""Scores of long notes: chords that are led from one to the next, drones whose partners come and go."""

from collections import deque
from collections.abc import Iterator
from itertools import islice

import numpy as np

from deployments.synth.score.player import Player
from deployments.synth.score.song import Chord, Event, Note, Song
from deployments.synth.terms.theory import lead_voices

_LONGEST = 3  # chords that a common tone is held over before it is struck again
_RESTS = -1.0  # a pace at which every second chord is left out

_Rhythm = tuple[tuple[float, float], ...]  # (beat, length in beats)
_PULSED: tuple[_Rhythm, ...] = (tuple((float(beat), 0.75) for beat in range(4)),)

Voicing = tuple[Chord, tuple[int, ...]]


def chords(song: Song, player: Player) -> Iterator[Event]:
    """Held chords, each voice going to the nearest note of the next; common notes are held over."""
    random = song.random(player.name)
    voicings = _voicings(song, player)
    ahead: deque[Voicing] = deque(islice(voicings, _LONGEST))
    until: dict[int, int] = {}  # pitch -> index of the chord where it ends
    while ahead:
        chord, voices = ahead[0]
        loud = 0.62 + 0.2 * chord.section.energy
        for pitch in voices:
            if until.get(pitch, -1) > chord.index:
                continue
            reach = 1
            while player.speed <= 1 and reach < len(ahead) and pitch in ahead[reach][1]:
                reach += 1
            until[pitch] = chord.index + reach
            velocity = loud + 0.08 * float(random.random())
            last = chord.index + reach == song.sections[-1].first + len(song.sections[-1].degrees)
            length = song.duration_s if last else reach * song.chord_s
            yield Note(chord.start_s, song.held(chord.start_s, length), pitch, velocity)
        if player.speed > 1:
            yield from _moving(song, player, chord, voices, random)
        ahead.popleft()
        ahead.extend(islice(voicings, 1))


def _moving(
    song: Song, player: Player, chord: Chord, voices: tuple[int, ...], random: np.random.Generator
) -> Iterator[Note]:
    """A busy pad: over the held chord its voices are struck again one after another, some an octave higher."""
    step = player.step_s(song, 2.0)
    for turn in range(1, int(song.chord_s / step + 1e-6)):
        start = chord.start_s + turn * step
        if start > song.end_s - 0.3:
            return
        pitch = voices[(turn + chord.index) % len(voices)] + 12 * int(random.integers(2))
        yield Note(start, song.held(start, 0.9 * step), min(pitch, player.policy.notes[1]), 0.7)


def _voicings(song: Song, player: Player) -> Iterator[Voicing]:
    """The notes of every chord; a sparse player leaves out each second one, a dense one is rather `stabs`."""
    random = song.random(player.name + " voicing")
    low, high = player.window(19)
    sizes: dict[int, int] = {}
    voices: tuple[int, ...] = (low + 2, low + 8, low + 14)
    for chord in song.chords():
        theme = chord.section.theme
        size = sizes.setdefault(theme, 3 if len(song.tonality.steps) <= 6 else 3 + int(random.integers(2)))
        voices = lead_voices(tuple(song.tonality.chord(chord.degree, size)), voices, low, high)
        if player.pace <= _RESTS and chord.index % 2:
            continue
        root = player.pitch(song, chord.degree, -1)
        full = voices if song.grounded or root in voices else (root, *voices)
        yield chord, full[: player.policy.polyphony]


def drone(song: Song, player: Player) -> Iterator[Event]:
    """The tonic throughout; over it fifth, octave, ninth enter and leave one after another, never alike."""
    random = song.random(player.name)
    root = player.pitch(song, 0)
    yield Note(0.0, song.held(0.0, song.duration_s), root, 0.75)
    partners = [i for i in (7, 12, 19, 14, 24) if (root + i - song.tonality.tonic) % 12 in song.tonality.steps]
    partners = [i for i in partners if root + i <= player.policy.notes[1] + 12] or [12]
    start, before = 0.0, 0
    while start == 0 or start < song.end_s - 2:
        left = [i for i in partners if i != before] or partners
        before = left[0] if start == 0 else left[int(random.integers(len(left)))]
        length = float(random.uniform(9, 19)) / player.speed
        velocity = 0.32 + 0.2 * float(random.random())
        yield Note(start, song.held(start, length), root + before, velocity)
        start += length * float(random.uniform(0.55, 0.95))


def stabs(song: Song, player: Player) -> Iterator[Event]:
    """Short chords in a rhythm that the theme keeps: organs, electric pianos, synth chords."""
    random = song.random(player.name)
    rhythms = (
        ((0, 1.5), (2.5, 1)), ((0, 0.75), (1.5, 0.75), (3, 0.75)), ((0.5, 0.5), (1.5, 0.5), (2.5, 0.5), (3.5, 0.5)),
        ((0, 2), (2, 1.5)), ((1, 0.5), (3, 0.5)), ((0, 0.5), (0.75, 0.5), (2, 1)),
    )  # fmt: skip
    calm = (((0, 3.8),), ((0, 2.0), (2, 1.8)), ((0, 3.0), (3, 0.9)))
    choices: tuple[_Rhythm, ...] = calm if player.pace < -0.5 else rhythms
    if song.pulse and song.beats == 4:
        choices = _PULSED
    patterns: dict[int, _Rhythm] = {}
    step = player.step_s(song, 1.0) if player.speed > 1 else song.beat_s
    for chord, voices in _voicings(song, player):
        pattern = patterns.setdefault(chord.section.theme, choices[int(random.integers(len(choices)))])
        for turn in range(max(1, round(song.chord_s / (song.beats * step)))):
            opening = chord.index == turn == 0 and pattern[0][0] > 0
            for beat, length in ((0.0, 0.5), *pattern) if opening else pattern:
                start = chord.start_s + (song.beats * turn + beat) * step
                if beat < song.beats and (start < song.end_s - 0.05 or start == 0):
                    velocity = 0.5 + 0.2 * chord.section.energy + 0.15 * float(random.random())
                    yield from (Note(start, song.held(start, 0.9 * length * step), p, velocity) for p in voices)
