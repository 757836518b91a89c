"""A text as pieces and pauses: what the words, the sentences and the silence of it are."""

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.speech.text import Piece, Unspoken, pieces, speakable, unspeakable
from deployments.speech.text import pauses as lengths

WORDS = re.compile(r"\w+")
# Text as people paste it: words, abbreviations, marks, brackets, breaks and pauses in any order.
WRITTEN = [*"abcXYZé", "Dr.", "e.g.", "U.S.", "No.", "I", "St.", "word", "Another", "straße", "日本", "longer" * 12]
MARKS = [". ", "! ", "? ", ", ", "; ", "... ", "…", "。", "，", '"', "”", "(", ")", "'", " - ", "—", "* ", "# ", "1. "]
ATOMS = st.sampled_from([*WRITTEN, *MARKS, "\n", "\n\n", "\r\n", " ", "\t"])
TEXTS = st.lists(ATOMS, max_size=120).map("".join)


def texts(text: str, **options: int) -> list[str]:
    return [piece.text for piece in pieces(text, "xx", **options)]


@given(TEXTS, st.integers(20, 200), st.integers(1, 80))
def test_no_word_is_lost_and_none_is_repeated(text: str, most: int, first: int) -> None:
    parts = texts(text, most_chars=most, first_chars=first)
    without_list_marks = "".join(WORDS.findall(re.sub(r"(?m)^\s*1\. ", "", text)))
    assert "".join(WORDS.findall("".join(parts))) in {"".join(WORDS.findall(text)), without_list_marks}
    assert all(0 < len(part) <= most and part == part.strip() for part in parts)


@given(TEXTS, st.integers(81, 200))
def test_a_word_is_never_parted(text: str, most: int) -> None:
    found = WORDS.findall(text)
    for part in texts(text, most_chars=most, first_chars=80):
        assert all(word in found or len(word) > 60 or re.search(r"[^\x00-\xff]", word) for word in WORDS.findall(part))


@given(st.text(max_size=300), st.booleans())
def test_any_text_has_pieces_within_bounds(text: str, english: bool) -> None:
    for piece in pieces(text, "en" if english else "xx", most_chars=50):
        assert 0 < len(piece.text) <= 50
        assert 0 <= piece.pause_s <= lengths.MOST_PAUSE_S


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Smith met Prof. Brown.", "They talked."],
        ["J. K. Rowling wrote it.", "George W. Bush read it."],
        ["It was e.g. good, i.e. not bad.", "Fine."],
        ["See No. 5 and p. 3.", "No.", "Never."],
        ["The U.S. Army came.", "It left the U.S.", "The end."],
        ["Pi is 3.14.", "That is not 3.", "So what?"],
        ['"Really?" she asked.', '"Yes!"', "He left."],
        ["He left (she stayed).", "(Nobody cared.)", "Then it rained."],
        ["So did I.", "Then we slept."],
        ["Wait!", "What?!", "no way."],
        ["We left at 5 p.m. on Friday.", "He came at 6 a.m.", "We slept."],
        ["Visit example.com today.", "Or docs.python.org.", "Bye."],
        ["Он пришёл.", "Мы ушли."],
        ["¿Qué pasa?", "¡Nada!"],
        ["He works at Acme Inc.", "They pay well."],
        ["Take vitamin C.", "It helps."],
    ],
)
def test_sentences(sentences: list[str]) -> None:
    assert texts(" ".join(sentences), first_chars=400) == sentences


def test_sentences_of_chinese_and_japanese_need_no_space() -> None:
    assert texts("他说：“我不去。”然后走了。好吧！") == ["他说：“我不去。”", "然后走了。", "好吧！"]
    assert texts("「行こう。」と言った。はい！") == ["「行こう。」", "と言った。", "はい！"]


def test_pauses_between_what_is_said() -> None:
    text = "# Title\n\nOne... two… Three.\n\n* * *\n\n- milk\n- eggs\n\n"
    text += "A line that was wrapped by an editor at some width\ngoes on."
    assert list(pieces(text)) == [
        Piece("Title", lengths.PARAGRAPH_S),
        Piece("One...", lengths.ELLIPSIS_S),
        Piece("two…", lengths.ELLIPSIS_S),
        Piece("Three.", lengths.SCENE_S),
        Piece("milk", lengths.LINE_S),
        Piece("eggs", lengths.PARAGRAPH_S),
        Piece("A line that was wrapped by an editor at some width goes on.", 0.0),
    ]


@pytest.mark.parametrize(
    ("mark", "pause_s"),
    [
        ("[pause 2s]", 2.0),
        ("[pause 500ms]", 0.5),
        ("[Pause: 1.5 seconds]", 1.5),
        ("[pause 3]", 3.0),
        ("[pause]", lengths.MARK_S),
        ("[pause 3600s]", lengths.MOST_PAUSE_S),
        ("[pause 999999999s]", lengths.MOST_PAUSE_S),
        ("[pause 1s] [pause 2s]", 3.0),
        ("[pause 1s]\n\n", 1.0),
        ("[pause 100ms]\n\n", lengths.PARAGRAPH_S),
    ],
)
def test_marked_pauses(mark: str, pause_s: float) -> None:
    assert list(pieces(f"One {mark} two.")) == [Piece("One", pytest.approx(pause_s)), Piece("two.", 0.0)]
    assert [piece.text for piece in pieces("[pause 2s]")] == []


