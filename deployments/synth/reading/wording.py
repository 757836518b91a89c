"""Turns of speech in plain words, before any word is looked up: idioms, levels, times of attack, what is ruled out."""

import re
from collections.abc import Mapping

from deployments.synth.reading.knobs import settled
from deployments.synth.reading.loudness_words import levelled
from deployments.synth.reading.refusals import ruled_out
from deployments.synth.words.musical import BEGINNING

# No negation and no quantity is meant, whatever it looks like.
_IDIOMS: Mapping[str, str] = {
    r"no man'?s land": "wasteland", r"less is more": "sparse", r"more or less|no less(?: than)?|nothing less than": " ",
    r"(?:never|do(?:es)?\s?n'?t|do(?:es)? not)[\s-]?(?:ever )?(?:stopping|ceasing|pausing|stops?|ceases?|pauses?)"
    r"|non[\s-]?stop": "without a pause", r"never[\s-]?(?:ending|ends?)": "endless",
    r"no end of": "lots of", r"zero[\s-]g(?:ravity)?": "weightless",
    r"no one|nobody|no doubt|no matter (?:what|how)|no problem|no worries|no frills|no nonsense|no pressure": " ",
    r"not (?:only|just|merely|to mention)|why not|if not|or not|nothing (?:special|fancy)": " ",
    r"nothing (?:else|more|further|extra|added)": " ", r"(?:in )?no (?:hurry|rush)": "unhurried",
    r"(?:absolutely )?nothing (?:but|except(?: for)?|besides|other than|apart from)": "only",
    r"^nothing$": " ", r"off[\s-]beat": "syncopated",
    r"once in a blue moon": "rarely",
    r"by the (?:dozen|score|hundred|thousand|million|bucket(?:ful)?|(?:cart|truck|lorry)[\s-]?load)s?": "in abundance",
    r"(?:just |only )?the odd (?:one|note|hit|stroke|drop)(?= *(?:$|[,.;:!?)]))": "now and then",
}  # fmt: skip
_TIME = r"(\d+(?:\.\d+)?)[\s-]*(ms|milliseconds?|s|secs?|seconds?)\b"
_ATTACK = re.compile(
    rf"\b(?:attack|onset|rise|fade[\s-]in)(?:\s+time)?(?:\s+(?:of|is)|\s*[:=])?\s+{_TIME}"
    rf"|\btak(?:es?|ing)\s+{_TIME}\s+to\s+(?:come in|come up|fade in|swell|open|bloom|start|build|rise|speak)\b"
    rf"|\b{BEGINNING}(?:\s+\w+)?\s+(?:in|over|within|after|across|during)\s+(?:about\s+|around\s+|some\s+)?{_TIME}"
)


def plainly(text: str) -> str:
    """The text, lower case, with its turns of speech in the words of the tables."""
    text = text.lower()
    for idiom, instead in _IDIOMS.items():
        text = re.sub(rf"\b(?:{idiom})\b" if not idiom.startswith("^") else idiom, instead, text)
    return ruled_out(levelled(settled(_ATTACK.sub(_attack, text))))


def _attack(match: re.Match[str]) -> str:
    """Read "attack of 1.5 s" and "takes three seconds to come in"."""
    number, unit = [group for group in match.groups() if group][:2]
    return f"{max(1, round(float(number) * (1 if unit.startswith('m') else 1000)))} ms attack"
