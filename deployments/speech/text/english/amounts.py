"""Amounts: money, percent, degrees, units, ranges, fractions, sizes."""

import re
import unicodedata

from deployments.speech.text.english import numbers
from deployments.speech.text.english.terms import (
    CODES,
    CURRENCIES,
    DOLLARS,
    LOOSE_UNITS,
    MAGNITUDES,
    NUMBER,
    POWERS,
    UNITS,
    any_of,
    words,
)

SIGN = f"[{re.escape(''.join(CURRENCIES))}]"
MAGNITUDE = rf"(?:\s?(?P<magnitude>{any_of(MAGNITUDES)})(?![\w&]))?"
PER = r"(?:\s?/\s?(?P<per>[a-z]{1,10})(?![\w/]))?"
MONEY = re.compile(
    rf"(?<![\w.,])(?P<minus>[-−]\s?)?(?P<country>{any_of(DOLLARS)})?(?P<sign>{SIGN})\s?(?P<less>-)?"
    rf"(?P<number>{NUMBER})(?P<hyphen>-)?(?:s(?!\w))?"
    rf"{MAGNITUDE}{PER}"
)
MONEY_AFTER = re.compile(rf"(?<![\w.,])(?P<number>{NUMBER})\s?(?P<sign>[€£₽₺₪₫₩₹])(?!\w)")
DECIMAL_COMMA = re.compile(r"(?<![\w.,])(\d{1,3}(?:\.\d{3})*),(\d\d)(?=\s?€)")
CODE = re.compile(
    rf"(?<![\w.,])(?P<minus>-)?(?:(?P<before>{any_of(CODES)})\s?)?(?P<number>{NUMBER}){MAGNITUDE}(?:\s?"
    rf"(?P<after>{any_of(CODES)}))?(?!\w)"
)
CENTS = re.compile(rf"(?<![\w.,])({NUMBER})\s?¢")
PERCENT = re.compile(rf"(?<![\d.,])({NUMBER})\s?([%‰])")
POSITION = re.compile(r"(?<!\d)(\d+)°\s?(?:(\d+)['’′]\s?)?(?:(\d+(?:\.\d+)?)(?:\"|″|'')\s?)?([NSEW])(?!\w)")
DEGREES = re.compile(rf"(?<![\d.,])({NUMBER})\s?(?:[°º]\s?([CFK])?|(℃)|(℉))(?!\w)")
FEET_INCHES = re.compile(
    r"(?<![\w.,])(\d{1,3})\s?(?:['’′]|ft\.?)\s?(\d{1,2}(?:\.\d+)?|\d{1,2}\s\d/\d)\s?(?:\"|”|″|''|in\.?(?!\w))|"
    r"(?<![\w.,'’\"])(\d)['’](\d{1,2})(?![\w'’])"
)
FEET = re.compile(r"(?<![\w.,])(\d{1,5}(?:\.\d+)?)\s?(?:['’](?=\s(?:tall|long|wide|deep|high|by|across|of)\b)|′)")
MARKED_SIZE = re.compile(r"(?<![\w.,])(\d{1,4}(?:\.\d+)?)\s?(['’]|\"|″|′)\s?[x×]\s?(\d{1,4}(?:\.\d+)?)\s?\2(?!\w)")
INCHES = re.compile(r"(?<![\w.,/])(\d{1,4}(?:\.\d+)?)\s?(?:(\"|”)|″|in\.(?=\s[a-z]))(?!\w)")
UNIT = any_of(UNITS)
MEASURED = re.compile(
    rf"(?<![\w.,/])(?<![A-Za-z]-)(?P<number>{NUMBER})(?P<gap>[\s-]?)(?P<unit>{UNIT})(?P<power>[²³23]|\^[23])?(?:/(?P<per>{UNIT}|"
    rf"day|week|month|year|hour|minute|second|person)"
    r"(?P<per_power>[²³23]|\^[23])?)?(?P<period>\.(?=\s[a-z]))?(?![\w'’/²³])"
)
PART_OF_UNIT = re.compile(
    rf"(?<![\w./,])(?:(\d+)[ -])?(\d{{1,2}})/(\d{{1,2}})(?:\s?\"|[ -]?({UNIT}|in)(\.(?=\s[a-z]))?)(?![\w/])"
)
PER_WORD = re.compile(r"(?<=[a-z])/(day|week|month|year|hour|minute|second|person|night|user|unit)\b")
ARTICLE = re.compile(
    r"\b(?:an?|the|this|that|each|every|another|one|my|his|her|our|their|your|its)\s(?:\w+\s)?$", re.IGNORECASE
)
MODIFIED = re.compile(r"[\s-]([a-z]{3,})")
NOT_NOUNS = words(
    "and but are was were has had have from with for per off too than then that this away long wide high deep "
    "tall each apart into onto will would can could may might must when while where who which what how ago later "
    "before after earlier more less over under about above below between every not yet now today only just "
    "because since until during of to in on at by or is as it if"
)
FIRST_NOUNS = words("sprint race dash run swim relay marathon walk hike")

