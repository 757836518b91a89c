"""What a medium is to the rest of the program: settings of its outputs, limits, how a product becomes a file."""

import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import Field

from deployments.contract import Audio, Frozen, ModelInfo, Product
from serve_app.storage import Upload

Finding = dict[str, str]  # {pointer, detail}: a field of `input` that is not possible, and why
Kind = Literal["audio", "image"]


def finding(field: str, detail: str) -> Finding:
    """What is not possible about a field of `input`."""
    return {"pointer": f"/{field}", "detail": detail}


Send = Callable[[bytes, Mapping[str, Any]], None]  # the next bytes of a file, and what is known of all of it
Keep = Callable[[str], Upload]  # begins to store a file of a media type
ENDINGS: Mapping[str, str] = {"aac": "m4a"}  # of the files of a format, where it is not its name


class Settings(Frozen):
    """How outputs leave, whatever they are; each medium adds its own."""

    n: int = Field(default=1, ge=1, le=8, description="How many candidates; candidate i has seed + i.")


@dataclass(frozen=True)
class File:
    """A finished file: its bytes and its media type. The bytes of a long sound are mapped from a nameless file."""

    data: bytes | mmap.mmap
    media_type: str


@dataclass(frozen=True)
class Begun:
    """A file that was stored while it was made, all but its end: `head` replaces as many of its first bytes."""

    upload: Upload
    head: bytes | None
    media_type: str


@dataclass(frozen=True)
class Delivered:
    """A product on its way to storage.

    `facts` go into the output, `metrics` are seconds spent. `companions` are smaller files that are stored beside the
    main one, by the names that the delivery gives them. `finished` is what a scorer gets.
    """

    file: File | Begun
    facts: Mapping[str, Any]
    metrics: Mapping[str, float]
    companions: Mapping[str, File] = field(default_factory=dict)
    finished: Any = None


class Delivery(Protocol):
    """One medium. The catalogue asks it before a request is accepted, the replica when the product is there."""

    kind: ClassVar[Kind]
    settings: ClassVar[type[Settings]]
    aliases: ClassVar[Mapping[str, str]]  # names of fields that other services use
    companions: ClassVar[Mapping[str, str]]  # what is stored beside each output: its name, the suffix of its key

    def fits(self, info: ModelInfo) -> bool:
        """Whether a model declares what its products are like."""

    def limits(self, request: Any, settings: Any, info: ModelInfo, name: str) -> list[Finding]:
        """What the model called `name` cannot make, or the format cannot hold."""

    def settled(self, request: Any, info: ModelInfo) -> Any:
        """A request within the limits, with what the model decides filled in: part of the content address."""

    def for_another(self, given: Mapping[str, Any], asked: ModelInfo, info: ModelInfo) -> dict[str, Any]:
        """The input of a request to one model, as another one of this medium can serve it."""

    def too_large(self, request: Any, settings: Any, info: ModelInfo, most_bytes: int) -> list[Finding]:
        """Why the product would take more memory than that, before it is made."""

    def resolved(self, settings: Any, info: ModelInfo) -> dict[str, Any]:
        """The settings as plain data, with what the model decides filled in: part of the content address.

        A setting that came later is left out while it has its default, so that what is stored keeps its address.
        """

    def deliver(self, product: list[Product], request: Any, settings: Mapping[str, Any]) -> Delivered:
        """Finish and encode the one product in the list, which is taken out so that no caller holds it.

        `settings` are the resolved ones. Raises UnusableAudio, UnusableImage, StorageFull.
        """

    def score(
        self, parts: Mapping[str, Any], request: Mapping[str, Any], delivered: Delivered
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the model's scorer says, if it has one: for the output, for the job's facts."""


@runtime_checkable
class StreamDelivery(Delivery, Protocol):
    """A medium whose products can leave while they are made."""

    def instead(self, settings: Any) -> Any | None:
        """The settings of a product that answers for one of these: a whole sound does for a streamed one."""

    def stream(
        self, made: Product | Iterator[Audio], request: Any, settings: Mapping[str, Any], send: Send, keep: Keep
    ) -> tuple[Delivered, Mapping[str, Any]]:
        """As `deliver`, but `send` and the upload that `keep` begins get the bytes of the file as they are made.

        Raises before the first of them what can be known by then. Also returns the facts of the product.
        """
