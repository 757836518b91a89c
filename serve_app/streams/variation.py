"""How a stream goes on without repeating itself: words, keys and seeds of item j, the order of texts and pieces.

Everything is a closed form of (seed, j): item 100,000 costs what item 0 costs.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from serve_app.streams.spec import MusicSpec

MOST_TAKES = 64  # of one item
_ODD = 0x9E3779B1  # multiplication by it permutes the 32-bit numbers

# By fifths: neighbours share all notes but one.
_MAJORS = ("Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#")
_MINORS = ("Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#", "G#", "D#")
_WANDER = (0, 1, 2, 1, 0, -1, -2, -1)  # never more than a fifth at once
_NAMED = re.compile(
    r"\b(?:in|key of)\s+([A-G])(?:\s?([#♯b♭])|[\s-](sharp|flat))?"
    r"(?:[\s-]+((?i:major|minor|dorian|phrygian|lydian|mixolydian))\b|(?=\s*(?:$|[,.;:!)])))"
)

_SCENES: Mapping[str, str] = {
    "sleep": "Ambient sleep soundscape",
    "meditation": "Mindful meditation soundscape",
    "focus": "Calm background music for focus",
}
_INSTRUMENTS: Mapping[str, tuple[str, ...]] = {
    "sleep": (
        "soft piano", "a warm low pad", "slow strings", "a soft choir pad", "a gentle harp", "a music box far away",
        "a mellow electric piano", "airy flutes", "a deep warm drone", "soft mallets",
    ),
    "meditation": (
        "singing bowls", "gentle drones", "a tanpura", "a bamboo flute", "a handpan", "soft chimes", "a warm pad",
        "a deep bowl", "a glass drone", "a quiet choir",
    ),
    "focus": (
        "a mellow electric piano", "soft plucks", "a warm pad", "muted piano", "a gentle arpeggio", "a soft marimba",
        "a mellow guitar", "slow strings", "an airy pad", "a quiet vibraphone",
    ),
}  # fmt: skip
_PLACES: Mapping[str, tuple[str, ...]] = {
    "sleep": ("gentle rain", "a calm sea", "a night forest", "a soft breeze", "a far stream", "a quiet fireplace"),
    "meditation": ("a far stream", "soft wind", "a calm sea", "a quiet temple", "gentle rain", "a dawn forest"),
    "focus": ("a quiet room", "light rain", "soft noise", "a far cafe", "a gentle stream", "warm tape hiss"),
}
_CHARACTERS: Mapping[str, tuple[str, ...]] = {
    "sleep": ("deeply calming and grounding", "slow and weightless", "dark and warm", "tender and still"),
    "meditation": ("anxiety-reducing and centering", "spacious and clear", "slow and even", "warm and grounding"),
    "focus": ("steady and unobtrusive", "clear and light", "even and warm", "patient and bright"),
}
_NUANCES = (
    "a little warmer", "sparse", "softer than before", "with more space", "slowly turning", "a little brighter",
    "very still", "with a slow swell", "low and round", "airy", "intimate", "far away",
)  # fmt: skip
_MOODS: Mapping[str, str] = {  # of words that people use for themselves: what would do them good
    "anxious": "reassuring", "stressed": "releasing", "sad": "comforting", "tired": "restful", "angry": "cooling",
    "lonely": "embracing", "restless": "settling", "overwhelmed": "simple", "grateful": "radiant", "happy": "light",
}  # fmt: skip
_SCALES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # of the major, of the relative minor
    "sleep": (("major_pentatonic", "major"), ("minor_pentatonic", "minor")),
    "meditation": (("major_pentatonic",), ("minor_pentatonic", "minor_pentatonic")),
    "focus": (("major", "major_pentatonic"), ("minor", "minor_pentatonic")),
}


class Words(NamedTuple):
    """What an item is made from: words, and the key and scale for models that have fields for them."""

    prompt: str
    key: str
    scale: str


def draw(seed: int, *what: str | int) -> int:
    """A 64-bit number of a seed and a name: the same everywhere, for ever."""
    name = "/".join(map(str, (seed, *what)))
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def item_seed(seed: int, j: int, take: int = 0) -> int:
    """The 32-bit seed of an item: no two takes of any 2**26 items in a row share one."""
    return (draw(seed, "music") + (j * MOST_TAKES + take) * _ODD) % 2**32


def words(seed: int, music: MusicSpec, j: int) -> Words:
    """What item `j` is made from: a key that goes with those beside it, words that move on slowly."""
    kind = music.track_type
    moods = ", ".join(_MOODS.get(tag.casefold().strip(), tag.strip()) for tag in music.mood_tags)
    if music.prompt is not None:
        nuance = "" if j == 0 else _NUANCES[in_turn(seed, "nuance", len(_NUANCES), j - 1)]
        prompt = ", ".join(filter(None, (music.prompt.strip(), moods, nuance)))
    else:
        instruments = _INSTRUMENTS[kind]
        # The one stays for two items while the other moves, so that neighbours always have something in common.
        first = instruments[in_turn(seed, "even", len(instruments) // 2, (j + 1) // 2) * 2]
        second = instruments[in_turn(seed, "odd", len(instruments) // 2, j // 2) * 2 + 1]
        place = _PLACES[kind][in_turn(seed, "place", len(_PLACES[kind]), j // 3)]
        character = _CHARACTERS[kind][in_turn(seed, "character", len(_CHARACTERS[kind]), j)]
        prompt = ", ".join(filter(None, (f"{_SCENES[kind]} with {first}, {second} and {place}", character, moods)))
    return Words(prompt, *_key(seed, music, j))


def in_turn(seed: int, name: str, count: int, i: int) -> int:
    """Which of `count` things is the i-th in an endless order: each once a round, none again before half a round.

    The things are dealt into two halves once; each round shuffles both and plays one after the other.
    """
    at, place = divmod(i, count)
    half = count // 2
    dealt = _shuffled(seed, f"{name}/dealt", count)
    if place < half:
        return dealt[_shuffled(seed, f"{name}/first/{at}", half)[place]]
    return dealt[half + _shuffled(seed, f"{name}/second/{at}", count - half)[place - half]]


@lru_cache(256)
def _shuffled(seed: int, name: str, count: int) -> tuple[int, ...]:
    return tuple(sorted(range(count), key=lambda index: draw(seed, name, index)))


def _key(seed: int, music: MusicSpec, j: int) -> tuple[str, str]:
    major, minor = _SCALES[music.track_type]
    named = _NAMED.search(music.prompt or "")
    if named is not None:  # the prompt wins over the tables
        sign = {"#": "#", "♯": "#", "sharp": "#", "b": "b", "♭": "b", "flat": "b", None: ""}
        return named[1] + sign[named[2] or named[3]], (named[4] or "major").lower()
    # Three to eight: what wanders two fifths around it stays on the table.
    at = 3 + draw(seed, "key") % 6 + _WANDER[j // 2 % len(_WANDER)]
    choice = draw(seed, "scale", j)
    is_minor = choice % 2 == 1
    scales = minor if is_minor else major
    return (_MINORS if is_minor else _MAJORS)[at], scales[choice // 2 % len(scales)]
