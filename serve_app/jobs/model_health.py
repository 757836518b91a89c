"""How each model does, by the jobs of all processes: read from the database at most every two seconds."""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from serve_app.records.database import Database
from serve_app.records.model_rows import Outcome, Queue, outcomes, queues

FRESH_FOR_S = 2.0


@dataclass(frozen=True)
class ModelFigures:
    """The queue of a model, and what became of the jobs that it was asked for lately; None where nothing is known."""

    queue_depth: int
    oldest_queued_s: float | None
    success_ratio: float | None
    run_p50_s: float | None
    sample: int


@dataclass(frozen=True)
class _Read:
    queues: Mapping[str, Queue]
    outcomes: Sequence[Outcome]


class ModelHealth:
    """The figures of every model, from one read for all who ask at about the same time."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._reading: asyncio.Task[_Read] | None = None
        self._fresh_until = 0.0

    async def of(self, model: str) -> ModelFigures:
        """The figures of a model. Raises DatabaseUnavailable; a caller who goes away leaves the read to the others."""
        if self._reading is None or (self._reading.done() and self._clock() >= self._fresh_until):
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may wait
        read = await asyncio.shield(self._reading)
        return figures(model, read.queues.get(model), read.outcomes)

    async def _read(self) -> _Read:
        read = _Read(await self._database.read(queues), await self._database.read(outcomes))
        self._fresh_until = self._clock() + FRESH_FOR_S
        return read


def figures(model: str, queue: Queue | None, ended: Sequence[Outcome]) -> ModelFigures:
    """What these outcomes say about a model: one that left a job to its fallback has not succeeded with it."""
    asked = [item for item in ended if model in (item.planned, item.used)]
    served = [item for item in asked if item.succeeded and item.used == model]
    runs = [item.run_s for item in served if item.run_s is not None]
    return ModelFigures(
        queue_depth=queue.depth if queue else 0,
        oldest_queued_s=round(queue.oldest_s, 3) if queue else None,
        success_ratio=round(len(served) / len(asked), 4) if asked else None,
        run_p50_s=round(statistics.median(runs), 6) if runs else None,
        sample=len(asked),
    )
