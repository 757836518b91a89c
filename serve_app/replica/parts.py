"""Other models as parts of one: how a replica asks the models that its entry is composed with.

A part has `ask(*question)`, called from a worker thread. On Ray it is a deployment handle; in plain Python it may be
the model itself.
"""

import asyncio
from typing import Any

from serve_app.deliver.finish import Finished
from serve_app.logs import log
from serve_app.replica.work import Answer

SCORER = "scorer"
PATIENCE_S = 60.0


class PartFailed(RuntimeError):
    """A part gave no answer; the message says why."""


class RemotePart:
    """A part behind a deployment handle.

    The handle belongs to the event loop of the replica (Serve routes there), so a question from a worker thread is put
    to that loop; `loop` is set by the replica before its first work.
    """

    def __init__(self, handle: Any) -> None:
        self.handle = handle.options(method_name="ask", _by_reference=False)
        self.loop: asyncio.AbstractEventLoop | None = None

    def ask(self, *question: Any, patience_s: float = PATIENCE_S) -> Any:
        """The answer of the other model. Raises PartFailed, at the latest after `patience_s`."""
        from grpc.aio import AioRpcError  # by which Ray 2.60 tells of a process that died
        from ray.exceptions import RayError
        from ray.serve.exceptions import DeploymentUnavailableError

        if self.loop is None:
            raise PartFailed("its replica has not begun to work")
        if asyncio._get_running_loop() is not None:
            raise PartFailed("asked from an event loop, which it would block")
        try:
            waiting = asyncio.run_coroutine_threadsafe(self._answer(question, patience_s), self.loop)
            kind, value = waiting.result()
        except (RayError, AioRpcError, DeploymentUnavailableError, TimeoutError) as error:
            raise PartFailed(f"{type(error).__name__} from its replica") from error
        if kind == "error":
            raise PartFailed(value)
        return value

    async def _answer(self, question: tuple[Any, ...], patience_s: float) -> Answer:
        async with asyncio.timeout(patience_s):
            answer: Answer = await self.handle.remote(*question)
        return answer


def connected(parts: dict[str, Any]) -> dict[str, Any]:
    """The parts of an entry as something to ask; deployment handles (they have `remote`) are wrapped."""
    return {name: RemotePart(part) if hasattr(part, "remote") else part for name, part in parts.items()}


def scored(parts: dict[str, Any], prompt: str, sound: Finished) -> tuple[dict[str, Any], dict[str, Any]]:
    """What goes into the output and into the facts of a sound whose model has a scorer; both empty when it has none.

    Without an answer the sound leaves without a score, and the facts say why.
    """
    scorer = parts.get(SCORER)
    if scorer is None:
        return {}, {}
    try:
        score = scorer.ask(prompt, sound.samples.mean(axis=0), sound.sample_rate_hz)
    except PartFailed as error:
        log.warning("a sound was not scored", extra={"reason": str(error)})
        return {"clap_score": None}, {"scoring": {"off": str(error)}}
    return {"clap_score": round(float(score), 6)}, {"scoring": {"off": None}}
