"""The key and the scale that a prompt names: "C# min", "rooted on D", "whole tone on C", "fis-Moll", "in hijaz"."""

import re

from deployments.synth.terms.theory import OTHER_SCALE_NAMES, SCALES, scale_name

_NAMES = sorted({*SCALES, *OTHER_SCALE_NAMES} - {"maj", "min"}, key=len, reverse=True)
_SCALE = "|".join(name.replace("_", r"[\s-]") for name in _NAMES)
_SIGN = r"(?:\s?(#|♯|♭|b(?![a-z]))|[\s-]?((?i:sharp|flat)))?"
_NOTE = rf"(?<![\w#♯♭'])([A-Ga-g]){_SIGN}(?![\w#♯♭'])"
_SCALE_NOUN = r"(?:\s+(?i:scale|mode|tonality|maqam|ra+ga?|thaat))?"
_KEY = re.compile(
    r"(?:\b(?:in|key of|key:)\s+(?:the key of\s+)?)?"
    rf"(?<![#♯♭'])\b([A-Ga-g]){_SIGN}(?![a-zA-Z#])(?:[\s-]+|\s*[,:(/]\s*)((?i:{_SCALE}|maj|min))\b\.?{_SCALE_NOUN}"
)
_SCALE_ON = re.compile(
    rf"\b((?i:{_SCALE})){_SCALE_NOUN}\s+(?i:(?:(?:starting|beginning|built|based|rooted|centered|centred)\s+)?"
    rf"(?:on|from|of|at|in)|with root)\s+{_NOTE}"
)
_SHORT_KEY = re.compile(r"\b(?:([A-G])(#|♯|♭|b)?|([a-g])(#|♯))(m|[Mm]aj|[Mm]in)(?:[679]|11|13)?\b")
_ROOT = re.compile(
    r"\b(?i:root(?:ed)?|tonic|keynote|home|(?:tonal\s+)?cent(?:er|re)(?:e?d)?|based|built|tuned|pitched|grounded|tonality"
    r"|key|fundamental)"
    r"(?:\s+(?i:note|key|tone|pitch|cent(?:er|re)))?(?:\s*(?::|=)|\s+(?i:is|of|on|in|at|around|upon|to|the note|note))*"
    rf"\s*{_NOTE}"
)
_AS_ROOT = re.compile(
    rf"{_NOTE}\s+(?i:(?:as|is|for)\s+(?:(?:the|its|a|our|my)\s+)?)?"
    r"(?i:root|tonic|home|keynote|(?:tonal|key)\s+cent(?:er|re)|ground|base|fundamental)(?:\s+(?i:note|key|tone))?\b"
)
_KEY_ALONE = re.compile(rf"\b(?i:in|(?:in )?the key of|key of|key:)\s+{_NOTE}")
_TONALITY = re.compile(r"\s+(?:key|scale|mode|mood|tonality)\b", re.IGNORECASE)
_SCALE_ALONE = re.compile(
    rf"\b(?:in\s+)?(?:an?\s+|the\s+)?(?:(?:maqam|ra+ga?)\s+)?({_SCALE})\b(?:\s+(?:scale|mode|key|chords?|harmony|maqam))?",
    re.IGNORECASE,
)
_GERMAN = re.compile(r"\b(?:in\s+)?([a-h])(is|es|s)?[\s-]?(moll|dur)\b", re.IGNORECASE)
_ROMANCE = re.compile(
    r"\b(?:en\s+|in\s+)?(do|re|mi|fa|sol|la|si)(?:\s+(diese|sostenido|diesis|bemol|bemolle))?"
    r"\s+(majeur|mineur|mayor|menor|maggiore|minore)\b",
    re.IGNORECASE,
)
_SOLFEGE = dict(zip(("do", "re", "mi", "fa", "sol", "la", "si"), "CDEFGAB", strict=True))
# Words of everyday speech, scales only beside a key or where they are called one.
_WEAK_SCALES = frozenset(
    {"blues", "chromatic", "gypsy", "japanese", "spanish", "byzantine", "diminished", "arabic", "kurd"}
)
_SIZE = (
    "change|storm|event|problem|issue|detail|difference|crash|accident|injury|leak|update|character|role|city|road"
    "|disaster|flood|earthquake|delay|inconvenience|annoyance|variation|adjustment|league|setback|incident"
)
_SIZED = frozenset(_SIZE.split("|"))
_SIGNS = {"sharp": "#", "flat": "b", "♯": "#", "♭": "b"}

