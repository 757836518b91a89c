"""Dates, times of day, years and decades; ratios, which are written like times."""

import re

from deployments.speech.text.english import numbers
from deployments.speech.text.english.terms import BOOKS, DAYS, MONTH, MONTH_OF, MONTHS, any_of, words

AM_PM = r"(?:([AaPp])(?:\.\s?[Mm]\.|[Mm](?![A-Za-z])))"
ISO = re.compile(
    r"(?<![\w/-])(\d{4})([-/])(\d{1,2})\2(\d{1,2})"
    r"(?:(?:T|,? )(\d{2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)?\s?(Z(?!\w)|UTC|GMT|[+-]\d{2}:?\d{2}(?!\d))?)?"
    r"(?![\w/-]|:\d)"
)
SLASHED = re.compile(r"(?<![\w/.-])(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?![\w/-]|\.\d)")
ON_DAY = re.compile(
    r"\b([Oo]n|[Dd]ue|[Uu]ntil|[Tt]ill?|[Ss]ince|[Bb]y|[Bb]efore|[Aa]fter|[Tt]hrough|[Ff]rom|[Dd]ated|ends|starts|"
    r"begins|opens|closes|expires|"
    r"arrives|leaves|deadline|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,?) (\d{1,2})/(\d{1,2})(?![\w/]|\.\d| of)"
)
ORDINAL = r"(?:st|nd|rd|th)?"
DAY = rf"(\d{{1,2}}){ORDINAL}(?:\s?[-–]\s?(\d{{1,2}}){ORDINAL})?"
MONTH_DAY = re.compile(rf"\b({MONTH})\s{DAY}(?![\w:%]|[.,/-]\d)(?:(,?)\s(\d{{4}})(?![\w%:]|[,.]\d))?")
DAY_MONTH = re.compile(rf"(?<![\w.,/:$-])([Tt]he )?{DAY}(\sof)?\s({MONTH})(?![\w'])(?:,?\s(\d{{4}})(?![\w%:]|[,.]\d))?")
MONTH_YEAR = re.compile(rf"\b({MONTH}),? (?:of )?(\d{{4}})(?![\w%:]|[,.]\d)")
MONTHS_RANGE = re.compile(rf"\b({MONTH})( \d{{4}})?\s?[-–]\s?({MONTH})(?=\s|$|[,.;:!?)])")
WEEKDAYS = re.compile(
    rf"\b({any_of(DAYS)})\.?(?:\s?([-–])\s?({any_of(DAYS)})\b\.?|(?=,? {MONTH}|, \d|,? the \d| \d{{1,2}}[:ap-]))"
)

TIME_RANGE = re.compile(
    r"(?<![\w:.$-])(\d{1,2}(?::\d{2})?(?:\s?[AaPp]\.?[Mm]\.?)?)\s?[-–—]\s?(?=\d{1,2}(?::\d{2}(?!\d)|\s?[AaPp]\.?[Mm]))"
)
TIME = re.compile(rf"(?<![\w:.,$-])(\d{{1,2}}):(\d{{2}})(?::(\d{{2}}))?(?!\d|:\d|\.\d)(?:\s?{AM_PM})?")
RACE_TIME = re.compile(r"(?<![\w:.,$-])(\d{1,2}):([0-5]\d)\.(\d{1,3})(?![\w:])")
HOUR = re.compile(rf"(?<![\w:.,$-])(\d{{1,2}})\s?{AM_PM}(?!\w)")
DURATION = re.compile(r"(?<![\w.,:])(\d{1,4})\s?(?:h|hrs?)\.?\s?(\d{1,2})\s?m(?:ins?)?(?![\w/])")
MINUTES = re.compile(r"(?<![\w.,:])(\d{1,4})\s?m(?:ins?)?\.?\s(\d{1,2})\s?s(?:ecs?)?(?![\w/])")
CLOCK_H = re.compile(r"(?<![\w.,:])([01]?\d|2[0-3])h([0-5]\d)(?![\w:])")
MILITARY = re.compile(r"(?<![\w.,:])([01]\d|2[0-3])([0-5]\d)(?= hours\b)")
NUMBERED_BOOK = re.compile(
    r"\b(I{1,3}|[1-3]) (?=(?:Samuel|Kings|Chronicles|Corinthians|Thessalonians|Timothy|Peter|John|Maccabees) \d)"
)
VERSE = re.compile(rf"\b({any_of(BOOKS)}) (\d{{1,3}}):(\d{{1,3}})(?:\s?[-–]\s?(\d{{1,3}}))?(?![\w:])")
RATIO = re.compile(r"(?<![\w:.,])(\d+(?:\.\d+)?)(\s?):\2(\d+(?:\.\d+)?)((?::\d+)?)(?![\w:])")
RATIO_BEFORE = re.compile(
    r"\b(?:ratio|odds|aspect|proportions?|scale|mix(?:ed|ture)?|score|split|won|lost|beat|lead)\b[^.;]{0,20}$", re.I
)
RATIO_AFTER = re.compile(
    r"\s?(?:ratio|aspect|odds|scale|mix|split|screen|display|format|video|monitor|draw|win|defeat|victory|lead)\b"
)
RATIOS = frozenset({("16", "10"), ("3", "10"), ("1", "10"), ("1", "12"), ("1", "24"), ("1", "18")})

