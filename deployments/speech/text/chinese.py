"""Chinese as it is written -> Chinese in words: wetext's grammars, with rules of our own before them.

What they read otherwise than a native reader: a 2 in `第2名` and `2月2日` (as `两`), `¥` before a number, addresses,
versions, telephone numbers with an area code.
"""

import re
import threading
from collections.abc import Callable
from functools import cache

from deployments.contract import InvalidInput

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
NOT_CHINESE = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")  # kana, Hangul
BLANK = re.compile(r"\s+")

DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
CALLED_DIGITS = {**DIGITS, "1": "幺"}  # in telephone numbers, where 一 sounds like 七
MARKS = {
    "@": "艾特",
    ".": "点",
    "/": "斜杠",
    "-": "杠",
    "_": "下划线",
    ":": "冒号",
    "?": "问号",
    "=": "等于",
    "&": "和",
    "#": "井号",
}
NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"

_ADDRESS = r"[A-Za-z0-9._~/?#@!$&+,;=%-]"
EMAIL = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
NAMED_EMAIL = re.compile(r"(?<=[\u4e00-\u9fff])@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
URL = re.compile(
    rf"(?:https?://|ftp://|(?<![A-Za-z0-9])www\.){_ADDRESS}+|"
    r"(?<![A-Za-z0-9@.-])(?:[A-Za-z0-9-]{1,63}\.){1,6}(?:com|cn|org|net|edu|gov|io|ai|hk|tw)(?![A-Za-z0-9.-])"
    rf"(?:/{_ADDRESS}{{0,400}})?"
)
ADDRESS_PARTS = re.compile(r"[A-Za-z]+|\d|\S")
ADDRESS_MARK = re.compile(r"(?<=[\u4e00-\u9fff]) (?=\S)|(?<=\S) (?=[\u4e00-\u9fff])")
DOTTED = re.compile(r"(?<![\d.A-Za-z])\d{1,5}(?:\.\d{1,5}){2,6}(?!\.?\d)")
VERSION_MARK = re.compile(r"(?<![A-Za-z])[vV](?=\d)")
AREA_PHONE = re.compile(r"(?<![\d-])0\d{2,3}-\d{7,8}(?![\d-])")
MOBILE_PHONE = re.compile(r"(?<![\d-])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\d-])")
TRAIN = re.compile(r"(?<![A-Za-z])([GDCZTK])(\d{1,4})(?=次)")
SERVICE_PHONE = re.compile(r"(?<![\d-])[48]00-\d{3,4}-\d{3,4}(?![\d-])")
ORDINAL_TWO = re.compile(r"(?<=第)\s?2(?![\d.,])")
CALENDAR_TWO = re.compile(r"(?<![\d.,:/-])0?2(?=(?:月份?|日|号|楼|层|路|班|年级|单元|栋|号线)(?![A-Za-z]))")
DOUBLE = re.compile(r"(?<![\d.])2(?=[倍种份][^之])")
YUAN = re.compile(rf"[¥￥]\s?({NUMBER})\s?([万亿千百])?(?:元|块)?")
CNY = re.compile(rf"(?:(?:RMB|CNY)\s?({NUMBER})|({NUMBER})\s?(?:RMB|CNY))(?![A-Za-z])")
BYTES = {"KB": "千字节", "MB": "兆字节", "GB": "吉字节", "TB": "太字节"}
BYTE_UNIT = re.compile(rf"(?<=\d)\s?({'|'.join(BYTES)})(?![A-Za-z/])")
SUM = re.compile(r"(?<=\d)\s?([+=×÷])\s?(?=\d)")
SUM_WORDS = {"+": "加", "=": "等于", "×": "乘", "÷": "除以"}
AMOUNT_RANGE = re.compile(r"(?<=[%℃])\s?[-~～—–]\s?(?=\d)")
CIRCLED = re.compile("[①-⑳]")
SPACED = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef]) (?=[\u3000-\u9fff\uff00-\uffef])")


