"""The tiny checkpoints are what the published ones are: the upstream pipelines load them and make sound with them."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from tests.support.checkpoints import BUILDERS


@pytest.mark.parametrize("name", ["AudioLDMPipeline", "AudioLDM2Pipeline"])
def test_upstream_makes_sound_with_them(name: str, checkpoint: Callable[[str], Path]) -> None:
    pipeline = getattr(diffusers, name).from_pretrained(checkpoint(name.removesuffix("Pipeline").lower()))
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(0)
    sound = pipeline("rain", audio_length_in_s=0.5, num_inference_steps=2, generator=generator).audios
    assert sound.shape == (1, 8000)
    assert 0.01 < np.abs(sound).max() <= 1


@pytest.mark.parametrize("name", BUILDERS)
def test_a_builder_writes_the_same_bytes_each_time(
    name: str, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    assert digests(BUILDERS[name](tmp_path / name)) == digests(checkpoint(name))


def digests(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