CENTURY = re.compile(r"(?<![\w.,])(1[1-9]|20)(\d)0['’]?s(?!\w)")
DECADE = re.compile(
    r"(?<![\w.,])(?:(['‘’])|(?<=the )|(?<=The )|(?<=her )|(?<=his )|(?<=their )|(?<=my )|(?<=early )|(?<=mid-)|"
    r"(?<=mid )|(?<=late )|(?<=early-)|(?<=late-))(\d)0['’]?s(?!\w)"
)
SHORT_YEAR = re.compile(r"(?<!\w)['‘’](\d{2})(?!\w|['’])")
YEAR = re.compile(r"(?<![\w.,/:$£€-])(\d{4})(?!\w|[,.:/]\d|\s?[%°])")
YEARS = re.compile(
    r"(?<![\w.,/:$£€-])(1[1-9]\d\d|20\d\d)\s?([-–—]|/(?=\d{4}))\s?(1[1-9]\d\d|20\d\d|\d\d)(?!\w|[,.:/-]\d)"
)
NAMED_YEAR = re.compile(r"(?<=[Yy]ear )(\d{3,4})(?!\w|[,.:/]\d)")
ERA = re.compile(r"(?<![\w.,])(\d{1,4})(?=\s(?:BC|BCE|AD|CE|B\.C\.|A\.D\.))")
COUNTERS = words(
    "about over nearly approximately than some all another least most exactly only roughly almost total additional "
    "maximum minimum "
    "extra these those my his her our their every number population"
)
NOT_PLURALS = words(
    "was is has as its this does his us less across always perhaps thus plus versus besides towards yes yours ours"
)
PLURALS = words("people men women children feet miles percent times hundred thousand million copies")


def dates_written_out(text: str, day_first: bool) -> str:
    """Dates with a day; `day_first`: 7/4/2023 is in April. `text` holds digits."""
    text = ISO.sub(_iso, text)
    text = SLASHED.sub(lambda found: _slashed(found, day_first), text)
    if "/" in text:
        text = ON_DAY.sub(lambda found: _on_day(found, day_first), text)
    text = WEEKDAYS.sub(_weekdays, text)
    text = MONTHS_RANGE.sub(lambda found: f"{_month(found[1])}{found[2] or ''} to {_month(found[3])}", text)
    text = DAY_MONTH.sub(_day_month, text)
    text = MONTH_DAY.sub(_month_day, text)
    return MONTH_YEAR.sub(lambda found: f"{_month(found[1])} {numbers.year(int(found[2]))}", text)


def times_written_out(text: str) -> str:
    """Times of day, verses and ratios; `text` holds digits."""
    text = TIME_RANGE.sub(r"\1 to ", text)
    text = DURATION.sub(lambda found: f"{_counted(found[1], 'hour')} {_counted(found[2], 'minute')}", text)
    text = MINUTES.sub(lambda found: f"{_counted(found[1], 'minute')} {_counted(found[2], 'second')}", text)
    text = CLOCK_H.sub(lambda found: clock(int(found[1]), int(found[2])), text)
    text = MILITARY.sub(_military, text)
    text = NUMBERED_BOOK.sub(_numbered_book, text)
    if ":" in text:
        text = VERSE.sub(_verse, text)
        text = TIME.sub(_time, text)
        text = RACE_TIME.sub(_race_time, text)
        text = RATIO.sub(_ratio, text)
    return HOUR.sub(lambda found: f"{numbers.cardinal(int(found[1]))} {_half(found, 2)}", text)


