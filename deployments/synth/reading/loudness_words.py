"""How loud a thing is beside another, as phrases that are known: "turn the rain down", "-6 dB", "rain behind it"."""

import math
import re
from collections.abc import Mapping
from functools import partial

from deployments.synth.reading.names import is_heard

_THING = r"((?:(?:the|any|all|that|those|my)\s+)*[a-z]+(?:\s+(?!down|up|back|forward|out|off|away)[a-z]+)?)"
_TURNED = re.compile(
    rf"\b(?:turn|bring|dial|pull|push|crank|take|fade|roll|move|set|mix)\s+{_THING}\s+"
    r"(?:(?:right|way|a bit|further)\s+)?(down|up|back|forwards?)\b"
)
_TURN = re.compile(rf"\b(?:turn|dial|crank|tone|bring|roll)\s+(down|up|back)\s+{_THING}")
_VERB = re.compile(r"\b(lower|reduce|quieten|attenuate|raise|boost|amplify|increase|emphasi[sz]e)\s+(the\s+[a-z]+)\b")
_LOWERS = frozenset({"lower", "reduce", "quieten", "attenuate"})
_HEARD = frozenset({"it", "them", "everything", "volume"})
_TURNS = {"down": "turned down", "up": "turned up", "back": "in the background", "forward": "up front",
          "forwards": "up front"}  # fmt: skip
_SIGNED_DB = re.compile(
    r"(?:\b(?:at|by|to)\s+)?([+\-\u2212\u2013]|\bplus\s|\bminus\s)\s*(\d+(?:\.\d+)?)\s*(?:db|decibels?)\b"
)
_DB = re.compile(
    r"(?<![\d.])(\d+(?:\.\d+)?)\s*(?:db|decibels?)\s+(louder|up|higher|hotter|above|over|quieter|down|softer|lower|below|under"
    r"|less|more)\b"
)
_MORE = frozenset({"+", "plus", "louder", "up", "higher", "hotter", "above", "over", "more"})
_SHARE = re.compile(
    r"(?<![\d.])(\d{1,3})\s?(?:%|percent\b)(?:\s+(?:of\s+)?(?:the\s+)?(?:volume|level|loudness)\b)?"
    r"(?!\s+(?:[a-z]+er|more|less|speed|tempo|pace|wet|dry|reverb|of)\b)"
)
_ANY_SHARE = re.compile(r"(?<![\d.])\d+(?:\.\d+)?\s?(?:%|percent\b)")
# One share alone is of anything; two, or "at 20 %", are levels.
_SHARES = re.compile(
    r"(?:%|percent\b).*(?:%|percent\b)|\b(?:at|to|by)\s+\d+\s?(?:%|percent\b)"
    r"|(?:%|percent)\s+(?:of\s+)?(?:the\s+)?(?:volume|level|loudness)"
)
_LEAST_DB = 12
_LOUDER, _QUIETER, _BACK = "louder than", "quieter than", "in the background than"
# What stands between two things and says which is the louder one.
_RELATIONS: Mapping[str, str] = {
    r"in front of|at (?:twice|double) the (?:volume|level|loudness) of": _LOUDER,
    r"(?:that )?(?:drowns?|drowning)(?: out)?|overpower(?:s|ing)|mask(?:s|ing)|dominat(?:es|ing)(?: over)?"
    r"|outweigh(?:s|ing)|overshadow(?:s|ing)|(?:is |are )?louder (?:as|then)": _LOUDER,
    r"(?:is |are )?(?:drowned(?: out)?|overpowered|masked|dominated|overshadowed|outweighed|covered|swamped) by"
    r"|at half the (?:volume|level|loudness) of|(?:is |are )?(?:quieter|softer) (?:as|then)": _QUIETER,
    r"(?:far |way |well |just )?behind": _BACK,
}  # fmt: skip
_RELATED = tuple(
    (re.compile(rf"\b(?:{between})\s+((?:(?:the|an?|some|that|those)\s+)?([a-z]+))\b"), than)
    for between, than in _RELATIONS.items()
)
_IN_THE_MIX = re.compile(
    r"\b(?:(?:a bit|a little|much|far|way|slightly|very|quite)\s+)?"
    r"(?:(low|lower|down|quieter|softer|deep|deeper|back|further back|behind)|(high|higher|up|louder|forward|on top))"
    r"\s+in the (?:mix|background)\b"
)
_EMPHASIS = re.compile(
    r"\b(?:(?:with\s+)?(?:the\s+|an?\s+)?(?:(?:main|strong|clear)\s+)?(?:focus|emphasis|spotlight|accent)|focus(?:ing|ed)|concentrat(?:e|ing))"
    r"\s+(?:is\s+|lies\s+|being\s+)?(?:up)?on\s+((?:the\s+)?([a-z]+))\b"
)
_ROLE = re.compile(
    r"\b(?:only\s+|just\s+|merely\s+|more\s+)?as\s+(?:an?\s+|the\s+)?(?:mere\s+|faint\s+|soft\s+|quiet\s+|distant\s+)?"
    r"(backdrop|background|backing|undercurrent|accompaniment|underlay|carpet)\b"
)
_SOME = re.compile(
    r"\b(?:an?\s+|some\s+)?(?:hints?|touch(?:es)?|traces?|undertones?|undercurrent|sprinkling|splash|dusting|whiff|sliver|glimmer"
    r"|smattering|tinge|sprinkles?|echo)\s+of\b(?!\s+(?:the\s+past|old))"
)
_SHARED = re.compile(
    r"\b((?:half|twice|a third|a quarter|not|not quite|nearly|almost|\w+ times) as (?:loud|quiet|soft)) as\b"
)
_KEPT = re.compile(
    r"\b(?:keep|keeping|set|mix|have)\s+(the\s+[a-z]+|[a-z]+)\s+"
    r"(?:(?:really|very|quite|rather|pretty|nice and|fairly|so)\s+)?(low|down|back|high|up)\b"
    r"(?!\s+(?:pitched|and dry|note|register))"
)
_EQUALLY = re.compile(
    r"\b(?:exactly\s+|just\s+)?(?:as|equally)\s+loud\s+as\s+the\s+[a-z]+\b|\bat equal (?:volume|level)s?\b"
)


