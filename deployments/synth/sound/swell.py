"""Slow attacks for what is struck: a volume pedal that closes before a stroke and opens after it.

Strings, bells and pianos have no attack that could be slower, and weather has no notes at all: both come in by
their level. What is to start at once has its front louder than what follows, for chords and weather grow on their own.
"""

import heapq
from collections.abc import Iterator
from dataclasses import replace

from deployments.synth.score.arrange import Place
from deployments.synth.score.song import Event, Move, Note, Song

PART = "out.swell"
CLOSED_DB = -36.0
FRONT = "out.front"
_FRONT_DB, _LEAD_FRONT_DB = 4.0, 7.0  # single notes differ more from each other than chords
_SUDDEN = -1.35  # octaves of attack
_FRONT_S, _SETTLING_S = 0.15, 0.35
_SLOW = 0.75  # octaves of attack from which on words ask for it
_PER_OCTAVE_S, _LONGEST_S, _LONGEST_SHARE = 0.6, 3.0, 0.3
_CLOSING_S = 0.03
_OWN_ATTACK = frozenset({"poly", "wavetable", "fm"})
STRUCK = frozenset({"pluck", "bell", "piano"})


def needed(place: Place) -> bool:
    """Whether the words ask for a slow attack that the preset's own nodes do not have."""
    kinds = {node.type for node in place.preset.graph.nodes}
    return place.change.attack >= _SLOW and (bool(kinds & STRUCK) or not kinds & _OWN_ATTACK)


def sudden(place: Place) -> bool:
    """Whether the words ask for a start that is heard as one."""
    return place.change.attack <= _SUDDEN and place.preset.role != "PERCUSSION"


def front_db(place: Place) -> float:
    """How much louder its first moment is."""
    return _LEAD_FRONT_DB if place.preset.role == "LEAD" else _FRONT_DB


def fronted(events: Iterator[Event]) -> Iterator[Event]:
    """Yield the events of a layer whose level settles after its first moment, in order of time."""
    settling: Event = Move(_FRONT_S, FRONT, "gain_db", 0.0, _SETTLING_S)
    return heapq.merge([settling], events, key=lambda event: event.start_s)


def swelled(events: Iterator[Event], place: Place, song: Song) -> Iterator[Event]:
    """Yield the events of a layer with the moves of its pedal, in order of time.

    A struck layer swells with each note that comes when the last swell is over, and its notes are held until it is
    open; anything else once, at the start.
    """
    length_s = min(_LONGEST_S, _PER_OCTAVE_S * place.change.attack, _LONGEST_SHARE * song.duration_s)
    struck = bool({node.type for node in place.preset.graph.nodes} & STRUCK)
    yield Move(0.0, PART, "gain_db", 0.0, length_s)
    open_s = 1.5 * length_s
    waiting: list[tuple[float, int, Event]] = []
    count = 0
    for played in events:
        event = (
            replace(played, length_s=max(played.length_s, length_s)) if struck and isinstance(played, Note) else played
        )
        if struck and isinstance(event, Note) and event.start_s > open_s:
            closes_s = event.start_s - _CLOSING_S
            for move in (
                Move(closes_s, PART, "gain_db", CLOSED_DB, 0.8 * _CLOSING_S),
                Move(event.start_s, PART, "gain_db", 0.0, length_s),
            ):
                count += 1
                heapq.heappush(waiting, (move.start_s, count, move))
            open_s = event.start_s + 1.5 * length_s
        count += 1
        heapq.heappush(waiting, (event.start_s, count, event))
        while waiting[0][0] < event.start_s - 2 * _CLOSING_S:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]
