"""When what sounds: arithmetic of spec, edits and time."""

from itertools import pairwise

import numpy as np
import pytest

from deployments.synth.terms.theory import SCALES, pitch_class
from serve_app.streams.grid import LONG, RATE_HZ, SHORT, SHORTS, segment_at, segment_span, ticks
from serve_app.streams.spec import Change, Edit, MusicSpec, SpeechSpec, StreamSpec, Taper, TrackType, stopping
from serve_app.streams.timeline import ATTACK, RELEASE, Timeline

HOUR = 3600 * RATE_HZ


def test_segments_follow_one_another_on_exact_ticks_for_days() -> None:
    assert [segment_span(k).start for k in (0, 1, SHORTS, SHORTS + 1)] == [0, SHORT, LONG, 2 * LONG]
    for k in (*range(20), 8_437, 1_234_567):
        start, end = segment_span(k)
        assert segment_span(k + 1).start == end
        assert segment_at(start) == segment_at(end - 1) == k
        assert start % 1024 == 0
        assert ticks(start) * 49 == start * 100
    day = segment_at(24 * HOUR)
    assert segment_span(day + 8).start * 90_000 == ticks(segment_span(day + 8).start) * RATE_HZ


def test_items_follow_one_another_under_a_crossfade() -> None:
    line = Timeline(StreamSpec(seed=5))
    for at in (0, 24 * HOUR, 1000 * HOUR):
        items = line.music(at, at + 10 * 60 * RATE_HZ)
        assert len(items) in (10, 11)
        for left, right in pairwise(items):
            assert (left.j + 1, left.end - line.crossfade) == (right.j, right.start)
            assert left.fade_out == right.fade_in == line.crossfade
            assert (right.start, right.end - right.start) == (right.j * line.item, right.frames)
    assert line.music(0, 1)[0].fade_in == 0


@pytest.mark.parametrize("music", [MusicSpec(), MusicSpec(prompt="piano"), MusicSpec(track_type="focus")])
def test_no_item_comes_twice_in_an_hour_and_neighbours_go_together(music: MusicSpec) -> None:
    line = Timeline(StreamSpec(seed=7, item_s=15, crossfade_s=5, music=music))
    fifths = {"Db": -5, "Ab": -4, "Eb": -3, "Bb": -2, "F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F#": 6}
    fifths |= {"C#": 7, "G#": 8, "D#": 9}
    for base in (0, 100_000):
        items = [line.takes(base + j)[0] for j in range(241)]
        assert len({item.seed for item in items}) == len(items)
        signatures = [fifths[item.key] - 3 * ("minor" in item.scale) for item in items]
        assert max(abs(left - right) for left, right in pairwise(signatures)) == 1
        assert len({item.prompt for item in items}) > 5
    assert Timeline(StreamSpec(seed=7, music=music)).takes(3) == Timeline(StreamSpec(seed=7, music=music)).takes(3)
    assert line.takes(3)[0].seed != Timeline(StreamSpec(seed=8, music=music)).takes(3)[0].seed


def keys(prompt: str | None, kind: TrackType = "sleep") -> set[tuple[str, str]]:
    line = Timeline(StreamSpec(seed=1, music=MusicSpec(prompt=prompt, track_type=kind)))
    return {(line.takes(j)[0].key, line.takes(j)[0].scale) for j in range(60)}


def test_a_key_that_the_prompt_names_stays() -> None:
    assert keys("harp in F sharp minor") == {("F#", "minor")}
    assert keys("slow, in Bb Lydian, with rain") == {("Bb", "lydian")}
    assert keys("bells, key of D") == {("D", "major")}
    for free in ("A harp in a Garden", "harp in A dream", "strings in Bergen", None):
        assert len(keys(free)) > 5


@pytest.mark.parametrize("kind", ["sleep", "meditation", "focus"])
def test_the_synth_knows_all_keys_and_scales(kind: TrackType) -> None:
    for key, scale in keys(None, kind):
        assert pitch_class(key) in range(12)
        assert scale in SCALES


