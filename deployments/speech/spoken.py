"""A text becomes speech piece by piece: what all models of speech do the same way."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deployments.contract import Audio, Context, InvalidInput, Samples
from deployments.speech.edges import silence
from deployments.speech.text import Piece
from deployments.speech.turns import Turns

Say = Callable[[str, int], Samples]  # a piece's text and its number -> mono float32 (frames,), empty if it is silent

_LONGEST_S = 10.0  # of a chunk of silence: memory stays bounded whatever pause a text asks for


@dataclass(frozen=True)
class Voiced:
    """Who says the pieces, at what rate, and what is told about the request with the first of them."""

    say: Say
    rate_hz: int
    turns: Turns
    speed: float = 1.0


def spoken(pieces: Iterable[Piece], voiced: Voiced, context: Context, facts: Mapping[str, Any]) -> Iterator[Audio]:
    """Yield (1, frames) for each piece and for each pause between two of them.

    Pauses get shorter as speech gets faster. Raises InvalidInput when there is nothing to say, Cancelled.
    """
    made_s, pause_s, told = 0.0, 0.0, False
    for number, piece in enumerate(pieces):
        context.check()
        with voiced.turns.turn(made_s):
            samples = voiced.say(piece.text, number)
        if len(samples):
            if told:
                yield from _pause(pause_s / voiced.speed, voiced.rate_hz)
            yield Audio(samples[None], voiced.rate_hz, {} if told else facts)
            made_s += len(samples) / voiced.rate_hz
            pause_s, told = 0.0, True
        pause_s += piece.pause_s
    if not told:
        raise nothing_to_say(facts)


def nothing_to_say(facts: Mapping[str, Any]) -> InvalidInput:
    """The error of a text in which nothing can be spoken."""
    unspoken = " ".join(facts.get("unspoken", ()))
    return InvalidInput(f"nothing in this text can be spoken{': ' if unspoken else ''}{unspoken}", "/input")


def _pause(seconds: float, rate_hz: int) -> Iterator[Audio]:
    while round(seconds * rate_hz) > 0:
        part_s = min(seconds, _LONGEST_S)
        yield Audio(silence(part_s, rate_hz), rate_hz)
        seconds -= part_s
