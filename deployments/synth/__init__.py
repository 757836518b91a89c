"""The synth: a text-to-audio model without weights, and the same as plain functions."""

from deployments.synth.functions import generate_audio, generate_from_preset, get_status
from deployments.synth.model import Synth, SynthOptions
from deployments.synth.request import SynthRequest

__all__ = ["Synth", "SynthOptions", "SynthRequest", "generate_audio", "generate_from_preset", "get_status"]