def test_an_edit_changes_the_next_items_and_a_switch_this_one() -> None:
    before = Timeline(StreamSpec(seed=1))
    edit = Edit(from_k=10, change=Change(music=MusicSpec(prompt="bells")))  # at 20.48 s
    line = Timeline(before.spec, [edit])
    assert line.takes(0) == before.takes(0)
    assert line.takes(1)[0].prompt.startswith("bells")
    switched = Timeline(before.spec, [edit.model_copy(update={"switch": True})])
    old, new = switched.takes(0)
    assert (old.end, new.start, new.offset) == (2 * LONG + line.crossfade, 2 * LONG, 2 * LONG)
    assert (old.seed, old.prompt) == (before.takes(0)[0].seed, before.takes(0)[0].prompt)
    assert new.prompt.startswith("bells")
    assert new.seed not in {old.seed, switched.takes(1)[0].seed}
    late = Timeline(before.spec, [Edit(from_k=segment_at(175 * RATE_HZ), switch=True)])
    assert len(late.takes(2)) == 1  # no time for a cross-fade before the next


def test_at_most_two_items_at_once_and_never_none() -> None:
    edits = [Edit(from_k=k, switch=True) for k in (1, 2, 9, 10, 11, 11, 14, 15, 20, 30)]
    line = Timeline(StreamSpec(seed=1, item_s=25, crossfade_s=10), edits)
    items = line.music(0, HOUR // 6)
    assert any(item.take for item in items)
    for left, right in pairwise(items):
        assert left.end == right.start + right.fade_in
        assert left.end - left.start >= left.fade_in + left.fade_out
        assert right.offset == right.start - right.j * line.item


TEXTS = tuple(f"text {number}" for number in range(7))


def test_texts_come_each_interval_in_an_order_without_near_repeats() -> None:
    line = Timeline(StreamSpec(seed=3, speech=SpeechSpec(texts=TEXTS)))
    for base in (0, 1000 * HOUR):
        texts = line.speech(base, base + HOUR)
        assert len(texts) in (119, 120)
        assert all(text.start == (text.slot + 1) * 30 * RATE_HZ for text in texts)
        last: dict[str, int] = {}
        for text in texts:
            assert text.slot - last.get(text.text, -100) >= 4
            last[text.text] = text.slot
        assert set(last) == set(TEXTS)
    assert len(line.speech(0, HOUR)) + len(line.speech(HOUR, 2 * HOUR)) == len(line.speech(0, 2 * HOUR))
    assert Timeline(StreamSpec(seed=3, speech=SpeechSpec(theme="calm"))).speech(0, HOUR) == []


def test_edits_of_speech_neither_cut_nor_overlap_texts() -> None:
    spec = StreamSpec(seed=3, speech=SpeechSpec(texts=TEXTS, interval_s=60))
    quick = SpeechSpec(texts=("other",), interval_s=5)
    edits = [
        Edit(from_k=segment_at(62 * RATE_HZ), change=Change(speech=quick)),
        Edit(from_k=segment_at(300 * RATE_HZ), change=Change(speech=None)),
        Edit(from_k=segment_at(320 * RATE_HZ), change=Change(speech=spec.speech)),
    ]
    line = Timeline(spec, edits)
    texts = line.speech(0, HOUR)
    assert [text.slot for text in texts] == list(range(len(texts)))
    for left, right in pairwise(texts):
        assert left.start + left.longest + RELEASE <= right.start - ATTACK
    assert texts[0].start == 60 * RATE_HZ
    assert texts[1].start == 120 * RATE_HZ  # the first may take its minute
    assert texts[1].text == "other"
    starts = [segment_span(edit.from_k).start for edit in edits]
    assert not any(starts[1] + ATTACK <= text.start < starts[2] + 60 * RATE_HZ for text in texts)
    same = Timeline(spec, [Edit(from_k=40, change=Change(speech=SpeechSpec(texts=("new",), interval_s=60)))])
    old = Timeline(spec).speech(0, HOUR)
    assert [text.start for text in same.speech(0, HOUR)] == [text.start for text in old]
    assert [text.text for text in same.speech(0, HOUR)][-1] == "new"


def test_no_text_is_cut_by_the_end() -> None:
    spec = StreamSpec(seed=3, speech=SpeechSpec(texts=TEXTS), duration_s=200, fade_out_s=10)
    line = Timeline(spec)
    at_180 = line.speech(0, HOUR)[-1]
    assert at_180.start == 180 * RATE_HZ
    assert line.is_spoken(at_180, 10 * RATE_HZ - RELEASE)
    assert not line.is_spoken(at_180, 10 * RATE_HZ - RELEASE + 1)
    assert not line.is_spoken(at_180, 0)
    assert not Timeline(spec, [Edit(from_k=0, change=Change(mix=False))]).is_spoken(at_180, 1000)
    first = line.speech(0, HOUR)[0]
    stop = stopping(segment_at(31 * RATE_HZ), 30)
    assert Timeline(spec, [stop]).is_spoken(first, 6 * RATE_HZ)  # it had begun


def test_levels_ramp_from_where_they_are() -> None:
    spec = StreamSpec(seed=1)
    edits = [
        Edit(from_k=10, change=Change(gain_db=-20), ramp_s=4),
        Edit(from_k=11, change=Change(gain_db=0), ramp_s=20),
        Edit(from_k=12, change=Change(gain_db=-6), ramp_s=1),
    ]
    line = Timeline(spec, edits)
    level = line.master(0, 8 * LONG)
    assert not isinstance(level, float)
    assert abs(level[1:] - level[:-1]).max() < 1e-4
    assert line.master(3 * LONG - 1, 3 * LONG) == pytest.approx(0.1, abs=1e-6)
    assert line.master(5 * LONG, 6 * LONG) == pytest.approx(10 ** (-6 / 20), abs=1e-6)
    pieces = [line.master(at, at + 1) for at in range(3 * LONG, 3 * LONG + 100)]
    assert (level[3 * LONG : 3 * LONG + 100] == np.concatenate(pieces)).all()


def test_the_timer_fades_and_the_taper_goes_down() -> None:
    line = Timeline(StreamSpec(seed=1, taper=Taper(), duration_s=3600, fade_out_s=60))
    assert line.end == HOUR
    assert line.master(1800 * RATE_HZ, 1800 * RATE_HZ + 1) == pytest.approx(10 ** (-6 / 20), abs=1e-4)
    assert line.master(HOUR - 1, HOUR) == pytest.approx(0, abs=1e-9)
    assert line.last_segment == segment_at(HOUR - 1)
    assert line.span(segment_at(HOUR - 1)).end == HOUR
    assert line.music(HOUR, 2 * HOUR) == []
    with pytest.raises(ValueError, match="ends with segment"):
        line.span(segment_at(HOUR - 1) + 1)


@pytest.mark.parametrize("fade_s", [0.1, 1, 30])
def test_a_stop_ends_in_silence(fade_s: float) -> None:
    line = Timeline(StreamSpec(seed=1), [stopping(12, fade_s)])
    assert line.end == 4 * LONG + round(fade_s * RATE_HZ)
    assert line.master(line.end - 1, line.end) == pytest.approx(0, abs=1e-5)
    assert line.master(4 * LONG, 4 * LONG + 1) == 1
    later = Timeline(line.spec, [*line.edits, Edit(from_k=12, change=Change(duration_s=1))])
    assert later.end == 4 * LONG + round(min(fade_s, 0.5) * RATE_HZ)


def test_bounds() -> None:
    with pytest.raises(ValueError, match="less than half"):
        StreamSpec(item_s=20, crossfade_s=10)
    with pytest.raises(ValueError, match="at most 200"):
        SpeechSpec(texts=("x",) * 201)
    with pytest.raises(ValueError, match="at most 500"):
        SpeechSpec(texts=("x" * 501,))
    with pytest.raises(ValueError, match="seed"):
        Timeline(StreamSpec())
    with pytest.raises(ValueError, match="cannot follow"):
        Timeline(StreamSpec(seed=1), [Edit(from_k=5), Edit(from_k=4)])
    change = Change(gain_db=-3)
    assert Change.model_validate(change.model_dump(exclude_unset=True)).model_fields_set == {"gain_db"}
    assert StreamSpec(mix=False).changed(change) == StreamSpec(mix=False, gain_db=-3)


def test_many_edits_cost_no_stack() -> None:
    edits = [Edit(from_k=20, change=Change(gain_db=-float(n % 40)), ramp_s=3600) for n in range(1000)]
    level = Timeline(StreamSpec(seed=1), edits).master(segment_span(21).start, segment_span(21).start + 10)
    assert np.all((level > 0) & (level < 1))
    with pytest.raises(ValueError, match="1000 edits"):
        Timeline(StreamSpec(seed=1), [*edits, Edit(from_k=20)])
