"""What became of a request, in plain words, where it is not what was asked for."""

from collections.abc import Iterator, Sequence

from deployments.synth.library.presets import library
from deployments.synth.library.search import preset_search
from deployments.synth.request import MAX_DURATION_S, SynthRequest
from deployments.synth.words.musical import Terms


def of_nothing_found(played: Sequence[str], taken_back: Sequence[str], ruled_out: bool, missing: Sequence[str]) -> str:
    """Why something near is played instead of what was asked for; `played` are presets' ids."""
    names = [_name(id_) for id_ in played]
    instead = f"{_listed(names) or 'nothing'} {'are' if len(names) > 1 else 'is'} played instead."
    if taken_back:
        return f"All that is asked for is ruled out as well ({_listed(taken_back)}): {instead}"
    if missing:
        return f"No sound is known for {_listed([repr(words) for words in missing])}: {instead}"
    if ruled_out:
        return f"It is only said what must not be heard, nothing that should be: {instead}"
    return f"No sound is named that is known: {instead}"


def of_left_out(named: Sequence[str], most: int) -> Iterator[str]:
    """Which of the presets that were found do not play, since they are too many."""
    if named[most:]:
        yield f"At most {most} layers play at a time; left out: {', '.join(map(_name, named[most:]))}."


def of_rivals(named: Sequence[str], kept: Sequence[str]) -> Iterator[str]:
    """Which layers give way to another one of their role; both are presets' ids."""
    for id_ in (id_ for id_ in named if id_ not in kept):
        role = library()[id_].role
        first = next(other for other in kept if library()[other].role == role)
        yield f"A mix has one {role.lower()}: {_name(id_)} gives way to {_name(first)}."


def of_fields(request: SynthRequest, said: Terms) -> Iterator[str]:
    """Where a field, or a limit, stands against what the prompt says."""
    if said.duration_s is not None and said.duration_s > MAX_DURATION_S == request.duration_s:
        yield f"{said.duration_s:g} s are asked for; the longest sound has {MAX_DURATION_S:g} s."
    elif said.duration_s is not None and abs(said.duration_s - request.duration_s) > 0.5:
        yield _replaced("duration_s", f"{request.duration_s:g}", f"{said.duration_s:g}")
    if request.tempo_bpm is not None and said.tempo_bpm not in {None, request.tempo_bpm}:
        yield _replaced("tempo_bpm", f"{request.tempo_bpm:g}", f"{said.tempo_bpm:g}")
    for name, given, meant in (("key", request.key, said.key), ("scale", request.scale, said.scale)):
        if given is not None and meant is not None and given.strip().lower().replace(" ", "_") != meant.lower():
            yield _replaced(name, given, meant)


def of_words_alone() -> Iterator[str]:
    """That nothing was understood by its meaning, where the sentence model is not there."""
    if preset_search().embedder is None:
        yield (
            "The sentence model is not on this machine, so sounds were found by shared words alone, not by meaning;"
            " fetch it: continuo models pull embedder."
        )


def _replaced(field: str, given: str, said: str) -> str:
    return f"The field {field} = {given} holds, not the {said} of the prompt."


def _name(id_: str) -> str:
    return id_.replace("_", " ")


def _listed(words: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)