def levelled(text: str) -> str:
    """The text, lower case, with what it says of levels in phrases that modifiers.py knows."""
    text = _SIGNED_DB.sub(lambda match: _by(match[2], match[1].strip()), text)
    text = _DB.sub(
        lambda match: _by(match[1], match[2]) + (" than" if match[2] in {"above", "over", "below", "under"} else ""),
        text,
    )
    text = _ANY_SHARE.sub(" ", _SHARE.sub(_at_a_share, text) if _SHARES.search(text) else text)
    text = _EQUALLY.sub(" ", _SHARED.sub(r"\1 than", text))
    text = _KEPT.sub(
        lambda match: _turned(match, match[1], {"low": "down", "high": "up"}.get(match[2], match[2])), text
    )
    text = _IN_THE_MIX.sub(lambda match: "in the back" if match[1] else "up front", text)
    text = _EMPHASIS.sub(lambda match: f"prominent {match[1]}" if is_heard(match[2]) else match[0], text)
    text = _ROLE.sub("in the background", text)
    text = _SOME.sub("a hint of", text)
    for related, than in _RELATED:
        text = related.sub(partial(_compared, than), text)
    text = _TURNED.sub(lambda match: _turned(match, match[1], match[2]), text)
    text = _TURN.sub(lambda match: _turned(match, match[2], match[1]), text)
    return _VERB.sub(lambda match: f"{match[2]} turned {'down' if match[1] in _LOWERS else 'up'}", text)


def _compared(than: str, match: re.Match[str]) -> str:
    """Read "rain behind bells", but not "rain behind a hill"."""
    return f"{than} {match[1]}" if is_heard(match[2]) else match[0]


def _turned(match: re.Match[str], thing: str, way: str) -> str:
    """Read "turn the rain down" where it is a sound that is turned: "take the road back" is none."""
    words = {*thing.split(), thing.removeprefix("the ")}
    heard = any(is_heard(word) or word in _HEARD for word in words)
    return f"{thing} {_TURNS[way]}" if heard else match[0]


def _by(number: str, way: str) -> str:
    return f"{max(1, round(float(number)))} decibels {'up' if way in _MORE else 'down'}"


def _at_a_share(match: re.Match[str]) -> str:
    """Read "at 20 %" as so many decibels below full volume."""
    share = max(1, int(match[1]))
    down = round(20 * math.log10(100 / share))
    return " " if down <= 0 or share > 100 else f"{min(_LEAST_DB, down)} decibels down"
