"""The voices that the configured models have by themselves, in one list, and the names under which they are known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deployments.contract import Voice
from serve_app.deliver.voices import own_name
from serve_app.jobs.catalogue import Catalogue, CatalogueEntry

# Names of OpenAI's API: nobody's voice may take one, whether a configured model has one like it or not.
OPENAI_NAMES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip


@dataclass(frozen=True)
class BuiltInVoice:
    """A voice of one or more models, as it is listed; its id is its name."""

    name: str
    languages: tuple[str, ...]
    gender: str | None
    models: tuple[str, ...]
    licence: str
    aliases: tuple[str, ...]
    here: bool


class BuiltInVoices:
    """All of them, in the order of the configuration."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._of = {item.name: item.info.speech for item in catalogue if item.info.speech is not None}
        self.listed = {name: _merged(name, having) for name, having in _by_name(catalogue).items()}
        known = [*OPENAI_NAMES, *(name for item in self.listed.values() for name in (item.name, *item.aliases))]
        self.reserved = frozenset(name.casefold() for name in known)

    def find(self, name: str) -> dict[str, str]:
        """What the models that have a voice of this name, or one like it, call it themselves; by model."""
        found = {model: own_name(speech, name) for model, speech in self._of.items()}
        return {model: own for model, own in found.items() if own is not None}


def _by_name(items: Iterable[CatalogueEntry]) -> Mapping[str, list[tuple[CatalogueEntry, Voice]]]:
    found: dict[str, list[tuple[CatalogueEntry, Voice]]] = {}
    for item in items:
        for voice in item.info.speech.voices if item.info.speech else ():
            found.setdefault(voice.name, []).append((item, voice))
    return found


def _merged(name: str, having: list[tuple[CatalogueEntry, Voice]]) -> BuiltInVoice:
    """One entry for a voice that several models have: the languages of all, the licence of each."""
    voices = [voice for _, voice in having]
    return BuiltInVoice(
        name,
        tuple(dict.fromkeys(language for voice in voices for language in voice.languages)),
        next((voice.gender for voice in voices if voice.gender), None),
        tuple(item.name for item, _ in having),
        ", ".join(dict.fromkeys(voice.licence or item.info.licence.weights for item, voice in having)),
        tuple(dict.fromkeys(alias for voice in voices for alias in voice.aliases)),
        any(voice.here for voice in voices),
    )
