"""TangoFlux (Hung et al. 2024, arXiv 2412.21037): words to 30 s of 44.1 kHz stereo along a rectified flow.

request.py   what is asked of it, and its options
model.py     the model's class
denoiser.py  what the engine asks of it
network.py   the transformer
weights.py   the published files as modules
"""

from deployments.sound.tangoflux.model import TangoFlux
from deployments.sound.tangoflux.request import TangoFluxOptions, TangoFluxRequest

__all__ = ["TangoFlux", "TangoFluxOptions", "TangoFluxRequest"]