def decades_written_out(text: str) -> str:
    """Decades and years that are written as such; `text` holds digits."""
    text = CENTURY.sub(lambda found: _decade(f"{found[1]}{found[2]}"), text)
    text = DECADE.sub(lambda found: _decade(found[2]), text)
    text = YEARS.sub(_years, text)
    text = NAMED_YEAR.sub(lambda found: numbers.year(int(found[1])), text)
    text = ERA.sub(lambda found: numbers.year(int(found[1])), text)
    return SHORT_YEAR.sub(lambda found: numbers.two_digits(int(found[1])), text)


def years_written_out(text: str) -> str:
    """Years, told from plain numbers by what stands around them; `text` holds digits."""
    return YEAR.sub(lambda found: numbers.year(int(found[1])) if _is_year(found) else found.group(), text)


def _month(name: str) -> str:
    return MONTH_OF[name[:3]]


def _date(year: str, month: int, day: int, otherwise: str) -> str:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return otherwise
    return f"{MONTHS[month - 1]} {numbers.ordinal(day)}" + (f", {numbers.year(int(year))}" if year else "")


def _iso(found: re.Match[str]) -> str:
    date = _date(found[1], int(found[3]), int(found[4]), "")
    if not date:
        return found.group()
    if found[5] is None:
        return date
    zone = found[8] or ""
    if zone[:1] in {"+", "-"}:
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        sign = "plus" if zone[0] == "+" else "minus"
        zone = f"UTC {sign} {numbers.cardinal(hours)}" + (f" {numbers.cardinal(minutes)}" if minutes else "")
    said = clock(int(found[5]), int(found[6]), int(found[7] or 0), bare=not zone)
    return f"{date}, at {said} {'UTC' if zone == 'Z' else zone}".strip()


def _slashed(found: re.Match[str], day_first: bool) -> str:
    first, second, year = int(found[1]), int(found[3]), found[4]
    if found[2] == "." and len(year) == 2:
        return found.group()
    if len(year) == 2:
        year = ("19" if int(year) > 40 else "20") + year
    dotted = found[2] == "." and second <= 12
    month, day = (second, first) if ((day_first or dotted) and second <= 12) or first > 12 else (first, second)
    return _date(year, month, day, found.group())


def _on_day(found: re.Match[str], day_first: bool) -> str:
    first, second = int(found[2]), int(found[3])
    if (first, second) in {(9, 11), (24, 7)} or (
        max(first, second) < 13 and not found[1].lower().startswith(("on", "due", "dated"))
    ):
        return found.group()
    month, day = (second, first) if (day_first and second <= 12) or first > 12 else (first, second)
    date = _date("", month, day, "")
    return f"{found[1]} {date}" if date else found.group()


def _weekdays(found: re.Match[str]) -> str:
    return DAYS[found[1]] + (f" to {DAYS[found[3]]}" if found[3] else "")


def _days(first: str, last: str | None) -> str:
    return numbers.ordinal(int(first)) + (f" to {numbers.ordinal(int(last))}" if last else "")


def _day_month(found: re.Match[str]) -> str:
    the, first, last, of, month, year = found.groups()
    if not 1 <= int(first) <= 31 or (last and not int(first) < int(last) <= 31):
        return found.group()
    article = the or ("" if of else "the ")
    return f"{article}{_days(first, last)} of {_month(month)}" + (f" {numbers.year(int(year))}" if year else "")


def _month_day(found: re.Match[str]) -> str:
    month, first, last, comma, year = found.groups()
    if not 1 <= int(first) <= 31 or (last and not int(first) < int(last) <= 31):
        return found.group()
    return f"{_month(month)} {_days(first, last)}" + (f"{comma} {numbers.year(int(year))}" if year else "")


