"""How well a sound fits its words, from another model that its own is composed with."""

from collections.abc import Mapping
from typing import Any

from serve_app.logs import log

SCORER = "scorer"  # its name in `parts`


class PartFailed(RuntimeError):
    """A part gave no answer; the message says why."""


def score(
    parts: Mapping[str, Any], prompt: str, samples: Any, sample_rate_hz: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What goes into the output and into the facts of a sound whose model has a scorer; both empty when it has none.

    Samples are (channels, frames). Without an answer the sound leaves without a score, and the facts say why.
    """
    scorer = parts.get(SCORER)
    if scorer is None:
        return {}, {}
    try:
        answer = scorer.ask(prompt, samples.mean(axis=0), sample_rate_hz)
    except PartFailed as error:
        log.warning("a sound was not scored", extra={"reason": str(error)})
        return {"clap_score": None}, {"scoring": {"off": str(error)}}
    return {"clap_score": round(float(answer), 6)}, {"scoring": {"off": None}}
