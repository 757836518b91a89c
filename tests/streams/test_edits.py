"""Whatever is edited: what was heard stays, the music has no hole, no two texts meet, no level jumps."""

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from serve_app.streams.grid import RATE_HZ, segment_span
from serve_app.streams.spec import Change, Edit, MusicSpec, SpeechSpec, StreamSpec, Taper, stopping
from serve_app.streams.timeline import ATTACK, RELEASE, Timeline

CASES = 200
HALF_AN_HOUR = 1800 * RATE_HZ


def speech(chance: random.Random) -> SpeechSpec | None:
    texts = tuple(f"text {chance.random()}" for _ in range(chance.randint(1, 9)))
    return None if chance.random() < 0.2 else SpeechSpec(texts=texts, interval_s=chance.choice([5, 7.5, 30, 60, 300]))


def spec(chance: random.Random) -> StreamSpec:
    item_s = chance.choice([15, 20, 30.5, 60])
    return StreamSpec(
        seed=chance.randrange(2**32), item_s=item_s, crossfade_s=chance.uniform(0.5, item_s / 2 - 0.01),
        speech=speech(chance), duration_s=chance.choice([None, None, chance.uniform(10, 2000)]),
        fade_out_s=chance.choice([0.1, 5, 600]),
    )  # fmt: skip


def edit(chance: random.Random, k: int) -> Edit:
    if chance.random() < 0.05:
        return stopping(k, chance.uniform(0.1, 60))
    possible: dict[str, Any] = {
        "speech": speech(chance), "gain_db": chance.uniform(-60, 0), "loudness_lufs": chance.uniform(-40, -14),
        "mix": chance.random() < 0.5, "music": MusicSpec(prompt=str(chance.random())),
        "duration_s": chance.choice([None, chance.uniform(1, 3000)]), "fade_out_s": chance.uniform(0.1, 100),
        "taper": chance.choice([None, Taper(over_s=60)]),
    }  # fmt: skip
    changed = {name: value for name, value in possible.items() if chance.random() < 0.2}
    return Edit(from_k=k, change=Change(**changed), ramp_s=chance.choice([0.05, 2, 600]), switch=chance.random() < 0.4)


def history(chance: random.Random) -> list[Timeline]:
    """A stream as it was after each of its edits."""
    lines, k = [Timeline(spec(chance))], 0
    for _ in range(chance.randint(0, 12)):
        k += chance.choice([0, 0, 1, 2, 5, 30])
        end = lines[-1].end
        if end is not None and segment_span(k).start >= end:
            break
        lines.append(Timeline(lines[0].spec, [*lines[-1].edits, edit(chance, k)]))
    return lines


@pytest.mark.parametrize("seed", range(CASES))
def test_what_holds_for_any_stream(seed: int) -> None:
    chance = random.Random(seed)
    lines = history(chance)
    for old, new in pairwise(lines):
        the_past_stays(old, new, segment_span(new.edits[-1].from_k).start)
    line = lines[-1]
    end = HALF_AN_HOUR if line.end is None else min(line.end, HALF_AN_HOUR)
    music_has_no_hole(line, end)
    texts = line.speech(0, end)
    assert [text.slot for text in texts] == list(range(len(texts)))
    for left, right in pairwise(texts):
        assert left.start + left.longest + RELEASE <= right.start
    a = chance.randrange(end)
    b = a + chance.randrange(1, 10**6)
    over = [text for text in texts if text.start - ATTACK < b and text.start + text.longest + RELEASE > a]
    assert [text for text in line.speech_over(a, b) if text in texts] == over
    assert line.music(a, b) == [item for item in line.music(0, b) if item.end > a]
    if line.end is not None:
        assert float(np.ravel(line.master(line.end - 1, line.end))[0]) < 2e-3


def the_past_stays(old: Timeline, new: Timeline, start: int) -> None:
    def music(line: Timeline) -> list[Any]:
        return [
            (item.seed, item.prompt, item.start, item.offset, min(item.end, start)) for item in line.music(0, start)
        ]

    def texts(line: Timeline) -> list[Any]:
        until = min(end for end in (old.end, new.end, start + ATTACK) if end is not None)
        return [(text, line.is_spoken(text, 1000)) for text in line.speech(0, until)]

    assert music(old) == music(new)
    assert texts(old) == texts(new)
    if start:
        before = slice(start - 500, start)
        was, now = (np.broadcast_to(line.master(before.start, before.stop), 500) for line in (old, new))
        assert (was == now).all()
        around = np.broadcast_to(new.master(start - 50, start + 50), 100)
        assert np.abs(np.diff(around)).max() < 2e-3


def music_has_no_hole(line: Timeline, end: int) -> None:
    items = line.music(0, end)
    assert items[0].start == 0
    assert items[-1].end >= end
    for left, right in pairwise(items):
        assert left.end == right.start + right.fade_in
        assert left.fade_out == right.fade_in
        assert left.end - left.start >= left.fade_in + left.fade_out
    assert len({item.seed for item in items}) == len(items)
    for item in items:
        assert 0 <= item.offset <= item.offset + item.end - item.start <= item.frames