class MissingExtra(InvalidInput):
    """What `normalize` asks for is not installed; the message says what to install."""


def applies(text: str, language: str) -> bool:
    """Whether `text` holds Chinese; Japanese and Korean text with Chinese characters does not."""
    if language.partition("-")[0] in {"ja", "ko"} or HAN.search(text) is None:
        return False
    return is_chinese(language) or NOT_CHINESE.search(text) is None


def is_chinese(language: str) -> bool:
    """Whether a BCP 47 tag in small letters names Chinese."""
    return language.partition("-")[0] in {"zh", "cmn", "yue"}


def written_out(text: str) -> str:
    """All in words, on one line. Raises MissingExtra."""
    normalize = _grammars()
    text = BLANK.sub(" ", text).strip()
    for pattern in (EMAIL, NAMED_EMAIL, URL):
        text = pattern.sub(lambda found: _address(found.group()), text)
    for pattern in (AREA_PHONE, MOBILE_PHONE, SERVICE_PHONE):
        text = pattern.sub(lambda found: _digits(found.group(), CALLED_DIGITS), text)
    text = VERSION_MARK.sub("版本", text)
    text = DOTTED.sub(_dotted, text)
    text = ORDINAL_TWO.sub("二", text)
    text = CALENDAR_TWO.sub("二", text)
    text = DOUBLE.sub("两", text)
    text = TRAIN.sub(lambda found: found[1] + _digits(found[2], DIGITS), text)
    text = YUAN.sub(lambda found: f"{found[1]}{found[2] or ''}元", text)
    text = CNY.sub(lambda found: f"{found[1] or found[2]}元", text)
    text = BYTE_UNIT.sub(lambda found: BYTES[found[1]], text)
    text = AMOUNT_RANGE.sub("到", text)
    text = SUM.sub(lambda found: SUM_WORDS[found[1]], text)
    return SPACED.sub("", normalize(text)).strip()


@cache
def _grammars() -> Callable[[str], str]:
    """wetext's normalizer, one call at a time: what it runs on keeps state between calls."""
    try:
        from wetext import Normalizer
    except ModuleNotFoundError as missing:
        raise MissingExtra(
            "numbers and signs in Chinese text are put into words by the extra `chinese`, which is not installed; "
            "install it (pip install 'continuo-sound[chinese]'), or ask without `normalize`",
            "/normalize",
        ) from missing
    normalizer = Normalizer(lang="zh", operator="tn")
    lock = threading.Lock()

    def normalize(text: str) -> str:
        with lock:
            return str(normalizer.normalize(text))

    return normalize


def _digits(text: str, names: dict[str, str]) -> str:
    return "".join(names[char] for char in text if char in names)


def _address(text: str) -> str:
    """An address in words, and after it the punctuation of the sentence that it stands in."""
    body = text.rstrip(".,;:!?-")
    bare = re.sub(r"^(?:https?|ftp)://", "", body).removesuffix("/")
    said = ""
    for part in ADDRESS_PARTS.findall(bare):
        letters = " ".join(part) if part.lower() == "www" else part
        said += MARKS.get(part) or DIGITS.get(part) or letters
    return said + text[len(body) :]


def _dotted(found: re.Match[str]) -> str:
    """An IP address digit by digit, a version number by number."""
    parts = found.group().split(".")
    if len(parts) == 4 and all(int(part) < 256 for part in parts):
        return "点".join(_digits(part, CALLED_DIGITS) for part in parts)
    return "点".join(_below_hundred(int(part)) if len(part) < 3 else _digits(part, DIGITS) for part in parts)


def _below_hundred(n: int) -> str:
    tens, ones = divmod(n, 10)
    if not tens:
        return DIGITS[str(ones)]
    return ("" if tens == 1 else DIGITS[str(tens)]) + "十" + (DIGITS[str(ones)] if ones else "")
