"""Chinese as it is written -> Chinese in words."""

import re

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
NOT_CHINESE = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")  # kana, Hangul


class MissingExtra(RuntimeError):
    """What is asked for is not installed; the message says what to install."""


def applies(text: str, language: str) -> bool:
    """Whether `text` holds Chinese; Japanese and Korean text with Chinese characters does not."""
    if language.partition("-")[0] in {"ja", "ko"} or HAN.search(text) is None:
        return False
    return NOT_CHINESE.search(text) is None


def written_out(text: str) -> str:
    """All in words. Raises MissingExtra."""
    raise MissingExtra("normalising Chinese text needs the extra `chinese`: pip install 'continuo-sound[chinese]'")
