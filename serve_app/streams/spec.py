"""What a stream shall be: its spec, frozen at the start, and edits, each from a segment that nobody has heard yet."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deployments.contract.request import Frozen
from serve_app.streams.grid import seconds, segment_span

TrackType = Literal["sleep", "meditation", "focus"]
MOST_TEXTS, LONGEST_TEXT = 200, 500
LONGEST_S = 30 * 24 * 3600.0
MOST_EDITS = 1000

Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, pattern=r"\S")]
Tag = Annotated[str, Field(min_length=1, max_length=40, pattern=r"\S")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class MusicSpec(Frozen):
    """What the bed is made of. All optional: without a prompt the words come from tables."""

    prompt: str | None = Field(default=None, min_length=1, max_length=2000, pattern=r"\S")
    track_type: TrackType = "sleep"
    mood_tags: tuple[Tag, ...] = Field(default=(), max_length=16)
    model: Name = Field(default="auto", description="A configured model; `auto` takes the first that there is.")
    preset: str | None = Field(default=None, max_length=64, description="A preset of the synth that is part of it.")


class SpeechSpec(Frozen):
    """Texts that are spoken over the bed, one every `interval_s`, the first one interval after the start."""

    texts: tuple[Text, ...] | None = Field(default=None, min_length=1, max_length=MOST_TEXTS)
    theme: str | None = Field(default=None, max_length=100, description="Where texts are taken from if none are given.")
    interval_s: float = Field(default=30.0, ge=5, le=3600, description="From the start of a text to that of the next.")
    voice: Name | None = None
    model: Name | None = None
    language: str | None = Field(default=None, max_length=35, description="BCP 47.")
    enhance: bool = Field(default=True, description="Add breath, pauses and a closing.")
    gain_db: float = Field(default=0.0, ge=-24, le=6, description="0 is 8 LU over the bed as it is under a voice.")
    exaggeration: float | None = Field(default=None, ge=0, le=2)
    cfg_weight: float | None = Field(default=None, ge=0, le=1)


class Taper(Frozen):
    """The level goes down by `db` within `over_s`, from the start of the stream or the edit that brings it."""

    db: float = Field(default=-6.0, ge=-40, le=0)
    over_s: float = Field(default=1800.0, ge=10, le=24 * 3600)


class StreamSpec(Frozen):
    """A stream as it was asked for. `seed` is drawn by whoever accepts it; the timeline needs one."""

    music: MusicSpec = MusicSpec()
    speech: SpeechSpec | None = None
    item_s: float = Field(default=60.0, ge=15, le=600, description="From the start of a piece of music to the next.")
    items_ahead: int = Field(default=3, ge=1, le=10, description="Items made before they are heard.")
    crossfade_s: float = Field(default=6.0, ge=0.5, le=30, description="Less than half of `item_s`.")
    loudness_lufs: float = Field(default=-23.0, ge=-40, le=-14)
    gain_db: float = Field(default=0.0, ge=-60, le=0, description="Of everything, after loudness.")
    mix: bool = Field(default=True, description="False leaves the voice out of the sound.")
    taper: Taper | None = None
    duration_s: float | None = Field(default=None, ge=10, le=LONGEST_S, description="None: without end.")
    fade_out_s: float = Field(default=20.0, ge=0.1, le=3600, description="How long the end takes.")
    seed: int | None = Field(default=None, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if 2 * self.crossfade_s >= self.item_s:
            raise ValueError(f"crossfade_s {self.crossfade_s:g} must be less than half of item_s {self.item_s:g}")
        return self

    def changed(self, change: "Change") -> "StreamSpec":
        """This spec with what the change sets."""
        return self.model_copy(update={name: getattr(change, name) for name in change.model_fields_set})


class Change(Frozen):
    """What an edit may change: the fields that are set, each as a whole; `speech: null` takes the voice away.

    Dump it with `exclude_unset=True`, else what was left out would be set. `item_s`, `crossfade_s` and `seed` are the
    stream's for ever.
    """

    music: MusicSpec = MusicSpec()
    speech: SpeechSpec | None = None
    loudness_lufs: float = Field(default=-23.0, ge=-40, le=-14)
    gain_db: float = Field(default=0.0, ge=-60, le=0)
    mix: bool = True
    taper: Taper | None = None
    duration_s: float | None = Field(default=None, gt=0, le=LONGEST_S, description="Of the whole stream.")
    fade_out_s: float = Field(default=20.0, ge=0.1, le=3600)


class Edit(Frozen):
    """A change from segment `from_k` on, which nobody has rendered yet. Edits are appended, `from_k` never falls.

    Music changes with the next item; with `switch` the item that sounds then is cross-faded to another take of it, made
    as the spec says after the change. Levels go to their new value within `ramp_s`. Texts that have begun are spoken to
    their end.
    """

    from_k: int = Field(ge=0)
    change: Change = Change()
    ramp_s: float = Field(default=2.0, ge=0.05, le=3600)
    switch: bool = False


def stopping(from_k: int, fade_out_s: float) -> Edit:
    """The edit that ends a stream `fade_out_s` after the start of segment `from_k`; a text meanwhile fades with it."""
    end_s = seconds(segment_span(from_k).start) + fade_out_s
    return Edit(from_k=from_k, change=Change(duration_s=end_s, fade_out_s=fade_out_s), ramp_s=min(2.0, fade_out_s))


def check_edits(edits: Sequence[Edit]) -> None:
    """Raises ValueError unless they are in the order of their segments and no more than MOST_EDITS."""
    if len(edits) > MOST_EDITS:
        raise ValueError(f"a stream takes {MOST_EDITS} edits, these are {len(edits)}")
    for earlier, later in pairwise(edits):
        if later.from_k < earlier.from_k:
            raise ValueError(f"an edit from segment {later.from_k} cannot follow one from segment {earlier.from_k}")
