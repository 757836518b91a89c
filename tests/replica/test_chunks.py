"""Chunks of a sound: together they are what they were one by one, and they end where a sound must."""

from collections.abc import Iterator

import numpy as np
import pytest

from deployments.contract import Audio, InvalidInput, ModelInfo, SoundRequest, SpeechRequest
from deployments.tone import Tone
from serve_app.errors import GenerationFailed
from serve_app.replica import chunks
from serve_app.replica.chunks import bounded, whole
from tests.support.speech import Whistle

RATE_HZ = 24_000


def noise(count: int, channels: int = 1, frames: int = 1000) -> list[Audio]:
    draw = np.random.default_rng(count)
    made = [draw.standard_normal((channels, frames + at), dtype=np.float32) for at in range(count)]
    return [Audio(samples, RATE_HZ, {f"fact {at}": at}, -20.0 if at == 0 else None) for at, samples in enumerate(made)]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("in_memory", [1, 20_000, 1 << 30])
def test_a_sound_is_the_same_in_memory_and_in_a_file(
    monkeypatch: pytest.MonkeyPatch, channels: int, in_memory: int
) -> None:
    monkeypatch.setattr(chunks, "IN_MEMORY_BYTES", in_memory)
    made = noise(7, channels)
    sound = whole(iter(made))
    assert isinstance(sound, Audio)
    assert np.array_equal(sound.samples, np.concatenate([chunk.samples for chunk in made], axis=1))
    assert (sound.samples.dtype, sound.sample_rate_hz, sound.loudness_lufs) == (np.float32, RATE_HZ, -20.0)
    assert sound.facts == {f"fact {at}": at for at in range(7)}


def test_chunks_that_are_none_or_of_different_kinds_are_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GenerationFailed):
        whole(iter([]))
    monkeypatch.setattr(chunks, "IN_MEMORY_BYTES", 1)
    with pytest.raises(GenerationFailed, match="different kinds"):
        whole(iter([*noise(2), *noise(1, channels=2)]))


def long(seconds: int) -> Iterator[Audio]:
    for _ in range(seconds):
        yield Audio(np.zeros((1, RATE_HZ), np.float32), RATE_HZ)


def ends_after(info: ModelInfo, *, kept: bool) -> int:
    made = bounded(long(10_000), SpeechRequest(input="on and on"), info, kept=kept)
    assert not isinstance(made, Audio)
    count = 0
    with pytest.raises(InvalidInput) as raised:  # noqa: PT012 (which chunk is the first that is not given)
        for _ in made:
            count += 1
    assert raised.value.pointer == "/input"
    return count


def test_a_text_makes_no_more_than_the_longest_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ends_after(Whistle.info, kept=False) == Whistle.info.sound.max_duration_s  # type: ignore[union-attr]
    monkeypatch.setattr(chunks, "MOST_SPOKEN_BYTES", 100 * RATE_HZ * 4)
    assert ends_after(Whistle.info, kept=True) == 100


def test_a_sound_whose_length_was_asked_for_is_left_alone() -> None:
    made = long(2)
    assert bounded(made, SoundRequest(prompt="a tone", duration_s=2), Tone.info, kept=True) is made
