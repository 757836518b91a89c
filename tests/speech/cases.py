"""Cases of what is written and how it is said, and how two readings are compared."""

import re
from pathlib import Path

NUMBERS = frozenset(
    [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
    ]
)
GROUPS = frozenset(["hundred", "thousand", "million", "billion", "trillion"])


def read(name: str) -> list[tuple[str, str]]:
    """(written, said) of a file of cases."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [(written, said) for written, said in (line.split("\t") for line in lines)]


def folded(text: str) -> str:
    """Words alone: without case, punctuation, hyphens, the `and` inside numbers, and spaces between single letters."""
    text = re.sub(r"[^\w\s]", " ", re.sub(r"['’.]", "", text.lower()))
    words = re.sub(r"\b([^\W\d]) (?=[^\W\d]\b)", r"\1", " ".join(text.split())).split()
    return " ".join(
        word
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False)
        if not (word == "and" and before in GROUPS and after in NUMBERS)
    )


def folded_chinese(text: str) -> str:
    """Characters alone, without case, punctuation and spaces."""
    return re.sub(r"[\W_]", "", text.lower())
