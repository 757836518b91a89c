"""The many ways to rule a sound out, said in one: "mute the drums", "drums: none", "harp - no, wait, a koto".

What is ruled out beside a thing moves to the end ("techno. no drums"), so that nothing between them is lost.
"""

import re
from collections.abc import Callable, Mapping

from deployments.synth.reading.names import is_heard
from deployments.synth.words.lexicon import GROUPS, SOUNDS, VAGUE
from deployments.synth.words.modifiers import CHANGES

_ADJECTIVES: Mapping[str, str] = {
    "percussive": "percussion", "rhythmic": "rhythm", "melodic": "melody", "vocal": "vocals", "tonal": "tones",
    "musical": "music", "orchestral": "orchestra",
}  # fmt: skip
_WITHOUT = re.compile(
    rf"\b(?:non|un)[\s-]?({'|'.join(_ADJECTIVES)})\b|\b([a-z]{{3,}})(?:[\s-]?less|[\s-]free(?!\s+(?:of|from)))\b"
)
_HELD = frozenset({"pad", "drone", "strings", "organ", "choir"})  # "hold the strings" asks for them
_MUTES = frozenset({"brass", "pluck", "strings", "distorted_guitar"})  # "a trumpet muted" has a mute in it
_AWAY = "down|up|back|forward|out|off|away|aside|behind|at"
_WORD = rf"(?:(?:the|any|all|that|those|my|an?)\s+)*[a-z'-]+(?:\s+(?!(?:{_AWAY})\b)[a-z'-]+)?"
_WORDS = rf"({_WORD}(?:(?:\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+){_WORD})*?)"
_END = r"(?=\s*(?:[,.;:!?)]|$)|\s+(?:and|but|please|completely|entirely|altogether)\b)"
_HELPERS = re.compile(r"\b(do|does|did|should|must|shall|need|has|have|is|are)n'?t\b")
_NOT_HAD = re.compile(
    r"\b(?:(?:with|and)\s+)?(?:(?:an?|the)\s+)?(?:(?:total|complete|utter|full)\s+)?(?:absence|lack|shortage)\s+of\b"
    r"|\brefrain(?:ing)?\s+from\b(?:\s+(?:using|adding|playing|including|having)\b)?"
    r"|\b(?:stay|steer|keep|staying|steering|keeping)\s+(?:away|clear)\s+(?:from|of)\b"
    r"|\b(?:(?:i'?m|i\s+am)\s+)?(?:allergic\s+to|sick\s+of|tired\s+of|fed\s+up\s+with|not\s+a\s+fan\s+of)\b"
    r"|\b(?:exclud|eliminat|banish|prohibit|forbid|delet|forgo|renounc)(?:e|es|ing)?\b(?=\s+[a-z])"
    r"|\b(?:ban|cut\s+out|strip\s+out|throw\s+out|take\s+out|leave\s+off|filter\s+out|turn\s+off|switch\s+off)\b"
    r"(?=\s+(?:the|any|all)\b)"
    r"|\b(?:(?:i'?d|i\s+would|would)\s+)?rather\s+not\s+(?:have|hear|use|include|get)\b"
    r"|\b(?:not|without|never)\s+(?:even\s+)?(?:a\s+single|one\s+single)\b|\bnot\s+even\b"
    r"|\bzero\b(?!\s+(?:gravity|g)\b)(?=\s+[a-z])|\bno\s+(?:room|place|use)\s+for\b"
)
_DISMISSED = re.compile(
    r"(?:(?<=[,.;:!?(])\s*|^\s*|\b(?:and|but|please|so|then)\s+)"
    r"(hold|lose|ditch|mute|scrap|forget|kill|cut|drop|silence|spare(?: me)?)\s+(?:the|all|any)\s+"
    r"([a-z]+)(?:[\s-]([a-z]+))?\b"
)
_PIECE = r"(?:it|this|that|here|the\s+(?:mix|track|music|song|piece|sound|picture|arrangement|whole|recording))"
_LEFT_OUT = re.compile(
    rf"\b(?:leave|leaving|keep|keeping|take|turn|switch)\s+{_WORDS}\s+(?:out|off|away|aside|behind(?!\s+[a-z])|at\s+home)\b"
    rf"(?:\s+of\s+{_PIECE}\b|(?!\s+of))"
)
_REFUSED = re.compile(
    r"(?<![a-z])([^,.;:!?()]{1,80}?)\s*(?:[?!:,.;]+\s*|\s-\s*|\s+(?:is|are)\s+)?"
    r"\b(?:no,? thanks|no,? thank you|not for me|rather not(?=\s*(?:[,.;:!?)]|$))|not wanted|unwanted|not needed"
    r"|excluded|forbidden|not allowed|left out|omitted|banned|prohibited|off limits"
    r"|neither(?=\s*(?:[,.;:!?)]|$)))\b"
)
_REMOVED = re.compile(
    r"(?<![a-z])([^,.;:!?()]{1,80}?)\s+(?:(?:is|are)\s+out|(?:(?:is|are|being)\s+)?"
    rf"(removed|muted|silenced|taken out|taken away|left off|switched off|turned off|cut out|absent)){_END}"
)
_DENIED = re.compile(
    r"(?<![a-z])([a-z][a-z' -]{0,80}?)\s*[:?=]\s*(?:none|nope|nah|never|off|no(?: way)?)\b(?=\s*(?:[,.;:!?)]|$))"
)
_TAKEN_BACK = re.compile(
    r"(?<![a-z])([^,.;:!?()]{1,80}?)[\s,.;:!?\u2026-]+"
    r"(?:no,?\s+wait|wait,?\s+no|no,?\s+sorry|sorry|(?:scratch|strike|forget)\s+that|on\s+second\s+thoughts?"
    r"|no,?\s+(?:actually|rather)|i\s+mean|correction|or\s+rather|no,?\s+make\s+(?:it|that)|better\s+make\s+(?:it|that))\b"
    r"[\s,.;:!\u2026-]*(?:(?:i\s+mean|actually|rather|make\s+(?:it|that))\b[\s,:-]*)*(?=[a-z])"
)
# Without one of these words the patterns with a thing before it need not be tried at every place.
_TAKING_BACK = re.compile(r"\b(?:no|wait|sorry|that|thoughts?|mean|correction|rather|better)\b")
_REFUSING = re.compile(
    r"\b(?:no|not|rather|unwanted|excluded|forbidden|omitted|banned|prohibited|limits|neither|out|off|away|removed|muted"
    r"|silenced|absent)\b"
)
_LAST_PART = re.compile(r".*\b(?:with|but|plus|over|under|also|have|keep)\b\s*")


