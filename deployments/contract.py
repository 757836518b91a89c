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

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

NOTE_BYTES = 4096

Samples = NDArray[np.float32]
Task = Literal["text-to-audio", "music", "speech", "image", "scoring", "embedding"]


class Capability(StrEnum):
    """What a model can do beyond its task. Each is tied to the request fields that it brings."""

    SEED = "seed"
    NEGATIVE_PROMPT = "negative_prompt"
    PRESET = "preset"
    TEMPO = "tempo"
    KEY = "key"
    STEPS = "steps"
    GUIDANCE = "guidance"
    SCHEDULER = "scheduler"
    VOICE_CLONING = "voice_cloning"
    STREAMING = "streaming"
    BATCH = "batch"


CAPABILITY_FIELDS: Mapping[Capability, frozenset[str]] = {
    Capability.SEED: frozenset({"seed"}),
    Capability.NEGATIVE_PROMPT: frozenset({"negative_prompt"}),
    Capability.PRESET: frozenset({"preset", "role"}),
    Capability.TEMPO: frozenset({"tempo_bpm"}),
    Capability.KEY: frozenset({"key", "scale"}),
    Capability.STEPS: frozenset({"steps"}),
    Capability.GUIDANCE: frozenset({"guidance_scale"}),
    Capability.SCHEDULER: frozenset({"scheduler"}),
}


class Frozen(BaseModel):
    """A frozen pydantic model that refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NoOptions(Frozen):
    """The options of a model that has none."""


class Request(Frozen):
    """What every model that makes something accepts; each medium adds its fields, each model its own.

    `files` names the fields that take a file: a request gives a file string, the model finds a path in `Context.files`.
    """

    files: ClassVar[Mapping[str, Literal["audio", "image"]]] = {}

    seed: int | None = Field(
        default=None, ge=0, lt=2**32, description="Same seed, same result; one is drawn if absent."
    )


class SoundRequest(Request):
    """A sound or a piece of music from words."""

    prompt: str = Field(min_length=1, max_length=4000, description="What should be heard, in words.")
    duration_s: float = Field(default=10.0, gt=0, description="Length of the sound in seconds.")


class SpeechRequest(Request):
    """A text that is spoken; its length follows from the text."""

    input: str = Field(min_length=1, max_length=100_000, description="What shall be said.")
    voice: str | None = Field(default=None, max_length=200, description="The voice's name; the model's own if absent.")
    speed: float = Field(default=1.0, ge=0.25, le=4, description="How many times as fast as usual.")


class ImageRequest(Request):
    """A picture from words."""

    prompt: str = Field(min_length=1, max_length=32_000, description="What should be seen, in words.")
    size: str | None = Field(
        default=None, pattern=r"^[1-9]\d{1,4}x[1-9]\d{1,4}$", description="Width x height in pixels, `1024x768`."
    )

    @property
    def size_px(self) -> tuple[int, int] | None:
        """(width, height), None where the model's own is wanted."""
        width, _, height = (self.size or "").partition("x")
        return (int(width), int(height)) if self.size else None


class Licence(Frozen):
    """Under which terms the weights (or the code, if there are none) may be used."""

    weights: str
    commercial: bool
    url: str | None = Field(default=None, description="Its text; weights that are gated are asked for there.")


class SoundInfo(Frozen):
    """What a model's sounds are like."""

    sample_rate_hz: int
    channels: int
    max_duration_s: float
    loudness_lufs: float = Field(default=-16.0, description="Target loudness unless the request says otherwise.")
    typical_lufs: float = Field(
        default=-20.0, description="How loud it usually makes them: what is streamed in chunks gets its gain from this."
    )


class ImageInfo(Frozen):
    """What a model's pictures are like."""

    max_pixels: int = Field(gt=0, description="Of width times height.")
    multiple_of: int = Field(default=1, ge=1, description="What width and height must be multiples of.")