RANGE_SIGN = r"[$£€¥]"
RANGE = re.compile(
    rf"(?<![\w.,/:-])(?P<minus>[-−]?)(?P<left>{RANGE_SIGN}?)(?P<first>{NUMBER})(?P<mark>%|°[CF]?|[kKMB](?=[\s–-])|)(?P<gap>\s?)[-–—](?P=gap)(?P<right>{RANGE_SIGN}?)"
    rf"(?P<last>{NUMBER})(?![-–/:]\d|[.,]\d|-[a-zA-Z]{{2}})"
)
SCORED = re.compile(
    r"\b(?:votes?d?|scores?d?|w[io]n|won|lost|beat|leads?|led|defeated|passed|failed)\b[^.;]{0,24}$", re.IGNORECASE
)
ORDINAL_RANGE = re.compile(r"(?<=\d(?:st|nd|rd|th))\s?[-–]\s?(?=\d+(?:st|nd|rd|th)\b)")
SERIES = re.compile(r"(?<![\w.,/:-])\d{1,2}(?:-\d{1,3}){2,6}(?![\w-])")
ORDINALS = re.compile(r"(?<![\w./])(\d{1,3}(?:,\d{3})+|\d{1,15})(?:st|nd|rd|th)(?!\w)", re.IGNORECASE)
VULGAR = re.compile(r"(?<!\d)(\d+)?\s?([¼-¾⅐-⅞])")
MIXED = re.compile(r"(?<![\w./,])(\d+)[ -](\d{1,2})/(\d{1,3})(?![\w/]|\.\d)")
FRACTION = re.compile(r"(?<![\w./,$])(\d{1,4})\s?[/⁄]\s?(\d{1,4})(?:th|ths|rd|rds)?(?![\w/]|\.\d)")
IDIOMS = {
    "24/7": "twenty-four seven",
    "9/11": "nine eleven",
    "4/4": "four four",
    "20/20": "twenty twenty",
    "6/8": "six eight",
}
RATED = re.compile(
    r"(?:score[ds]?|rat(?:e[ds]?|ings?)|gave|gives?|got|grade[ds]?|solid|review|a|an)\b[^.;]{0,16}$", re.IGNORECASE
)
SIZE = re.compile(rf"(?<![\w.,])({NUMBER})\s?[x×]\s?({NUMBER})(?:\s?[x×]\s?({NUMBER}))?(?![.,]?\d|[a-zA-Z])")
FACTOR = re.compile(rf"(?<![\w.,])({NUMBER})\s?[x×](?!\w|\s?[-+=^²³)])")
DENOMINATORS = {2: "half", 4: "quarter"}


