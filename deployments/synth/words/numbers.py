"""Numbers in words before a unit become figures: "ninety seconds", "a minute and a half", "one twenty bpm"."""

import re

_ONES = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_WORDS = {word: value for value, word in enumerate(f"{_ONES}|eighteen|nineteen".split("|"), 1)}
_WORDS |= {word: 10 * tens for tens, word in enumerate(_TENS.split("|"), 2)}
_WORDS |= {"hundred": 100, "thousand": 1000}
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER = rf"(?:\b(?:an?[\s-]+(?=hundred|thousand))?(?:{_WORD})(?:(?:[\s-]+and)?[\s-]+(?:{_WORD}))*\b)"
_LENGTHS = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?)"
_UNITS = rf"(?:{_LENGTHS}|milliseconds?|bpm|beats\s+(?:per|a)\s+minute|decibels?|db|percent)\b"
_PARTS = {"half": 0.5, "quarter": 0.25, "third": 1 / 3}
_PART = "half|quarter|third"
_AFTER = re.compile(rf"({_NUMBER}|\b\d+)[\s-]+and[\s-]+an?[\s-]+({_PART})[\s-]+(?={_UNITS})", re.IGNORECASE)
_BEHIND = re.compile(rf"(\ban?|{_NUMBER}|\b\d+)[\s-]+({_LENGTHS})[\s-]+and[\s-]+an?[\s-]+({_PART})\b", re.IGNORECASE)
_OF_ONE = re.compile(
    rf"\b(?:(?:an?|one)[\s-]+)?(three[\s-]+)?({_PART})s?[\s-]+(?:of[\s-]+)?(?:an?[\s-]+)?(?={_LENGTHS}\b)",
    re.IGNORECASE,
)
_SOME = re.compile(
    rf"\b(?:an?[\s-]+)?(half[\s-]+an?[\s-]+dozen|couple|few|dozen)[\s-]+(?:of[\s-]+)?(?={_UNITS})", re.IGNORECASE
)
_SOME_VALUES = {"couple": 2, "few": 3, "dozen": 12}
_ONE_AND = re.compile(rf"\ban?[\s-]+(minute|hour)(?=,?\s+(?:and\s+)?\d+[\s-]*{_LENGTHS}\b)", re.IGNORECASE)
_PLAIN = re.compile(rf"({_NUMBER})(?=[\s-]+{_UNITS})", re.IGNORECASE)


def in_figures(text: str) -> str:
    """The text with figures for the numbers before seconds, minutes, hours, beats per minute, decibels, percent."""
    text = _AFTER.sub(lambda m: f"{_figure(_value(m[1]) + _PARTS[m[2].lower()])} ", text)
    text = _BEHIND.sub(lambda m: f"{_figure(_value(m[1]) + _PARTS[m[3].lower()])} {m[2]}", text)
    text = _OF_ONE.sub(lambda m: f"{_figure((3 if m[1] else 1) * _PARTS[m[2].lower()])} ", text)
    text = _SOME.sub(lambda m: f"{_SOME_VALUES.get(m[1].lower(), 6)} ", text)
    return _ONE_AND.sub(r"1 \1", _PLAIN.sub(lambda m: _figure(_value(m[1])), text))


def _value(words: str) -> float:
    """A number in words or figures; "one twenty" is 120, an article is one."""
    if words.isdigit():
        return float(words)
    whole = part = 0
    for word in re.findall(_WORD, words.lower()):
        value = _WORDS[word]
        if value == 1000:
            whole, part = whole + max(1, part) * value, 0
        elif value == 100:
            part = max(1, part) * value
        else:
            part = part * (100 if 0 < part < 10 <= value else 1) + value
    return float(whole + part) or 1.0


def _figure(value: float) -> str:
    return f"{value:.4g}" if value < 10_000 else str(int(value))