class ModelInfo(Frozen):
    """The facts of a model that `/v1/models` shows and that routing needs; of its medium, if it makes something."""

    task: Task
    capabilities: frozenset[Capability] = frozenset()
    sound: SoundInfo | None = None
    image: ImageInfo | None = None
    licence: Licence
    revision: str = Field(description="Changes whenever the same request would give other samples.")
    memory_gib: float | None = Field(default=None, description="Of its largest checkpoint in half precision, serving.")
    max_batch: int = Field(default=1, ge=1, description="How many requests `generate_batch` takes at once.")


@dataclass(frozen=True)
class Audio:
    """Sound in memory: float32 samples (channels, frames), nominal range [-1, 1], with their rate in Hz.

    `facts` is what the model tells about how it understood the request; it is stored in the job.
    """

    samples: Samples
    sample_rate_hz: int
    facts: Mapping[str, Any] = field(default_factory=dict)
    loudness_lufs: float | None = None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate_hz)


@dataclass(frozen=True)
class Image:
    """A picture in memory: uint8 (height, width, 3 or 4), sRGB and maybe opacity; `facts` as in Audio."""

    pixels: NDArray[np.uint8]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """A file that was made elsewhere; it is opened and finished like any other product. `facts` as in Audio."""

    data: bytes
    media_type: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Product = Audio | Image | Encoded


class Cancelled(Exception):
    """The job was cancelled or its deadline passed; raised inside generate by `Context.check`."""


