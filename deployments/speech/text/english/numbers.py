"""Numbers as American English words: cardinals, ordinals, years, decimals, digits one by one."""

ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion")
IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MOST_GROUPED_DIGITS = 18  # longer ones have no names that a listener knows
MOST_PLAIN_DIGITS = 9  # longer ones without commas are identifiers, read digit by digit
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def below_hundred(n: int) -> str:
    """`forty-two` for 42."""
    if n < 20:
        return ONES[n]
    return TENS[n // 10] + (f"-{ONES[n % 10]}" if n % 10 else "")


def below_thousand(n: int) -> str:
    """`one hundred five` for 105."""
    if n < 100:
        return below_hundred(n)
    return f"{ONES[n // 100]} hundred" + (f" {below_hundred(n % 100)}" if n % 100 else "")


def cardinal(n: int) -> str:
    """`one thousand two hundred thirty-four` for 1234; 0 <= n < 10**18."""
    if n == 0:
        return ONES[0]
    groups: list[str] = []
    for scale in SCALES:
        n, group = divmod(n, 1000)
        if group:
            groups.append(f"{below_thousand(group)} {scale}".strip())
        if not n:
            break
    return " ".join(reversed(groups))


def ordinal(n: int) -> str:
    """`one hundred first` for 101."""
    head, mark, last = cardinal(n).rpartition(" ")
    tens, hyphen, one = last.rpartition("-")
    if one in IRREGULAR_ORDINALS:
        one = IRREGULAR_ORDINALS[one]
    else:
        one = one[:-1] + "ieth" if one.endswith("y") else one + "th"
    return head + mark + tens + hyphen + one


def digits(text: str) -> str:
    """`five five zero` for "550"; what is not a digit is left out."""
    return " ".join(ONES[int(char)] for char in text if char.isdecimal())


def year(n: int) -> str:
    """`nineteen oh five` for 1905, `two thousand five` for 2005, `twenty ten` for 2010, `eighteen hundred` for 1800."""
    high, low = divmod(n, 100)
    if not 1000 < n < 10_000 or (high % 10 == 0 and low < 10):
        return cardinal(n)
    return f"{below_hundred(high)} {two_digits(low) if low else 'hundred'}"


def two_digits(n: int) -> str:
    """`oh five` for 5, `forty-two` for 42: the second half of a year, of a time, of a house number."""
    return f"oh {ONES[n]}" if n < 10 else below_hundred(n)


def pairs(text: str) -> str:
    """A house, room or model number: `two twenty-one` for "221", `one oh one` for "101", `sixteen hundred`."""
    n = int(text)
    if text[0] == "0" or len(text) > 4:
        return digits(text)
    if len(text) == 4:
        return year(n)
    if len(text) < 3 or n % 100 == 0:
        return cardinal(n)
    return f"{ONES[n // 100]} {two_digits(n % 100)}"


def plain(text: str) -> str:
    """A number as it stands, "1,250", "3.14", ".5", "007", "-7": words. Digit by digit where it has no name."""
    if text.startswith("-"):
        return f"minus {plain(text[1:])}"
    whole, point, rest = text.replace(",", "").partition(".")
    most = MOST_GROUPED_DIGITS if "," in text or point else MOST_PLAIN_DIGITS
    if not whole:
        words = ""
    elif len(whole) > most or (len(whole) > 1 and whole[0] == "0"):
        words = digits(whole)
    else:
        words = cardinal(int(whole))
    return f"{words} point {digits(rest)}".strip() if rest else words


def plural(words: str) -> str:
    """The plural of a number in words: `nineties`, `forty-sixes`, `hundreds`."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def is_one(text: str) -> bool:
    """Whether the number takes the singular: `1 kilometer`, `-1 degree`."""
    return text in {"1", "-1", "1.0"}


def roman(text: str) -> int | None:
    """The value of a Roman numeral in capitals; None where it is not one in its usual spelling."""
    total = 0
    for char, following in zip(text, (*text[1:], ""), strict=True):
        if char not in ROMAN:
            return None
        total += -ROMAN[char] if following in ROMAN and ROMAN[following] > ROMAN[char] else ROMAN[char]
    return total if 0 < total < 4000 and _written(total) == text else None


def _written(n: int) -> str:
    """The Roman numeral of n."""
    steps = (
        *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
        *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
    )
    text = ""
    for value, letters in steps:
        count, n = divmod(n, value)
        text += letters * count
    return text
