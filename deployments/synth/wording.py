"""Turns of speech in plain words, before any word is looked up: "drumless techno", "turn the rain down", "-6 dB".

What is ruled out beside a thing moves to the end ("techno. no drums"), so that nothing between them is lost.
"""

import re
from collections.abc import Callable, Mapping

from deployments.synth.lexicon import GROUPS, SOUNDS, VAGUE
from deployments.synth.modifiers import CHANGES

# No negation and no quantity is meant, whatever it looks like.
_IDIOMS: Mapping[str, str] = {
    r"no man'?s land": "wasteland", r"less is more": "sparse", r"more or less|no less(?: than)?|nothing less than": " ",
    r"never[\s-]?(?:ending|stopping|ceasing)|non[\s-]?stop": "endless", r"no end of": "lots of",
    r"no one|nobody|no doubt|no matter (?:what|how)|no problem|no worries|no frills|no nonsense|no pressure": " ",
    r"not (?:only|just|merely|to mention)|why not|if not|or not|nothing (?:special|fancy)": " ",
    r"nothing (?:else|more|further|extra|added)": " ", r"(?:in )?no (?:hurry|rush)": "unhurried",
    r"(?:absolutely )?nothing (?:but|except(?: for)?|besides|other than|apart from)": "only",
    r"^nothing$": " ", r"off[\s-]beat": "syncopated",
}  # fmt: skip
_ADJECTIVES = {"percussive": "percussion", "rhythmic": "rhythm", "melodic": "melody", "vocal": "vocals",
               "tonal": "tones", "musical": "music", "orchestral": "orchestra"}  # fmt: skip
_WITHOUT = re.compile(
    rf"\b(?:non|un)[\s-]?({'|'.join(_ADJECTIVES)})\b|\b([a-z]{{3,}})(?:[\s-]?less|[\s-]free(?!\s+(?:of|from)))\b"
)
_HELD = frozenset({"pad", "drone", "strings", "organ", "choir"})  # "hold the strings" asks for them
_WORDS = r"((?:(?:the|any|all|that|those|my)\s+)*[a-z]+(?:\s+(?!down|up|back|forward|out|off|away)[a-z]+)?)"
_DISMISSED = re.compile(
    r"(?:(?<=[,.;:!?(])\s*|^\s*|\b(?:and|but|please|so|then)\s+)"
    r"(hold|lose|ditch|mute|scrap|forget|kill|cut|spare(?: me)?)\s+(?:the|all|any)\s+([a-z]+)\b"
)
_LEFT_OUT = re.compile(rf"\b(?:leave|leaving|keep|take|turn|switch)\s+{_WORDS}\s+(?:out|off|away)\b(?!\s+of)")
_REFUSED = re.compile(
    r"([^,.;:!?()]+?)\s*(?:[?!:,.;]+\s*|\s-\s*|\s+(?:is|are)\s+)?"
    r"\b(no,? thanks|no,? thank you|not for me|rather not|not wanted|unwanted|not needed|excluded|forbidden|not allowed"
    r"|left out|omitted|banned|prohibited|off limits)\b"
)
_LAST_PART = re.compile(r".*\b(?:with|but|plus|over|under|also)\b\s*")
_TURNED = re.compile(
    rf"\b(?:turn|bring|dial|pull|push|crank|take|fade|roll|move|set|mix)\s+{_WORDS}\s+"
    r"(?:(?:right|way|a bit|further)\s+)?(down|up|back|forwards?)\b"
)
_TURN = re.compile(rf"\b(?:turn|dial|crank|tone|bring|roll)\s+(down|up|back)\s+{_WORDS}")
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
_TIME = r"(\d+(?:\.\d+)?)[\s-]*(ms|milliseconds?|s|secs?|seconds?)\b"
_ATTACK = re.compile(
    rf"\b(?:attack|onset|rise|fade[\s-]in)(?:\s+time)?(?:\s+(?:of|is)|\s*[:=])?\s+{_TIME}"
    rf"|\btak(?:es?|ing)\s+{_TIME}\s+to\s+(?:come in|come up|fade in|swell|open|bloom|start|build|rise|speak)\b"
)
_MORE = frozenset({"+", "plus", "louder", "up", "higher", "hotter", "above", "over", "more"})