def test_what_only_looks_like_a_pause_is_said() -> None:
    assert texts("Press [pause button] or [1].") == ["Press [pause button] or [1]."]


def test_a_pause_at_the_end_is_kept_and_one_before_everything_is_not() -> None:
    assert list(pieces("[pause 1s] Breathe. [pause 2s]")) == [Piece("Breathe.", 2.0)]


LONG = (
    "It was the season of light, it was the season of darkness, it was the spring of hope, it was the winter of "
    "despair, we had everything before us, we had nothing before us, we were all going direct to heaven"
)


def test_the_first_piece_ends_at_a_clause_and_the_others_hold_what_fits() -> None:
    parts = texts(LONG, most_chars=120)
    assert parts[0] == "It was the season of light, it was the season of darkness,"
    assert " ".join(parts) == LONG
    assert all(part.endswith(",") for part in parts[:-1])
    assert len(texts(LONG, most_chars=400, first_chars=400)) == 1


def test_the_first_piece_ends_between_words_where_there_is_no_clause() -> None:
    parts = texts("We found nothing that anybody who had lived here before would have called a kitchen worth its name")
    assert parts[0] == "We found nothing that anybody who had lived here"
    assert texts("A sentence that is only a little longer than sixty letters is.", first_chars=50)[0].endswith("is.")


def test_a_word_without_end_is_parted_between_characters() -> None:
    parts = texts("e\u0301" * 300, most_chars=51)
    assert "".join(parts) == "e\u0301" * 300
    assert all(part[0] == "e" for part in parts)


@pytest.mark.parametrize("options", [{"most_chars": 19}, {"first_chars": 0}])
def test_bounds_of_options(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needed"):
        pieces("Hello.", **options)


def test_pieces_are_made_one_by_one() -> None:
    read: list[int] = []

    class Watched(str):
        def __getitem__(self, key: object) -> str:
            read.append(key.stop if isinstance(key, slice) else 0)
            return str.__getitem__(self, key)  # type: ignore[index]

    assert next(pieces(Watched("One sentence. " * 7000))).text == "One sentence."
    assert max(read) < 200


ADVERSARIAL = ["1", "(", '"', "a.b.c.d.", "I ", "I", ".", ". ", "[pause 1s", "[", " ", "\n", "\r ", "!", "“", "a. "]
ADVERSARIAL += ["$1", "1:", "1/", "1-", "1,", "a@", "@", "#", "1.", "http://a/", "-", "+", "é", "\u0301", "1 ", "5'"]
ADVERSARIAL += [
    "日",
    "IV ",
    "_",
    "*",
    "x\n",
    "a/",
    "1st ",
    "A1",
    "#a",
    "''",
    "1 1/2 ",
    "March 1 ",
    "St. ",
    "~1",
    "=",
    "1x",
]


@pytest.mark.parametrize("unit", ADVERSARIAL)
def test_time_grows_with_the_length_only(unit: str) -> None:
    def seconds(length: int) -> float:
        began = time.thread_time()
        for _ in pieces(unit * (length // len(unit))):
            pass
        return time.thread_time() - began

    few = min(seconds(5_000) for _ in range(3))
    assert seconds(50_000) < 40 * few + 0.05  # ten times the text; a hundred times the time were it squared


def test_what_a_voice_cannot_speak_is_told() -> None:
    unspoken = Unspoken()
    assert speakable("Hi 日本語 — naïve ﬁn 🎉!", str.isascii, unspoken) == "Hi naive fin !"
    assert unspoken.facts() == {"unspoken": {"characters": "日本語🎉", "count": 4}}
    assert speakable("日本語!", str.isascii, unspoken) == ""
    assert unspoken.facts()["unspoken"] == {"characters": "日本語🎉", "count": 7}
    assert unspeakable("Plain.", str.isascii).facts() == {}
    assert unspeakable("“Quotes” — and\u200b dashes…", str.isascii).facts() == {}


def test_facts_stay_small() -> None:
    many = "".join(map(chr, range(0x4E00, 0x5E00)))
    facts = unspeakable(many, str.isascii).facts()["unspoken"]
    assert (len(facts["characters"]), facts["count"]) == (50, 0x1000)


def test_pieces_keep_what_can_only_be_told() -> None:
    assert texts("Hello. 🎉🎉 Bye.") == ["Hello.", "🎉🎉 Bye."]
    assert texts("🎉") == ["🎉"]
    assert texts("— … ! ***") == []


def test_pauses_are_never_inside_a_word() -> None:
    for left, right in pairwise(pieces("Well...known facts, U.S. law... e.g. 1...10 and a.b.c.")):
        assert left.text[-1:] in ".,", (left, right)
