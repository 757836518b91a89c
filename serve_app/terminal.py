"""What the commands share: where they print, how they fail, how they reach the service."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

out, err = Console(highlight=False), Console(stderr=True, highlight=False)

UrlOption = Annotated[str, typer.Option("--url", envvar="CONTINUO_URL", help="The service.")]
LOCAL_URL = "http://127.0.0.1:8000"


def fail(text: str) -> typer.Exit:
    """An error line and the exit that follows it."""
    err.print(f"[red]error:[/red] {escape(text)}", soft_wrap=True)
    return typer.Exit(1)


class ElseGroup(TyperGroup):
    """A group in which a word that is no command belongs to the command `otherwise`, by default the name to show."""

    otherwise: ClassVar[str] = "show"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of these words."""
        return super().resolve_command(ctx, args if args[0] in self.commands else [self.otherwise, *args])


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    """An HTTP client of the service, with the key of CONTINUO_API_KEY if there is one."""
    key = os.environ.get("CONTINUO_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(base_url=url, headers=headers, timeout=70) as http:
            yield http
    except httpx.TransportError as error:
        raise fail(f"no answer from {url} ({error}); start the service with: continuo serve") from None


def checked(response: httpx.Response) -> Any:
    """The JSON of an answer; a problem ends the command with its detail."""
    if response.is_error:
        try:
            problem = response.json()
            text = "; ".join(f"{e['pointer']}: {e['detail']}" for e in problem.get("errors", ())) or problem["detail"]
        except (ValueError, KeyError):
            text = f"HTTP {response.status_code}"
        raise fail(text)
    return response.json()
