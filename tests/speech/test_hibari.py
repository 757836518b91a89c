"""hibari with its real weights: what is heard, how it joins, what it tells."""

import os
import threading
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from deployments.contract import Audio, Cancelled, Context, InvalidInput, LoadFailed, SpeechRequest
from deployments.speech import english, hibari, session
from deployments.speech.hibari import RATE_HZ, Hibari
from tests.support.hub import serving
from tests.support.judge import Samples, heard, likeness, verdict

PLAIN = (
    "The quick brown fox jumps over the lazy dog near the riverbank.",
    "Continuous rain flooded the lower streets before the bridge could be closed.",
    "The doctor told him to drink more water and to rest for two days.",
    "Please leave your keys on the kitchen table when you go out.",
    "The museum opens at nine and closes at five on every day except Monday.",
    "The engine made a strange noise and then stopped completely.",
    "Nobody knew what would happen when the curtain finally opened.",
    "My grandmother used to tell us stories about the old village.",
)
NUMBERS = (
    "The ticket costs $12.50, and the book costs £35.",
    "On March 3rd, 2024, 1,250 people came to the park.",
    "The train leaves at 7:45 pm from platform 9.",
    "About 62% of the 340 pages were written in 1998.",
    "He ran 10 km in 41 minutes and 15 seconds.",
    "The office opens at 8:30 am and has 27 rooms.",
)
NAMES = (
    "Benjamin Franklin was born in Boston and died in Philadelphia.",
    "Jennifer and Michael moved from Chicago to San Francisco.",
    "Shakespeare wrote about Hamlet, the prince of Denmark.",
    "Marie Curie worked in Paris with her husband Pierre.",
    "Mount Everest lies between Nepal and Tibet.",
    "Doctor Thompson met Mrs. Robinson at Heathrow Airport.",
)


@pytest.fixture(scope="module")
def model() -> Hibari:
    made = Hibari()
    made.load()
    return made


def chunks(model: Hibari, text: str, seed: int = 1, **more: object) -> list[Audio]:
    return list(model.generate(SpeechRequest.model_validate({"input": text, **more}), Context(seed=seed)))


def said(model: Hibari, text: str, seed: int = 1, **more: object) -> Samples:
    joined: Samples = np.concatenate([chunk.samples[0] for chunk in chunks(model, text, seed, **more)])
    return joined


@pytest.mark.parametrize(("texts", "most"), [(PLAIN, 0.04), (NUMBERS, 0.04), (NAMES, 0.08)])
def test_a_listener_hears_the_words(model: Hibari, texts: tuple[str, ...], most: float) -> None:
    found = verdict(texts, [heard(said(model, text), RATE_HZ) for text in texts])
    assert found.rate <= most, found.misheard


def test_the_listener_notices_other_words(model: Hibari) -> None:
    found = verdict([PLAIN[0]], [heard(said(model, PLAIN[1]), RATE_HZ)])
    assert found.rate > 0.5


def test_it_is_one_voice_however_it_is_said(model: Hibari) -> None:
    usual, slow = said(model, " ".join(PLAIN[:3])), said(model, " ".join(PLAIN[3:5]), speed=0.7)
    assert likeness(usual, slow, RATE_HZ) > 0.85


def test_the_seed_decides_the_noise_and_nothing_else(model: Hibari) -> None:
    text = "Hello there. How are you?"
    one = said(model, text, seed=1)
    assert np.array_equal(one, said(model, text, seed=1))
    other = said(model, text, seed=2)
    assert not np.array_equal(one[: len(other)], other[: len(one)])
    assert abs(len(one) - len(other)) < 0.05 * RATE_HZ


