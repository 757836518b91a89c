"""Settings of an instrument or a desk in words: "the cutoff is nearly closed", "width at zero", "two octaves up".

What is set (the highs, the stereo width, the tempo) and which way become one phrase that quantities.py knows.
"""

import re
from collections.abc import Mapping

# What it is called there, and what people call it.
_ASPECTS: Mapping[str, str] = {
    "treble": r"trebles?|highs|high end|top end|(?:high|higher|highest|upper) (?:frequencies|harmonics|partials|band)"
    r"|brightness|filter(?: cutoff| frequency)?|cutoff(?: frequency)?|low[\s-]?pass(?: filter)?|lpf|vcf",
    "lows": r"lows|low end|bottom end|(?:low|lower|lowest) frequencies",
    "stereo width": r"(?:stereo )?width|stereo (?:spread|image|field|base)|panorama|panning",
    "tempo": r"tempo|speed|pace|clock|metronome|rate",
    "density": r"(?:note |event )?density|(?:number|amount|quantity) of (?:notes|hits|events)|activity|busyness",
    "attack time": r"(?:attack|rise|onset|fade[\s-]in) times?",
}
_NAMED_BY_A_KNOB: Mapping[str, str] = {"treble": "tone|brilliance|colour|color", "stereo width": "stereo|spread|pan"}
_KNOB = r"\s+(?:knob|control|dial|slider|pot|fader|setting|wheel|parameter|lever)"
_UP = (
    r"up|open(?:ed)?|max(?:imum|imal|ed(?: out)?)?|full|ten|eleven|10|100\s*(?:%|percent)|boosted|raised|high(?:est)?"
    r"|doubled|tripled|huge|extreme|enormous"
)
_DOWN = (
    r"down|off|zero|0\s*(?:%|percent)|0(?![.\d])|nil|nothing|none|closed|shut|min(?:imum|imal)?|low(?:est)?|back|away"
    r"|out|cut|halved|removed|reduced|lowered|tiny|gone"
)
_LINK = (
    r"(?:\s+(?:is|are|was|be|set|turned|rolled|wound|dialled|dialed|cranked|pushed|pulled|brought|kept|left|stays?|sits?|at"
    r"|to|on|its|the|all|way|right|fully|nearly|almost|completely|entirely|totally|as|far|very|wide|quite|about|a|hundred"
    r"|it|goes|will|go|can))*"
)
_VERBS = r"turn|roll|wind|dial|crank|push|pull|bring|set|put|keep|open|close|shut|take|back"
_MOVE = rf"(?:(?:{_VERBS})(?:s|ed|ing)?\s+)?"
_ALL = r"(?:(?:the|its|their|all|of|most|every|any)\s+)*"
_SPEED = r"\s+(?:the\s+)?(?:(?:usual|normal|original|ordinary)\s+)?(?:speed|tempo|pace|rate|clock)"
_GEARS: tuple[tuple[str, str], ...] = (
    (rf"(?:half|a (?:third|quarter) of|quarter|minimum|minimal|(?:the )?low(?:est)?|reduced|walking){_SPEED}"
     r"|(?:first|lowest|bottom|low|second) gear", "tempo down"),
    (rf"(?:double|twice|triple|three times|full|top|maximum|(?:the )?high(?:est)?|lightning|tremendous|great){_SPEED}"
     r"|(?:top|highest|high|fifth|sixth) gear", "tempo up"),
    (r"(?:zero|minimum|minimal) (?:stereo )?width", "stereo width down"),
    (r"(?:maximum|full|extreme|maximal) (?:stereo )?width", "stereo width up"),
)  # fmt: skip
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3}
_OCTAVES = re.compile(
    r"\b(an?|one|two|three|[123]) octaves? (above|over|higher|up|below|under|lower|down|deeper)\b"
    r"(?:\s+(?:than|the|usual|normal|everyone|all|middle|others?|rest|else|from)\b)*(?:(?<=middle) c\b)?"
)
_HIGHER = frozenset({"above", "over", "higher", "up"})
_PATIENT = re.compile(r"\btak(?:e|es|ing)\s+(?:its|their|his|her|my|your)(?:\s+(?:own|sweet|good))*\s+time\b")


def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    rules = []
    for name, called in _ASPECTS.items():
        knob = f"(?:{_NAMED_BY_A_KNOB[name]}){_KNOB}|" if name in _NAMED_BY_A_KNOB else ""
        aspect = rf"(?:{knob}(?:{called})(?:{_KNOB})?)"
        for way, settings in (("up", _UP), ("down", _DOWN)):
            rules.append((rf"\b{_MOVE}{_ALL}{aspect}{_LINK}\s+(?:{settings})(?![\w%]|\s+the\b)", f"{name} {way}"))
            rules.append((rf"\b(?:{_VERBS})(?:s|ed|ing)?\s+{way}\s+{_ALL}{aspect}\b", f"{name} {way}"))
        rules.append(
            (rf"\b(?:roll|take|cut|back|pull)(?:s|ed|ing)?\s+(?:off|away|out)\s+{_ALL}{aspect}\b", f"{name} down")
        )
    rules += [(rf"\b(?:at\s+|in\s+)?(?:{gear})\b", name) for gear, name in _GEARS]
    return tuple((re.compile(pattern), name) for pattern, name in rules)


_RULES = _rules()


def settled(text: str) -> str:
    """The text, lower case, with what is set to which side in the words of the tables."""
    text = _PATIENT.sub("taking its time", text)
    text = _OCTAVES.sub(_octaves, text)
    for pattern, name in _RULES:
        text = pattern.sub(name, text)
    return text


def _octaves(match: re.Match[str]) -> str:
    number = _COUNTS.get(match[1]) or int(match[1])
    return f"{number} octaves {'up' if match[2] in _HIGHER else 'down'}"
