"""Phrases that change a sound: the words of vocabulary.py in every form, to every degree, and turned around.

"brighter", "very bright", "not too bright", "less bright" and "like glass" are found by rule; the table holds "bright".
"""

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from deployments.synth.terms.change import Change
from deployments.synth.words.quantities import of_a_band, of_quality
from deployments.synth.words.vocabulary import LIKENESSES, WORDS

# These stand behind what they change ("a bell now and then"), and so do all phrases of several words.
TRAILING = frozenset({"softly", "quietly", "gently", "slowly", "faintly", "sometimes", "occasionally", "rarely"})

_DEGREE_LINES: Mapping[float, str] = {
    1.7: "extremely|incredibly|insanely|unbelievably|impossibly|outrageously|overwhelmingly|ultra|maximally",
    1.5: "super|exceedingly|exceptionally|utterly|totally|completely|absolutely|thoroughly|immensely|terribly"
    "|awfully|profoundly|wholly|ever so|overly|so very|extra|mega|hyper|amazingly|crazy|crazily|dead",
    1.35: "very|really|too|highly|much|far|way|a lot|particularly|especially|remarkably|notably|truly|seriously"
    "|intensely|decidedly|unusually|strikingly|even|so much|many times|ten times|twice as",
    1.15: "so|more|most|the most|pretty|quite a bit|that|increasingly|ever",
    0.9: "quite|rather|reasonably",
    -1.0: "half as|a third as|a quarter as",
    0.7: "fairly|moderately|relatively|almost|nearly|half|semi|comparatively|mostly",
    0.5: "slightly|somewhat|a bit|a little|a little bit|kind of|sort of|kinda|sorta|a tad|a touch|a shade|mildly|partly"
    "|lightly|modestly|a hint of|a trace|a trifle",
    0.3: "barely|faintly|vaguely|marginally|subtly|minimally|ever so slightly|only slightly|just slightly|only a little"
    "|just a little|just a bit|just barely|a wee bit",
    -0.35: "not too|not overly|not all too|not especially|not particularly|not excessively",
    -0.5: "not very|not so|not that|not really|not quite|hardly|scarcely|hardly very|less|a little less|a bit less"
    "|slightly less|somewhat less|rather less|not as",
    -0.8: "not|never|isn't|aren't|not at all|much less|far less|far from|anything but|by no means|least|the least|non"
    "|nowhere near|no longer|neither|nor|without being|way less|a lot less|not in the least|in no way|not even",
}
DEGREES: Mapping[str, float] = {word: share for share, line in _DEGREE_LINES.items() for word in line.split("|")}

_LIKE = (
    "like a", "like an", "like the", "like", "as a", "as an", "as the", "as", "made of", "resembling", "akin to",
    "reminiscent of", "evoking", "sounding like", "similar to",
)  # fmt: skip
_ENDINGS: Mapping[str, float] = {"est": 1.4, "er": 1.15, "ish": 0.6, "ly": 1.0}
_ATTACK = re.compile(r"(\d+) (ms|milliseconds?|s|secs?|seconds?) (?:attack|onset|fade in|swell)")
_DECIBELS = re.compile(r"(\d+) decibels (up|down)")
_OCTAVES = re.compile(r"([123]) octaves (up|down)")
_USUAL_ATTACK_S, _PER_OCTAVE = 0.12, 0.6
_ONSETS = (
    "attack",
    "attacks",
    "onset",
    "onsets",
    "rise time",
    "rise times",
    "entrance",
    "entry",
    "envelope",
    "start",
    "starts",
    "edge",
    "edges",
    "front",
    "fronts",
    "beginning",
    "beginnings",
)
_NONE_IS_SOFT = frozenset({"attack", "onset", "edge", "edges", "start"})  # but no rise time is sudden
_COLOURED = frozenset({"edge", "edges", "front", "fronts", "onset", "onsets"})
_ONSET = 2.2  # octaves that slow and fast are
_ONSET_WORDS: Mapping[str, float] = {
    "zero": -1.0, "no": -1.0, "minimal": -1.0, "minimum": -1.0, "crisp": -1.0, "hard": -1.0, "sharp": -1.0,
    "tongued": -1.0, "abrupt": -1.0, "soft": 1.0, "smooth": 1.0, "weak": 1.0, "slurred": 1.0,
    "maximum": 1.0, "late": 1.0,
}  # fmt: skip
_HARDLY = ("hardly ", "scarcely ", "only just ", "just about ", "almost not ")
# What looks like a form of a word of the table and is none.
_NO_FORMS = frozenset({"hardly", "barely", "scarcely", "nearly", "number", "damper", "timber", "piper", "hammer"})


class _Phrases(Mapping[str, Change]):
    """A mapping from every phrase that changes something; only the table's own can be listed."""

    def __init__(self) -> None:
        self.find = lru_cache(maxsize=16_384)(_change)

    def __getitem__(self, phrase: str) -> Change:
        found = self.find(phrase)
        if found is None:
            raise KeyError(phrase)
        return found

    def __contains__(self, phrase: object) -> bool:
        return isinstance(phrase, str) and self.find(phrase) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(WORDS)

    def __len__(self) -> int:
        return len(WORDS)


