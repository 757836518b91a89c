"""What people type, made readable: emoji by name, letters without accents, signs as words, slips of the finger."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache

from deployments.synth.library.presets import library
from deployments.synth.words.lexicon import SCENES, SOUNDS
from deployments.synth.words.modifiers import CHANGES
from deployments.weights.sentence_models import vocabulary

# Letters; shorter words have too many neighbours. Under 57 000 English words by frequency 1 in 1500 is changed.
_SHORTEST, _LONG = 5, 7
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_ENDINGS = (
    "s",
    "es",
    "d",
    "ed",
    "ing",
    "er",
    "ers",
    "est",
    "ly",
    "y",
    "ish",
    "ness",
    "ful",
    "less",
    "like",
    "ic",
    "al",
)
_KEPT = frozenset("♭♯♮")
# Where the sign's own name says something else.
_PICTURES = {
    "CLOUD WITH RAIN": "rain", "UMBRELLA WITH RAIN DROPS": "rain", "THUNDER CLOUD AND RAIN": "thunderstorm",
    "CLOUD WITH LIGHTNING": "thunder", "CLOUD WITH SNOW": "snowstorm",
    "MUSICAL KEYBOARD": "piano", "WATER WAVE": "ocean waves", "HIGH VOLTAGE SIGN": "thunder",
    "LOTUS FLOWER": "meditation", "PERSON IN LOTUS POSITION": "meditation", "SLEEPING FACE": "sleep", "ROCKET": "space",
    "BEATING HEART": "heartbeat", "WIND BLOWING FACE": "wind", "HOT BEVERAGE": "cafe", "EVERGREEN TREE": "forest",
}  # fmt: skip
_SIGNS = (
    (re.compile(r"\br\s?(?:&|'?n'?)\s?b\b", re.IGNORECASE), "rnb"),
    (re.compile(r"\bdrums?\s?(?:&|'?n'?)\s?bass\b|\bd\s?&\s?b\b", re.IGNORECASE), "drum and bass"),
    (re.compile("[\u2018\u2019\u00b4`]"), "'"),
    (re.compile(r"\bw/(?=\s|[a-z])(?!o(?:ut)?\b)", re.IGNORECASE), "with "),
    (re.compile(r"(?<=[a-z]{3})/(?=[a-z]{3})", re.IGNORECASE), ", "),
    (re.compile(r"\s*[+|]\s*|\s+/\s+|(?<=[a-z!?.)])\s+[-\u2013]+\s+(?=[a-z])|\s*\u2014\s*", re.IGNORECASE), ", "),
    (re.compile(r"\s*&\s*"), " and "),
)


def plain(text: str) -> str:
    """The text in letters, digits and punctuation that the tables know; case is kept, keys need it."""
    text = "".join(_read_out(sign) for sign in text)
    text = "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    for pattern, instead in _SIGNS:
        text = pattern.sub(instead, text)
    return text


def _read_out(sign: str) -> str:
    if sign in _KEPT or unicodedata.category(sign) != "So":
        return sign
    name = unicodedata.name(sign, "")
    return f", {_PICTURES.get(name, name.lower())}, "


@lru_cache(maxsize=4096)
def corrected(word: str) -> str:
    """The known word that is one slip of the finger away, where the word is no other and only one is so near.

    Two words that are written as one come apart: "musicbox".

    Names, rare words and other languages must stay as they are: the ends of a word are taken as right, and another
    letter is a slip only where its key or its vowel is near and what is meant is a thing.
    """
    if len(word) < _SHORTEST or not word.isascii() or not word.isalpha() or not _right() or _is_right(word):
        return word
    if word in _joined():
        return _joined()[word]
    near = {other for other in _moved(word) if other in _things() or other in _ways()}
    if len(word) >= _LONG:
        near |= {other for other in _mistaken(word) if other in _things()}
    return near.pop() if len(near) == 1 else word


def _moved(word: str) -> Iterator[str]:
    """Every string that two swapped letters, a lost one or one too many may have been."""
    for at in range(1, len(word)):
        before, after = word[:at], word[at:]
        yield from (before + letter + after for letter in _LETTERS)
        if len(after) > 2:
            yield before + after[1] + after[0] + after[2:]
        doubled = after[0] == before[-1]
        if doubled or (len(after) > 1 and after[0] in _near()[before[-1]] | _near()[after[1]]):
            yield before + after[1:]


def _mistaken(word: str) -> Iterator[str]:
    """Every string with one letter within the word that is near the one that is written."""
    for at in range(1, len(word) - 1):
        yield from (word[:at] + letter + word[at + 1 :] for letter in _near()[word[at]])


@cache
def _near() -> dict[str, set[str]]:
    """The letters beside each on a keyboard, and for a vowel the other vowels."""
    near = {letter: set("aeiou") - {letter} if letter in "aeiou" else set() for letter in _LETTERS}
    places = {
        letter: (column + row / 2, row) for row, keys in enumerate(_KEYBOARD) for column, letter in enumerate(keys)
    }
    for one, (x, y) in places.items():
        near[one] |= {other for other, (u, v) in places.items() if other != one and abs(x - u) <= 1 and abs(y - v) <= 1}
    return near


def _is_right(word: str) -> bool:
    """Whether the word, or what it is made of, is in the dictionary."""
    if word in _right():
        return True
    roots = [word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending)]
    forms = ((root, root + "e", root[:-1] if root[-1] == root[-2] else root) for root in roots if len(root) > 2)
    return any(form in _right() for each in forms for form in each)


@cache
def _joined() -> dict[str, str]:
    """Phrases of two words, by what they are without the space."""
    tags = (phrase.lower() for preset in library().values() for phrase in (preset.name, *preset.tags))
    phrases = (*tags, *SOUNDS, *SCENES)
    return {phrase.replace(" ", ""): phrase for phrase in phrases if phrase.count(" ") == 1}


@cache
def _things() -> frozenset[str]:
    """Single words for sounds and scenes that may be meant."""
    words = {word for table in (SOUNDS, SCENES) for word in table if word.isalpha()}
    return frozenset(word for word in words if len(word) >= _LONG or (len(word) >= _SHORTEST and word in vocabulary()))


@cache
def _ways() -> frozenset[str]:
    """Single common words that change a sound."""
    return frozenset(word for word in CHANGES if word.isalpha() and len(word) > _SHORTEST and word in vocabulary())


@cache
def _right() -> frozenset[str]:
    """Words that are right as they are: those of the sentence model and of the presets; empty without a model."""
    if not vocabulary():
        return frozenset()
    texts = [preset.text().lower() for preset in library().values()]
    return vocabulary() | set(re.findall(r"[a-z]+", " ".join([*texts, *SOUNDS, *SCENES, *CHANGES])))
