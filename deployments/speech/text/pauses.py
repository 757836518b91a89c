"""How long is nothing said: after paragraphs, lines and ellipses, and where `[pause 2s]` asks for it."""

import re

MOST_PAUSE_S = 10.0
ELLIPSIS_S = 0.4
LINE_S = 0.3  # between list items and lines that stand for themselves
PARAGRAPH_S = 0.7  # after headings, too
SCENE_S = 1.4  # a line of asterisks or dashes between paragraphs
MARK_S = 0.5  # of `[pause]` without a length

MARK = re.compile(
    r"\[\s{0,9}pause(?:\s{0,9}[:=]?\s{0,9}(?P<length>\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})\s{0,9}"
    r"(?P<unit>ms|msecs?|milliseconds?|s|secs?|seconds?)?)?\s{0,9}\]",
    re.IGNORECASE,
)


def marked_s(mark: re.Match[str]) -> float:
    """The seconds that a match of MARK asks for, at most MOST_PAUSE_S."""
    if mark["length"] is None:
        return MARK_S
    scale = 0.001 if (mark["unit"] or "s").lower().startswith("m") else 1.0
    return min(float(mark["length"]) * scale, MOST_PAUSE_S)
