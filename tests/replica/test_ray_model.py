"""What becomes of the errors that Ray raises in place of an answer; a double stands for the deployment handle."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from ray import exceptions

from serve_app.errors import ModelNotReady
from serve_app.replica.parts import PartFailed, RemotePart
from serve_app.replica.work import Event, ReplicaGone, Work

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of ray.serve's own use of pydantic
    from ray.serve._private.common import DeploymentID  # what Serve makes its error of; the error itself is public
    from ray.serve.exceptions import DeploymentUnavailableError

    from serve_app.app import RayModel

pytestmark = pytest.mark.anyio
WORK = Work("job_1", "req_1", "audio/x.wav", 1, {}, {}, seconds_left=60)


class Stream:
    """Events, and in the end `error` if there is one; remembers whether it was cancelled."""

    def __init__(self, events: list[Event], error: Exception | None) -> None:
        self.events, self.error, self.cancelled = events, error, False

    async def __aiter__(self) -> AsyncIterator[Event]:
        for event in self.events:
            yield event
        if self.error is not None:
            raise self.error

    def cancel(self) -> None:
        self.cancelled = True


class Handle:
    """A deployment handle whose calls end in `error`."""

    deployment_name = "tone"

    def __init__(self, error: Exception | None = None, events: list[Event] | None = None, method: str = "") -> None:
        self.error, self.events, self.method = error, events or [], method
        self.streams: list[Stream] = []

    def options(self, method_name: str, **_: Any) -> "Handle":
        made = Handle(self.error, self.events, method_name)
        made.streams = self.streams
        return made

    def remote(self, *_: Any) -> Any:
        if self.method == "run":
            self.streams.append(Stream(self.events, self.error))
            return self.streams[-1]
        return self._answer()

    async def _answer(self) -> Any:
        if self.error is not None:
            raise self.error
        return "answer", 42


def unavailable() -> Exception:
    return DeploymentUnavailableError(DeploymentID("tone", "continuo"))


def broken_connection() -> Exception:
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())


async def test_a_deployment_that_failed_is_a_model_that_is_not_ready() -> None:
    model = RayModel(Handle(unavailable()))
    with pytest.raises(ModelNotReady, match="model 'tone' is not available"):
        [event async for event in model.run(WORK)]
    with pytest.raises(ModelNotReady, match="model 'tone' is not available"):
        await model.ask("presets")
    status = await model.status()
    assert status["status"] == "failed"
    assert "model 'tone' is not available" in status["reason"]


@pytest.mark.parametrize("error", [exceptions.RayActorError(), exceptions.WorkerCrashedError(), broken_connection()])
async def test_a_dead_process_is_a_replica_that_is_gone(error: Exception) -> None:
    model = RayModel(Handle(error, [("taken", {})]))
    with pytest.raises(ReplicaGone):
        [event async for event in model.run(WORK)]
    with pytest.raises(ReplicaGone):
        await model.ask("presets")
    with pytest.raises(ReplicaGone):
        await model.status()


@pytest.mark.parametrize("last", ["output", "error"])
async def test_a_call_is_cancelled_unless_it_has_ended(last: str) -> None:
    handle = Handle(events=[("taken", {}), ("progress", {"step": 1}), (last, {})])
    assert [kind async for kind, _ in RayModel(handle).run(WORK)] == ["taken", "progress", last]
    assert not handle.streams[-1].cancelled
    for given_up_at in ("taken", "progress"):
        stream = RayModel(handle).run(WORK)
        async for kind, _ in stream:
            if kind == given_up_at:
                break
        await stream.aclose()  # type: ignore[attr-defined]
        assert handle.streams[-1].cancelled


@pytest.mark.parametrize("error", [unavailable(), exceptions.RayActorError(), broken_connection(), TimeoutError()])
async def test_a_part_that_is_away_fails_its_question_only(error: Exception) -> None:
    part = RemotePart(Handle(error))
    part.loop = asyncio.get_running_loop()
    with pytest.raises(PartFailed, match=type(error).__name__):
        await asyncio.to_thread(part.ask, "a tone")


async def test_a_part_answers_or_says_why_not() -> None:
    part = RemotePart(Handle())
    with pytest.raises(PartFailed, match="has not begun"):
        await asyncio.to_thread(part.ask, "a tone")
    part.loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(part.ask, "a tone") == 42
    with pytest.raises(PartFailed, match="event loop"):
        part.ask("a tone")
