"""Abbreviations, titles, streets and saints, states, and Roman numerals after what they count."""

import re

from deployments.speech.text.english import numbers
from deployments.speech.text.english.terms import (
    ABBREVIATIONS,
    COUNTED_BY_ROMANS,
    NOT_NUMERALS,
    NUMBERED,
    REGNAL,
    ROYAL,
    STATES,
    STREETS,
    TITLES,
    UNDOTTED,
    UNDOTTED_TITLES,
    UNITS,
    any_of,
    words,
)

CREDENTIALS = words("MD MA ID PA MS CT AL CO DE MT")  # of states, only before a ZIP code
ROMAN = r"(?P<numeral>[IVXLCM]{1,9})"
NUMERAL = re.compile(rf"\b(?P<before>[^\W\d_][\w'’]{{0,24}})(?P<gap>[\s-]){ROMAN}(?![\w&]|['’][a-rt-z]|\.[A-Z])")
NUMERAL_CENTURY = re.compile(r"\b([IVX]{1,6})(?:th|st|nd|rd)?(?= [Cc]entur)")
NUMERALS = re.compile(
    r"\b([A-Z][a-z]{1,12}) ([IVXLC]{1,6})((?:, [IVXLC]{1,6}\b){0,6},? (?:and|or|to|through|&|vs\.?|versus) "
    r"[IVXLC]{1,6})\b(?!['’])"
)
I_SAY = re.compile(
    r" (?:think|know|believe|am|guess|mean|love|like|want|hope|feel|suppose|met|saw|wish|need|can't|don't)\b|'"
)
RANGE_OF_NUMERALS = re.compile(r"\b(?P<first>[IVXLC]{1,6})[-–](?P<last>[IVXLC]{1,6})\b")
NUMBERED_WORD = re.compile(rf"(?<![\w.])({any_of(NUMBERED)})\.\s?(?=\d|[IVXLC]+\b)")
NUMBER_SIGN = re.compile(r"(?<![\w&])(?:#|№\s?)(?=\d)")
HOUSE = re.compile(
    rf"(?<![\w.,#$-])(\d{{3,4}})([A-Z]?)(?=(?:\s(?:[NSEW]\.|[A-Z][a-z'’]+)){{1,3}}\s(?:Street|Avenue|Road|Boulevard|"
    rf"Lane|Drive|Court|"
    rf"Terrace|Place|Way|Square|{any_of(STREETS)})\b)"
)
NUMBERED_PLACE = re.compile(
    r"\b([Rr]oom|[Ff]light|[Bb]us|[Rr]oute|[Hh]ighway|[Ii]nterstate|[Ss]uite|[Aa]partment|[Uu]nit|[Gg]ate|Boeing|"
    r"Airbus|"
    r"RTX|GTX|[Mm]odel|[Ll]ocker) (?:number )?([A-Z]{0,2})(\d{3,4})(?!\w|[.,]\d)"
)
STREET = re.compile(
    rf"(?<![\w'’])(?P<before>[\w'’]+) (?P<short>{any_of(STREETS)})(?:\.|(?=[\s,;:!?)]|$))(?P<after>\s[\w'’]+)?"
)
SAINT = re.compile(r"\bSt\.? (?=[A-Z])")
SAINT_ENDS = re.compile(r"\bSt\.(?!\w)")
TITLE = re.compile(rf"\b({any_of(TITLES)})\. ?(?=[A-Z]|(?:and|&|or) [A-Z])")
BARE_TITLE = re.compile(rf"\b({any_of(UNDOTTED_TITLES)}) (?=[A-Z][a-z'’])")
ABBREVIATED = re.compile(rf"(?<![\w.])({any_of(ABBREVIATIONS)})\.(?!\w)")
BARE = re.compile(r"(?<![\w./])(?<!slash )(vs|etc|approx|aka|AKA|w/o|w/)(?![\w.])")
STATE = re.compile(
    rf"(?<=[a-z]), (?:({any_of(STATES)})(?=\s(?:\d{{5}}|zero|one|two|three|four|five|six|seven|eight|nine))|"
    rf"({any_of(STATES.keys() - CREDENTIALS)})(?=[\s.,;:!?)]|$))"
)
ADMIRED = re.compile(r"\b(?:Ph\.D\.?|PhD)")
US = re.compile(r"(?<![\w.-])US(?=[\s,.;:!?)'’-]|$)")
COUNTING = words(
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty hundred few "
    "several many"
)
SENTENCE_STARTS = words(
    "The He She It They We I But And In On At A An This That There My His Her You As If When While So Then"
)
FAMOUS_STREETS = words("Wall Main High Bond Baker Fleet Oxford Bourbon Sesame Canal State")
DIRECTION = re.compile(r"(?<=\d )([NSEW])\.?(?= [A-Z][a-z])")
DIRECTIONS = {"N": "North", "S": "South", "E": "East", "W": "West"}
WORLD_WAR = re.compile(r"\bWW(I{1,3}|[12])\b")
PREPOSITIONS = words("At In On To From Near By Visit The And Of For With Dear Meet See Saint Is Was")


