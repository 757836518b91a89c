"""What a model is. The replica wrapper, the ingress and every model file share these names and nothing else.

A model author writes one class:

    class Tone:
        info = ModelInfo(task="text-to-audio", sound=SoundInfo(...), ...)
        Request = ToneRequest            # pydantic, what `input` may hold: a SoundRequest, for instance
        Options = ToneOptions            # pydantic, what the entry's `options` may hold

        def __init__(self, options: ToneOptions) -> None: ...   # cheap: no files, no imports
        def load(self) -> None: ...       # weights, warm-up; may take minutes
        def generate(self, request: ToneRequest, context: Context) -> Audio: ...   # or chunks of it, Image, Encoded
        # and, if it has something to tell there:
        def download(self, report) -> folders ...   # for `continuo models pull`; report(file, bytes, of bytes)
        def missing(self) -> Sequence[str] ...   # a line for each thing that is not on this machine; never raises
        def memory(self) -> {"in_use": bytes} ...   # shown as a metric
        def healthy(self) -> str | None ...   # why it can serve nothing more, None while it can; see Unhealthy

Threads, batching, encoding, storage, retries and metrics belong to the replica wrapper.
"""

from deployments.contract.context import (
    NOTE_BYTES,
    Cancelled,
    Context,
    InvalidInput,
    Keeper,
    LoadFailed,
    OutOfMemory,
    RetryLater,
    Unhealthy,
)
from deployments.contract.info import (
    CAPABILITY_FIELDS,
    Capability,
    ImageInfo,
    Licence,
    ModelInfo,
    SoundInfo,
    SpeechInfo,
    Task,
    Voice,
)
from deployments.contract.model import BatchModel, EngineModel, Model, PartModel
from deployments.contract.product import Audio, Encoded, Image, Product, Samples
from deployments.contract.request import Frozen, ImageRequest, NoOptions, Request, SoundRequest, SpeechRequest

__all__ = [
    "CAPABILITY_FIELDS",
    "NOTE_BYTES",
    "Audio",
    "BatchModel",
    "Cancelled",
    "Capability",
    "Context",
    "Encoded",
    "EngineModel",
    "Frozen",
    "Image",
    "ImageInfo",
    "ImageRequest",
    "InvalidInput",
    "Keeper",
    "Licence",
    "LoadFailed",
    "Model",
    "ModelInfo",
    "NoOptions",
    "OutOfMemory",
    "PartModel",
    "Product",
    "Request",
    "RetryLater",
    "Samples",
    "SoundInfo",
    "SoundRequest",
    "SpeechInfo",
    "SpeechRequest",
    "Task",
    "Unhealthy",
    "Voice",
]
