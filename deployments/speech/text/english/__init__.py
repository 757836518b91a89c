"""English as it is written -> English in words.

    symbols     cleans; at the end reads what is left: sums, signs, plain numbers
    addresses   URLs, e-mail, files, versions, telephone numbers
    calendar    dates, times, years
    amounts     money, units, ranges, fractions
    names       abbreviations, titles, Roman numerals
    numbers     numbers in words; terms: the words of all rules

A rule writes words where it is sure, and leaves digits to those after it: their order matters.
"""

import re

from deployments.speech.text.english import addresses, amounts, calendar, names, symbols

WINDOW = 1000  # characters; no rule looks further, and none takes longer than this allows
DIGIT = re.compile(r"\d")


def puts_days_first(language: str) -> bool:
    """Whether 7/4/2023 is the seventh of April."""
    return language.startswith("en-") and not language.startswith("en-us")


def written_out(text: str, day_first: bool = False) -> str:
    """All in words, on one line. `day_first`: 7/4/2023 is the seventh of April."""
    text = symbols.cleaned(text)
    if len(text) <= WINDOW:
        return _window(text, day_first)
    said: list[str] = []
    start = 0
    while start < len(text):
        space = text.rfind(" ", start + 1, start + WINDOW)
        end = start + WINDOW if space < 0 or start + WINDOW >= len(text) else space
        said.append(_window(text[start:end].strip(), day_first))
        start = end
    return " ".join(filter(None, said))


def _window(text: str, day_first: bool) -> str:
    """A text that is short enough for any rule."""
    text = addresses.written_out(text)
    text = symbols.sums_written_out(text)
    rest = _with_digits(text, day_first) if DIGIT.search(text) else _without_digits(text)
    return symbols.signs_written_out(rest)


def _without_digits(text: str) -> str:
    return names.numerals_written_out(names.written_out(text))


def _with_digits(text: str, day_first: bool) -> str:
    text = calendar.dates_written_out(text, day_first)
    text = addresses.numbers_written_out(text)
    text = symbols.spaces_left_out(text)
    text = calendar.times_written_out(text)
    text = names.places_written_out(text)
    text = names.written_out(text)
    text = calendar.decades_written_out(text)
    text = amounts.ranges_written_out(text)
    text = symbols.minus_written_out(text)
    text = amounts.money_written_out(text)
    text = amounts.measures_written_out(text)
    text = amounts.fractions_written_out(text)
    text = calendar.years_written_out(text)
    text = names.numerals_written_out(text)
    return symbols.numbers_written_out(text)
