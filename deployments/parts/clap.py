"""CLAP (Wu et al. 2023, arXiv 2211.06687): how well a sound fits words, as the cosine of their embeddings.

Other models are composed with it by `parts: {scorer: clap}`. It makes no sound itself and takes no jobs.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import soxr

from deployments.contract import Licence, LoadFailed, ModelInfo, Samples
from deployments.weights.checkpoint import Checkpoint, WeightOptions
from deployments.weights.find import Pulled, find
from deployments.weights.memory import Budget, weight_bytes
from deployments.weights.modules import load_component, load_tokenizer, packages
from deployments.weights.placement import Placement, PlacementOptions

if TYPE_CHECKING:
    import torch

MAX_WINDOWS = 12


class ClapOptions(WeightOptions, PlacementOptions):
    """Options of CLAP; precision is float32 on a CPU whatever they say."""


class Clap(Pulled):
    """laion/clap-htsat-unfused (153 M parameters). It hears 48 kHz mono in windows of ten seconds."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="scoring",
        licence=Licence(weights="Apache-2.0", commercial=True, url="https://huggingface.co/laion/clap-htsat-unfused"),
        revision="clap-1",
        memory_gib=0.7,
    )
    Options: ClassVar[type[ClapOptions]] = ClapOptions
    published = Checkpoint(
        repository="laion/clap-htsat-unfused",
        revision="8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a",
        components=("",),
        files=("tokenizer_config.json",),
    )

    def __init__(self, options: ClapOptions | None = None) -> None:
        self.options: ClapOptions = options or ClapOptions()
        self.budget: Budget | None = None

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """What is published for it, as the options change it."""
        return (self.options.of(self.published),)

    def load(self) -> None:
        """Find and read the weights. Raises LoadFailed saying what was looked for and where."""
        with packages():
            self._open(find(self.published, self.options))

    def _open(self, folder: Path) -> None:
        from transformers import ClapFeatureExtractor, ClapModel

        place = Placement.choose(self.options)
        self.device = place.device
        self.model = load_component(ClapModel, folder).to(place.device)
        self.budget = Budget(place.device, weight_bytes([self.model]), self.options.max_memory)
        self.tokenizer = load_tokenizer(folder)
        try:
            self.features = ClapFeatureExtractor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError) as error:
            raise LoadFailed(f"{folder} holds no preprocessor_config.json of CLAP") from error
        self.rate_hz = int(self.features.sampling_rate)
        self.window = int(self.features.nb_max_samples)
        self.words = lru_cache(1024)(self._words)

    def memory(self) -> dict[str, int]:
        """Bytes in use on its device, and of these its weights."""
        return {} if self.budget is None else {"in_use": self.budget.in_use(), "weights": self.budget.weights}

    def ask(self, prompt: str, samples: Samples, sample_rate_hz: int) -> float:
        """How well `samples` (channels, frames) or (frames,) fit the prompt: -1 to 1, in practice -0.2 to 0.7.

        Longer sounds are heard in up to 12 windows, evenly over their length; their embeddings are averaged.
        """
        import torch

        mono = samples.mean(axis=0) if samples.ndim == 2 else samples
        if sample_rate_hz != self.rate_hz:
            mono = soxr.resample(mono, sample_rate_hz, self.rate_hz, quality="HQ")
        windows = cut(np.ascontiguousarray(mono, dtype=np.float32), self.window)
        heard = self.features(list(windows), sampling_rate=self.rate_hz, return_tensors="pt")
        with torch.inference_mode():
            sound = self.model.get_audio_features(
                input_features=heard["input_features"].to(self.device), is_longer=heard["is_longer"].to(self.device)
            ).pooler_output
            sound = torch.nn.functional.normalize(sound.mean(dim=0), dim=0)
            return float(sound @ self.words(prompt))

    def _words(self, prompt: str) -> "torch.Tensor":
        tokens: Any = self.tokenizer(prompt, truncation=True, return_tensors="pt").to(self.device)
        return self.model.get_text_features(**tokens).pooler_output[0]  # type: ignore[no-any-return]


def cut(mono: Samples, window: int) -> Sequence[Samples]:
    """Windows of a sound: itself when it is short, else as few as cover it, evenly spaced, at most MAX_WINDOWS.

    Upstream takes one window at random instead, which would give a sound another score each time.
    """
    frames = len(mono)
    if frames <= window:
        return [mono]
    count = min(MAX_WINDOWS, math.ceil(frames / window))
    starts = np.linspace(0, frames - window, count).round().astype(int)
    return [mono[start : start + window] for start in starts]