def money_written_out(text: str) -> str:
    """Money with its sign or code before or after it; `text` holds digits."""
    if not text.isascii() or "$" in text:
        text = MONEY.sub(_money, text)
        text = DECIMAL_COMMA.sub(lambda found: found[1].replace(".", "") + "." + found[2], text)
        text = MONEY_AFTER.sub(lambda found: _in_currency(found["number"], *CURRENCIES[found["sign"]].split()), text)
        text = CENTS.sub(lambda found: _counted(found[1], "cent"), text)
    return CODE.sub(_code, text)


def measures_written_out(text: str) -> str:
    """Percent, degrees, lengths, and whatever else has a unit; `text` holds digits."""
    if "%" in text or "‰" in text:
        text = PERCENT.sub(_percent, text)
    if not text.isascii():
        text = POSITION.sub(_position, text)
        text = DEGREES.sub(_degrees, text)
    if "/" in text:
        text = PART_OF_UNIT.sub(_part_of_unit, text)
    text = MARKED_SIZE.sub(_marked_size, text)
    text = FEET_INCHES.sub(_feet_inches, text)
    text = INCHES.sub(_inch, text)
    text = FEET.sub(lambda found: _counted(found[1], "foot/feet"), text)
    text = MEASURED.sub(_measured, text)
    return PER_WORD.sub(r" per \1", text)


def ranges_written_out(text: str) -> str:
    """`10-20` as `10 to 20`, still in digits; `text` holds digits."""
    text = ORDINAL_RANGE.sub(" to ", text)
    text = SERIES.sub(lambda found: found.group().replace("-", " "), text)
    return RANGE.sub(_range, text)


def fractions_written_out(text: str) -> str:
    """Fractions, ordinals, sizes and factors; `text` holds digits."""
    text = ORDINALS.sub(lambda found: numbers.ordinal(int(found[1].replace(",", ""))), text)
    if not text.isascii():
        text = VULGAR.sub(_vulgar, text)
    if "/" in text:
        text = MIXED.sub(_mixed, text)
        text = FRACTION.sub(_fraction, text)
    text = SIZE.sub(_size, text)
    return FACTOR.sub(lambda found: f"{numbers.plain(found[1])} times", text)


def _feet_inches(found: re.Match[str]) -> str:
    return f"{numbers.plain(found[1] or found[3])} foot {_inches(found[2] or found[4])}"


def _marked_size(found: re.Match[str]) -> str:
    unit = "inch/inches" if found[2] in '"″' else "foot/feet"
    return f"{numbers.plain(found[1])} by {_counted(found[3], unit)}"


def _percent(found: re.Match[str]) -> str:
    return f"{numbers.plain(found[1])} {'percent' if found[2] == '%' else 'per mille'}"


def _forms(unit: str) -> tuple[str, str]:
    """Singular and plural of an entry of the tables."""
    one, _, many = unit.partition("/")
    return one, many or f"{one}s"


def _counted(number: str, unit: str) -> str:
    return f"{numbers.plain(number)} {_forms(unit)[not numbers.is_one(number)]}"


def _in_currency(number: str, main: str, small: str) -> str:
    """Whole units and hundredths: `three dollars and fifty cents`; other decimals as they stand."""
    whole, point, part = number.replace(",", "").partition(".")
    if not point or len(part) != 2:
        return _counted(number, main)
    pieces = [_counted(str(int(whole or 0)), main)] if int(whole or 0) or not int(part) else []
    return " and ".join([*pieces, *([_counted(str(int(part)), small)] if int(part) else [])])


def _attributive(text: str, start: int, end: int) -> bool:
    """Whether an amount stands before what it describes: `a five dollar bill`, `a one hundred meter sprint`."""
    noun = MODIFIED.match(text, end)
    if noun is None or noun[1] in NOT_NOUNS:
        return False
    return (
        text[end : end + 1] == "-"
        or noun[1] in FIRST_NOUNS
        or ARTICLE.search(text, max(0, start - 24), start) is not None
    )