class InvalidInput(ValueError):
    """The request cannot be served by this model whoever tries: never retried. `pointer` names the field."""

    def __init__(self, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail, self.pointer = detail, pointer


class RetryLater(Exception):
    """Whoever the model asks cannot take the request now: it leaves its place and comes back after `after_s` seconds,
    or when its callback comes. Time and tries are bounded by the job's deadline alone.
    """

    def __init__(self, after_s: float) -> None:
        if not 0 <= after_s < math.inf:
            raise ValueError(f"after_s is {after_s!r}; a number of seconds from 0 on is needed")
        super().__init__(f"after {after_s:g} s")
        self.after_s = float(after_s)


class LoadFailed(RuntimeError):
    """The model cannot be loaded; the message says what was looked for, where, and what to do."""


class OutOfMemory(RuntimeError):
    """The device has too little memory for this request; the message gives the figures."""


class Unhealthy(RuntimeError):
    """The model can serve nothing more in this process, the message says why: its replica is replaced.

    What `healthy` returns becomes one. That is asked every second, on the event loop: it must look at what is known,
    and neither compute nor wait for a lock.
    """


def _ignore(step: int, steps: int) -> None:
    """Progress goes nowhere when nobody listens."""


class Keeper(Protocol):
    """The service as a Context reaches it, on its event loop."""

    loop: asyncio.AbstractEventLoop

    async def keep(self, data: Mapping[str, Any]) -> None:
        """Return when the note is durable. Raises Cancelled."""

    async def callback(self, timeout_s: float) -> bool:
        """Whether a callback came within `timeout_s`. Raises Cancelled."""


@dataclass
class Context:
    """What surrounds one generation: its seed, where progress goes, when to stop, whom it is composed with.

    `parts` maps a name of the entry's `parts` to a handle (on Ray) or to a plain object (without). `files` maps each
    field of `Request.files` that the request gives to a file of this machine, which is there while `generate` runs.
    `noted` is what this attempt or an earlier one noted last. Whoever POSTs to `callback_url` (None: the service has no
    `public_url`) wakes the job, once per attempt; what is posted is not read.
    """

    seed: int
    progress: Callable[[int, int], None] = _ignore
    cancelled: threading.Event = field(default_factory=threading.Event)
    deadline: float = math.inf  # in seconds of this process's time.monotonic()
    parts: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    noted: Mapping[str, Any] | None = None
    callback_url: str | None = None
    keeper: Keeper | None = None  # None: outside the service

    def check(self) -> None:
        """Raise Cancelled when the job was cancelled or its deadline passed; call it between steps or blocks."""
        if self.cancelled.is_set() or self.late():
            raise Cancelled

    def late(self) -> bool:
        """Whether the deadline passed."""
        return time.monotonic() > self.deadline

    def step(self, step: int, steps: int) -> None:
        """Report that `step` of `steps` is done, then `check`."""
        self.progress(step, steps)
        self.check()

    def note(self, data: Mapping[str, Any]) -> None:
        """Return when `data` is durable in place of what was noted before: the next attempt finds it in `noted`,
        whatever process dies. For worker threads. Raises ValueError over NOTE_BYTES of JSON, Cancelled.
        """
        self._wait(self.note_async, data)

    async def note_async(self, data: Mapping[str, Any]) -> None:
        """`note` for `async def submit`."""
        text = json.dumps(data, allow_nan=False)
        if (size := len(text)) > NOTE_BYTES:  # all of it is ASCII
            raise ValueError(f"a note of {size} bytes as JSON; at most {NOTE_BYTES} are kept")
        if self.keeper is not None:
            await self.keeper.keep(json.loads(text))
        self.noted = json.loads(text)

    def wait_for_callback(self, timeout_s: float) -> bool:
        """Whether `callback_url` was called, after `timeout_s` at the latest. For worker threads. Raises Cancelled."""
        return self._wait(self.wait_for_callback_async, timeout_s)

    async def wait_for_callback_async(self, timeout_s: float) -> bool:
        """`wait_for_callback` for `async def submit`."""
        if self.keeper is not None:
            return await self.keeper.callback(timeout_s)
        await asyncio.sleep(timeout_s)
        self.check()
        return False

    def _wait(self, ask: Callable[[Any], Coroutine[Any, Any, T]], argument: Any) -> T:
        """Run on the service's event loop what a worker thread waits for."""
        if asyncio._get_running_loop() is not None:
            raise RuntimeError(f"this would block an event loop; await {ask.__name__} there")
        if self.keeper is None:
            return asyncio.run(ask(argument))
        asked = asyncio.run_coroutine_threadsafe(ask(argument), self.keeper.loop)
        try:
            while not futures.wait([asked], timeout=0.1).done:
                self.check()  # here too: a loop that ends answers nobody
            return asked.result()
        finally:
            asked.cancel()


@runtime_checkable
class Model(Protocol):
    """A class that the configuration names by import path, for instance `deployments.tone:Tone`."""

    info: ClassVar[ModelInfo]
    Request: ClassVar[type[Request]]
    Options: ClassVar[type[BaseModel]]

    def load(self) -> None:
        """Read weights and warm up. Raises LoadFailed with the reason; called once, in a worker thread."""

    def generate(self, request: Any, context: Context) -> Product | Iterator[Audio]:
        """Make one product; an iterator yields consecutive chunks of a sound. Runs in a worker thread."""


@runtime_checkable
class BatchModel(Protocol):
    """A model with `info.max_batch` > 1 also generates several requests in one call."""

    def generate_batch(self, requests: Sequence[Any], contexts: Sequence[Context]) -> Sequence[Product]:
        """Make one product per request; a context that is cancelled meanwhile may return anything."""


@runtime_checkable
class EngineModel(Protocol):
    """A model with a loop of its own that takes requests while others run (step-level batching)."""

    async def submit(self, request: Any, context: Context) -> Product:
        """Make one product; returns when it is done, raises Cancelled when its context is cancelled."""


@runtime_checkable
class PartModel(Protocol):
    """A model that others are composed with (`parts` of their entries); it makes nothing itself and takes no jobs."""

    info: ClassVar[ModelInfo]
    Options: ClassVar[type[BaseModel]]

    def load(self) -> None:
        """As a Model's."""

    def ask(self, *question: Any) -> Any:
        """The answer to a question, which crosses processes as it is. Runs in a worker thread."""