def written_out(text: str) -> str:
    """All of them in words; numbers stay in digits."""
    text = NUMBERED_WORD.sub(lambda found: f"{NUMBERED[found[1]]} ", text)
    text = NUMBER_SIGN.sub("number ", text)
    if "." in text or " St " in text or any(f" {short}" in text for short in STREETS):
        text = HOUSE.sub(lambda found: f"{numbers.pairs(found[1])} {found[2]}".strip(), text)
        text = DIRECTION.sub(lambda found: DIRECTIONS[found[1]], text)
        text = STREET.sub(_street, text)
        text = SAINT.sub("Saint ", text)
        text = SAINT_ENDS.sub(lambda found: "Street" + _period(found), text)
    text = TITLE.sub(lambda found: f"{TITLES[found[1]]} ", text)
    text = BARE_TITLE.sub(lambda found: f"{TITLES[found[1]]} ", text)
    if "." in text:
        text = ABBREVIATED.sub(_abbreviation, text)
    text = BARE.sub(lambda found: "without" if found[1] == "w/o" else UNDOTTED[found[1]], text)
    text = WORLD_WAR.sub(lambda found: f"World War {found[1]}", text)
    text = STATE.sub(lambda found: f", {STATES[found[1] or found[2]]}", text)
    text = ADMIRED.sub("P.H.D.", text) if "Ph" in text else text
    return US.sub("U.S.", text) if "US" in text and not text.isupper() else text


def places_written_out(text: str) -> str:
    """Numbers of rooms, flights, houses, in pairs of digits; `text` holds digits."""
    text = HOUSE.sub(lambda found: f"{numbers.pairs(found[1])} {found[2]}".strip(), text)
    return NUMBERED_PLACE.sub(lambda found: f"{found[1]} {found[2]} {numbers.pairs(found[3])}".replace("  ", " "), text)


def numerals_written_out(text: str) -> str:
    """Roman numerals in words: `Chapter four`, `Henry the eighth`."""
    text = NUMERALS.sub(_numerals, text)
    text = RANGE_OF_NUMERALS.sub(_numeral_range, text)
    text = NUMERAL_CENTURY.sub(
        lambda found: numbers.ordinal(n) if (n := numbers.roman(found[1])) else found.group(), text
    )
    return NUMERAL.sub(_numeral, text)


def _abbreviation(found: re.Match[str]) -> str:
    before = found.string[max(0, found.start() - 16) : found.start()].split()
    if before and (before[-1][-1].isdecimal() or before[-1] in {"sq", "cu", "fl"}) and found[1] in UNITS:
        return found.group()
    if before and before[-1].lower() in COUNTING and found[1] in UNITS:
        return _plural_unit(found[1]) + _period(found)
    return ABBREVIATIONS[found[1]] + _period(found)


def _plural_unit(unit: str) -> str:
    one, _, many = UNITS[unit].partition("/")
    return many or f"{one}s"


def _period(found: re.Match[str]) -> str:
    """The period of an abbreviation that ends its sentence, too."""
    rest = found.string[found.end() : found.end() + 24]
    follows = re.match(r"[\"'”’)\]]*\s+[\"'“‘(]?([A-Z][\w'’]*)", rest)
    return "." if not rest.strip("\"'”’)] ") or (follows and follows[1] in SENTENCE_STARTS) else ""


def _street(found: re.Match[str]) -> str:
    before, short, after = found["before"], found["short"], found["after"] or ""
    text = found.string
    dotted = text[found.start() + len(before) + 1 + len(short) :].startswith(".")
    named = before[0].isupper() and before not in PREPOSITIONS
    numbered = re.fullmatch(r"\d+(?:st|nd|rd|th)", before) is not None
    house = (
        re.search(r"\d[\w-]* (?:[A-Z][\w'’.]* ){0,3}$", text[max(0, found.start() - 40) : found.start()]) is not None
    )
    if short in {"St", "Dr"}:
        name_follows = after.strip()[:1].isupper() and after.strip() not in SENTENCE_STARTS
        if not ((named and (house or not name_follows or before in FAMOUS_STREETS)) or numbered):
            return found.group()
    elif not (named or numbered) or (short in {"Ct", "Pl", "Sq", "Ter"} and not house):
        return found.group()
    end = found.end() - len(after)
    ends = dotted and (not text[end:].strip("\"'”’)] ") or after.strip() in SENTENCE_STARTS)
    return f"{before} {STREETS[short]}{'.' if ends else ''}{after}"


def _numeral_range(found: re.Match[str]) -> str:
    first, last = numbers.roman(found["first"]), numbers.roman(found["last"])
    if first is None or last is None or first >= last:
        return found.group()
    return f"{numbers.cardinal(first)} to {numbers.cardinal(last)}"


def _numerals(found: re.Match[str]) -> str:
    """`World Wars one and two`."""
    word, first, others = found.groups()
    value = numbers.roman(first)
    if value is None or word.removesuffix("s") not in COUNTED_BY_ROMANS:
        return found.group()
    said = re.sub(r"[IVXLC]+", lambda one: numbers.cardinal(n) if (n := numbers.roman(one[0])) else one[0], others)
    return f"{word} {numbers.cardinal(value)}{said}"


def _numeral(found: re.Match[str]) -> str:
    before, numeral = found["before"], found["numeral"]
    value = numbers.roman(numeral)
    if value is None or not before[0].isupper():
        lower = before.capitalize() in COUNTED_BY_ROMANS and before.islower() and value is not None
        if not lower or value is None:
            return found.group()
    earlier = found.string[max(0, found.start() - 16) : found.start()].split()
    royal = before in REGNAL or (earlier and earlier[-1] in ROYAL and before not in COUNTED_BY_ROMANS)
    if before.capitalize() in COUNTED_BY_ROMANS:
        return f"{before} {numbers.cardinal(value)}"
    lone = len(numeral) == 1
    said_by_someone = numeral == "I" and I_SAY.match(found.string, found.end())
    if royal and (not lone or numeral in "VXI") and not (before == "Malcolm" and lone) and not said_by_someone:
        return f"{before} the {numbers.ordinal(value)}"
    if numeral in NOT_NUMERALS or not set(numeral) <= set("IVX"):
        return found.group()
    return f"{before} {numbers.cardinal(value)}"