Found = tuple[str, str | None, str | None]  # the text without them, the key, the scale


def read_key(text: str) -> Found:
    """Find key and scale; return the text without them, and None for what is not said."""
    for match in _KEY.finditer(text):
        if _is_article(match, text) or (match[1] in "aA" and _is_sized(match[4], text[match.end(4) :])):
            continue  # "a minor change" is no key, "in a minor key" is any
        return _without(match, text), _named(match[1], match[2] or match[3]), scale_name(match[4])
    for match in _SCALE_ON.finditer(text):
        if _is_note(match, text, 2):
            return _without(match, text), _named(match[2], match[3] or match[4]), scale_name(match[1])
    return _abroad(text) or _short(text) or _apart(text)


def _abroad(text: str) -> Found | None:
    """Read "cis-Moll", "B-Dur", "la mineur", "sol mayor"."""
    match = _GERMAN.search(text)
    if match is not None:
        letter, ending = match[1].upper(), (match[2] or "").lower()
        sign = "#" if ending == "is" else "b" if ending or letter == "B" else ""
        key = ("B" if letter == "H" else letter) + sign
        return _without(match, text), key, "minor" if match[3].lower() == "moll" else "major"
    match = _ROMANCE.search(text)
    if match is None:
        return None
    sign = "" if not match[2] else "b" if match[2].lower().startswith("bemol") else "#"
    return _without(match, text), _SOLFEGE[match[1].lower()] + sign, "minor" if match[3][1] in "ie" else "major"


def _short(text: str) -> Found | None:
    """Read "F#m", "Gmaj7", "Cmin"."""
    match = _SHORT_KEY.search(text)
    if match is None:
        return None
    key = _named(match[1] or match[3], match[2] or match[4])
    return _without(match, text), key, "major" if match[5].lower() == "maj" else "minor"


def _apart(text: str) -> Found:
    """A key here, a scale there, or one of them."""
    key = None
    for pattern in (_ROOT, _AS_ROOT, _KEY_ALONE):
        match = next((match for match in pattern.finditer(text) if _is_note(match, text, 1)), None)
        if match is not None:
            key, text = _named(match[1], match[2] or match[3]), _without(match, text)
            break
    for match in _SCALE_ALONE.finditer(text):
        said = match[0].lower().split()[-1] in {"scale", "mode", "key", "maqam"}
        sized = match[0].lower().startswith(("a ", "the ")) or _is_sized(match[1], text[match.end() :])
        sized &= match[1].lower() in {"minor", "major"}
        if said or (match[1].lower() not in _WEAK_SCALES and not sized):
            return f"{text[: match.start()]} {text[match.end() :]}", key, scale_name(match[1])
    return text, key, None


def _is_article(match: re.Match[str], text: str) -> bool:
    """Whether the "a" of "a minor change" and of "in a minor key" is no note."""
    named = re.match(r"(?:in|key of)\b", match[0], re.IGNORECASE)
    return match[1] == "a" and not match[2] and (not named or _TONALITY.match(text, match.end(4)) is not None)


def _is_note(match: re.Match[str], text: str, at: int) -> bool:
    """Whether a letter is a note: a small "a" never is, a small one otherwise where nothing belongs to it."""
    return match[at] != "a" or bool(match[at + 1] or match[at + 2])


def _is_sized(scale: str, after: str) -> bool:
    """Whether "minor" or "major" speaks of something else: "minor change", "major storm"."""
    next_word = re.match(r"\s*([a-z]*)", after.lower())
    return scale.lower() in {"minor", "major"} and next_word is not None and next_word[1].removesuffix("s") in _SIZED


def _without(match: re.Match[str], text: str) -> str:
    return f"{text[: match.start()]} , {text[match.end() :]}"


def _named(letter: str, sign: str | None) -> str:
    return letter.upper() + _SIGNS.get((sign or "").lower(), (sign or "").lower())