def ruled_out(text: str) -> str:
    """The text, lower case, with whatever it rules out behind "no" or "without"."""
    text = _HELPERS.sub(r"\1 not", text)
    if _TAKING_BACK.search(text):
        text = _moved(_TAKEN_BACK, text, _taken_back)
    text = _NOT_HAD.sub(" without ", text)
    text = _DISMISSED.sub(_dismissed, text)
    text = _LEFT_OUT.sub(lambda match: f"without {_each(match[1])}", text)
    text = _moved(_DENIED, text, _refused)
    if _REFUSING.search(text):
        text = _moved(_REMOVED, _moved(_REFUSED, text, _refused), _removed)
    return _moved(_WITHOUT, text, _lacking)


def _each(words: str) -> str:
    """A list, each of which is refused."""
    return re.sub(r"\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+", ", no ", words.strip())


def _dismissed(match: re.Match[str]) -> str:
    """Read "hold the piano" and "mute the hi-hats" as "without" them, but not "hold the note" or "cut the power"."""
    both = f"{match[2]} {match[3]}"
    said, rest = (both, "") if match[3] and is_heard(both) else (match[2], match[3] or "")
    word = said.removesuffix("s")
    kind = SOUNDS.get(said) or SOUNDS.get(word)
    vague = said in VAGUE or word in VAGUE or (match[1] == "hold" and kind in _HELD)
    return match[0] if vague or not (is_heard(said) or word in GROUPS) else f" without {said} {rest}"


def _moved(pattern: re.Pattern[str], text: str, negated: Callable[[re.Match[str]], tuple[str, str] | None]) -> str:
    """Replace each match by what stays there and put what is ruled out at the end."""
    out = []

    def replaced(match: re.Match[str]) -> str:
        found = negated(match)
        if found is None:
            return match[0]
        out.append(found[1])
        return found[0]

    text = pattern.sub(replaced, text)
    return text + "".join(f" . no {each}" for each in out)


def _lacking(match: re.Match[str]) -> tuple[str, str] | None:
    """Read "drumless", "drum-free", "non-percussive", where the root is a sound and the word no way of sounding."""
    if match[1]:
        return " ", _ADJECTIVES[match[1]]
    known = is_heard(match[2]) or any(root in GROUPS for root in (match[2], match[2] + "s"))
    return (" ", match[2]) if known and match[0] not in CHANGES and match[0].replace(" ", "") not in CHANGES else None


def _refused(match: re.Match[str]) -> tuple[str, str] | None:
    """Read "drums? no thanks" and "pads are not wanted"."""
    stays = _LAST_PART.match(match[1])
    said = match[1][stays.end() :] if stays is not None else match[1]
    if not said.strip():
        return None
    return (stays[0] if stays is not None else "") + " ", _each(said)


def _removed(match: re.Match[str]) -> tuple[str, str] | None:
    """Read "with the drums taken out", where it is a sound that is; "with the highs removed" is none."""
    stays = _LAST_PART.match(match[1])
    said = match[1][stays.end() :].strip() if stays is not None else match[1].strip()
    word = said.split()[-1] if said else ""
    mute = match[2] == "muted" and (stays is None or SOUNDS.get(word.removesuffix("s")) in _MUTES)
    if not is_heard(word) or mute or f"{word} {match[2]}" in CHANGES:
        return None
    return (stays[0] if stays is not None else "") + " ", _each(said)


def _taken_back(match: re.Match[str]) -> tuple[str, str] | None:
    """Read "a harp, no, wait, a koto" as a koto and no harp."""
    before, _, said = match[1].rpartition(" and ")
    stays = _LAST_PART.match(said)
    before, said = (f"{before} and {stays[0]}", said[stays.end() :]) if stays is not None else (before, said)
    word = said.split()[-1] if said.split() else ""
    return (f"{before} , ", said.strip()) if is_heard(word) else None
