"""What sounds when: pieces of music, spoken texts, levels at any sample, from a spec and its edits.

Item `j` has the slot [j * item, (j + 1) * item) and sounds one cross-fade longer, under the beginning of the next. An
edit with `switch` cross-fades to another *take* of the item within its slot. Times are samples at 44.1 kHz; any place
costs the same, however late.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from serve_app.streams.gains import Fade, Level, linear, toward
from serve_app.streams.grid import RATE_HZ, Span, samples, segment_at, segment_span
from serve_app.streams.spec import Edit, MusicSpec, SpeechSpec, StreamSpec, check_edits
from serve_app.streams.variation import MOST_TAKES, draw, in_turn, item_seed, words

ATTACK, RELEASE = samples(0.25), samples(0.9)  # of the bed under a voice
DUCK_DB = -9.0
FADE_IN = samples(0.5)


@dataclass(frozen=True)
class MusicItem:
    """A take of item `j`: what to make it from, and where it is heard.

    The sound has `frames` frames (44.1 kHz). It is heard in [start, end), from its frame `offset` on; it fades in over
    the first `fade_in` samples, while the one before fades out, and out over the last `fade_out`.
    """

    j: int
    take: int
    seed: int
    prompt: str
    key: str
    scale: str
    music: MusicSpec
    frames: int
    start: int
    end: int
    offset: int
    fade_in: int
    fade_out: int


@dataclass(frozen=True)
class SpokenText:
    """The `slot`-th text of the stream, begins at sample `start`.

    What takes more than `longest` frames would not be over when the next begins, and is not spoken; nor is what would
    not be over before the end of the stream. `seed` is for the voice: the same text has the same one.
    """

    slot: int
    start: int
    index: int
    text: str
    seed: int
    speech: SpeechSpec
    longest: int


@dataclass(frozen=True)
class _Era:
    """The spec from sample `start` on, and how levels come to it."""

    start: int
    spec: StreamSpec
    ramp: int
    switches: bool
    end: int | None
    taper_start: int
    speech_start: int  # the first text begins one interval later
    speech_slot: int  # its number in the stream
    speech_free: int  # no text of another interval may begin before, for the last one of an earlier era

    @property
    def interval(self) -> int:
        """0 where nobody speaks."""
        speech = self.spec.speech
        return samples(speech.interval_s) if speech is not None and speech.texts else 0

    @property
    def fade_start(self) -> int | None:
        return None if self.end is None else max(0, self.end - samples(self.spec.fade_out_s))

    def slots_before(self, sample: int) -> int:
        """How many texts of this era begin before a sample, were it to last."""
        return max(0, -((self.speech_start - sample) // self.interval) - 1) if self.interval else 0

    def slot_start(self, n: int) -> int:
        return self.speech_start + (n + 1) * self.interval


@dataclass(frozen=True)
class Timeline:
    """A spec with a seed, and the edits to it in their order. Raises ValueError for others."""

    spec: StreamSpec
    edits: Sequence[Edit] = ()

    def __post_init__(self) -> None:
        if self.spec.seed is None:
            raise ValueError("a stream needs a seed before it has a timeline")
        check_edits(self.edits)

    @property
    def seed(self) -> int:
        """The stream's."""
        assert self.spec.seed is not None
        return self.spec.seed

    @property
    def item(self) -> int:
        """Samples from one item to the next."""
        return samples(self.spec.item_s)

    @property
    def crossfade(self) -> int:
        """Samples for which an item sounds under the next."""
        return samples(self.spec.crossfade_s)

    @cached_property
    def end(self) -> int | None:
        """The first sample that is not there any more; None for a stream without end."""
        return self._eras[-1].end

    @cached_property
    def last_segment(self) -> int | None:
        """The segment with the last sample."""
        return None if self.end is None else segment_at(self.end - 1)

    def span(self, k: int) -> Span:
        """The samples of segment `k`; the last one ends with the stream. Raises ValueError for one after it."""
        start, end = segment_span(k)
        if self.end is not None:
            if start >= self.end:
                raise ValueError(f"the stream ends with segment {self.last_segment}; there is no segment {k}")
            end = min(end, self.end)
        return Span(start, end)

    # --- Music

    def music(self, a: int, b: int) -> list[MusicItem]:
        """What is heard in [a, b), in the order of beginning; at most two at any sample."""
        a, b = max(a, 0), b if self.end is None else min(b, self.end)
        if a >= b:
            return []
        first = max(0, (a - self.crossfade) // self.item)
        found = (take for j in range(first, (b - 1) // self.item + 1) for take in self.takes(j))
        return [take for take in found if take.start < b and take.end > a]

    def takes(self, j: int) -> list[MusicItem]:
        """The takes of item `j` in their order: one, and one more for each switch in its slot."""
        slot, fade = j * self.item, self.crossfade
        starts, eras = [slot], [self._era_at(slot)]
        for switched in sorted({era.start for era in self._eras_within(slot, slot + self.item) if era.switches}):
            start = max(switched, starts[-1] + (fade if len(starts) > 1 or j else 0))
            # A switch for which there is no time waits for the next item.
            if start + fade <= slot + self.item and len(starts) < MOST_TAKES:
                starts.append(start)
                eras.append(self._era_at(switched))
        ends = [start + fade for start in starts[1:]] + [slot + self.item + fade]
        return [self._take(j, n, eras[n].spec.music, Span(starts[n], ends[n])) for n in range(len(starts))]

    def _take(self, j: int, take: int, music: MusicSpec, heard: Span) -> MusicItem:
        slot, fade = j * self.item, self.crossfade
        prompt, key, scale = words(self.seed, music, j)
        return MusicItem(
            j, take, item_seed(self.seed, j, take), prompt, key, scale, music, self.item + fade, heard.start, heard.end,
            heard.start - slot, fade if j or take else 0, fade,
        )  # fmt: skip

    # --- Speech

    def speech(self, a: int, b: int) -> list[SpokenText]:
        """The texts that begin in [a, b), were they short enough; `is_spoken` tells when their length is known."""
        return self._texts(b, lambda era: a)

    def speech_over(self, a: int, b: int) -> list[SpokenText]:
        """The texts that may be heard, or have the bed down for them, in [a, b)."""
        return [
            text
            for text in self._texts(b + ATTACK, lambda era: a - era.interval)
            if text.start + text.longest + RELEASE > a
        ]

    def _texts(self, before: int, since: Callable[[_Era], int]) -> list[SpokenText]:
        found = []
        b = before if self.end is None else min(before, self.end)
        for era, until in zip(self._eras, [*self._eras[1:], None], strict=True):
            low = max(since(era), era.start + ATTACK if era.start else 0)
            high = b if until is None else min(b, until.start + ATTACK)
            if low < high and era.spec.speech is not None:
                slots = range(era.slots_before(low), era.slots_before(high))
                found += [self._spoken(era, era.spec.speech, n) for n in slots]
        return found

    def _spoken(self, era: _Era, speech: SpeechSpec, n: int) -> SpokenText:
        assert speech.texts is not None
        slot = era.speech_slot + n
        index = in_turn(self.seed, "speech", len(speech.texts), slot)
        text = speech.texts[index]
        longest = longest_text_frames(speech.interval_s)
        return SpokenText(slot, era.slot_start(n), index, text, draw(self.seed, text) % 2**32, speech, longest)

    def is_spoken(self, text: SpokenText, frames: int) -> bool:
        """Whether a text whose sound has so many frames is heard: whole, in the mix, before the end's fade."""
        # What is true when it begins holds until it is over, whatever an edit says meanwhile.
        era = self._era_at(max(0, text.start - ATTACK))
        in_time = era.fade_start is None or text.start + frames + RELEASE <= era.fade_start
        return era.spec.mix and 0 < frames <= text.longest and in_time

    # --- Levels

    def master(self, a: int, b: int) -> Level:
        """The level of everything: fade in, gain, taper, the end's fade."""
        return self._level(a, b, lambda era: _master(era, a, b))

    def of_loudness(self, a: int, b: int, level: Callable[[float], float]) -> Level:
        """What `level` makes of the loudness aimed at in LUFS; ramped where an edit changes it."""
        return self._level(a, b, lambda era: level(era.spec.loudness_lufs))

    def _level(self, a: int, b: int, of: Callable[[_Era], Level]) -> Level:
        """The level of the era, and within the ramp at its start of those before it on the way to it."""
        newest = max(bisect_right(self._starts, b - 1) - 1, 0)
        shares: dict[int, Level] = {}
        number = newest
        while number > 0:
            era = self._eras[number]
            shares[number] = Fade(era.start, era.start + era.ramp).over(a, b)
            if isinstance(shares[number], float) and shares[number] == 1.0:
                break
            number -= 1
        level = of(self._eras[number])
        for later in range(number + 1, newest + 1):
            level = toward(level, partial(of, self._eras[later]), shares[later])
        return level

    # --- Eras

    @cached_property
    def _eras(self) -> list[_Era]:
        end = None if self.spec.duration_s is None else samples(self.spec.duration_s)
        eras = [_Era(0, self.spec, 0, False, end, 0, 0, 0, 0)]
        for edit in self.edits:
            eras.append(_after(eras[-1], edit))
        return eras

    @cached_property
    def _starts(self) -> list[int]:
        return [era.start for era in self._eras]

    def _era_at(self, sample: int) -> _Era:
        return self._eras[bisect_right(self._starts, sample) - 1]

    def _eras_within(self, a: int, b: int) -> list[_Era]:
        """Those that begin in (a, b)."""
        return self._eras[bisect_right(self._starts, a) : bisect_right(self._starts, b - 1)]


def longest_text_frames(interval_s: float) -> int:
    """How long a spoken text may be, in frames at 44.1 kHz, so that the bed is back before the next one begins."""
    return round(interval_s * RATE_HZ) - ATTACK - RELEASE


def _after(era: _Era, edit: Edit) -> _Era:
    start, changed = segment_span(edit.from_k).start, edit.change.model_fields_set
    new = replace(era, start=start, spec=era.spec.changed(edit.change), ramp=samples(edit.ramp_s), switches=edit.switch)
    if "taper" in changed:
        new = replace(new, taper_start=start)
    if "duration_s" in changed:
        new = replace(new, end=_end(new))
    if new.end is not None and changed & {"duration_s", "fade_out_s"}:  # the end is silent, however long the ramp
        new = replace(new, ramp=max(1, min(new.ramp, new.end - start)))
    if new.interval == era.interval:
        return new
    # Texts of the era before begin until the bed would have to go down before `start`.
    begun = era.slots_before(start + ATTACK)
    free = max(era.speech_free, era.slot_start(begun)) if begun else era.speech_free
    return replace(
        new, speech_start=max(start, free - new.interval), speech_slot=era.speech_slot + begun, speech_free=free
    )


def _end(era: _Era) -> int | None:
    """What comes too late for its own end ends at once, with a fade of half a second at most."""
    if era.spec.duration_s is None:
        return None
    return max(samples(era.spec.duration_s), era.start + samples(min(era.spec.fade_out_s, 0.5)))


def _master(era: _Era, a: int, b: int) -> Level:
    level: Level = linear(era.spec.gain_db) * Fade(0, FADE_IN).over(a, b)
    if era.spec.taper is not None:
        lower = linear(era.spec.taper.db)
        down = Fade(era.taper_start, era.taper_start + samples(era.spec.taper.over_s)).over(a, b)
        level = level * toward(1.0, lambda: lower, down)
    if era.end is not None and era.fade_start is not None:
        level = level * (1.0 - Fade(era.fade_start, era.end).over(a, b))
    return level