def _money(found: re.Match[str]) -> str:
    main, _, small = CURRENCIES[found["sign"]].partition(" ")
    if found["country"] and found["sign"] == "$":
        main = DOLLARS[found["country"]]
    number, magnitude, hyphen = found["number"], found["magnitude"], found["hyphen"] or ""
    if hyphen and not magnitude:  # the amount ends before the hyphen
        hyphen = "-"
    attributive = bool(hyphen) or _attributive(found.string, found.start(), found.end())
    if magnitude:
        said = f"{numbers.plain(number)} {MAGNITUDES[magnitude]} {_forms(main)[not attributive]}"
    elif attributive:
        said = f"{numbers.plain(number)} {_forms(main)[0]}"
    else:
        said = _in_currency(number, main, small)
    minus = "minus " if found["minus"] or found["less"] else ""
    per = f" per {_forms(UNITS.get(found['per'], found['per']))[0]}" if found["per"] else ""
    return f"{minus}{said}{per}{hyphen if not magnitude else ''}"


def _code(found: re.Match[str]) -> str:
    code = found["before"] or found["after"]
    if code is None:
        return found.group()
    magnitude = f" {MAGNITUDES[found['magnitude']]}" if found["magnitude"] else ""
    one, many = _forms(CODES[code])
    unit = one if numbers.is_one(found["number"]) and not magnitude else many
    return f"{'minus ' if found['minus'] else ''}{numbers.plain(found['number'])}{magnitude} {unit}"


def _position(found: re.Match[str]) -> str:
    said = [_counted(found[1], "degree")]
    said += [_counted(found[2], "minute")] if found[2] else []
    said += [_counted(found[3], "second")] if found[3] else []
    return " ".join([*said, {"N": "north", "S": "south", "E": "east", "W": "west"}[found[4]]])


def _degrees(found: re.Match[str]) -> str:
    scale = "C" if found[3] else "F" if found[4] else found[2] or ""
    return f"{_counted(found[1], 'degree')} {dict(C='Celsius', F='Fahrenheit', K='Kelvin').get(scale, '')}".strip()


def _inches(text: str) -> str:
    whole, space, fraction = text.partition(" ")
    return numbers.plain(whole) + (f" and {fraction_words(*map(int, fraction.split('/')))}" if space else "")


def _inch(found: re.Match[str]) -> str:
    """Inches, unless the mark closes a quotation."""
    if found[2] and (found.string.count('"', 0, found.start()) % 2 or "“" in found.string[: found.start()]):
        return found.group()
    attributive = _attributive(found.string, found.start(), found.end())
    return f"{numbers.plain(found[1])} inch" if attributive else _counted(found[1], "inch/inches")


def _measured(found: re.Match[str]) -> str:
    number, gap, unit, power, per = found.group("number", "gap", "unit", "power", "per")
    lone = (unit in LOOSE_UNITS and not per) or (unit in {"B", "K"} and "." not in number)
    if (
        lone
        or (gap == "-" and (len(unit) < 2 or unit == "in"))
        or (unit == "m" and "$" in found.string[: found.start()][-1:])
    ):
        return found.group()
    if unit == "s" and not gap and len(number) > 2 and number.isdecimal() and not per:
        of = found.string.startswith(" of", found.end())
        if of or number[-1] != "0":  # hundreds of, the 747s
            return found.group()
    one, many = _forms(UNITS[unit])
    if power:
        one, many = f"{POWERS[power]} {one}", f"{POWERS[power]} {many}"
    attributive = gap == "-" or (not per and _attributive(found.string, found.start(), found.end()))
    said = one if attributive or numbers.is_one(number) else many
    if per:
        said += f" per {_forms(UNITS.get(per, per))[0]}"
        if found["per_power"]:
            said += " squared" if "2" in found["per_power"] or "²" in found["per_power"] else " cubed"
            if per.endswith("m"):
                cubic = POWERS[found["per_power"]]
                said = f"{many} per {cubic} {_forms(UNITS[per])[0]}"
    return f"{numbers.plain(number)} {said}"


