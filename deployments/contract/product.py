"""What a model makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """Sound in memory: float32 samples (channels, frames), nominal range [-1, 1], with their rate in Hz.

    `facts` is what the model tells about how it understood the request; it is stored in the job.
    """

    samples: Samples
    sample_rate_hz: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    loudness_lufs: float | None = None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate_hz)


@dataclass(frozen=True)
class Image:
    """A picture in memory: uint8 (height, width, 3 or 4), sRGB and maybe opacity; `facts` as in Audio."""

    pixels: NDArray[np.uint8]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """A file that was made elsewhere; it is opened and finished like any other product. `facts` as in Audio."""

    data: bytes
    media_type: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Product = Audio | Image | Encoded
