"""The classes that a model author writes, as protocols."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from deployments.contract.context import Context
from deployments.contract.info import ModelInfo
from deployments.contract.product import Audio, Product
from deployments.contract.request import Request


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
