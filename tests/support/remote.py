"""Models that ask somebody elsewhere: what they were told lies in files and lists that a test looks at."""

import threading
from typing import Any, ClassVar

from deployments.contract import Audio, Context, ModelInfo, RetryLater
from deployments.tone import Tone, ToneRequest


class NotingTone(Tone):
    """A tone that notes that it was asked, keeps what each attempt found noted, and waits while its prompt is held."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "noting-1"})
    found: ClassVar[list[tuple[str, Any]]] = []
    held: ClassVar[set[str]] = set()

    def generate(self, request: ToneRequest, context: Context) -> Audio:
        self.found.append((request.prompt, context.noted))
        context.note({"asked": 1 + (context.noted or {"asked": 0})["asked"], "secret": "PROVIDER-ID"})
        while request.prompt in self.held:
            context.step(1, 2)
            context.cancelled.wait(0.01)
        return super().generate(request, context)


class BusyTone(Tone):
    """A tone that is to be asked again later until its prompt is no longer `busy`; attempts call `reached`."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "busy-1"})
    busy: ClassVar[dict[str, float]] = {}
    urls: ClassVar[dict[str, list[str | None]]] = {}

    def generate(self, request: ToneRequest, context: Context) -> Audio:
        self.urls.setdefault(request.prompt, []).append(context.callback_url)
        if request.prompt in self.busy:
            raise RetryLater(self.busy[request.prompt])
        return super().generate(request, context)


class WaitingTone(Tone):
    """A tone that is ready when its callback has come."""

    info: ClassVar[ModelInfo] = Tone.info.model_copy(update={"revision": "waiting-1"})
    urls: ClassVar[dict[str, str]] = {}
    waiting: ClassVar[threading.Event] = threading.Event()

    def generate(self, request: ToneRequest, context: Context) -> Audio:
        self.urls[request.prompt] = context.callback_url or ""
        while not context.wait_for_callback(60):
            pass
        return super().generate(request, context)