def _part_of_unit(found: re.Match[str]) -> str:
    """`one quarter teaspoon`, `two and a half inches`."""
    whole, top, bottom, unit = found[1], int(found[2]), int(found[3]), found[4]
    quoted = unit is None and found.string.count('"', 0, found.start()) % 2
    if not 0 < top < bottom or quoted or (unit == "in" and not found[5]) or (unit and len(unit) == 1):
        return found.group()
    one, many = _forms(UNITS.get(unit or "in", "inch/inches"))
    said = fraction_words(top, bottom)
    return f"{numbers.plain(whole)} and {_after_and(said)} {many}" if whole else f"{said} {one}"


def _range(found: re.Match[str]) -> str:
    left, first, mark, right, last = found.group("left", "first", "mark", "right", "last")
    minus = "minus " if found["minus"] else ""
    even = first == last or (first.isdecimal() and last.isdecimal() and int(first) + int(last) == 100)
    before = found.string[max(0, found.start() - 32) : found.start()]
    if even and len(first) == 2 and not (left or mark or right or SCORED.search(before)):
        return f"{minus}{first} {last}"
    if left and not right:
        return f"{minus}{first}{mark} to {left}{last}"
    return f"{minus}{left}{first}{mark} to {right}{last}"


def fraction_words(top: int, bottom: int) -> str:
    """`three quarters`, `one half`, `five sixteenths`."""
    name = DENOMINATORS.get(bottom) or numbers.ordinal(bottom)
    if top != 1:
        name = "halves" if bottom == 2 else f"{name}s"
    return f"{numbers.cardinal(top)} {name}"


def _vulgar(found: re.Match[str]) -> str:
    top, bottom = (int(part) for part in unicodedata.normalize("NFKD", found[2]).split("\u2044"))
    said = fraction_words(top, bottom)
    before = " " if found.string[found.start() - 1 : found.start()].isalnum() else ""
    return before + (f"{numbers.plain(found[1])} and {_after_and(said)}" if found[1] else said)


def _after_and(said: str) -> str:
    """`two and a half`, `three and three quarters`."""
    return said.replace("one ", "a ", 1) if said.startswith("one ") else said


def _mixed(found: re.Match[str]) -> str:
    top, bottom = int(found[2]), int(found[3])
    if not 0 < top < bottom:
        return found.group()
    return f"{numbers.plain(found[1])} and {_after_and(fraction_words(top, bottom))}"


def _fraction(found: re.Match[str]) -> str:
    top, bottom = int(found[1]), int(found[2])
    plain = f"{found[1]}/{found[2]}"
    if plain in IDIOMS:
        return IDIOMS[plain]
    if " " in found.group() or found.string[found.end() :].lstrip().startswith(
        ("=", "equals")
    ):  # a sum, not a fraction
        return f"{numbers.plain(found[1])} divided by {numbers.plain(found[2])}"
    before = found.string[max(0, found.start() - 24) : found.start()]
    after = found.string[found.end() : found.end() + 4]
    if bottom in {5, 10, 100} and top <= bottom and RATED.search(before) and not re.match(r" [a-z]", after):
        return f"{numbers.plain(found[1])} out of {numbers.plain(found[2])}"
    if top == bottom or top + bottom == 100:
        return f"{numbers.plain(found[1])} {numbers.plain(found[2])}"
    if 0 < top < bottom and 1 < bottom <= 1000:
        return fraction_words(top, bottom)
    return f"{numbers.plain(found[1])} over {numbers.plain(found[2])}"


def _size(found: re.Match[str]) -> str:
    """`four by six`; `times` where something equals it; resolutions in pairs of digits."""
    sides = [side for side in found.groups() if side]
    say = numbers.pairs if all(side.isdecimal() and 3 <= len(side) <= 4 for side in sides) else numbers.plain
    sum_ = "=" in found.string[found.end() : found.end() + 12] or (
        "×" in found.group() and " " in found.group() and len(sides) < 3
    )
    return (" times " if sum_ else " by ").join(map(say, sides))
