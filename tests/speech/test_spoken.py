"""What is written, and how it is said: cases written before the rules, and what holds for any text."""

import builtins
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deployments.contract import InvalidInput
from deployments.speech.text import MissingExtra, chinese, pieces, spoken
from tests.speech.cases import folded, folded_chinese, read

ENGLISH, CHINESE = read("cases_english.tsv"), read("cases_chinese.tsv")  # written before the rules
ENGLISH_LATER, CHINESE_LATER = read("cases_english_later.tsv"), read("cases_chinese_later.tsv")  # and after them


@pytest.mark.parametrize(("written", "said"), [*ENGLISH, *ENGLISH_LATER])
def test_english(written: str, said: str) -> None:
    assert folded(spoken(written)) == folded(said)


@pytest.mark.parametrize(("written", "said"), [*CHINESE, *CHINESE_LATER])
def test_chinese(written: str, said: str) -> None:
    assert folded_chinese(spoken(written, "zh-CN", normalize=True)) == folded_chinese(said)


def test_there_are_enough_cases() -> None:
    assert len(set(ENGLISH)) >= 150
    assert len(set(CHINESE)) >= 60


def test_readings_differ_unless_they_sound_alike() -> None:
    assert folded("At 5 p.m., U.S. time") == folded("at 5 PM U S time")
    assert folded("one hundred and five") == folded("One-hundred five!") != folded("one hundred five and")
    assert folded("two dollars and five cents") != folded("two dollars five cents")
    assert folded_chinese("二，三。A") == folded_chinese("二 三 a") != folded_chinese("二三")


@pytest.mark.parametrize(("written", "said"), [*ENGLISH, *ENGLISH_LATER])
def test_hibaris_own_normalizer_finds_nothing_left(written: str, said: str) -> None:
    from hibari.g2p.normalize import normalize

    ours = spoken(written)
    if not ours.endswith((" no.", "no. No.")):  # which it takes for a number, whatever stands before it
        assert folded(normalize(ours)) == folded(ours)


SIGNS = [
    "$",
    "€",
    "%",
    "°C",
    "/",
    "-",
    ":",
    ".",
    ",",
    "@",
    "#",
    "x",
    "st",
    "th",
    "'",
    '"',
    "km",
    "s",
    "+",
    "=",
    "~",
    "&",
    "½",
]
WRITTEN = st.lists(
    st.sampled_from(
        [
            *SIGNS,
            *"0123456789",
            "12",
            "1999",
            "007",
            " ",
            " ",
            "Jan. ",
            "March ",
            "St. ",
            "No. ",
            "IV",
            "v",
            "am",
            "www.",
            "a.com",
        ]
    ),
    max_size=30,
).map("".join)


@given(st.one_of(WRITTEN, st.text(max_size=200)))
@example("²³¹①")
@example("٣ apples, ３ pears")
def test_no_digit_is_left_and_nothing_is_written_on_two_lines(text: str) -> None:
    said = spoken(text)
    assert not any(char.isdecimal() for char in said)
    assert said == " ".join(said.split())


@given(
    st.lists(st.sampled_from(["we", "saw", "him", "go", "there", "and", "nobody", "came,", "so", "what?"]), max_size=30)
)
def test_plain_words_stay(words: list[str]) -> None:
    assert spoken(" ".join(words)) == " ".join(words)


@given(st.one_of(WRITTEN, st.text(max_size=60)))
def test_what_is_said_is_not_changed_by_saying_it_again(text: str) -> None:
    once = spoken(text)
    if once.isascii() and not any(sign in once for sign in ".:/'\"-"):
        assert folded(spoken(once)) == folded(once)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("## Heading", "Heading"),
        ("**Bold**, _thin_ and `code`", "Bold, thin and code"),
        ("See [the manual](https://example.com/manual).", "See the manual."),
        ("<p>One<br/>two</p>", "One two"),
        ("five * six ** seven", "five six seven"),
    ],
)
def test_marks_of_markdown_and_html_are_not_said(written: str, said: str) -> None:
    assert spoken(written) == said


def test_a_closing_quote_is_no_inch() -> None:
    assert spoken('He said, "I am 12" and a 12" board.') == 'He said, "I am twelve" and a twelve inch board.'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It was 5 p.m.", "It was five P.M."),
        ("At 5 p.m. Then he left.", "At five P.M. Then he left."),
        ("Fruit, etc.", "Fruit, et cetera."),
        ("He works at Acme Inc. They pay.", "He works at Acme Incorporated. They pay."),
        ("Acme Inc. pays.", "Acme Incorporated pays."),
        ("He lives on Elm St. He likes it.", "He lives on Elm Street. He likes it."),
    ],
)
def test_an_abbreviation_keeps_the_period_of_its_sentence(written: str, said: str) -> None:
    assert spoken(written) == said


def test_the_day_comes_first_in_british_dates() -> None:
    assert spoken("07/04/2023", "en-US") == "July fourth, twenty twenty-three"
    assert spoken("07/04/2023", "en-GB") == "April seventh, twenty twenty-three"
    assert spoken("25/12/2023", "en-US") == "December twenty-fifth, twenty twenty-three"


@pytest.mark.parametrize("language", ["de", "fr-FR", "ja", "es_MX", "zh"])
def test_other_languages_are_left_to_their_models(language: str) -> None:
    assert spoken("Am 5.  Mai um 10:30\nUhr: 3,5 %", language) == "Am 5. Mai um 10:30 Uhr: 3,5 %"


def test_chinese_stays_as_it_is_unless_asked_for() -> None:
    assert spoken("第2名，¥5。", "zh") == "第2名，¥5。"
    assert spoken("価格は第2位で5円です。", "ja", normalize=True) == "価格は第2位で5円です。"
    assert spoken("2024", "zh", normalize=True) == "2024"
    assert spoken("He has 2 apples.", "en", normalize=True) == "He has two apples."


def test_sentences_of_a_chinese_text_are_said_in_chinese() -> None:
    said = [piece.text for piece in pieces("算一算。2+3=5。", "zh", normalize=True)]
    assert said == ["算一算。", "二加三等于五。"]


@pytest.fixture
def without_wetext(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    real = builtins.__import__

    def absent(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "wetext":
            raise ModuleNotFoundError("No module named 'wetext'", name="wetext")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", absent)
    chinese._grammars.cache_clear()
    yield
    chinese._grammars.cache_clear()


@pytest.mark.usefixtures("without_wetext")
def test_what_is_not_installed_is_named_with_what_to_do() -> None:
    with pytest.raises(InvalidInput, match=r"continuo-sound\[chinese\]") as refused:
        next(pieces("第2名", "zh", normalize=True))
    assert isinstance(refused.value, MissingExtra)
    assert refused.value.pointer == "/normalize"
    assert spoken("第2名", "zh") == "第2名"


def test_neither_language_needs_torch() -> None:
    code = (
        "import sys; from deployments.speech.text import spoken; spoken('5 km'); spoken('第2名', 'zh', normalize=True);"
    )
    run = subprocess.run([sys.executable, "-c", f"{code} sys.exit('torch' in sys.modules)"], check=False)
    assert run.returncode == 0
