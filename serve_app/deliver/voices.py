"""Which of a model's own voices speaks: by its name, by one that other services use, by its language, or a mix."""

import re
from collections.abc import Mapping
from typing import Any

from deployments.contract import Capability, ModelInfo, SpeechInfo, SpeechRequest, Voice
from serve_app.deliver.delivery import Finding, finding
from serve_app.errors import unknown_name

MOST_MIXED = 8
_REFERENCE = re.compile(r"(?:voice|ast)_[0-9a-z]{20,40}")
_SHARE = re.compile(r"\s*([^()+]+?)\s*(?:\(\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*\))?\s*")


def _first(speech: SpeechInfo, language: str | None) -> Voice:
    """The first voice that speaks the language as it is asked for, else one that speaks another kind of it."""
    if language is None:
        return speech.voices[0]
    wanted = language.replace("_", "-").casefold()
    exact = (voice for voice in speech.voices if wanted in map(str.casefold, voice.languages))
    return next(exact, None) or next(voice for voice in speech.voices if _speaks(voice, language))


def own_name(speech: SpeechInfo, asked: str) -> str | None:
    """What a model itself calls a voice, or a mix of them; None for one that it has not."""
    found = _mixed(speech, asked)
    alike = len({share for _, share in found}) == 1
    return "+".join(voice.name if alike else f"{voice.name}({share:g})" for voice, share in found) or None


def voice_named(speech: SpeechInfo, name: str) -> Voice | None:
    """The voice of that name, whatever its case, or of that alias."""
    wanted = name.casefold()
    found = (voice for voice in speech.voices if voice.name.casefold() == wanted)
    also = (voice for voice in speech.voices if wanted in map(str.casefold, voice.aliases))
    return next(found, None) or next(also, None)


def same_language(one: str, other: str) -> bool:
    """Whether two BCP 47 tags name one language, wherever it is spoken."""
    return one.replace("_", "-").split("-")[0].casefold() == other.replace("_", "-").split("-")[0].casefold()


def unspeakable(request: SpeechRequest, info: ModelInfo, name: str) -> list[Finding]:
    """No text, a voice that the model called `name` has not, a language that the voice does not speak."""
    if not request.input.strip():
        return [finding("input", "there is nothing to say: the text is empty")]
    if (speech := info.speech) is None:
        return []
    if _is_reference(request.voice, info):
        return []
    voices = list(speech.voices)
    if request.voice is not None and not (voices := [voice for voice, _ in _mixed(speech, request.voice)]):
        text = unknown_name("voice", request.voice, [voice.name for voice in speech.voices])
        return [finding("voice", f"model '{name}': {text}")]
    if request.language is not None and not any(_speaks(voice, request.language) for voice in voices):
        spoken = sorted({language for voice in voices for language in voice.languages})
        who = f"voice '{request.voice}'" if request.voice else f"model '{name}'"
        return [finding("language", f"{who} speaks {', '.join(spoken)}; '{request.language}' was asked")]
    return []


def with_voice(request: SpeechRequest, info: ModelInfo) -> SpeechRequest:
    """The request with the voice that will speak, by its own name: one sound has one address."""
    if (speech := info.speech) is None or _is_reference(request.voice, info):
        return request
    name = None if request.voice is None else own_name(speech, request.voice)
    if name is None:
        name = _first(speech, request.language).name
    return request.model_copy(update={"voice": name})


def for_another(given: Mapping[str, Any], asked: ModelInfo, info: ModelInfo) -> dict[str, Any]:
    """A request to one model as another can serve it, which has other voices: one of its own, of the same language."""
    voice = given.get("voice")
    if voice is None or info.speech is None or own_name(info.speech, voice) is not None:
        return dict(given)
    found = _mixed(asked.speech, voice) if asked.speech is not None else []
    languages = [language for one, _ in found for language in one.languages]
    rest = {name: value for name, value in given.items() if name != "voice"}
    return {"language": languages[0], **rest} if languages else rest


def _speaks(voice: Voice, language: str) -> bool:
    return any(same_language(language, own) for own in voice.languages)


def _is_reference(voice: str | None, info: ModelInfo) -> bool:
    """Whether a model shall speak like a recording: a voice of the owner's, or a file."""
    return voice is not None and Capability.VOICE_CLONING in info.capabilities and bool(_REFERENCE.fullmatch(voice))


def _mixed(speech: SpeechInfo, asked: str) -> list[tuple[Voice, float]]:
    """The voices of `a`, or of `a+b` and `a(2)+b(1)`, with their shares; none when one of them is unknown."""
    if (alone := voice_named(speech, asked.strip())) is not None:
        return [(alone, 1.0)]
    parts = asked.split("+")
    if not speech.mixes or len(parts) > MOST_MIXED:
        return []
    found = []
    for part in parts:
        match = _SHARE.fullmatch(part)
        voice = voice_named(speech, match[1]) if match else None
        share = float(match[2] or 1) if match else 0.0
        if voice is None or share <= 0:
            return []
        found.append((voice, share))
    return found
