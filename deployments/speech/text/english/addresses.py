"""Addresses and names that machines read: URLs, e-mail, files, handles, versions, telephone numbers."""

import re

from deployments.speech.text.english import numbers
from deployments.speech.text.english.terms import SOFTWARE, any_of, table, words

ENDINGS = words(
    "com org net edu gov mil int io ai co uk us ca de fr jp cn au eu ru ch nl se es br mx nz za kr info biz tv app "
    "dev xyz online "
    "site tech store shop blog cloud page news ly gl dk fi pl cz pt ie sg hk tw il tr gr at wiki gg fm"
)
PRONOUNCED = words("com org net co info biz app dev online site tech store shop blog cloud page news mil gov wiki")
FILE_ENDINGS = words(
    "pdf txt doc docx xls xlsx ppt pptx csv tsv json xml yaml yml toml ini cfg conf log md rst tex html htm css js "
    "ts jsx tsx py ipynb "
    "rb rs go java kt swift c cpp h hpp cs php sh bat ps1 sql db zip tar gz bz2 xz 7z rar exe dll so dmg iso apk "
    "deb rpm jpg jpeg png "
    "gif svg webp bmp tiff mp3 mp4 m4a wav flac ogg opus aac avi mkv mov webm bin dat bak tmp lock env onnx pt"
)
SPOKEN_ENDINGS = words(
    "doc zip tar bat bin log json yaml toml java swift go rust iso dat lock tiff flac opus conf tmp env"
)
MARKS = table(
    ".=dot;/=slash;-=dash;_=underscore;?=question mark;&=and;#=hash;:=colon;@=at;%=percent;+=plus;~=tilde;,=comma;"
    "!=exclamation mark;"
    "*=asterisk;$=dollar sign;(=open parenthesis;)=close parenthesis;\\=backslash;|=pipe;^=caret"
) | {"=": "equals", ";": "semicolon"}

PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[^\W\d_]+|\d+|[^\s\w]|_")
END = r"[^\s<>\"“”„«»\[\]{}]"
URL = re.compile(
    rf"(?<![\w@.])(?:(?:https?|ftp|file)://{END}+|mailto:{END}+|www\.[\w-]{END}+|localhost(?::\d+{END}{{0,400}}|"
    rf"/{END}{{1,400}})|"
    rf"(?:[\w-]{{1,63}}\.){{1,8}}(?:{any_of(ENDINGS)})(?![\w-]|\.\w)(?::\d{{2,5}}(?!\d))?(?:[/?#]{END}{{0,400}})?)"
)
EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,20}(?![\w-])")
FILE = re.compile(
    rf"(?<![\w.@\\/-])[\w-]{{1,100}}(?:\.[\w-]{{1,100}}){{0,5}}\.(?:{any_of(FILE_ENDINGS)})(?![\w-]|\.\w)"
)
PATH = re.compile(r"(?<![\w/.:)\]+])(?:~|\.{1,2})?(?:/[\w.@+-]{1,100}){1,30}/?(?!\w)")
WINDOWS_PATH = re.compile(rf"(?<!\w)[A-Za-z]:\\{END}{{0,300}}")
HASHTAG = re.compile(r"(?<![\w&/])#([^\W\d]\w{0,100})")
HANDLE = re.compile(r"(?<![\w@.])@([A-Za-z_]\w{1,60})")
VERSION_MARK = re.compile(r"(?<![\w.])v(?=\d)")
DOTTED = re.compile(r"(?<![\w.,])(\d{1,5}(?:\.\d{1,5}){2,6})(?!\.?\d)(?::(\d{2,5})(?!\d))?")
SOFTWARE_VERSION = re.compile(rf"(?<!\w)({SOFTWARE})[ -]?v?(\d{{1,4}})\.(\d{{1,3}})(?!\.?\d|%)")

