"""The shipped double of models that ask a provider over HTTP and pay for it: whatever dies, it submits once.

    note {token} -> POST /songs -> note {token, id} -> GET /songs/{id} until it is done -> GET its file

- name: remote
  model: deployments.remote_tone:RemoteTone
  options: {url: "http://127.0.0.1:9000"}
  replicas: {cpus: 0, target_ongoing: 100}

A submit whose answer was lost is looked for by its token. Where the provider knows none the job fails and says that it
may have been paid: the request may still be on its way.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from pydantic import Field

from deployments.contract import (
    Context,
    Encoded,
    Frozen,
    InvalidInput,
    Licence,
    ModelInfo,
    RetryLater,
    SoundInfo,
    SoundRequest,
)

if TYPE_CHECKING:
    import httpx


class RemoteToneOptions(Frozen):
    """Where the provider is."""

    url: str = Field(pattern="^https?://")
    poll_s: float = Field(default=1.0, gt=0, description="Between two looks at a song; a callback comes before.")
    retry_s: float = Field(default=5.0, ge=0, description="Until a provider is asked again that does not say when.")
    resubmit: bool = Field(default=False, description="Submit again what the provider does not know: maybe paid twice.")


class MaybePaid(RuntimeError):
    """A request may have reached the provider, who does not tell."""


class RemoteTone:
    """Whatever the provider makes of the prompt."""

    info: ClassVar[ModelInfo] = ModelInfo(
        task="text-to-audio",
        sound=SoundInfo(sample_rate_hz=44_100, channels=2, max_duration_s=60),
        licence=Licence(weights="the provider's", commercial=True),
        revision="remote-tone-1",
    )
    Request: ClassVar[type[SoundRequest]] = SoundRequest
    Options: ClassVar[type[RemoteToneOptions]] = RemoteToneOptions

    def __init__(self, options: RemoteToneOptions) -> None:
        self.options = options

    def load(self) -> None:
        """Make the client; the provider is not asked."""
        import httpx

        self.client = httpx.AsyncClient(base_url=self.options.url)

    def generate(self, request: SoundRequest, context: Context) -> Encoded:
        """`submit` in plain Python, without the service."""
        return asyncio.run(self.submit(request, context))

    async def submit(self, request: SoundRequest, context: Context) -> Encoded:
        """Return the provider's file. Raises RetryLater while nobody there answers, InvalidInput, MaybePaid."""
        number = await self._number(request, context)
        while (song := (await self._get(f"/songs/{number}")).json())["status"] != "done":
            if song["status"] == "failed":
                raise RuntimeError("the provider could not make it")
            await context.wait_for_callback_async(self.options.poll_s)
        file = await self._get(song["file"])
        return Encoded(file.content, file.headers["content-type"], {"provider": {"id": number}})

    async def _number(self, request: SoundRequest, context: Context) -> Any:
        """The provider's number of the song, which is noted; submits it unless that was done before."""
        noted = context.noted or {}
        if "id" in noted:
            return noted["id"]
        token = noted.get("token") or secrets.token_hex(16)
        if "token" in noted:
            number = await self._find(context, token)
        else:
            await context.note_async({"token": token})
            number = await self._post(request, context, token)
        await context.note_async({"token": token, "id": number})
        return number

    async def _post(self, request: SoundRequest, context: Context, token: str) -> Any:
        import httpx

        asked = {"prompt": request.prompt, "seconds": request.duration_s, "seed": context.seed, "token": token}
        try:
            answer = await self.client.post("/songs", json={**asked, "callback": context.callback_url})
        except (httpx.ConnectError, httpx.ConnectTimeout):  # nothing was sent
            await self._come_back(context, self.options.retry_s)
        except httpx.TransportError:
            return await self._find(context, token)
        if answer.status_code in (429, 503):
            await self._come_back(context, _seconds(answer, self.options.retry_s))
        if answer.is_server_error:
            return await self._find(context, token)
        if answer.is_client_error:
            raise InvalidInput(f"the provider refuses it: {answer.text[:200]}")
        return answer.json()["id"]

    async def _find(self, context: Context, token: str) -> Any:
        """The number of the song that may have been submitted. Raises MaybePaid."""
        answer = await self._get("/songs", params={"token": token})
        if songs := answer.json()["songs"] if answer.is_success else ():
            return songs[0]["id"]
        if self.options.resubmit:
            await self._come_back(context, self.options.retry_s)
        raise MaybePaid("the provider knows nothing of a request that was sent or about to be; it may have been paid")

    async def _come_back(self, context: Context, after_s: float) -> NoReturn:
        """Submit later, as if nothing had been sent."""
        await context.note_async({})
        raise RetryLater(after_s)

    async def _get(self, url: str, **more: Any) -> "httpx.Response":
        """What asking costs nothing: whoever cannot be reached is asked again later."""
        import httpx

        try:
            answer = await self.client.get(url, **more)
        except httpx.TransportError:
            raise RetryLater(self.options.retry_s) from None
        if answer.status_code == 429 or answer.is_server_error:
            raise RetryLater(_seconds(answer, self.options.retry_s))
        return answer if more else answer.raise_for_status()


def _seconds(answer: "httpx.Response", otherwise: float) -> float:
    """When to ask again by Retry-After, which may also be a date; an hour at most."""
    given = answer.headers.get("retry-after", "")
    return min(3600.0, float(given)) if given.isdecimal() else otherwise
