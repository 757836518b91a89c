"""`continuo presets ...`: search and show the presets of a service, check preset files on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from deployments.contract import Capability
from serve_app.terminal import LOCAL_URL, ElseGroup, UrlOption, checked, client, fail, out


class QueryGroup(ElseGroup):
    """What is no command is a query: `continuo presets warm pad`."""

    otherwise = "search"


presets_app = typer.Typer(cls=QueryGroup, help="Presets: search, show, check.", invoke_without_command=True)
RoleOption = Annotated[str | None, typer.Option(help="PAD, BASS, LEAD, ARP, KEYS, ...")]
LimitOption = Annotated[int, typer.Option(help="At most so many.")]


@presets_app.callback()
def presets(context: typer.Context) -> None:
    """Without a command: list them all. With words: search."""
    if context.invoked_subcommand is None:
        list_presets()


@presets_app.command("list")
def list_presets(role: RoleOption = None, limit: LimitOption = 1000, url: UrlOption = LOCAL_URL) -> None:
    """List the presets of the service."""
    show({"role": role, "limit": limit}, url)


@presets_app.command("search")
def search(words: list[str], role: RoleOption = None, limit: LimitOption = 10, url: UrlOption = LOCAL_URL) -> None:
    """Search by meaning, the best first."""
    show({"q": " ".join(words), "role": role, "limit": limit}, url)


@presets_app.command("show")
def show_preset(name: str, url: UrlOption = LOCAL_URL) -> None:
    """Show one preset in full."""
    with client(url) as http:
        out.print_json(data=checked(http.get(f"/v1/presets/{name}")))


@presets_app.command()
def lint(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; the library if absent.")] = None,
    listen: Annotated[int, typer.Option(help="Render each preset with so many seeds and check the sound.")] = 0,
) -> None:
    """Check preset files: units, ranges, graphs, texts, and with --listen levels and faults of the sound."""
    from serve_app.config import parse_args
    from serve_app.graph import Catalogue
    from serve_app.launch import read_config

    faults = 0
    for item in Catalogue(parse_args(read_config(None)).models):
        if Capability.PRESET in item.info.capabilities:
            for line in item.model_class.lint(paths or [], listen):
                faults += 1
                out.print(line, soft_wrap=True, markup=False)
    if faults:
        raise fail(f"{faults} faults")
    out.print("no faults")


def show(query: dict[str, Any], url: str) -> None:
    """Ask the service and print a table."""
    with client(url) as http:
        sent = {name: value for name, value in query.items() if value is not None}
        found = checked(http.get("/v1/presets", params=sent))["results"]
    table = Table("id", "role", "score", "description", box=None)
    for item in found:
        score = "" if item["score"] is None else f"{item['score']:.2f}"
        table.add_row(item["id"], item["role"], score, item["description"])
    out.print(table)
