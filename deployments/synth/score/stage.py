"""Who is on stage when: in a long piece layers enter one after another, some step back in the middle, drums stop first.

A piece shorter than `LONG_S` has all of them throughout. Somebody always plays: weather stays, and of the others
those that carry a piece.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from deployments.synth.score.song import Event, Move, Note, Song
from deployments.synth.terms.roles import Role

LONG_S = 30.0
PART = "out.stage"
AWAY_DB = -45.0
_COMES_S, _GOES_S = 2.5, 3.5  # how long weather takes
WEATHER = frozenset({"AMBIENCE", "FX"})
# Who comes first; who comes late leaves first.
_RANK: Mapping[Role, int] = {
    "AMBIENCE": 0, "FX": 1, "DRONE": 2, "PAD": 3, "STRINGS": 4, "KEYS": 4, "PLUCK": 5, "ARP": 6, "BELL": 6, "BASS": 7,
    "PERCUSSION": 8, "LEAD": 9,
}  # fmt: skip
_LATEST = 0.25  # of the piece: all have entered by then
_LATEST_S = 28.0
_CALM = 0.36  # a section of less energy is a thin one
_THINNABLE = 10  # chords that a piece has at least before it thins out
_THIN_CHORDS, _THIN_S = 4, 12.0
_TURNED = 0.35  # how often somebody else than the last steps back
_HELD = frozenset({"chords", "drone", "crickets"})  # their notes may begin when the layer comes back
_ON_CHORD = 0.05  # chords
_EARLY_S, _WORTH_S = 0.03, 0.3  # how far a player leads the beat; a shorter rest of a note is none
_LAST_STROKE_S = 0.1
_SPARE = 0.4  # share of notes that somebody alone leaves out in a thin passage


@dataclass(frozen=True)
class Part:
    """One layer as the stage sees it."""

    name: str
    role: Role
    score: str


@dataclass(frozen=True)
class Presence:
    """Where a layer plays, as (begin, end) in seconds; `thin_s` are passages in which one who is alone plays less."""

    spans_s: tuple[tuple[float, float], ...]
    thin_s: tuple[tuple[float, float], ...] = ()

    @property
    def throughout(self) -> bool:
        """Whether the layer never leaves."""
        return len(self.spans_s) == 1 and self.spans_s[0][0] == 0


def presences(song: Song, parts: Sequence[Part]) -> dict[str, Presence]:
    """Decide for every layer; layers are on stage in whole chords."""
    chords = sum(len(section.degrees) for section in song.sections)
    everything = {part.name: Presence(((0.0, song.duration_s),)) for part in parts}
    if song.end_s < LONG_S or chords < 4 or not parts:
        return everything
    thin = _thin(song, chords)
    order = sorted(parts, key=lambda part: _RANK[part.role])
    on = {part.name: [True] * chords for part in parts}
    players = [part for part in order if part.role not in WEATHER]
    spared = tuple(_seconds(song, *span) for span in thin) if len(players) == 1 else ()
    for part, entry in zip(order, _entries(song, order, chords), strict=True):
        on[part.name][:entry] = [False] * entry
    for number, (begin, end) in enumerate(thin):
        for name in _leaving(song, order, players, number):
            on[name][begin:end] = [False] * (end - begin)
    if any(part.role not in {"PERCUSSION", *WEATHER} for part in parts):
        for part in parts:
            if part.role == "PERCUSSION":
                on[part.name][-1] = False
    return {part.name: Presence(tuple(_spans(song, part, on[part.name])), spared) for part in parts}


def _entries(song: Song, order: Sequence[Part], chords: int) -> Iterator[int]:
    """The chord at which each comes in: weather at once, then one every two or four chords."""
    latest = max(1, min(int(_LATEST * chords), int(_LATEST_S / song.chord_s)))
    players = [part for part in order if part.role not in WEATHER]
    weather = len(order) - len(players)
    gap = 4 if latest >= 4 * len(players) else 2 if latest >= 2 * (len(players) - 1) else 1
    for at, part in enumerate(order):
        if part.role in WEATHER:
            yield 0 if at == 0 else min(latest, at)
        else:
            place = players.index(part)
            yield min(latest, place * gap) if place or not weather else 1


def _thin(song: Song, chords: int) -> list[tuple[int, int]]:
    """Passages in which some step back: the first chords of calm sections, or of the calmest."""
    if chords < _THINNABLE:
        return []
    inner = [section for section in song.sections[1:] if section.first + len(section.degrees) < chords]
    calm = [section for section in inner if section.energy < _CALM] or sorted(inner, key=lambda s: s.energy)[:1]
    if calm:
        longest = max(2, min(_THIN_CHORDS, int(_THIN_S / song.chord_s), chords // 6))
        return [(section.first, section.first + min(longest, len(section.degrees))) for section in calm]
    return [(chords // 2, chords // 2 + 2)]


def _leaving(song: Song, order: Sequence[Part], players: Sequence[Part], number: int) -> list[str]:
    """Who steps back in a thin passage: mostly those who came late, at times somebody else; never the only player."""
    if len(players) < 2:
        return [part.name for part in order[1:] if part not in players][-1:] if len(order) > 2 else []
    turned = len(players) == len(order) and song.random(f"stage {number}").random() < _TURNED
    movable = order[:-1] if turned else order[1:]
    return [part.name for part in movable[-max(1, len(order) // 2) :]]


def _seconds(song: Song, begin: int, end: int) -> tuple[float, float]:
    return begin * song.chord_s, end * song.chord_s


def _spans(song: Song, part: Part, on: Sequence[bool]) -> Iterator[tuple[float, float]]:
    """Consecutive chords as seconds; drums close with the stroke that the next chord begins with."""
    stroke_s = _LAST_STROKE_S if part.role == "PERCUSSION" else 0.0
    begin = None
    for index, here in enumerate([*on, False]):
        if here and begin is None:
            begin = index
        elif not here and begin is not None:
            yield begin * song.chord_s, song.duration_s if index == len(on) else index * song.chord_s + stroke_s
            begin = None


def staged(events: Iterator[Event], part: Part, presence: Presence, song: Song) -> Iterator[Event]:
    """Yield what of a layer's events is heard, the earliest first."""
    if part.role in WEATHER:
        yield from heapq.merge(events, _glides(presence, song), key=lambda event: event.start_s)
        return
    random = song.random(part.name + " stage")
    waiting: list[tuple[float, int, Event]] = []  # notes that begin when their layer comes back
    for count, event in enumerate(events):
        while waiting and waiting[0][0] <= event.start_s:
            yield heapq.heappop(waiting)[2]
        if isinstance(event, Move):
            yield event
        elif not _spared(event, presence, song, random):
            for note in _clipped(event, part, presence):
                heapq.heappush(waiting, (note.start_s, count, note))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _spared(note: Note, presence: Presence, song: Song, random: np.random.Generator) -> bool:
    """Whether one who is alone leaves the note out; those on a chord's first beat stay."""
    if not any(begin < note.start_s < end for begin, end in presence.thin_s):
        return False
    place = note.start_s / song.chord_s
    return abs(place - round(place)) > _ON_CHORD and random.random() < _SPARE


def _clipped(note: Note, part: Part, presence: Presence) -> Iterator[Note]:
    """The note as far as its layer is there."""
    for begin, end in presence.spans_s:
        if begin - _EARLY_S <= note.start_s < end - _EARLY_S:
            yield replace(note, length_s=min(note.length_s, end - note.start_s))
        elif part.score in _HELD and note.start_s < begin < note.start_s + note.length_s - _WORTH_S:
            yield replace(note, start_s=begin, length_s=min(end, note.start_s + note.length_s) - begin)


def _glides(presence: Presence, song: Song) -> Iterator[Move]:
    """How weather comes and goes: over seconds, by its level."""
    for begin, end in presence.spans_s:
        if begin > 0:
            yield Move(begin, PART, "gain_db", 0.0, _COMES_S)
        if end < song.duration_s:
            yield Move(end, PART, "gain_db", AWAY_DB, _GOES_S)
