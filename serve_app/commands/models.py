"""`continuo models ...`: what the service serves, and the weights that it wants on this machine."""

from typing import Any

import typer

from serve_app.commands.client import LOCAL_URL, UrlOption, checked, client, path
from serve_app.commands.config import ConfigOption
from serve_app.commands.terminal import ElseGroup, JsonOption, err, print_json, print_line, print_table

models_app = typer.Typer(help="List the models, show one, or fetch its weights.", cls=ElseGroup)


@models_app.callback()
def models(context: typer.Context, as_json: JsonOption = False, url: UrlOption = LOCAL_URL) -> None:
    """List the models, show one by its name, or fetch its weights."""
    if context.invoked_subcommand is not None:
        return
    with client(url) as http:
        found = checked(http.get(path("models")), "data")
    if as_json:
        print_json(found)
        return
    rows = (
        (
            item["id"],
            item["task"],
            item["status"] + (f": {item['reason']}" if item["reason"] else ""),
            str(item["replicas"]),
            most(item),
            item["licence"]["weights"],
        )
        for item in found["data"]
    )
    print_table(("name", "task", "status", "replicas", "most", "weights"), rows)


def most(card: dict[str, Any]) -> str:
    """The longest sound or the largest picture that a model makes; nothing for one that makes none."""
    if (longest_s := card.get("max_duration_s")) is not None:
        return f"{longest_s:g} s"
    return f"{pixels / 1e6:.1f} MP" if (pixels := card.get("max_pixels")) else ""


@models_app.command("show", hidden=True)
def show_model(name: str, as_json: JsonOption = False, url: UrlOption = LOCAL_URL) -> None:
    """Show a model, as JSON in any case."""
    with client(url) as http:
        print_json(checked(http.get(path("models", name)), "id"))


@models_app.command("pull")
def pull_weights(name: str, config: ConfigOption = None) -> None:
    """Fetch the weights of a model into MODELS_DIR; what an earlier try has brought is kept."""
    from serve_app.commands.pull import find_entry, pull

    for folder in pull(find_entry(name, config), err):
        print_line(str(folder))
