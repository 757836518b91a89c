"""The words that change a sound, as data: each line names what its words do, in the units of `Change`.

The table is also what an unknown word is judged by (axes.py), so that every line teaches more than its words.
Phrases are lower case and at most four words long; what `LIKENESSES` holds changes a sound as "like honey" or
"honey like" only.
"""

from collections.abc import Mapping
from dataclasses import replace

from deployments.synth.terms.change import Change
from deployments.synth.words.colour_words import COLOURS, LEVELS, MOODS
from deployments.synth.words.likenesses import LIKENESS_LINES
from deployments.synth.words.motion_words import MOTIONS
from deployments.synth.words.place_words import DISTANCES, WIDTHS
from deployments.synth.words.time_words import TIMES

# A later line of a word replaces an earlier one, and the order is that in which axes.py is taught.
_LINES = (*LEVELS, *DISTANCES, *COLOURS, *TIMES, *WIDTHS, *MOODS)


def _spelled(lines: tuple[tuple[Change, str], ...]) -> dict[str, Change]:
    return {word.replace("_", " "): change for change, words in lines for word in words.split()}


def _moving() -> dict[str, Change]:
    """What the words for motion do, beside what they do already."""
    moving = {word.replace("_", " "): share for share, words in MOTIONS for word in words.split()}
    return {word: replace(_STILL.get(word, Change()), motion=share) for word, share in moving.items()}


_STILL = _spelled(_LINES)
WORDS: Mapping[str, Change] = {**_STILL, **_moving()}
LIKENESSES: Mapping[str, Change] = _spelled(LIKENESS_LINES)
