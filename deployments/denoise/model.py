"""The base of a diffusion model's class: it brings `load`, `generate` and `submit`; the model brings the rest.

class TangoFlux(DiffusionModel[TangoFluxRequest]):
    info, Request, Options = ...                   # Options derives from DiffusionOptions
    def open(self) -> Denoiser: ...                # weights into memory
    def plan(self, request) -> Plan: ...           # numbers only, and what cannot be served is refused here
"""

import asyncio
from typing import ClassVar, Generic, TypeVar

from deployments.contract import Audio, Context, Frozen, ModelInfo, Request, Samples
from deployments.denoise.denoiser import Denoiser, Plan
from deployments.denoise.engine import Engine, Settings
from deployments.weights.modules import packages

R = TypeVar("R", bound=Request)


class DiffusionOptions(Frozen):
    """Options that every diffusion model has."""

    engine: Settings = Settings()


class DiffusionModel(Generic[R]):
    """A model that runs on the step-level engine, alone in plain Python as well as in a replica."""

    info: ClassVar[ModelInfo]

    def __init__(self, options: DiffusionOptions) -> None:
        self.settings = options.engine
        self.engine: Engine | None = None

    def open(self) -> Denoiser:
        """Bring the weights into memory. Raises LoadFailed saying what was looked for and where."""
        raise NotImplementedError

    def plan(self, request: R) -> Plan:
        """The request in numbers. Raises InvalidInput or OutOfMemory when it cannot be served."""
        raise NotImplementedError

    def load(self) -> None:
        """Load the weights and start the engine."""
        with packages():
            self.engine = Engine(self.open(), self.settings)

    def healthy(self) -> str | None:
        """Why the engine serves nothing more; None while it does."""
        return None if self.engine is None else self.engine.failure

    async def submit(self, request: R, context: Context) -> Audio:
        """Make one sound among others that run already."""
        assert self.engine is not None
        samples = await asyncio.wrap_future(self.engine.submit(self.plan(request), context))
        return self._sound(samples)

    def generate(self, request: R, context: Context) -> Audio:
        """Make one sound and wait for it; calls from several threads share their steps."""
        assert self.engine is not None
        return self._sound(self.engine.submit(self.plan(request), context).result())

    def _sound(self, samples: Samples) -> Audio:
        assert self.info.sound is not None
        return Audio(samples, self.info.sound.sample_rate_hz)
