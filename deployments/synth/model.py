"""The shipped model: words -> layers -> places in a mix -> graph and score -> samples of the C++ engine. No weights."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from deployments.contract import Audio, Capability, Context, Frozen, Licence, ModelInfo, SoundInfo
from deployments.synth.library.axes import axes
from deployments.synth.library.catalogue import catalogue, page
from deployments.synth.library.embedding import share
from deployments.synth.request import MAX_DURATION_S, SynthRequest
from deployments.synth.score.interpret import Decision, interpret
from deployments.synth.sound.graph import build, events
from deployments.synth.sound.perform import DEFAULT_BLOCK, SAMPLE_RATE_HZ, Piece, perform
from deployments.weights.sentence_models import lacking


class SynthOptions(Frozen):
    """How the engine renders."""

    block: int = Field(default=DEFAULT_BLOCK, ge=16, le=512, description="Frames from one control value to the next.")


class Synth:
    """Nature, pads, basses, bells, drums and more, mixed as the prompt says; same seed, same samples."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        capabilities=frozenset(
            {
                Capability.SEED, Capability.TEMPO, Capability.KEY, Capability.NEGATIVE_PROMPT, Capability.PRESET,
                Capability.STREAMING,
            }
        ),
        sound=SoundInfo(sample_rate_hz=SAMPLE_RATE_HZ, channels=2, max_duration_s=MAX_DURATION_S, typical_lufs=-24.0),
        licence=Licence(weights="Apache-2.0", commercial=True),
        revision="synth-4",
    )  # fmt: skip
    Request: ClassVar[type[SynthRequest]] = SynthRequest
    Options: ClassVar[type[SynthOptions]] = SynthOptions

    def __init__(self, options: SynthOptions | None = None) -> None:
        self.options = options or SynthOptions()

    def load(self) -> None:
        """Read and index the library, and make one sound of several layers: the first request finds all warm."""
        axes()
        request = SynthRequest(prompt="soft rain with a warm pad and a scintillant bell", duration_s=1.0)
        for _ in self.generate(request, Context(seed=0)):
            pass

    def missing(self) -> list[str]:
        """A line when the sentence model is not on this machine: presets are then found by words alone."""
        return lacking()

    def compose(self, parts: Mapping[str, Any]) -> None:
        """Take the vectors of texts from the embedder that the entry names, if it names one."""
        if "embedder" in parts:
            share(parts["embedder"])

    def ask(self, question: str, *arguments: Any) -> dict[str, Any]:
        """Answer `presets` (query or None, role or None, limit) and `preset` (id); for the ingress."""
        answer = catalogue if question == "presets" else page
        return answer(*arguments)

    @staticmethod
    def lint(paths: Sequence[Path], seeds: int) -> Iterator[str]:
        """Yield a line for every fault of preset files, for `continuo presets lint`."""
        from deployments.synth.sound.lint import lint  # only the command needs it

        return lint(paths, seeds)

    def generate(self, request: SynthRequest, context: Context) -> Iterator[Audio]:
        """Return chunks of float32 (2, n) at 44.1 kHz, rendered as they are read; the first one is short.

        It carries the interpretation. Raises InvalidInput at once, Cancelled between two chunks.
        """
        decision = interpret(request, context.seed)
        return self._chunks(decision, context)

    def _chunks(self, decision: Decision, context: Context) -> Iterator[Audio]:
        facts = {"interpretation": decision.meaning.facts()}
        for samples in perform(piece(decision, self.options.block), context):
            yield Audio(samples, SAMPLE_RATE_HZ, facts, decision.loudness_lufs)
            facts = {}


def piece(decision: Decision, block: int) -> Piece:
    """Turn a decision into what the engine renders."""
    song, places = decision.song, decision.places
    graph = build(places, song, decision.meaning.space)
    frames = round(song.duration_s * SAMPLE_RATE_HZ)
    return Piece(graph, events(graph, places, song), frames, song.release_s, block=block)
