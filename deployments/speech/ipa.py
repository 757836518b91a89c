"""espeak's IPA to Kokoro's phonemes, for the languages that its English reader does not read.

The voices of those languages were trained on espeak's phonemes with one symbol for each affricate and diphthong
(misaki's EspeakG2P); espeak leaves punctuation out, which they hear as pauses, so it is put back.
"""

import re
from collections.abc import Callable

_ONE = {
    **{"a^ɪ": "I", "a^ʊ": "W", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "ɔ^ɪ": "Y"},
    **{"d^z": "ʣ", "d^ʒ": "ʤ", "t^s": "ʦ", "t^ʃ": "ʧ", "t^ɕ": "ʨ", "d^ʑ": "ʥ", "s^s": "S"},
    **{"g": "ɡ", "^": "", "-": ""},
}
_MARKS = re.compile(r"([;:,.!?…—\"()“”«»¿¡]+(?=\s|$)|(?:(?<=\s)|^)[¿¡\"(“«]+|[。、，！？；：「」『』（）]+)")
_WRITTEN = str.maketrans("。、，！？；：「」『』（）«»", ".,,!?;:“”“”()“”", "¿¡")
_SWITCH = re.compile(r"\([a-z-]+\)")  # where espeak says that it reads another language
_SPACE = re.compile(r"\s+")


def from_espeak(text: str, ipa: Callable[[str], str]) -> str:
    """The phonemes of a text; `ipa` gives espeak's of a part without punctuation."""
    said = []
    for number, part in enumerate(_MARKS.split(text)):
        if number % 2:
            said.append(part.translate(_WRITTEN) + " ")
        elif part.strip():
            said.append((" " if part[0].isspace() else "") + _symbols(ipa(part.strip())))
    return _SPACE.sub(" ", "".join(said)).strip()


def _symbols(ipa: str) -> str:
    said = _SWITCH.sub("", ipa)
    for theirs, ours in _ONE.items():
        said = said.replace(theirs, ours)
    return said
