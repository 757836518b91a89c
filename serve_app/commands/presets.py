"""`continuo presets ...`: search and show the presets of a service, check preset files on this machine."""

from pathlib import Path
from typing import Annotated, Any

import typer

from deployments.contract import Capability
from serve_app.commands.client import LOCAL_URL, UrlOption, checked, client, path
from serve_app.commands.terminal import ElseGroup, JsonOption, fail, print_json, print_line, print_table


class QueryGroup(ElseGroup):
    """What is no command is a query: `continuo presets warm pad`."""

    otherwise = "search"


presets_app = typer.Typer(cls=QueryGroup, help="Presets: search, show, check.", invoke_without_command=True)
RoleOption = Annotated[str | None, typer.Option(help="PAD, BASS, LEAD, ARP, KEYS, ...")]
LimitOption = Annotated[int, typer.Option(help="At most so many.")]


@presets_app.callback()
def presets(context: typer.Context, as_json: JsonOption = False, url: UrlOption = LOCAL_URL) -> None:
    """Without a command: list them all. With words: search."""
    if context.invoked_subcommand is None:
        list_presets(as_json=as_json, url=url)


@presets_app.command("list")
def list_presets(
    role: RoleOption = None, limit: LimitOption = 1000, as_json: JsonOption = False, url: UrlOption = LOCAL_URL
) -> None:
    """List the presets of the service."""
    show({"role": role, "limit": limit}, as_json, url)


@presets_app.command("search")
def search(
    words: list[str],
    role: RoleOption = None,
    limit: LimitOption = 10,
    as_json: JsonOption = False,
    url: UrlOption = LOCAL_URL,
) -> None:
    """Search by meaning, the best first."""
    show({"q": " ".join(words), "role": role, "limit": limit}, as_json, url)


@presets_app.command("show")
def show_preset(name: str, as_json: JsonOption = False, url: UrlOption = LOCAL_URL) -> None:
    """Show one preset in full, as JSON in any case."""
    with client(url) as http:
        print_json(checked(http.get(path("presets", name)), "id"))


@presets_app.command()
def lint(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; the library if absent.")] = None,
    listen: Annotated[int, typer.Option(help="Render each preset with so many seeds and check the sound.")] = 0,
) -> None:
    """Check preset files: units, ranges, graphs, texts, and with --listen levels and faults of the sound."""
    from serve_app.config import parse_args
    from serve_app.config_file import read_config
    from serve_app.jobs.catalogue import Catalogue

    for given in paths or ():
        given.stat()  # raises OSError that names it: what is not there has no faults
    faults = 0
    for item in Catalogue(parse_args(read_config(None)).models):
        if Capability.PRESET in item.info.capabilities:
            for line in item.model_class.lint(paths or [], listen):
                faults += 1
                print_line(line)
    if faults:
        raise fail(f"{faults} faults")
    print_line("no faults")


def show(query: dict[str, Any], as_json: bool, url: str) -> None:
    """Ask the service and print what it found."""
    with client(url) as http:
        sent = {name: value for name, value in query.items() if value is not None}
        found = checked(http.get(path("presets"), params=sent), "results")
    if as_json:
        print_json(found)
        return
    rows = (
        (item["id"], item["role"], "" if item["score"] is None else f"{item['score']:.2f}", item["description"])
        for item in found["results"]
    )
    print_table(("id", "role", "score", "description"), rows)