EXTENSION = r"(?:,?\s{0,2}(?:[Ee]xt\.?|extension|x)\s?(?P<ext>\d{1,6}))?(?![\w-]|\.\d)"
INTERNATIONAL = re.compile(rf"(?<![\w+])(?P<number>\+\d{{1,3}}(?:[ .-]?\(?\d{{1,5}}\)?){{2,6}}){EXTENSION}")
AMERICAN = re.compile(
    rf"(?<![\w.$-])(?P<number>(?:\+?1[ .-])?(?:\(\d{{3}}\)[ -]?|\d{{3}}[ .-])\d{{3}}[ .-]\d{{4}}){EXTENSION}"
)
BRITISH = re.compile(rf"(?<![\w.$-])(?P<number>\(?0\d{{2,4}}\)?[ -]\d{{3,4}}(?:[ -]?\d{{3,4}})?){EXTENSION}")
LETTERED = re.compile(r"(?<![\w-])(?:(1)-)?(8\d\d)-([A-Z]{2,9}(?:-[A-Z]{2,9})?)(?!\w)")
SHORT = re.compile(rf"(?<![\w.$-])(?P<number>\d{{3}}-\d{{4}}){EXTENSION}")
COUNTS_BEFORE = re.compile(r"(?:pages?|pp\.|lines?|between|from|years?|about|of)\s$")
UNIT_AFTER = re.compile(r"\s?(?:%|°|[kcm]?m\b|kg\b|people|dollars|words|years|BC|BCE)")
GROUPS = re.compile(r"(?<![\w.-])\d{2,5}(?:-\d{1,7}){2,5}(?![\w-])")
CARD = re.compile(r"(?<!\w)\d{4}(?:[ -]\d{4}){3}(?!\w)")
CALLED = re.compile(
    r"\b((?:[Cc]all|[Dd]ial|[Pp]hone|[Rr]ing)(?:ed|ing|s)?|[Hh]otline(?: is)?) "
    r"(911|999|112|110|411|311|511|211|811|988|000|111|119|101|118)(?![\w,-]|\.\d)"
)
EMERGENCY = re.compile(r"(?<![\w$.])(911|999|112) (?=call|operator|dispatch|emergency|center|service)")
IDENTIFIER = re.compile(
    r"\b((?:PIN|pin|[Cc]ode|[Pp]assword|[Pp]asscode|ZIP|zip|[Zz]ip code|[Pp]ostcode|OTP|ID|[Aa]ccount|[Ss]erial|"
    r"[Tt]racking|"
    r"[Cc]onfirmation|[Rr]eference|[Oo]rder|[Ii]nvoice|[Tt]icket|[Cc]ase|[Ee]xt\.?|[Ee]xtension)"
    r"(?: number| no\.| code| ID| #)?(?: is|:| was)? #?)(\d{3,12})(?![\w,-]|\.\d)"
)
ZIP = re.compile(r"(?<=[A-Z]{2} )(\d{5})(?:-(\d{4}))?(?!\w)")


def written_out(text: str) -> str:
    """All addresses and identifiers of a sentence in words."""
    if "." in text or "@" in text or "/" in text or "#" in text or "\\" in text:
        text = EMAIL.sub(lambda found: _spelled(found.group(), each_digit=True), text)
        text = URL.sub(_url, text)
        text = WINDOWS_PATH.sub(lambda found: _trimmed(found.group()), text)
        text = FILE.sub(lambda found: _spelled(found.group()), text)
        text = PATH.sub(lambda found: _trimmed(found.group()), text)
        text = HASHTAG.sub(lambda found: f"hashtag {_spelled(found[1], silent='_')}", text)
        text = HANDLE.sub(lambda found: f"at {_spelled(found[1])}", text)
    return text


def numbers_written_out(text: str) -> str:
    """Telephone numbers, versions and numbers that are read digit by digit; `text` holds digits."""
    for pattern in (INTERNATIONAL, AMERICAN, BRITISH):
        text = pattern.sub(_phone, text)
    text = LETTERED.sub(_lettered, text)
    text = SHORT.sub(_short, text)
    text = CARD.sub(lambda found: _groups(found.group()), text)
    text = GROUPS.sub(_hyphenated, text)
    text = CALLED.sub(lambda found: f"{found[1]} {numbers.digits(found[2])}", text)
    text = EMERGENCY.sub(lambda found: f"{numbers.digits(found[1])} ", text)
    text = IDENTIFIER.sub(lambda found: f"{found[1].replace('#', 'number ')}{_code(found[2])}", text)
    text = ZIP.sub(_zip, text)
    text = VERSION_MARK.sub("version ", text)
    text = DOTTED.sub(_dotted, text)
    return SOFTWARE_VERSION.sub(lambda found: f"{found[1]} {_component(found[2])} point {_component(found[3])}", text)


def _url(found: re.Match[str]) -> str:
    text = re.sub(r"^(?:https?|ftp|file)://|^mailto:", "", found.group())
    return _trimmed(text)


