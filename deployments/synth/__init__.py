"""The synth: a text-to-audio model without weights, and the same as plain functions.

A prompt goes through its rooms in this order:

    terms/     what all rooms speak in
    words/     what words mean, as data
    library/   the presets, and the search over them
    reading/   a prompt -> what it mentions and rules out
    choice/    mentions -> the presets that are meant
    score/     presets -> places in a mix, and what each plays
    sound/     places and notes -> a graph of the C++ engine -> samples
"""

from deployments.synth.functions import generate_audio, generate_from_preset, get_status
from deployments.synth.model import Synth, SynthOptions
from deployments.synth.request import SynthRequest

__all__ = ["Synth", "SynthOptions", "SynthRequest", "generate_audio", "generate_from_preset", "get_status"]