def _change(phrase: str) -> Change | None:
    """What a phrase does: itself, a form of it, a likeness, or something of these to a degree."""
    if phrase in WORDS:
        return WORDS[phrase]
    if " " not in phrase:
        return _form(phrase)
    hardly = next((f"barely {phrase.removeprefix(way)}" for way in _HARDLY if phrase.startswith(way)), "")
    if hardly in WORDS:
        return WORDS[hardly]
    told = (
        _timed(phrase)
        or _inflected(phrase)
        or _transposed(phrase)
        or _levelled(phrase)
        or of_a_band(phrase)
        or of_quality(phrase)
        or _onset(phrase)
    )
    return told or _likeness(phrase) or _to_a_degree(phrase)


def _transposed(phrase: str) -> Change | None:
    """Read "2 octaves up"."""
    match = _OCTAVES.fullmatch(phrase)
    return None if match is None else Change(register=float(match[1]) * (1 if match[2] == "up" else -1))


def _inflected(phrase: str) -> Change | None:
    """Read "creep up on" where the table has "creeps up on", and "stealing in" where it has "steal in"."""
    first, _, rest = phrase.partition(" ")
    return next((WORDS[f"{form} {rest}"] for form in _forms(first) if f"{form} {rest}" in WORDS), None)


@lru_cache(maxsize=1024)
def _forms(verb: str) -> tuple[str, ...]:
    """The forms that a verb may have, with some that no verb has."""
    roots = {verb}
    for ending in ("ing", "ed", "es", "s"):
        root = verb.removesuffix(ending)
        if root != verb and len(root) > 2:
            roots |= {root, root + "e", *([root[:-1]] if root[-1] == root[-2] else [])}
    formed = {root + ending for root in roots for ending in ("", "s", "es", "ing")}
    formed |= {root[:-1] + "ing" for root in roots if root.endswith("e")}
    return tuple(sorted(formed - {verb}))


def _levelled(phrase: str) -> Change | None:
    """Read "6 decibels down"."""
    match = _DECIBELS.fullmatch(phrase)
    return None if match is None else Change(level_db=1.0).times(int(match[1]) * (1 if match[2] == "up" else -1))


def _timed(phrase: str) -> Change | None:
    """Read "2 second attack" and "5 ms attack"."""
    match = _ATTACK.fullmatch(phrase)
    if match is None:
        return None
    length_s = float(match[1]) * (1e-3 if match[2].startswith("m") else 1.0)
    return Change(attack=math.log2(max(1e-3, length_s) / _USUAL_ATTACK_S)).times(_PER_OCTAVE)


def is_of_an_onset(phrase: str) -> bool:
    """Whether a phrase says how the notes of what stands before it begin."""
    return phrase.rpartition(" ")[2] in _ONSETS and phrase in CHANGES


@lru_cache(maxsize=4096)
def is_turned_around(phrase: str) -> bool:
    """Whether a phrase says that something is not so, like "not distorted"."""
    parts = phrase.split(" ")
    return any(DEGREES.get(" ".join(parts[:at]), 0.0) < 0 for at in range(1, len(parts)))


def _onset(phrase: str) -> Change | None:
    """Read "a slow entrance" and "zero rise time": what is said of how a note begins is its attack, no tempo."""
    for noun in _ONSETS:
        how = phrase.removesuffix(f" {noun}")
        if how != phrase:
            if how == "no" and noun in _NONE_IS_SOFT:
                return Change(attack=_ONSET)
            octaves = _ONSET_WORDS.get(how) or (WORDS[how].attack if how in WORDS else 0.0)
            if not octaves and noun in _COLOURED:  # "a velvet edge", "a razor front"
                octaves = -(WORDS.get(how) or LIKENESSES.get(how) or Change()).brightness
            return Change(attack=math.copysign(_ONSET, octaves)) if octaves else None
    return None


def _form(word: str) -> Change | None:
    """A comparative, a superlative, an adverb: "brighter", "dimmest", "tinier", "darkish"."""
    if word in _NO_FORMS:
        return None
    for ending, share in _ENDINGS.items():
        root = word.removesuffix(ending)
        if root == word or len(root) < 3:
            continue
        doubled = root[:-1] if root[-1] == root[-2] else root
        for stem in (root, root + "e", doubled, root[:-1] + "y" if root.endswith("i") else root):
            if stem in WORDS:
                return WORDS[stem].times(share)
    return None


def _likeness(phrase: str) -> Change | None:
    """Find what a thing is compared to: "like honey", "as a razor", "honey like"."""
    thing = next((phrase.removeprefix(f"{like} ") for like in _LIKE if phrase.startswith(f"{like} ")), None)
    if thing is None and phrase.endswith(" like"):
        thing = phrase.removesuffix(" like")
    return None if thing is None else LIKENESSES.get(thing) or LIKENESSES.get(thing.removesuffix("s"))


def _to_a_degree(phrase: str) -> Change | None:
    """Read "very dark", "much less dense", "not quite so bright": the longest adverb decides."""
    parts = phrase.split(" ")
    for at in range(len(parts) - 1, 0, -1):
        share = DEGREES.get(" ".join(parts[:at]))
        if share is not None:
            changed = _change(" ".join(parts[at:]))
            if changed is not None:
                return changed.times(share)
    return None


CHANGES: Mapping[str, Change] = _Phrases()
