"""What a prompt says in the terms of music: tempo, key, scale, metre, swing, length; and the rest without them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deployments.synth.words.keys import read_key
from deployments.synth.words.lexicon import SCENES
from deployments.synth.words.numbers import in_figures

_NUMBER = r"(?<![\d.:])(\d{2,3}(?:\.\d+)?)"
_BPM = r"(?:bpm|beats?\s*(?:per|a|/)\s*min(?:ute)?)\b"
_ABOUT = (
    r"(?:\s*[:=@~≈]|\s+(?:of|is|at|to|set|about|around|roughly|approximately|approx\.?|circa|ca\.?|some|near|exactly|just"
    r"|between|from))*\s*"
)
_END = r"(?=\s*(?:$|[,.;:!()])|\s+(?:with|and|in|for|but|over)\b)"
_PACED = "|".join(phrase for phrase, scene in SCENES.items() if scene.tempo_bpm)
_TEMPI = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:\b(?:at|between|from|with|tempo|speed|pace|bpm){_ABOUT})?{_NUMBER}(?:\s*bpm)?\s*(?:-|\u2013|to|and)\s*"
        rf"{_NUMBER}[\s-]*{_BPM}",
        rf"(?:\bat\s+)?(?:\b(?:tempo|speed|pace){_ABOUT})?{_NUMBER}[\s-]*{_BPM}",
        rf"\b(?:tempo|bpm|metronome|speed|pace|beats per minute|m\.?\s?m\.?){_ABOUT}{_NUMBER}\b"
        r"(?!\s*(?:%|percent|k?hz|db|ms|s\b|sec|min))",
        rf"(?:\b(?:quarter|crotchet)[\s,-]*(?:note)?|♩)[\s,]*=\s*{_NUMBER}\b",
        rf"(?:\bat|@)\s*(?:(?:about|around|roughly)\s+)?([4-9]\d|1\d\d|2[01]\d){_END}",
        # Bare after a style: not the round numbers that are decades.
        rf"(?<=\w)(?<=(?!\d)\w),?\s+(?<![\d.:])(?!60|70|80|90)([6-9]\d|1\d\d|2[01]\d){_END}",
    )
)
_STYLE_BEFORE = re.compile(rf"\b(?:{_PACED}|drums?|beats?|groove)$", re.IGNORECASE)

_PART = r"(\d+(?:\.\d+)?)[\s-]*(hours?|hrs?|h|minutes?|mins?|m(?=\s*\d+\s*s)|seconds?|secs?|s)(?:\b|(?=\d))"
_BEFORE = (
    r"(?:\b(?:for|about|around|approximately|approx\.?|roughly|exactly|lasting|lasts?|length|duration|running|total|last)\b"
    r"(?:\s+(?:of|is|time))?[\s:=~]*)*"
)
_BEHIND = r"(?:[\s-]+(?:long|in length|in total|duration)\b)?(?:\s+or so\b)?"
_LENGTHS = re.compile(
    rf"{_BEFORE}(?<![\w.:'])(?:(?P<parts>{_PART}(?:[\s,]*(?:and\s+)?(?:\d+(?:\.\d+)?)[\s-]*(?:minutes?|mins?|seconds?|secs?|s)\b)*)"
    r"|(?P<clock>\d{1,2}:[0-5]\d(?::[0-5]\d)?)(?![\d:])(?!\s*(?:am|pm|a\.m|p\.m|o'?clock|in the|at night))"
    r"(?:[\s-]*(?:minutes?|mins?)\b)?"
    rf"|(?P<one>an?)[\s-]+(?P<unit>minute|hour)\b(?=[\s-]+(?:of|long|worth|or so)\b|\s*(?:[,.;:!)]|$))){_BEHIND}",
    re.IGNORECASE,
)
_BARE = re.compile(r"\b(?:length|duration)\s*(?:of|is|:|=)?\s*(\d+(?:\.\d+)?)(?![\d.:]|\s*[a-z%])", re.IGNORECASE)
# A length beside one of these is of a part of the sound, or a time.
BEGINNING = (
    r"(?:open(?:s|ing)?|ris(?:es?|ing)|fad(?:es?|ing) (?:in|up)|com(?:es?|ing) (?:in|up)|swell(?:s|ing)?"
    r"|bloom(?:s|ing)?|build(?:s|ing)?(?: up)?|speak(?:s|ing)?|peak(?:s|ing)?|grow(?:s|ing)?"
    r"|eas(?:es?|ing)(?: itself| themselves)? in"
    r"|reach(?:es|ing)? (?:its |their )?(?:full|peak|maximum)(?: level| volume| loudness)?)"
)
_PART_BEFORE = re.compile(
    rf"\b(?:{BEGINNING}|attack|onset|release|decay|delay|echo|reverb|tail|swell|rise|ramps?"
    r"|fad(?:e|es|ed|ing)(?:[\s-](?:in|out|up|away|down))?|takes?|taking|needs?"
    r"|after|first|last|final|next|every|each|within|until|past|than|wait|just a|per|once|twice|times"
    r"|hang on|before)(?:\s+(?:time|of|is|the|about|around|over|for|to|in|up|within|on))*[\s:=]*$",
    re.IGNORECASE,
)
_PART_BEHIND = re.compile(
    r"[\s-]*(?:attack|onset|fade|swell|release|decay|delay|echo|reverb|tail|intro|outro|later|apart|ago|old|into|before|after"
    r"|pause|gap|interval|break|build|rise|crescendo|ramp|to (?:come|fade|swell|build|rise|open|start|reach)|between)",
    re.IGNORECASE,
)
_CLOCK_BEFORE = re.compile(r"\b(?:at|from|until|till|since|by)\s*$", re.IGNORECASE)
_DECADE = re.compile(r"(?:\b(?:19|20)|')?([2-9]0)'?s\b", re.IGNORECASE)
_AGED = re.compile(  # what a short length is never said of
    r"\s+(?:jazz|swing|ragtime|charleston|blues|radio|films?|cinema|movies?|style|music|dance|band|ballroom|era|piano)\b",
    re.IGNORECASE,
)
_LONG_ENOUGH = re.compile(r"\s*(?:of|long)\b", re.IGNORECASE)
_SAID_LONG = re.compile(r"\b(?:for|lasting|lasts?|length|duration|about|around)[\s:=]*$", re.IGNORECASE)

_EVERY = re.compile(
    r"\b(?:every|each)\s+(?:\d+(?:\.\d+)?|an?|few|couple of)\s+(?:seconds?|minutes?|bars?)(?:\s+or so)?\b",
    re.IGNORECASE,
)
_NUMBERS = {"once": 1, "twice": 2, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "thrice": 3}
_RATE = re.compile(
    r"\b(?:(once|twice|thrice)|(one|two|three|four|five|[1-5])(?:\s+(?:times|hits?|beats?|strokes?|notes?|strikes?|ticks?"
    r"|taps?|steps?|pulses?))?)\s+(?:an?|per|each|every)\s+second\b(?!\s+(?:beat|bar|note))",
    re.IGNORECASE,
)
_METRE = re.compile(r"\b(?:[2-9]/[48]|in three|three[\s-]four|triple met(?:re|er))\b", re.IGNORECASE)
_THREE = re.compile(r"\b(?:waltz(?:es)?|3/4|6/8|three[\s-]four|in three|triple met(?:re|er))\b", re.IGNORECASE)
_SWING = re.compile(r"\b(?:swing|swung|swinging|shuffle|shuffled|jazzy|bluesy)\b", re.IGNORECASE)
_SLOWEST, _FASTEST = 20.0, 300.0
# Tempo marks, at the middle of their usual range on a metronome.
_MARKS = {
    "prestissimo": 208.0, "presto": 184.0, "vivacissimo": 176.0, "vivace": 160.0, "allegretto": 116.0, "allegro": 132.0,
    "moderato": 108.0, "andantino": 92.0, "andante": 84.0, "adagietto": 74.0, "adagio": 68.0, "larghetto": 63.0,
    "lento": 54.0, "largo": 50.0, "larghissimo": 40.0,
}  # fmt: skip
_MARK = re.compile(rf"\b({'|'.join(_MARKS)})\b", re.IGNORECASE)
_MACHINES = frozenset({"303", "505", "606", "707", "727", "808", "909"})  # "808s" are drum machines
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


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
    """Find "70 bpm", "in D minor", "f# dorian", "rooted on D", "a waltz", "a minute and a half"."""
    prompt = _RATE.sub(_per_minute, prompt)
    rest, tempo_bpm = _tempo(_EVERY.sub("now and then", in_figures(_EVERY.sub("now and then", prompt))))
    rest, duration_s = _length(rest)
    rest, key, scale = read_key(rest)
    beats = 3 if _THREE.search(rest) else 4
    swing = 0.55 if _SWING.search(rest) else 0.0
    return Terms(_METRE.sub(",", rest), tempo_bpm, key, scale, duration_s, beats, swing)


def _per_minute(match: re.Match[str]) -> str:
    """Read "twice a second" as a tempo."""
    said = (match[1] or match[2]).lower()
    return f"at {60 * (int(said) if said.isdigit() else _NUMBERS[said]):g} bpm"


def _tempo(text: str) -> tuple[str, float | None]:
    """The text without its tempo, and that in beats per minute; the middle of "80 to 90 bpm"."""
    for pattern in _TEMPI:
        for match in pattern.finditer(text):
            if pattern is _TEMPI[-1] and not _STYLE_BEFORE.search(text[: match.start()]):
                continue
            numbers = [float(number) for number in match.groups() if number]
            return _without(match, text), min(_FASTEST, max(_SLOWEST, sum(numbers) / len(numbers)))
    mark = _MARK.search(text)
    return text, None if mark is None else _MARKS[mark[1].lower()]


def _length(text: str) -> tuple[str, float | None]:
    """The text without the length of the whole, and that in seconds; decades are written one way."""
    match = next((match for match in _LENGTHS.finditer(text) if _is_length(match, text)), None) or _BARE.search(text)
    if match is None:
        return _DECADE.sub(r"\1s", text), None
    return _DECADE.sub(r"\1s", _without(match, text)), _seconds(match)


def _is_length(match: re.Match[str], text: str) -> bool:
    """Whether it is said of the whole sound, and is no decade and no time of the day."""
    before, after = text[: match.start()], text[match.end() :]
    if _PART_BEFORE.search(before) or _PART_BEHIND.match(after):
        return False
    if match["clock"] is not None:
        return not _CLOCK_BEFORE.search(before)
    if match["parts"] is None or not re.fullmatch(r"\d+s", match["parts"], re.IGNORECASE):
        return True
    number = match["parts"][:-1]
    decade = before.rstrip().lower().endswith(("the", "early", "late", "mid", "mid-"))
    if decade or len(number) > 3 or number in _MACHINES:
        return False
    said = bool(_LONG_ENOUGH.match(after) or _SAID_LONG.search(match[0][: match[0].index(number)]))
    if number in {"50", "60", "70", "80", "90"}:
        return said
    return said or number not in {"20", "30", "40"} or not _AGED.match(after)


def _seconds(match: re.Match[str]) -> float:
    """A length in seconds, of "1 minute 30 seconds", "1:30", "an hour" or a bare number."""
    if match.re is _BARE:
        return float(match[1])
    if match["clock"] is not None:
        parts = [float(part) for part in match["clock"].split(":")]
        return sum(part * 60.0**place for place, part in enumerate(reversed(parts)))
    if match["parts"] is None:
        return _UNIT_S[match["unit"][0].lower()]
    return sum(_each_s(match["parts"]))


def _each_s(parts: str) -> Iterator[float]:
    """The parts of "1 minute and 30 seconds"; what does not get smaller is another length."""
    smallest = float("inf")
    for number, unit in re.findall(_PART, parts, re.IGNORECASE):
        unit_s = _UNIT_S[unit[0].lower()]
        if unit_s >= smallest:
            return
        smallest = unit_s
        yield float(number) * unit_s


def _without(match: re.Match[str], text: str) -> str:
    return f"{text[: match.start()]} , {text[match.end() :]}"