def _trimmed(address: str) -> str:
    """An address in words, and after it the punctuation of the sentence that it stands in."""
    body = address.rstrip(".,;:!?'’)*_" if "(" not in address else ".,;:!?'’*")
    return _spelled(body.removesuffix("/") if len(body) > 1 else body) + address[len(body) :]


def _spelled(text: str, each_digit: bool = False, silent: str = "") -> str:
    """The parts of an address as they are said, marks by their names."""
    said: list[str] = []
    before = ""
    for part in PARTS.findall(text):
        if part.isdecimal():
            said.append(numbers.digits(part) if each_digit else _digits(part))
        elif part[0].isalnum():
            ending = before == "." and part.lower() in (ENDINGS | FILE_ENDINGS) - PRONOUNCED - SPOKEN_ENDINGS
            said.append(part.upper() if (ending and len(part) < 5) or _unpronounceable(part) else part)
        elif part not in silent:
            said.append(MARKS.get(part, part))
        before = part
    return " ".join(said)


def _unpronounceable(part: str) -> bool:
    return len(part) < 5 and not set("aeiouyAEIOUY") & set(part) and part.isascii()


def _digits(part: str) -> str:
    if len(part) == 4 and part.startswith(("19", "20")):
        return numbers.year(int(part))
    return numbers.cardinal(int(part)) if len(part) < 3 and part[0] != "0" else numbers.digits(part)


def _groups(number: str) -> str:
    """Digits one by one, with a rest between groups."""
    groups = re.findall(r"\d+", number)
    said = ["eight hundred" if at < 2 and group == "800" else numbers.digits(group) for at, group in enumerate(groups)]
    return ("plus " if number.startswith("+") else "") + ", ".join(said)


def _phone(found: re.Match[str]) -> str:
    if sum(char.isdecimal() for char in found["number"]) < 8:
        return found.group()
    return _groups(found["number"]) + (f", extension {numbers.digits(found['ext'])}" if found["ext"] else "")


def _lettered(found: re.Match[str]) -> str:
    return ", ".join([*(["one"] if found[1] else []), _groups(found[2]), found[3].replace("-", " ").capitalize()])


def _short(found: re.Match[str]) -> str:
    if COUNTS_BEFORE.search(found.string, max(0, found.start() - 12), found.start()) or UNIT_AFTER.match(
        found.string, found.end()
    ):
        return found.group()
    return _groups(found["number"]) + (f", extension {numbers.digits(found['ext'])}" if found["ext"] else "")


def _hyphenated(found: re.Match[str]) -> str:
    """`978-3-16-148410-0` digit by digit; dates and formations are left to other rules."""
    groups = found.group().split("-")
    date = len(groups) == 3 and (len(groups[0]) == 4 or (len(groups[0]) < 3 and len(groups[2]) in {2, 4}))
    return found.group() if date or all(len(group) < 3 for group in groups) else _groups(found.group())


def _code(digits: str) -> str:
    return numbers.digits(digits) if len(digits) > 3 else numbers.pairs(digits)


def _zip(found: re.Match[str]) -> str:
    return numbers.digits(found[1]) + (f", {numbers.digits(found[2])}" if found[2] else "")


def _dotted(found: re.Match[str]) -> str:
    """An IP address digit by digit, a version number by number; dates are left to another rule."""
    parts = found[1].split(".")
    if len(parts) == 3 and len(parts[2]) == 4 and int(parts[0]) < 32 and int(parts[1]) < 32:
        return found.group()
    if len(parts[0]) < 4 and all(len(part) == 3 for part in parts[1:]) and len(parts) == 3 and parts[0] != "0":
        return numbers.plain(",".join(parts)) + (f":{found[2]}" if found[2] else "")  # thousands with periods
    if len(parts) == 4 and all(int(part) < 256 for part in parts):
        return _ip(parts, found[2])
    return " point ".join(map(_component, parts)) + (f":{found[2]}" if found[2] else "")


def _ip(parts: list[str], port: str | None) -> str:
    return " dot ".join(map(numbers.digits, parts)) + (f" colon {numbers.digits(port)}" if port else "")


def _component(part: str) -> str:
    """A part of a version: `eleven` of 3.11, `oh four` of 22.04."""
    if len(part) == 2 and part[0] == "0":
        return numbers.two_digits(int(part))
    return numbers.pairs(part) if len(part) > 2 else numbers.cardinal(int(part))
