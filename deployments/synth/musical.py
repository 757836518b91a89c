"""What a prompt says in the terms of music: tempo, key, scale, metre, swing, length; and the rest without them."""

import re
from dataclasses import dataclass

from deployments.synth.theory import OTHER_SCALE_NAMES, SCALES, scale_name

_NAMES = sorted({*SCALES, *OTHER_SCALE_NAMES} - {"maj", "min"}, key=len, reverse=True)
_SCALE = "|".join(name.replace("_", r"[\s-]") for name in _NAMES)
_TEMPO = re.compile(
    r"(?:\bat\s+)?(?:\btempo\s*(?:of|:|=|at)?\s*)?(?<![\d.])(\d{2,3}(?:\.\d+)?)\s*-?\s*(?:bpm|beats (?:per|a) minute)\b"
    r"|\btempo\s*(?:of|:|=|at)?\s*(\d{2,3}(?:\.\d+)?)\b"
    r"|(?:\bat|@)\s*([4-9]\d|1\d\d|2[01]\d)(?=\s*(?:$|[,.;]|with\b|and\b|in\b))",
    re.IGNORECASE,
)
_SIGN = r"(?:\s?(#|♯|♭|b(?![a-z]))|[\s-]?(sharp|flat))?"
_KEY = re.compile(
    r"(?:\b(?:in|key of|key:)\s+(?:the key of\s+)?)?"
    rf"\b([A-Ga-g]){_SIGN}(?![a-zA-Z#])[\s-]+((?i:{_SCALE}))\b(?:\s+(?:scale|mode))?"
)
_SHORT_KEY = re.compile(r"\b([A-G])(#|♯|♭|b)?(m|maj|min)\b")
_KEY_ALONE = re.compile(rf"\b(?:in|(?:in )?the key of|key of|key:)\s+([A-G]){_SIGN}(?![a-zA-Z#'])", re.IGNORECASE)
_TONALITY = re.compile(r"\s+(?:key|scale|mode|mood|tonality)\b", re.IGNORECASE)
_SCALE_ALONE = re.compile(
    rf"\b(?:in\s+)?(?:an?\s+|the\s+)?({_SCALE})\b(?:\s+(?:scale|mode|key|chords?|harmony))?", re.IGNORECASE
)
_COUNTS = {"one": 1.0, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "fifteen": 15, "twenty": 20,
           "thirty": 30, "forty": 40, "forty-five": 45, "sixty": 60, "ninety": 90}  # fmt: skip
_COUNT = "|".join(reversed(_COUNTS))
_LENGTH = re.compile(
    r"\b(?:for\s+)?(?:(\d+(?:\.\d+)?)[\s-]*(seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h)"
    rf"|(half\s+)?(an?|{_COUNT})[\s-]+(minutes?|hours?)|({_COUNT})[\s-]+(seconds))\b(?:[\s-]+long\b)?"
    r"(?![\s-]*(?:attack|onset|fade|swell|release|decay|delay|echo))",
    re.IGNORECASE,
)
_EVERY = re.compile(
    rf"\b(?:every|each)\s+(?:\d+|an?|{_COUNT}|few|couple of)\s+(?:seconds?|minutes?|bars?)\b", re.IGNORECASE
)
_METRE = re.compile(r"\b(?:[2-9]/[48]|in three|three[\s-]four|triple met(?:re|er))\b", re.IGNORECASE)
_THREE = re.compile(r"\b(?:waltz(?:es)?|3/4|6/8|three[\s-]four|in three|triple met(?:re|er))\b", re.IGNORECASE)
_SWING = re.compile(r"\b(?:swing|swung|swinging|shuffle|shuffled|jazzy|bluesy)\b", re.IGNORECASE)
_WEAK_SCALES = frozenset({"blues", "chromatic", "gypsy", "japanese", "spanish", "byzantine", "diminished"})
_SLOWEST, _FASTEST = 20.0, 300.0
_SIGNS = {"sharp": "#", "flat": "b", "♯": "#", "♭": "b"}


@dataclass(frozen=True)
class Terms:
    """What was said outright; None where nothing was. `rest` is the prompt without it."""

    rest: str
    tempo_bpm: float | None = None
    key: str | None = None
    scale: str | None = None
    duration_s: float | None = None
    beats: int = 4
    swing: float = 0.0


def read_terms(prompt: str) -> Terms:
    """Find "70 bpm", "in D minor", "f# dorian", "E flat major", "key of G", "a waltz", "2 minutes long"."""
    rest, tempo = _taken(_TEMPO, prompt)
    tempo_bpm = None
    if tempo is not None:
        tempo_bpm = min(_FASTEST, max(_SLOWEST, float(tempo[1] or tempo[2] or tempo[3])))
    rest, length = _taken(_LENGTH, _EVERY.sub("now and then", rest))
    duration_s = None if length is None else _seconds(length)
    rest, key, scale = _key(rest)
    beats = 3 if _THREE.search(rest) else 4
    swing = 0.55 if _SWING.search(rest) else 0.0
    return Terms(_METRE.sub(",", rest), tempo_bpm, key, scale, duration_s, beats, swing)


def _seconds(length: re.Match[str]) -> float:
    """A length in figures or in words, "half an hour"."""
    count = float(length[1] or _COUNTS.get((length[4] or length[6]).lower(), 1))
    unit = (length[2] or length[5] or length[7])[0].lower()
    return count * {"s": 1, "m": 60, "h": 3600}[unit] * (0.5 if length[3] else 1)


def _taken(pattern: re.Pattern[str], text: str) -> tuple[str, re.Match[str] | None]:
    """The text without the first match, and the match."""
    match = pattern.search(text)
    return (text, None) if match is None else (f"{text[: match.start()]} , {text[match.end() :]}", match)


def _key(text: str) -> tuple[str, str | None, str | None]:
    """The text without key and scale, and both."""
    for match in _KEY.finditer(text):
        article = match[1] == "a" and not re.match(r"(?:in|key of)\b", match[0], re.IGNORECASE)
        if article or (match[1] == "a" and _TONALITY.match(text, match.end(4))):
            continue  # "a minor change" is no key, "in a minor key" is any
        rest = f"{text[: match.start()]} , {text[match.end() :]}"
        return rest, _named(match[1], match[2] or match[3]), scale_name(match[4])
    rest, short = _taken(_SHORT_KEY, text)
    if short is not None:
        return rest, _named(short[1], short[2]), "major" if short[3] == "maj" else "minor"
    rest, alone = _taken(_KEY_ALONE, text)
    key = _named(alone[1], alone[2] or alone[3]) if alone is not None and alone[1] not in "a" else None
    if key is None:
        rest = text
    for match in _SCALE_ALONE.finditer(rest):
        scale = scale_name(match[1])
        said = match[0].lower().split()[-1] in {"scale", "mode", "key"}
        if said or (match[1].lower() not in _WEAK_SCALES and not _is_size(rest, match)):
            return f"{rest[: match.start()]} {rest[match.end() :]}", key, scale
    return rest, key, None


def _is_size(text: str, match: re.Match[str]) -> bool:
    """Whether "minor" or "major" speaks of something else: "a minor change", "major storm"."""
    if match[1].lower() not in {"minor", "major"}:
        return False
    after = re.match(r"\s*([a-z]*)", text[match.end() :].lower())
    article = match[0].lower().startswith(("a ", "the "))
    return article or (after is not None and after[1] in {"change", "storm", "event"})


def _named(letter: str, sign: str | None) -> str:
    return letter.upper() + _SIGNS.get((sign or "").lower(), (sign or "").lower())
