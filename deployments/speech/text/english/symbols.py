"""What is left: sums, signs, words of letters and digits, plain numbers."""

import re

from deployments.speech.text.english import numbers
from deployments.speech.text.english.terms import MAGNITUDES, NUMBER, table

CLEANED = str.maketrans(
    dict.fromkeys("\u00ad\u200b\u200c\u2060\ufeff®™", None)
    | dict.fromkeys("‐‑‒−", "-")
    | dict.fromkeys("\u00a0\u202f\u2009\u2007", " ")
    | {"’": "'", "ʼ": "'", "⁄": "/"}
)
LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\((?:https?://|/|#|mailto:)[^\s()]{0,500}\)")
HEADING = re.compile(r"^\s*#{1,6}\s+")
TAG = re.compile(
    r"</?(?:b|i|u|em|strong|p|br|span|div|a|h[1-6]|ul|ol|li|code|pre|sub|sup|small)(?:\s[^<>]{0,300})?/?>", re.I
)
BRACKETED = re.compile(r"<(?=[A-Za-z/])([^<>]{1,200})>")
EMPHASIS = re.compile(
    r"(?<![\w*])\*{1,3}(?=[^\s*])|(?<=[^\s*])\*{1,3}(?![\w*])|(?<!\w)_{1,2}(?=[^\W_])|(?<=[^\W_])_{1,2}(?!\w)|`+|~~"
)
DIGITS = str.maketrans({chr(code): str(int(chr(code))) for code in range(0x660, 0xFFFF) if chr(code).isdecimal()})

MINUS_BETWEEN = re.compile(r"(?<=[\w)]) - (?=[\w(])")
SUM = re.compile(r"[\w)] ?= ?[\w(?-]")
TIMES = re.compile(r"(?<=[\d)]) ?[*×·] ?(?=[\d(])|(?<=[\w)]) [*×] (?=[\w(])|(?<=\d) x (?=\d)")
DIVIDED = re.compile(r"(?<=[\w)]) ?÷ ?(?=[\w(])|(?<=[\d)]) / (?=[\d(])")
POWER = re.compile(r"(?<=[\w)])\^\(?(-?\d{1,4}|[a-z])\)?")
BY = re.compile(r"(?<=[a-z]) x (?=\d)")
EITHER = re.compile(
    r"(?<![\w/])(?:and/or|either/or|he/she|she/he|him/her|his/hers?|her/him|s/he|yes/no|true/false)(?![\w/])", re.I
)
SLASH = re.compile(r"(?<=[^\W\d_])/(?=[^\W\d_])")
CAPITALS_SLASH = re.compile(r"(?<=[A-Z])/(?=[A-Z](?:[A-Z]|\b))")
SHARP = re.compile(r"(?<!\w)([A-G])(?:#|♯)(?!\w)")
FLAT = re.compile(r"(?<!\w)([A-G])♭(?!\w)")
PLUSES = re.compile(r"(?<!\w)([A-Za-z]{1,8}|\d+)(\+{1,2})(?![\w+])")
ABOUT = re.compile(r"(?<!\w)[~≈]\s?(?=[\d$£€])")
SQUARED = re.compile(r"(?<=[\w)])([²³])")
GREEK = table(
    "α=alpha;β=beta;γ=gamma;δ=delta;ε=epsilon;ζ=zeta;η=eta;θ=theta;κ=kappa;λ=lambda;μ=mu;µ=mu;ν=nu;ξ=xi;π=pi;ρ=rho;"
    "σ=sigma;τ=tau;"
    "φ=phi;χ=chi;ψ=psi;ω=omega;Γ=gamma;Δ=delta;Θ=theta;Λ=lambda;Π=pi;Σ=sigma;Φ=phi;Ψ=psi;Ω=omega"
)
GREEK_LETTER = re.compile(rf"(?<![^\W\d_])[{''.join(GREEK)}](?![^\W\d_])")
SIGNS = {
    **{
        "&": "and",
        "+": "plus",
        "=": "equals",
        "%": "percent",
        "@": "at",
        "°": "degrees",
        "©": "copyright",
        "§": "section",
    },
    **{
        "<": "less than",
        ">": "greater than",
        "±": "plus or minus",
        "√": "the square root of",
        "∞": "infinity",
        "≠": "is not equal to",
    },
    **{
        "≤": "less than or equal to",
        "≥": "greater than or equal to",
        "≈": "approximately",
        "→": "to",
        "⇒": "to",
        "←": "from",
    },
    **{
        "×": "times",
        "÷": "divided by",
        "$": "dollars",
        "£": "pounds",
        "€": "euros",
        "¥": "yen",
        "¢": "cents",
        "¶": "paragraph",
    },
    **{
        "\\": "backslash",
        "#": "hash",
        "№": "number",
        "♯": "sharp",
        "♭": "flat",
        "‰": "per mille",
        "∑": "the sum of",
        "∆": "delta",
    },
    **{"|": ",", "•": ",", "·": ",", "_": "", "*": "", "^": "", "~": "", "`": ""},
}
PLUS_MINUS = re.compile(r"\+/-\s?")
SIGN = re.compile(f"[{re.escape(''.join(SIGNS))}]")
ARROW = re.compile(r"\s?(?:-{1,2}|=)>\s?")
DASHES = re.compile(r"(?<=\w)\s?--+\s?(?=\w)")

SHORTHAND = re.compile(rf"(?<![\w.,-])({NUMBER})\s?(?:([kKMB])(?=\s[a-z])|(bn|mn|[kKMB](?<=\.\d[kKMB])))(?!\w)")
RUN = re.compile(r"\b(?:[Rr]an|[Rr]un|[Rr]uns|[Rr]unning|[Rr]ace|a|an|the|in|or)\s$")
TWO = re.compile(r"(?<![\w-])([BPCDGMVES])2([BPCDGMVESX])(?![\w-])")
PLURAL = re.compile(r"(?<![\w.,])(\d{2,6})(['’]?)s(?!\w)")
SCIENTIFIC = re.compile(r"(?<![\w.,])(\d{1,9}(?:\.\d{1,9})?)[eE]([+-]?\d{1,3})(?!\w)")
SPACED = re.compile(r"(?<![\w.,] )(?<![\w.,-])([1-9]\d{0,2}(?: \d{3}){2,5})(?![\w-]|[.,]\d| \d)")
RETIREMENT = re.compile(r"(?<!\w)(40[13])\(?([kb])\)?(?!\w)", re.I)
MIXED = re.compile(r"(?<![^\W_])(?<!\d\.)(?:[A-Za-z]+\d|\d+[A-Za-z])[A-Za-z0-9]*(?:-(?=[A-Za-z]*\d)[A-Za-z0-9]+)*")
MIXED_PARTS = re.compile(r"[A-Za-z]+|\d+|-")
HYPHENED = re.compile(r"(?<=[^\W\d_])-(?=\d)")
MINUS = re.compile(r"(?<![\w)\].,$£€¥-])-(?=\.?\d)")
PLUS = re.compile(r"(?<![\w+])\+(?=\.?\d)")
LEFT = re.compile(NUMBER)
SPACES = re.compile(r"\s+")
BEFORE_MARKS = re.compile(r" +(?=[,.;:!?](?:\s|$))")


def cleaned(text: str) -> str:
    """One line with plain spaces, apostrophes, hyphens and digits, without the marks of Markdown."""
    if not text.isascii():
        text = text.translate(CLEANED).translate(DIGITS)
    if "](" in text:
        text = LINK.sub(r"\1", text)
    if "#" in text:
        text = HEADING.sub("", text)
    if "<" in text:
        text = BRACKETED.sub(r"\1", TAG.sub(" ", text))
    if "*" in text or "_" in text or "`" in text or "~~" in text:
        text = EMPHASIS.sub("", text)
    return SPACES.sub(" ", text).strip()


def sums_written_out(text: str) -> str:
    """What reads differently where something equals something; signs that stand for letters."""
    if "=" in text and SUM.search(text):
        text = MINUS_BETWEEN.sub(" minus ", text)
        text = TIMES.sub(" times ", text)
    if "~" in text or not text.isascii():
        text = ABOUT.sub("about ", text)
        text = FLAT.sub(r"\1 flat", SHARP.sub(r"\1 sharp", text))
        text = DIVIDED.sub(" divided by ", text)
    if "^" in text:
        text = POWER.sub(_power, text)
    if "#" in text:
        text = SHARP.sub(r"\1 sharp", text)
    if "/" in text:
        text = PLUS_MINUS.sub("plus or minus ", text)
        text = DIVIDED.sub(" divided by ", text)
        text = EITHER.sub(_either, text)
        text = CAPITALS_SLASH.sub(" ", text)
    return ARROW.sub(" to ", text) if ">" in text else text


def signs_written_out(text: str) -> str:
    """Whatever sign is left, by its name."""
    text = PLUSES.sub(lambda found: found[1] + " plus" * len(found[2]), text)
    text = SLASH.sub(" slash ", text) if "/" in text else text
    text = DASHES.sub(" — ", text)
    if not text.isascii():
        text = SQUARED.sub(lambda found: " squared" if found[1] == "²" else " cubed", text)
        text = GREEK_LETTER.sub(lambda found: f" {GREEK[found.group()]} ", text)
    text = SIGN.sub(lambda found: f" {SIGNS[found.group()]} ", text)
    return BEFORE_MARKS.sub("", SPACES.sub(" ", text)).strip()


def spaces_left_out(text: str) -> str:
    """`1 000 000` as `1,000,000`; `text` holds digits."""
    return SPACED.sub(lambda found: found[1].replace(" ", ","), text)


def minus_written_out(text: str) -> str:
    """Negative numbers; `text` holds digits."""
    return MINUS.sub("minus ", text)


def numbers_written_out(text: str) -> str:
    """Whatever number is left; `text` holds digits."""
    text = RETIREMENT.sub(lambda found: f"{numbers.pairs(found[1])} {found[2]}", text)
    text = SCIENTIFIC.sub(_scientific, text)
    text = BY.sub(" by ", text)
    text = SHORTHAND.sub(_shorthand, text)
    text = PLURAL.sub(_plural, text)
    text = TWO.sub(r"\1 to \2", text)
    text = MIXED.sub(_mixed, text)
    text = HYPHENED.sub(" ", text)
    text = PLUS.sub("plus ", text)
    return LEFT.sub(_plain, text)


def _plain(found: re.Match[str]) -> str:
    """A number, apart from the letters around it."""
    text, (start, end) = found.string, found.span()
    before = " " if start and (text[start - 1].isalnum() or text[start - 1] in "²³") else ""
    after = " " if text[end : end + 1].isalnum() else ""
    return f"{before}{numbers.plain(found.group())}{after}"


def _power(found: re.Match[str]) -> str:
    if found[1] in {"2", "3"}:
        return " squared" if found[1] == "2" else " cubed"
    exponent = found[1]
    return f" to the power of {numbers.plain(exponent) if exponent[-1].isdecimal() else exponent}"


def _either(found: re.Match[str]) -> str:
    first, _, second = found.group().partition("/")
    return f"{'she' if first.lower() == 's' else first} {'' if 'or' in (first, second) else 'or '}{second}"


def _scientific(found: re.Match[str]) -> str:
    exponent = numbers.plain(found[2].removeprefix("+"))
    return f"{numbers.plain(found[1])} times ten to the {exponent}"


def _shorthand(found: re.Match[str]) -> str:
    """`10k steps`; but someone ran a `5k`."""
    if found[3]:
        return f"{numbers.plain(found[1])} {MAGNITUDES[found[3]]}"
    if found[2] in {"k", "K"} and RUN.search(found.string, max(0, found.start() - 8), found.start()):
        return found.group()
    if found[2] in {"K", "M", "B"} and "." not in found[1] and found[2] != "M":
        return found.group()
    return f"{numbers.plain(found[1])} {MAGNITUDES[found[2]]}"


def _plural(found: re.Match[str]) -> str:
    words = {"100": "hundred", "1000": "thousand"}.get(found[1]) or numbers.pairs(found[1])
    return f"{words}'s" if found[2] else numbers.plural(words)


def _mixed(found: re.Match[str]) -> str:
    """`MP three`, `A four`, `ten eighty p`, `R two D two`."""
    said: list[str] = []
    for part in MIXED_PARTS.findall(found.group()):
        if part == "s" and said:
            said[-1] = numbers.plural(said[-1])
        elif part == "ers" and said:
            said[-1] += part
        elif part != "-":
            said.append(numbers.pairs(part) if part.isdecimal() else part)
    return " ".join(said)
