"""Names of model classes that stored things and configurations hold, whatever folder a class lies in today."""

from collections.abc import Mapping

# What content addresses have said of each class since it was published. Frozen: with another string every stored
# sound of the class would be made again. A class that is not here is named by its own name alone.
_ADDRESSED: Mapping[str, str] = {
    "Tone": "deployments.tone:Tone",
    "Synth": "deployments.synth:Synth",
    "Embedder": "deployments.embedder:Embedder",
    "Clap": "deployments.clap:Clap",
    "AudioLDM": "deployments.audioldm:AudioLDM",
    "AudioLDM2": "deployments.audioldm2:AudioLDM2",
    "StableAudio": "deployments.stable_audio:StableAudio",
    "TangoFlux": "deployments.tangoflux:TangoFlux",
}

# Import paths of the release before -> those of today. Users' configurations may name the old ones for one release.
MOVED: Mapping[str, str] = {
    "deployments.embedder:Embedder": "deployments.parts.embedder:Embedder",
    "deployments.clap:Clap": "deployments.parts.clap:Clap",
    "deployments.audioldm:AudioLDM": "deployments.sound.audioldm:AudioLDM",
    "deployments.audioldm2:AudioLDM2": "deployments.sound.audioldm2:AudioLDM2",
    "deployments.stable_audio:StableAudio": "deployments.sound.stable_audio:StableAudio",
    "deployments.tangoflux:TangoFlux": "deployments.sound.tangoflux:TangoFlux",
}


def address_name(model_class: type) -> str:
    """What content addresses call a model class: never by where it lies, so that a move keeps stored sounds.

    Only our own classes are in the table: a foreign class that has the name of one of them is another class.
    """
    own = model_class.__module__.partition(".")[0] == __package__
    return _ADDRESSED.get(model_class.__name__, model_class.__name__) if own else model_class.__name__
