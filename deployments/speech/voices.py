"""Which of a model's voices a request means."""

from deployments.contract import InvalidInput, SpeechInfo, Voice


def named(speech: SpeechInfo, name: str | None) -> Voice:
    """The voice of this name, else the one that has it as another name; the first where none is asked for.

    Raises InvalidInput that lists the voices.
    """
    if name is None:
        return speech.voices[0]
    for voice in speech.voices:
        if voice.name == name:
            return voice
    for voice in speech.voices:
        if name in voice.aliases:
            return voice
    names = ", ".join(voice.name for voice in speech.voices)
    raise InvalidInput(f"there is no voice {name!r}; there are {names}", "/voice")
