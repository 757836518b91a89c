"""A check that costs something and that anybody may ask for: made one at a time, its result shared for a while."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from serve_app.errors import ContinuoError

GOOD_FOR_S = 5.0
BAD_FOR_S = 1.0  # whoever waits for it to become good hears of it soon


class SharedCheck:
    """Calling it raises the ContinuoError that `check` raised when it was made last, which is at most 5 s ago."""

    def __init__(self, check: Callable[[], Awaitable[None]], now: Callable[[], float] = time.monotonic) -> None:
        self._check, self._now = check, now
        self._made: asyncio.Task[ContinuoError | None] | None = None
        self._good_until = 0.0

    async def __call__(self) -> None:
        """Return when the check is good. Raises what it raised; a caller who goes away leaves it to the others."""
        if self._made is None or (self._made.done() and self._now() >= self._good_until):
            self._made = asyncio.create_task(self._make())
        error = await asyncio.shield(self._made)
        if error is not None:
            raise type(error)(error.detail, error.errors, error.retry_after_s)

    def forget(self) -> None:
        """Make it anew at the next call."""
        self._good_until = 0.0

    async def _make(self) -> ContinuoError | None:
        kept_s = 0.0
        try:
            await self._check()
            kept_s = GOOD_FOR_S
        except ContinuoError as error:
            kept_s = BAD_FOR_S
            return error
        finally:
            self._good_until = self._now() + kept_s
        return None
