"""The library as the API shows it: search results, and one preset in full."""

from typing import Any, get_args

from deployments.synth.library.presets import Preset, library
from deployments.synth.library.search import preset_search
from deployments.synth.terms.roles import Role


def catalogue(query: str | None, role: str | None, limit: int) -> dict[str, Any]:
    """Presets as JSON: by how well they fit the query, else by id. `roles` are all that exist, for an error message."""
    roles = list(get_args(Role))
    if role is not None and role not in roles:
        found: list[tuple[Preset, float | None]] = []
    elif query:
        found = [(hit.preset, hit.score) for hit in preset_search().search(query, limit, role)]
    else:
        fitting = [preset for preset in library().values() if role in (None, preset.role)]
        found = [(preset, None) for preset in fitting[:limit]]
    return {"roles": roles, "presets": [_summary(preset, score) for preset, score in found]}


def page(name: str) -> dict[str, Any]:
    """One preset in full, in the engine's units; `preset` is null when there is none, and `known` all ids."""
    preset = library().get(name)
    return {"preset": preset and preset.model_dump(mode="json", by_alias=True), "known": list(library())}


def _summary(preset: Preset, score: float | None) -> dict[str, Any]:
    shown = preset.model_dump(mode="json", include={"id", "name", "description", "role", "tags", "mood", "energy"})
    return {**shown, "score": score}
