"""Requests of one model made together, for models that make several in one call."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deployments.contract import BatchModel, Cancelled, Context, Product

Waiting = tuple[Any, Context, "asyncio.Future[Product]"]


class Batcher:
    """Collects requests while a batch runs: a lone one never waits, a busy model fills its batches.

    Those that are cancelled while they wait are not made.
    """

    def __init__(self, model: BatchModel, max_batch: int) -> None:
        self.model, self.max_batch = model, max_batch
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self.waiting: deque[Waiting] = deque()
        self.task: asyncio.Task[None] | None = None

    async def submit(self, request: Any, context: Context) -> Product:
        """Make one sound in whatever batch comes next."""
        future: asyncio.Future[Product] = asyncio.get_running_loop().create_future()
        self.waiting.append((request, context, future))
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._drive())
        return await future

    async def _drive(self) -> None:
        while batch := self._next():
            await self._run(batch)

    def _next(self) -> list[Waiting]:
        """The first of those who still wait."""
        batch: list[Waiting] = []
        while self.waiting and len(batch) < self.max_batch:
            _, context, future = item = self.waiting.popleft()
            try:
                context.check()
                batch.append(item)
            except Cancelled as error:
                if not future.done():
                    future.set_exception(error)
        return batch

    async def _run(self, batch: list[Waiting]) -> None:
        requests, contexts, futures = zip(*batch, strict=True)
        loop = asyncio.get_running_loop()
        try:
            results: Sequence[Product] = await loop.run_in_executor(
                self.thread, self.model.generate_batch, requests, contexts
            )
            for future, audio in zip(futures, results, strict=True):
                if not future.done():
                    future.set_result(audio)
        except Exception as error:  # noqa: BLE001  (the edge between any model's code and ours)
            for future in futures:
                if not future.done():
                    future.set_exception(error)
