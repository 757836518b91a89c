"""Which of a model's voices a request means."""

from deployments.contract import InvalidInput, SpeechInfo, Voice


def named(speech: SpeechInfo, name: str | None, language: str | None = None) -> Voice:
    """The voice of this name, else the one that has it as another name.

    Where none is asked for, the first that speaks the language as it is asked for, else one that speaks any kind of it,
    else the first of all. Raises InvalidInput that lists the voices.
    """
    if name is None:
        return _speaking(speech, language.lower()) if language else speech.voices[0]
    known = {alias: voice for voice in speech.voices for alias in voice.aliases}
    known |= {voice.name: voice for voice in speech.voices}  # a name counts before another voice's other name
    if name in known:
        return known[name]
    names = ", ".join(voice.name for voice in speech.voices)
    raise InvalidInput(f"there is no voice {name!r}; there are {names}", "/voice")


def _speaking(speech: SpeechInfo, language: str) -> Voice:
    tags = [(voice, {tag.lower() for tag in voice.languages}) for voice in speech.voices]
    kind = language.partition("-")[0]
    exact = (voice for voice, spoken in tags if language in spoken)
    akin = (voice for voice, spoken in tags if kind in {tag.partition("-")[0] for tag in spoken})
    return next(exact, None) or next(akin, speech.voices[0])