def plainly(text: str) -> str:
    """The text, lower case, with its turns of speech in the words of the tables."""
    text = text.lower()
    for idiom, instead in _IDIOMS.items():
        text = re.sub(rf"\b(?:{idiom})\b" if not idiom.startswith("^") else idiom, instead, text)
    text = _ATTACK.sub(_attack, text)
    text = _SIGNED_DB.sub(_decibels, text)
    text = _DB.sub(
        lambda match: _by(match[1], match[2]) + (" than" if match[2] in {"above", "over", "below", "under"} else ""),
        text,
    )
    text = _TURNED.sub(lambda match: _turned(match, match[1], match[2]), text)
    text = _TURN.sub(lambda match: _turned(match, match[2], match[1]), text)
    text = _VERB.sub(lambda match: f"{match[2]} turned {'down' if match[1] in _LOWERS else 'up'}", text)
    text = _DISMISSED.sub(_dismissed, text)
    text = _LEFT_OUT.sub(lambda match: f"without {match[1]}", text)
    return _moved(_WITHOUT, _moved(_REFUSED, text, _refused), _lacking)


def _turned(match: re.Match[str], thing: str, way: str) -> str:
    """Read "turn the rain down" where it is a sound that is turned: "take the road back" is none."""
    words = {*thing.split(), *(word.removesuffix("s") for word in thing.split()), thing.removeprefix("the ")}
    heard = any(word in SOUNDS or word in _HEARD for word in words)
    return f"{thing} {_TURNS[way]}" if heard else match[0]


def _attack(match: re.Match[str]) -> str:
    """Read "attack of 1.5 s" and "takes three seconds to come in"."""
    number, unit = (match[1], match[2]) if match[1] else (match[3], match[4])
    return f"{max(1, round(float(number) * (1 if unit.startswith('m') else 1000)))} ms attack"


def _decibels(match: re.Match[str]) -> str:
    return _by(match[2], match[1].strip())


def _by(number: str, way: str) -> str:
    """The phrase that modifiers.py knows."""
    return f"{max(1, round(float(number)))} decibels {'up' if way in _MORE else 'down'}"


def _dismissed(match: re.Match[str]) -> str:
    """Read "hold the piano" as "without the piano", but not "hold the note" or "cut the engine"."""
    kind = SOUNDS.get(match[2]) or SOUNDS.get(match[2].removesuffix("s"))
    vague = match[2] in VAGUE or match[2].removesuffix("s") in VAGUE or (match[1] == "hold" and kind in _HELD)
    known = kind is not None or match[2] in GROUPS or match[2].removesuffix("s") in GROUPS
    return match[0] if vague or not known else f" without {match[2]} "


def _moved(pattern: re.Pattern[str], text: str, negated: Callable[[re.Match[str]], tuple[str, str] | None]) -> str:
    """Replace each match by what stays there and put what is ruled out at the end."""
    ruled_out = []

    def replaced(match: re.Match[str]) -> str:
        found = negated(match)
        if found is None:
            return match[0]
        stays, out = found
        ruled_out.append(out)
        return stays

    text = pattern.sub(replaced, text)
    return text + "".join(f" . no {out}" for out in ruled_out)


def _lacking(match: re.Match[str]) -> tuple[str, str] | None:
    """Read "drumless", "drum-free", "non-percussive", where the root is a sound and the word no way of sounding."""
    if match[1]:
        return " ", _ADJECTIVES[match[1]]
    known = any(root in table for root in (match[2], match[2] + "s") for table in (SOUNDS, GROUPS))
    return (" ", match[2]) if known and match[0] not in CHANGES and match[0].replace(" ", "") not in CHANGES else None


def _refused(match: re.Match[str]) -> tuple[str, str] | None:
    """Read "drums? no thanks" and "pads are not wanted"."""
    stays = _LAST_PART.match(match[1])
    said = match[1][stays.end() :] if stays is not None else match[1]
    if not said.strip():
        return None
    return (stays[0] if stays is not None else "") + " ", said.replace(" and ", ", no ").replace(
        " or ", ", no "
    ).strip()
