"""Speech in plain Python, without the service."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from deployments.contract import InvalidInput
from deployments.speech.python import ENDINGS, OpenAudioTTS

WHISTLE = "tests.support.speech:Whistle"


@pytest.fixture(scope="module")
def tts() -> OpenAudioTTS:
    return OpenAudioTTS()


def test_a_text_becomes_samples_and_the_same_each_time(tts: OpenAudioTTS) -> None:
    text = "Good morning. This is said in plain Python."
    samples = tts.generate(text)
    assert (samples.dtype, samples.ndim, tts.sample_rate_hz) == (np.float32, 1, 24_000)
    assert 1.5 < len(samples) / tts.sample_rate_hz < 6
    assert np.array_equal(samples, np.concatenate(list(tts.stream(text))))
    with ThreadPoolExecutor(4) as threads:
        assert all(np.array_equal(samples, other) for other in threads.map(tts.generate, [text] * 4))
    assert len(tts.generate(text, speed=0.5)) > 1.6 * len(samples)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_text_becomes_a_file_of_every_ending(tts: OpenAudioTTS, tmp_path: Path, ending: str) -> None:
    path = tts.text_to_speech("A file.", tmp_path / f"said{ending}", voice="heart")
    assert sf.info(path).duration == pytest.approx(len(tts.generate("A file.")) / 24_000, abs=0.06)
    saved = tts.save_audio(tts.generate("A file."), tmp_path / f"saved{ending}")
    assert sf.info(saved).frames == sf.info(path).frames


def test_other_models_speak_by_name_or_path(tmp_path: Path) -> None:
    whistle = OpenAudioTTS(WHISTLE)
    assert whistle.voices == ["wren", "robin"]
    assert len(whistle.generate("two words", instructions="softly")) == round(2 * 0.12 * 24_000)


def test_what_cannot_be_said_is_an_error_and_no_file(tts: OpenAudioTTS, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="known: hibari, kokoro, espeak"):
        OpenAudioTTS("nobody")
    with pytest.raises(ValueError, match="does text-to-audio, not speech"):
        OpenAudioTTS("deployments.tone:Tone")
    with pytest.raises(ValueError, match="none of a format"):
        tts.text_to_speech("x", tmp_path / "x.midi")
    for text, fields in (("", {}), ("日本", {}), ("x", {"speed": 9}), ("x", {"speeed": 1}), ("x", {"voice": "bob"})):
        with pytest.raises(InvalidInput):
            tts.text_to_speech(text, tmp_path / "x.wav", **fields)
    assert list(tmp_path.iterdir()) == []