def test_a_piece_does_not_depend_on_what_is_made_beside_it(model: Hibari) -> None:
    texts = [" ".join(PLAIN[start : start + 3]) for start in range(5)]
    alone = [said(model, text, seed) for seed, text in enumerate(texts)]
    together: dict[int, Samples] = {}

    def say(seed: int) -> None:
        together[seed] = said(model, texts[seed], seed)

    threads = [threading.Thread(target=say, args=(seed,)) for seed in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(alone[seed], together[seed]) for seed in range(len(texts)))


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.9, 1.2, 2, 4])
def test_speed_is_what_was_asked(model: Hibari, speed: float) -> None:
    usual, other = said(model, PLAIN[0]), said(model, PLAIN[0], speed=speed)
    assert len(usual) / len(other) == pytest.approx(speed, rel=0.06)


@pytest.mark.parametrize("speed", [0.5, 1.5])
def test_words_are_understood_at_other_speeds(model: Hibari, speed: float) -> None:
    found = verdict(PLAIN[:3], [heard(said(model, text, speed=speed), RATE_HZ) for text in PLAIN[:3]])
    assert found.rate <= 0.04, found.misheard


def test_pieces_begin_and_end_below_what_is_heard(model: Hibari) -> None:
    made = chunks(model, " ".join(PLAIN[:4]) + " Yes, really, and more: well; no!")
    assert len(made) > 6
    for chunk in made:
        assert np.abs(chunk.samples[0, [0, -1]]).max() < 10 ** (-50 / 20)


def test_no_step_at_a_join_is_larger_than_speech_makes_them(model: Hibari) -> None:
    made = chunks(model, " ".join(PLAIN[:4]))
    whole = np.concatenate([chunk.samples[0] for chunk in made])
    joins = np.cumsum([chunk.samples.shape[1] for chunk in made])[:-1]
    steps = np.abs(np.diff(whole))
    assert steps[joins - 1].max() < 10 ** (-50 / 20)


def test_rests_are_what_the_text_asks_for(model: Hibari) -> None:
    def silences(text: str) -> list[float]:
        return [round(chunk.duration_s, 2) for chunk in chunks(model, text) if not chunk.samples.any()]

    assert silences("One sentence. Another one.") == [0.35]
    assert silences("One sentence. [pause 2s] Another one.") == [2.35]
    assert max(silences("A paragraph.\n\nAnother one.")) > 0.6


def test_every_digit_and_every_latin_letter_is_read() -> None:
    marks = [chr(code) for code in range(0x20000)]
    digits = [mark for mark in marks if mark.isdigit()]
    letters = [mark for mark in marks if mark.isalpha() and unicodedata.name(mark, "").startswith("LATIN")]
    assert len(digits) > 500
    assert len(letters) > 1000
    for mark in (*digits, *letters):
        assert english.known(mark), mark
        assert english.phonemes(f"a{mark}b {mark}", british=False), mark


@pytest.mark.parametrize(
    "text", ["\N{CIRCLED DIGIT SEVEN}", "x\N{SUPERSCRIPT SEVEN}", "\u0130stanbul", "\N{DIGIT ONE FULL STOP}"]
)
def test_unusual_digits_and_letters_are_spoken(model: Hibari, text: str) -> None:
    assert len(said(model, text)) > 0.2 * RATE_HZ


def test_more_silence_than_a_sound_may_last_is_refused_before_anything_is_said(model: Hibari) -> None:
    with pytest.raises(InvalidInput, match="66000 s of pauses") as raised:
        next(model.generate(SpeechRequest(input="Hi. " + "[pause 10s] a " * 6600), Context(seed=1)))
    assert raised.value.pointer == "/input"


def test_levels_are_even_from_piece_to_piece(model: Hibari) -> None:
    made = [chunk.samples for chunk in chunks(model, " ".join(PLAIN)) if chunk.samples.any()]
    levels_db = [10 * np.log10(np.mean(np.square(samples))) for samples in made if samples.shape[1] > RATE_HZ]
    assert np.std(levels_db) < 1.5
    assert np.mean(levels_db) == pytest.approx(-26, abs=2)


