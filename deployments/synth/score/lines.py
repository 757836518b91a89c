"""Scores of single lines: basses that know the next chord, melodies made of phrases that come back changed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deployments.synth.score.player import Player
from deployments.synth.score.song import Chord, Event, Note, Song

# (beat, length in beats, what it plays) in a bar of four; "to" leads into the next chord.
_BASSES = {
    "held": ((0, 4, "root"),),
    "two": ((0, 1.8, "root"), (2, 1.8, "fifth")),
    "push": ((0, 1.4, "root"), (1.5, 0.5, "root"), (2, 1.5, "root"), (3.5, 0.5, "to")),
    "root": ((0, 0.9, "root"), (1, 0.9, "root"), (2, 0.9, "root"), (3, 0.9, "to")),
    "sync": ((0, 0.7, "root"), (0.75, 0.7, "root"), (2, 0.5, "octave"), (2.5, 0.9, "fifth"), (3.5, 0.5, "to")),
    "walk": ((0, 0.95, "root"), (1, 0.95, "third"), (2, 0.95, "fifth"), (3, 0.95, "to")),
    "eighths": tuple((0.5 * i, 0.42, "octave" if i == 7 else "root") for i in range(8)),
    "sixteenths": tuple((0.25 * i, 0.21, "octave" if i in {7, 14} else "root") for i in range(16)),
    "gallop": tuple((0.25 * i, 0.42 if i % 4 == 0 else 0.21, "root") for i in range(16) if i % 4 != 1),
    "offbeat": tuple((0.5 + i, 0.42, "root") for i in range(4)),
}  # fmt: skip
_CALM, _USUAL, _DENSE = ("held", "two"), ("two", "push", "root", "sync", "walk"), ("eighths", "sync", "offbeat")
_PULSED = ("root", "walk")
_BUSIEST, _BUSY = ("sixteenths", "gallop"), 1.6  # a pace
_SPARSE = -0.75  # a pace with silence between the notes
_RHYTHMS_PULSED = ((1, 1, 1, 1), (1, 1, 1, 0.5, 0.5))
_RHYTHMS = (
    (1, 1, 2), (1.5, 0.5, 1, 1), (2, 1, 1), (0.5, 0.5, 1, 2), (3, 1), (1, 0.5, 0.5, 2), (1.5, 1.5, 1), (2, 2),
    (0.75, 0.75, 0.5, 2), (1, 1, 1, 1),
)  # fmt: skip


def bass(song: Song, player: Player) -> Iterator[Event]:
    """Roots in a rhythm that the theme keeps, the fifth and a step into the next chord between them."""
    random = song.random(player.name)
    styles = _CALM if player.speed < 1 else _DENSE if player.speed > 1 else _USUAL
    styles = _BUSIEST if player.pace > _BUSY and player.policy.onsets_hz[1] * song.beat_s >= 4 else styles
    styles = _PULSED if song.pulse and styles is not _BUSIEST else styles
    touch = 0.6 if player.pace <= _SPARSE else 1.0  # a pause is heard before the next note
    themes: dict[int, str] = {}
    turns = max(1, round(song.chord_s / song.bar_s))
    for chord in song.chords():
        style = themes.setdefault(chord.section.theme, styles[int(random.integers(len(styles)))])
        root = player.pitch(song, chord.degree)
        following = player.pitch(song, song.chord_at(chord.start_s + song.chord_s).degree)
        for turn in range(turns):
            last = turn == turns - 1
            pickup = ((3.5, 0.45, "to"),) if style in _CALM and last and random.random() < 0.4 else ()
            for place, (beat, length, written) in enumerate((*_BASSES[style], *pickup)):
                start = chord.start_s + (song.beats * turn + beat) * song.beat_s
                late = beat >= song.beats or start > max(0.0, song.end_s - 0.1)
                if late or (place > 1 and not song.pulse and random.random() > player.fill + 0.2):
                    continue
                what = written if last or written != "to" else "fifth"
                if place > 0 and what == "root" and random.random() < 0.18:
                    what = "octave" if random.random() < 0.5 else "fifth"
                pitch = _bass_note(song, chord, what, root, following)
                velocity = (0.82 if place == 0 else 0.76 if song.pulse else 0.62) + 0.1 * float(random.random())
                yield Note(start, song.held(start, touch * length * song.beat_s), pitch, velocity)


def _bass_note(song: Song, chord: Chord, what: str, root: int, following: int) -> int:
    """One note of a bass pattern; the third and the fifth as the scale has them."""
    if what == "octave":
        return root + 12
    if what == "to":
        below, above = (_neighbour(song, following, by) for by in (-1, 1))
        return below if root <= following else above
    if what in {"third", "fifth"}:
        tones = song.tonality.chord(chord.degree)
        return root + (tones[1 if what == "third" else 2] - root) % 12
    return root


def _neighbour(song: Song, pitch: int, by: int) -> int:
    """The next note of the scale above or below a note."""
    pitch += by
    while (pitch - song.tonality.tonic) % 12 not in song.tonality.steps:
        pitch += by
    return pitch


@dataclass(frozen=True)
class _Motif:
    """A bar: lengths in beats, and steps of the scale from note to note."""

    rhythm: tuple[float, ...]
    steps: tuple[int, ...]


def melody(song: Song, player: Player) -> Iterator[Event]:
    """Phrases of two bars: a motif and its answer, then a rest; strong notes belong to the chord."""
    random = song.random(player.name)
    motifs: dict[int, tuple[_Motif, _Motif]] = {}
    step = player.step_s(song, 1.0) if song.pulse else player.step_s(song, 0.5) * 2
    start, bar, degree = 0.0, 0, int(random.choice([0, 2, 4]))
    third = song.tonality.third  # the first two notes say which key it is
    opening = (third, 0) if degree else (0, third)
    while start == 0 or start < song.end_s - max(0.15, 0.5 * step):
        theme = song.chord_at(start).section.theme
        if theme not in motifs:
            motifs[theme] = (_motif(song, random), _motif(song, random))
        motif = _varied(song, motifs[theme][bar % 4 // 3], random) if bar > 1 else motifs[theme][0]
        resting = (
            bar % 4 == 3
            or (bar > 0 and player.pace <= _SPARSE)
            or (bar % 4 == 1 and random.random() > player.fill - 0.1)
        )
        for place, (beats, by) in enumerate(zip(motif.rhythm, motif.steps, strict=True)):
            degree = _next_degree(song, player, start, degree, by, strong=place == 0 or beats >= 2)
            if bar == 0 and place < len(opening):
                degree = opening[place]
            silent = resting and place >= max(1, len(motif.rhythm) // 2)
            if not silent and (start == 0 or start < song.end_s - 0.12):
                arc = 0.12 * np.sin(np.pi * (place + 0.5) / len(motif.rhythm))
                velocity = 0.6 + float(arc) + 0.1 * song.chord_at(start).section.energy + 0.08 * float(random.random())
                touch = 0.6 if player.pace <= _SPARSE else 0.72 if song.pulse else 0.94
                length = touch * beats * step
                yield Note(start, song.held(start, length), player.pitch(song, degree), velocity)
            start += beats * step
        bar += 1


def _motif(song: Song, random: np.random.Generator) -> _Motif:
    rhythms = _RHYTHMS_PULSED if song.pulse else _RHYTHMS
    rhythm = rhythms[int(random.integers(len(rhythms)))]
    return _Motif(
        tuple(map(float, rhythm)), tuple(int(s) for s in random.choice([-2, -1, -1, 1, 1, 2, 3], len(rhythm)))
    )


def _varied(song: Song, motif: _Motif, random: np.random.Generator) -> _Motif:
    """The motif again: mostly as it was, now and then with a leap, upside down, or in another rhythm."""
    chance = float(random.random())
    if chance < 0.5:
        return motif
    if chance < 0.7:
        return _Motif(motif.rhythm, tuple(-s for s in motif.steps))
    if chance < 0.85:
        at = int(random.integers(len(motif.steps)))
        return _Motif(
            motif.rhythm, tuple(s + (i == at) * int(random.choice([-2, 2])) for i, s in enumerate(motif.steps))
        )
    return _motif(song, random)


def _next_degree(song: Song, player: Player, start: float, degree: int, by: int, strong: bool) -> int:
    """The next note of a melody: to the nearest chord tone where it is strong, else by its step."""
    size = len(song.tonality.steps)
    degree += by
    if degree > size + 3:
        degree -= 3
    elif degree < -2:
        degree += 3
    if not strong:
        return degree
    chord = set(song.tonality.chord(song.chord_at(start).degree))
    near = (degree + offset for offset in (0, -1, 1, -2, 2, -3, 3))
    return next((d for d in near if song.tonality.note(d, 0) % 12 in chord), degree)
