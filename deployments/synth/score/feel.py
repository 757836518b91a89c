"""What a player adds to the page: swing, a little lateness, uneven force. Which notes there are does not change."""

import heapq
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from deployments.synth.score.player import Player
from deployments.synth.score.song import Event, Note, Song

_REACH_S = 0.012  # nobody is earlier or later than this
_SPREAD_S = 0.004
_TIGHT = 0.4  # of that where a tempo was asked for
_DRIFTS, _DRIFT_S = (5.3, 8.9), 0.006  # in beats; how far each


def humanized(song: Song, player: Player, events: Iterator[Event]) -> Iterator[Event]:
    """Swing and jitter of all notes but those of the first moment, in order again; nothing after the end."""
    random = song.random(player.name + " feel")
    waiting: list[tuple[float, int, Event]] = []
    lean, last_s = 0.0, -1.0
    for count, event in enumerate(events):
        if event.start_s >= song.duration_s:
            continue
        played = event
        if isinstance(event, Note) and event.start_s > 0:
            if event.start_s != last_s:  # the notes of a chord lean together
                lean, last_s = _jitter(random), event.start_s
            loose = _TIGHT if song.pulse else 1.0
            late = loose * (lean + 0.3 * _jitter(random)) + _swing(song, event.start_s)
            late += _drift_s(song, event.start_s) if song.pulse else 0.0
            velocity = float(np.clip(event.velocity * (1 + 0.05 * random.standard_normal()), 0.05, 1.0))
            played = replace(event, start_s=max(0.0, event.start_s + late), velocity=velocity)
        heapq.heappush(waiting, (played.start_s, count, played))
        while waiting and waiting[0][0] < event.start_s - 2 * _REACH_S:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _jitter(random: np.random.Generator) -> float:
    return float(np.clip(_SPREAD_S * random.standard_normal(), -_REACH_S, _REACH_S))


def _drift_s(song: Song, start_s: float) -> float:
    """How far all players together are from the exact beat: they follow the last one, not a clock."""
    random = song.random("drift")
    phases = random.uniform(0, 2 * math.pi, len(_DRIFTS))
    turns = (start_s / (beats * song.beat_s) for beats in _DRIFTS)
    return _DRIFT_S * sum(math.sin(2 * math.pi * turn + phase) for turn, phase in zip(turns, phases, strict=True))


def _swing(song: Song, start_s: float) -> float:
    """How much later a note is for standing on the second half of a beat or of half a beat."""
    if song.swing <= 0:
        return 0.0
    step = song.beat_s / 2 if song.beat_s < 0.55 else song.beat_s / 4
    place = start_s / step
    odd = round(place) % 2 == 1 and abs(place - round(place)) < 0.05
    return song.swing * step / 3 if odd else 0.0
