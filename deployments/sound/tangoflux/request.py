"""What TangoFlux may be asked and how it may be set up."""

from pydantic import Field

from deployments.contract import SoundRequest
from deployments.denoise.placed import PlacedOptions

SAMPLE_RATE_HZ = 44_100
MAX_DURATION_S = 30.0


class TangoFluxRequest(SoundRequest):
    """A sound from words, 44.1 kHz stereo."""

    duration_s: float = Field(default=10.0, gt=0, le=MAX_DURATION_S, description="Length of the sound in seconds.")
    steps: int | None = Field(default=None, ge=1, le=500, description="Denoising steps; 25 sound nearly as good as 50.")
    guidance_scale: float = Field(
        default=4.5,
        ge=0,
        le=30,
        description="How closely the words are followed; 1 and below: not guided, half the cost.",
    )


class TangoFluxOptions(PlacedOptions):
    """Options of TangoFlux."""

    diffusion_steps: int = Field(default=50, ge=1, le=500, description="Steps of a request that does not say.")
