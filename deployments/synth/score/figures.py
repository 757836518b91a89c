"""Scores of broken chords: arpeggios in steady steps, keys and strings that are left to ring, strums."""

from collections.abc import Iterator

import numpy as np

from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Note, Song
from deployments.synth.terms.theory import lead_voices

_BETWEEN = 0.2  # how often a note stands between two beats where a tempo was asked for
_SHAPES = (
    (0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 2, 3, 2, 1), (3, 2, 1, 0), (0, 2, 3, 1), (0, 3, 2, 3, 1, 3), (0, 1, 2, 4, 3, 2),
    (0, 2, 4, 3, 1, 2), (0, 1, 3, 2, 4, 3, 1, 2),
)  # fmt: skip
_STRUMS_PULSED = ("D.D.D.D.", "D.DUD.DU", "D.D.D.DU")
_STRUMS = ("D...D.U.", "D..UD.U.", "D.DU.UDU", "D.......", "D...D...", "D..U.UD.")


def arp(song: Song, player: Player) -> Iterator[Event]:
    """Eighths or sixteenths over the chord and its octave; shape and accents belong to the theme."""
    random = song.random(player.name)
    shapes: dict[int, tuple[int, ...]] = {}
    step = player.step_s(song, 0.5)
    low, high = player.window(24)
    for index, start in song.grid(step, 0.1):
        chord = song.chord_at(start)
        shape = shapes.setdefault(chord.section.theme, _SHAPES[int(random.integers(len(_SHAPES)))])
        beat = song.is_beat(start) if song.pulse else index % 4 == 0
        if random.random() > player.fill + 0.25 and not beat:
            continue
        tones = _rising(song.tonality.chord(chord.degree), low, high)
        place = shape[index % len(shape)] + (chord.place % 4 == 3 and random.random() < 0.3)
        pitch = tones[min(place, len(tones) - 1)]
        force = 0.8 if beat else 0.35 if song.pulse else 0.5
        velocity = force + 0.1 * chord.section.energy + 0.1 * float(random.random())
        yield Note(start, song.held(start, 0.8 * step), pitch, velocity)
        if song.pulse and beat and pitch != tones[0]:
            yield Note(start, song.held(start, 0.8 * step), tones[0], velocity)


def _rising(chord: list[int], low: int, high: int) -> list[int]:
    """The notes of a chord from its root at or over `low` upwards, over two octaves."""
    root = low + (chord[0] - low) % 12
    tones = sorted(root + (pc - chord[0]) % 12 for pc in chord)
    return [tone for tone in (*tones, *(tone + 12 for tone in tones)) if tone <= high + 4]


def broken(song: Song, player: Player) -> Iterator[Event]:
    """Broken chords that ring: a root, then the chord's notes in an order of the theme, a top note now and then."""
    random = song.random(player.name)
    low, high = player.window(19)
    voices: tuple[int, ...] = (low + 4, low + 9, low + 14)
    orders: dict[int, np.ndarray] = {}
    step = player.step_s(song, 0.5)
    before = -1
    for index, start in song.grid(step, 0.15):
        chord = song.chord_at(start)
        order = orders.setdefault(chord.section.theme, random.permutation(4))
        soft = 0.42 + 0.15 * chord.section.energy
        if chord.index != before:
            before = chord.index
            voices = lead_voices(tuple(song.tonality.chord(chord.degree)), voices, low, high - 1)
            root = player.pitch(song, chord.degree, -1)
            length = song.chord_s if start + 1.5 * song.chord_s < song.end_s else song.duration_s
            yield Note(start, song.rung(start, length), root, soft + 0.18)
            if random.random() < 0.35:
                yield Note(start, song.rung(start, 0.7 * song.chord_s), voices[-1], soft + 0.15)
        else:
            pitch = (*voices, voices[0] + 12)[order[index % 4]]
            telling = chord.index == 0 and (pitch - song.tonality.chord(0)[1]) % 12 == 0  # major or minor
            beat = song.pulse and song.is_beat(start)
            between = _BETWEEN if song.pulse and player.speed <= 1 else player.fill
            if random.random() > between and not telling and not beat:
                continue
            accent = 0.0 if not song.pulse else 0.15 if beat else -0.15
            yield Note(start, song.rung(start, 4 * step), pitch, soft + accent + 0.2 * float(random.random()))


def strum(song: Song, player: Player) -> Iterator[Event]:
    """Whole chords struck string after string, down and up: guitars, ukuleles, harps."""
    random = song.random(player.name)
    low, high = player.window(19)
    voices: tuple[int, ...] = (low + 2, low + 7, low + 12, low + 16)
    patterns: dict[int, str] = {}
    step = player.step_s(song, 0.5)
    before = -1
    for index, start in song.grid(step, 0.2):
        chord = song.chord_at(start)
        choices = _STRUMS_PULSED if song.pulse else _STRUMS
        pattern = patterns.setdefault(chord.section.theme, choices[int(random.integers(len(choices)))])
        if chord.index != before:
            before = chord.index
            tones = song.tonality.chord(chord.degree)
            voices = lead_voices((*tones, tones[0]), voices, low, high)
        stroke = pattern[index % 8]
        if stroke == "." or (index % 8 and random.random() > player.fill + 0.25):
            continue
        strings = voices if stroke == "D" else voices[:0:-1]
        gap = float(random.uniform(0.012, 0.026)) if stroke == "D" else 0.01
        for string, pitch in enumerate(strings):
            velocity = (0.7 if stroke == "D" else 0.45) - 0.04 * string + 0.1 * float(random.random())
            yield Note(start + string * gap, song.rung(start, 3 * step), pitch, velocity)