def test_the_first_piece_of_one_long_sentence_is_short(model: Hibari) -> None:
    sentence = (
        "The committee, which had met every week since the spring, decided that the old bridge by the mill should stay "
        "open for walkers and cyclists, while heavy lorries would be sent around by the northern road."
    )
    first = chunks(model, sentence)[0]
    assert 0.5 < first.duration_s < 7


def test_what_cannot_be_spoken_is_told(model: Hibari) -> None:
    told: dict[str, object] = {}
    for chunk in chunks(model, "Hello 😀 world, 日本 and Привет. It costs 5€, naïve café."):
        told |= chunk.facts
    assert told == {"unspoken": {"characters": "😀日本Привет", "count": 9}}
    assert all(not chunk.facts for chunk in chunks(model, "Naïve “quotes” — £5, 20°C… (yes)!"))


@pytest.mark.parametrize("text", ["😀", "日本語", "... !?", "\n\n"])
def test_a_text_with_nothing_to_say_is_refused(model: Hibari, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        chunks(model, text)
    assert refused.value.pointer == "/input"


def test_very_long_words_and_numbers_are_spoken_in_parts(model: Hibari) -> None:
    assert len(said(model, "9" * 300 + " " + "Llanfair" * 60)) > 20 * RATE_HZ


def test_a_cancelled_text_ends_between_two_pieces(model: Hibari) -> None:
    context = Context(seed=1)
    made = model.generate(SpeechRequest(input=" ".join(PLAIN)), context)
    next(made)
    context.cancelled.set()
    with pytest.raises(Cancelled):
        list(made)


def test_memory_stays_flat_over_a_long_text(model: Hibari) -> None:
    """Texts of ever new lengths, as many as make ten minutes of sound."""

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def speak(first: int) -> float:
        text = " ".join(PLAIN[(first + n) % 8][: 30 + (first * 7 + n * 13) % 50] + "." for n in range(30))
        return sum(chunk.duration_s for chunk in model.generate(SpeechRequest(input=text), Context(seed=first)))

    speak(0)
    before, spoken_s = resident(), sum(map(speak, range(1, 7)))
    assert spoken_s > 300
    assert resident() - before < 60 << 20


def test_names_of_openai_are_voices_here(model: Hibari) -> None:
    assert Hibari.info.speech is not None
    known = {name for voice in Hibari.info.speech.voices for name in (voice.name, *voice.aliases)}
    openai = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
    assert known >= set(openai.split(" "))
    assert np.array_equal(said(model, "Hello.", voice="nova"), said(model, "Hello."))


def test_a_voice_that_is_not_here_says_how_to_get_it(
    model: Hibari, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELS_DIR", str(tmp_path))
    with pytest.raises(InvalidInput, match="continuo models pull hibari") as refused:
        chunks(model, "Hello.", voice="emma")
    assert refused.value.pointer == "/voice"
    with pytest.raises(InvalidInput, match="there is no voice 'bob'"):
        chunks(model, "Hello.", voice="bob")


def test_other_weights_than_the_published_ones_are_not_opened(tmp_path: Path) -> None:
    (tmp_path / "hibari.onnx").write_bytes(b"something else")
    with pytest.raises(LoadFailed, match=r"hibari\.onnx has sha256 [0-9a-f]{64}, expected 5f70741d"):
        session.open_graph(tmp_path / "hibari.onnx", hibari.HEART.sha256, 1)


def test_a_pulled_file_that_is_not_the_published_one_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in hibari.PUBLISHED.files:
        file = tmp_path / "hub" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"not a voice")
    monkeypatch.setenv("MODELS_DIR", str(tmp_path / "models"))
    with serving(maureesewilliams__hibari=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with pytest.raises(LoadFailed, match=r"bf_emma\.int8\.onnx came with sha256"):
            Hibari().download(lambda _name, _done, _size: None)
    assert not (hibari.PUBLISHED.folder / "voices/bf_emma.int8.onnx").exists()
