"""A text becomes speech piece by piece: what all models of speech do the same way."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from deployments.contract import Audio, Context, InvalidInput, Samples
from deployments.speech.edges import silence
from deployments.speech.text import Piece, Unspoken, asked_pauses_s, speakable
from deployments.speech.turns import Turns

Say = Callable[[str, int], Samples]  # a piece's words and its number -> mono float32 (frames,), empty if it is silent

LONGEST_S = 8 * 3600.0  # of a sound

_SENTENCE_S, _CLAUSE_S, _WITHIN_S = 0.35, 0.12, 0.02  # rests that are the voice's own, at usual speed
_SENTENCE, _CLAUSE = frozenset(".!?…。！？"), frozenset(",;:—–、，；：")  # noqa: RUF001
_CLOSING = "\"'”’)]»」』）"  # noqa: RUF001
_SILENCE_S = 10.0  # of a chunk


@dataclass(frozen=True)
class Voiced:
    """Who says the pieces, at what rate and speed, and which characters can be said."""

    say: Say
    rate_hz: int
    turns: Turns
    known: Callable[[str], bool]
    speed: float = 1.0


def speak(pieces: Iterable[Piece], voiced: Voiced, context: Context, text: str) -> Iterator[Audio]:
    """Yield (1, frames) for each piece and for each rest between two of them; facts name what cannot be spoken.

    Progress is told in characters of the `text`, of which the pieces have about as many.

    The rest of the voice gets shorter as it gets faster; the pauses that a text asks for do not. Raises InvalidInput
    when there is nothing to say or more silence than sound may last, Cancelled.
    """
    if (pauses_s := asked_pauses_s(text)) > LONGEST_S:
        refused = f"this text asks for {pauses_s:.0f} s of pauses; the longest sound has {LONGEST_S:g} s"
        raise InvalidInput(refused, "/input")
    characters = len(text)
    unspoken, told = Unspoken(), 0
    made_s = rest_s = pause_s = 0.0
    done = 0
    for number, piece in enumerate(pieces):
        context.check()
        if words := speakable(piece.text, voiced.known, unspoken):
            with voiced.turns.turn(made_s) as made:
                samples = voiced.say(words, number)
                made(len(samples) / voiced.rate_hz)
            if len(samples):
                if made_s:
                    yield from _silence(rest_s / voiced.speed + pause_s, voiced.rate_hz)
                new, told = unspoken.counts.total() > told, unspoken.counts.total()
                yield Audio(samples[None], voiced.rate_hz, unspoken.facts() if new else {})
                made_s += len(samples) / voiced.rate_hz
                rest_s, pause_s = _rest_s(piece.text), 0.0
        pause_s += piece.pause_s
        done = min(characters, done + len(piece.text))
        context.step(done, characters)
    if not made_s:
        raise _nothing(unspoken)
    yield from _last(pause_s, voiced.rate_hz, unspoken, told)


def _rest_s(text: str) -> float:
    last = text.rstrip().rstrip(_CLOSING)[-1:]
    return _SENTENCE_S if last in _SENTENCE else _CLAUSE_S if last in _CLAUSE else _WITHIN_S


def _last(pause_s: float, rate_hz: int, unspoken: Unspoken, told: int) -> Iterator[Audio]:
    """The pause that a text ends with, and what it had left to tell."""
    if unspoken.counts.total() > told:
        yield Audio(silence(max(pause_s, 1 / rate_hz), rate_hz), rate_hz, unspoken.facts())
    else:
        yield from _silence(pause_s, rate_hz)


def _silence(seconds: float, rate_hz: int) -> Iterator[Audio]:
    while round(seconds * rate_hz) > 0:
        part_s = min(seconds, _SILENCE_S)
        yield Audio(silence(part_s, rate_hz), rate_hz)
        seconds -= part_s


def _nothing(unspoken: Unspoken) -> InvalidInput:
    characters = unspoken.facts().get("unspoken", {}).get("characters", "")
    return InvalidInput(f"nothing in this text can be spoken{f' ({characters})' if characters else ''}", "/input")
