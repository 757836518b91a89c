"""One sentence, written -> in words."""

import re
from collections.abc import Callable

from deployments.speech.text import chinese, english

BLANK = re.compile(r"\s+")


def spoken(text: str, language: str = "en", *, normalize: bool = False) -> str:
    """What a careful reader says for `text`, on one line.

    English is always written out. Chinese characters are where `normalize` is on (not in Japanese or Korean text).
    Other languages are left as they are: each model's own pronunciation reads them. `language` is a BCP 47 tag.
    Raises MissingExtra where `normalize` asks for what is not installed.
    """
    language = language.lower().replace("_", "-")
    if normalize and chinese.applies(text, language):
        return chinese.written_out(text)
    if language.partition("-")[0] == "en":
        return english.written_out(text, day_first=english.puts_days_first(language))
    return BLANK.sub(" ", text).strip()


def reader(text: str, language: str, *, normalize: bool) -> Callable[[str], str]:
    """`spoken` for the sentences of a text: where the language is Chinese, those without Chinese characters, too."""
    tag = language.lower().replace("_", "-")
    if normalize and chinese.is_chinese(tag) and chinese.applies(text, tag):
        return chinese.written_out
    return lambda sentence: spoken(sentence, language, normalize=normalize)