def clock(hour: int, minute: int, second: int = 0, bare: bool = True) -> str:
    """A time of day; `bare`: nothing like A.M. follows."""
    if minute:
        said = f"{numbers.cardinal(hour)} {numbers.two_digits(minute)}"
    elif not bare or second:
        said = numbers.cardinal(hour) + (" hundred" if hour > 12 else "")
    elif hour == 0:
        said = "midnight"
    else:
        said = f"{numbers.cardinal(hour)} " + ("hundred" if hour > 12 else "o'clock")
    return said + (f" and {numbers.cardinal(second)} second{'s' * (second != 1)}" if second else "")


def _half(found: re.Match[str], group: int) -> str:
    """`A.M.` for the half of the day, with one period where a sentence ends."""
    return f"{found[group].upper()}.M" + ("" if found.string[found.end() : found.end() + 1] == "." else ".")


def _time(found: re.Match[str]) -> str:
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    before, after = found.string[max(0, found.start() - 45) : found.start()], found.string[found.end() :][:12]
    ratio = (found[1], found[2]) in RATIOS or RATIO_BEFORE.search(before) or RATIO_AFTER.match(after)
    if hour > 24 or minute > 59 or second > 59 or (ratio and not found[3] and not found[4]):
        return found.group()
    if found[4]:
        return f"{clock(hour, minute, second, bare=False)} {_half(found, 4)}"
    said = clock(hour, minute, second)
    return said.removesuffix(" o'clock") if after.lstrip().lower().startswith("o'clock") else said


def _counted(number: str, unit: str) -> str:
    return f"{numbers.plain(number)} {unit}{'s' * (int(number) != 1)}"


def _race_time(found: re.Match[str]) -> str:
    minutes, seconds = int(found[1]), int(found[2])
    return f"{clock(minutes, seconds, bare=False)} point {numbers.digits(found[3])}"


def _military(found: re.Match[str]) -> str:
    hour = ("zero " if found[1][0] == "0" else "") + numbers.cardinal(int(found[1]))
    return f"{hour} {numbers.two_digits(int(found[2])) if int(found[2]) else 'hundred'}"


def _numbered_book(found: re.Match[str]) -> str:
    return {"1": "First ", "I": "First ", "2": "Second ", "II": "Second "}.get(found[1], "Third ")


def _verse(found: re.Match[str]) -> str:
    book, chapter, first, last = found.groups()
    said = f"{book} {numbers.cardinal(int(chapter))} {numbers.cardinal(int(first))}"
    return said + (f" to {numbers.cardinal(int(last))}" if last else "")


def _ratio(found: re.Match[str]) -> str:
    return f"{found[1]} to {found[3]}" + (f" to {found[4][1:]}" if found[4] else "")


def _decade(tens: str) -> str:
    """`nineteen nineties` for "199", `eighteen hundreds` for "180", `sixties` for "6"."""
    if tens == "200":
        return "two thousands"
    head = f"{numbers.below_hundred(int(tens[:-1]))} " if tens[:-1] else ""
    word = numbers.TENS[int(tens[-1])] if tens[-1] not in "01" else ("ten" if tens[-1] == "1" else "hundred")
    return head + numbers.plural(word)


def _years(found: re.Match[str]) -> str:
    first, sign, last = found.groups()
    if len(last) == 2 and int(last) <= int(first[2:]):
        return found.group()
    said = numbers.year(int(last)) if len(last) == 4 else numbers.two_digits(int(last))
    return f"{numbers.year(int(first))} {'' if sign == '/' else 'to '}{said}"


def _is_year(found: re.Match[str]) -> bool:
    before = found.string[max(0, found.start() - 24) : found.start()].split()
    dated = bool(before) and before[-1].lower() in {"in", "since"}
    if not (1001 if dated else 1100) <= int(found[1]) <= 2099:
        return False
    after = re.match(r"\s([a-z]+)", found.string[found.end() : found.end() + 24])
    noun = after[1] if after else ""
    counted = noun in PLURALS or (noun.endswith("s") and noun not in NOT_PLURALS)
    if counted and not (before and before[-1] == "In"):
        return False
    last = before[-1].lower() if before else ""
    return last not in COUNTERS and not (last == "of" and len(before) > 1 and before[-2].lower() in COUNTERS)
