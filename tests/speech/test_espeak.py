"""espeak-ng through its process: languages, speed, and what happens when the process hangs, dies or is missing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deployments.contract import Audio, Context, InvalidInput, LoadFailed, SpeechRequest
from deployments.speech.espeak import RATE_HZ, Espeak
from deployments.speech.espeaking import process
from deployments.speech.espeaking.process import PROGRAM, EspeakProcess, Hung, Refused
from tests.support.judge import Samples, heard, misheard, verdict

SENTENCES = (
    "Please leave your keys on the kitchen table when you go out.",
    "The museum opens at nine and closes at five on every day except Monday.",
    "My grandmother used to tell us stories about the old village.",
)


@pytest.fixture(scope="module")
def model() -> Iterator[Espeak]:
    made = Espeak()
    made.load()
    yield made
    made.process.close()


def chunks(model: Espeak, text: str, **more: object) -> list[Audio]:
    return list(model.generate(SpeechRequest.model_validate({"input": text, **more}), Context(seed=1)))


def said(model: Espeak, text: str, **more: object) -> Samples:
    joined: Samples = np.concatenate([chunk.samples[0] for chunk in chunks(model, text, **more)])
    return joined


def program(folder: Path, then: str) -> Path:
    """A program that starts as the real one does and then does something else."""
    file = folder / "program.py"
    lines = (
        "import os, struct, sys, time",
        "out = sys.stdout.buffer",
        "out.write(b'R' + struct.pack('<II', 4, 22050))",
    )
    file.write_text("\n".join((*lines, "out.flush()", then)))
    return file


def test_a_listener_hears_most_of_the_words(model: Espeak) -> None:
    found = verdict(SENTENCES, [heard(said(model, text), RATE_HZ) for text in SENTENCES])
    assert found.rate < 0.3, found.misheard


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Der Zug fährt um sieben Uhr ab und kommt am Abend an."),
        ("es", "El tren sale a las siete de la mañana y llega por la tarde."),
        ("it", "Domani andiamo al mare con tutta la famiglia."),
    ],
)
def test_a_listener_hears_other_languages(model: Espeak, language: str, text: str) -> None:
    words = heard(said(model, text, language=language), RATE_HZ, language)
    assert misheard(text, words, lambda part: model.process.phonemes(part, language)) < 0.25, words


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Der Zug fährt am Morgen ab."),
        ("fr", "Le chat dort sur la chaise."),
        ("ru", "Поезд отправляется утром."),
        ("zh", "今天天气很好。"),
        ("ar", "مرحبا بالعالم"),
        ("hi", "मुझे बाज़ार जाना है।"),
    ],
)
def test_a_language_chooses_its_voice(model: Espeak, language: str, text: str) -> None:
    made = said(model, text, language=language)
    assert 0.5 < len(made) / RATE_HZ < 6
    assert not np.array_equal(made, said(model, text, voice="en-US"))


def test_every_voice_that_is_listed_speaks(model: Espeak) -> None:
    assert model.info.speech is not None
    assert len(model.info.speech.voices) > 130
    for voice in model.info.speech.voices:
        assert len(said(model, "Taxi 3.", voice=voice.name)) > 0.1 * RATE_HZ, voice.name


@pytest.mark.parametrize("speed", [0.25, 0.5, 2, 4])
def test_speed_is_about_what_was_asked(model: Espeak, speed: float) -> None:
    assert len(said(model, SENTENCES[0])) / len(said(model, SENTENCES[0], speed=speed)) == pytest.approx(
        speed, rel=0.12
    )


def test_pieces_join_without_a_step(model: Espeak) -> None:
    made = chunks(model, " ".join(SENTENCES))
    assert all(np.abs(chunk.samples[0, [0, -1]]).max() < 10 ** (-50 / 20) for chunk in made)


@pytest.mark.parametrize(
    "text", ["; rm -rf / && $(reboot) `id` | cat", "[[h@l'oU]] <speak>", "\0 one", '{"do": 1}\n{}']
)
def test_no_text_is_a_command(model: Espeak, text: str) -> None:
    assert len(said(model, text)) > 0.2 * RATE_HZ
    assert len(said(model, "Still here.")) > 0.2 * RATE_HZ


def test_a_text_with_nothing_to_say_is_refused(model: Espeak) -> None:
    with pytest.raises(InvalidInput) as refused:
        chunks(model, "... !?")
    assert refused.value.pointer == "/input"


def test_a_process_that_was_killed_is_replaced(model: Espeak) -> None:
    usual, running = said(model, SENTENCES[0]), model.process.process
    assert running is not None
    running.kill()
    running.wait()
    assert len(said(model, SENTENCES[0])) == pytest.approx(len(usual), rel=0.01)  # its noise is never the same
    assert model.process.process is not running


def test_a_process_that_says_nothing_is_ended(tmp_path: Path) -> None:
    hanging = EspeakProcess(program(tmp_path, "time.sleep(600)"), patience_s=0.2)
    with pytest.raises(Hung, match=r"said nothing for 0\.2 s"):
        hanging.speak("Hello.", "en", 175)
    assert hanging.process is None


def test_a_process_that_dies_halfway_is_asked_again(tmp_path: Path) -> None:
    once = tmp_path / "once"
    then = (
        f"if not os.path.exists({str(once)!r}):\n"
        f"    open({str(once)!r}, 'w').close(); sys.stdin.buffer.readline()\n"
        "    out.write(b'A' + struct.pack('<I', 4) + b'ab'); out.flush(); os._exit(1)\n"
        f"os.execv(sys.executable, [sys.executable, {str(PROGRAM)!r}])"
    )
    dying = EspeakProcess(program(tmp_path, then))
    # The second process greets twice: once here and once as the real program, whose greeting is no sound.
    try:
        assert len(dying.speak("Hello.", "en", 175)) > RATE_HZ // 4
        assert once.exists()
    finally:
        dying.close()


def test_the_process_ends_when_nobody_is_left_to_ask(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=60) == 0


def test_an_unknown_voice_is_refused_and_the_process_goes_on(model: Espeak) -> None:
    with pytest.raises(Refused, match="no voice nonsense"):
        model.process.speak("Hello.", "nonsense", 175)
    assert model.process.phonemes("Hello", "en-US").startswith("h")


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find_spec", lambda _name: None)
    assert "EXTRAS=espeak" in process.ABSENT
    with pytest.raises(LoadFailed, match="EXTRAS=espeak scripts/setup"):
        Espeak().load()


def test_a_library_that_cannot_be_loaded_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "espeakng_loader.py").write_text("raise OSError('libespeak-ng.so is damaged')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(LoadFailed, match=r"libespeak-ng\.so is damaged"):
        EspeakProcess().start()


def test_it_is_never_imported_here(model: Espeak) -> None:
    said(model, SENTENCES[0])
    assert "espeakng_loader" not in sys.modules
