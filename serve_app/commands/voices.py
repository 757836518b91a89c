"""`continuo voices ...`: list those of models and one's own, bring one, delete one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from serve_app.commands.client import LOCAL_URL, UrlOption, checked, client, path
from serve_app.commands.terminal import ElseGroup, JsonOption, fail, note, print_json, print_line, print_table

voices_app = typer.Typer(
    cls=ElseGroup, help="Voices: list, show one (`voices ID`), add, delete.", invoke_without_command=True
)


@voices_app.callback()
def voices(context: typer.Context, as_json: JsonOption = False, url: UrlOption = LOCAL_URL) -> None:
    """Without a command: list your own, then those of models."""
    if context.invoked_subcommand is not None:
        return
    with client(url) as http:
        found = checked(http.get(path("voices")), "results")
    if as_json:
        print_json(found)
        return
    columns = ("id", "name", "languages", "gender", "models", "licence")
    print_table(columns, (_line(item) for item in found["results"]))


def _line(voice: dict[str, Any]) -> tuple[str, ...]:
    listed = (" ".join(voice["languages"]), voice["gender"] or "", " ".join(voice["models"]))
    return (voice["id"], voice["name"], *listed, voice["licence"] or "your own")


@voices_app.command("show")
def show_voice(voice: str, as_json: JsonOption = False, url: UrlOption = LOCAL_URL) -> None:
    """Show a voice, as JSON in any case."""
    with client(url) as http:
        print_json(checked(http.get(path("voices", voice)), "id"))


@voices_app.command("add")
def add_voice(
    file: Annotated[Path, typer.Argument(help="3 to 60 s of one voice, in any common format.")],
    name: Annotated[str, typer.Option(help="What you call it.")],
    consent: Annotated[bool, typer.Option("--consent", help="Whoever is heard agreed to be spoken like.")] = False,
    transcript: Annotated[str | None, typer.Option(help="What is said in it.")] = None,
    as_json: JsonOption = False,
    url: UrlOption = LOCAL_URL,
) -> None:
    """Bring a voice: a recording of somebody who agreed to be spoken like."""
    if not consent:
        raise fail("--consent is needed: it says that whoever is heard agreed to be spoken like")
    sent = {"name": name, "consent": "true", **({"transcript": transcript} if transcript else {})}
    with file.open("rb") as opened, client(url) as http:
        made = checked(http.post(path("voices"), data=sent, files={"file": (file.name, opened)}), "id", "hints")
    if as_json:
        print_json(made)
        return
    print_line(made["id"])
    for hint in made["hints"]:
        note(f"{hint['code']}: {hint['detail']}")


@voices_app.command("delete")
def delete_voice(
    voice_id: str,
    outputs: Annotated[bool, typer.Option("--outputs", help="Also the jobs and sounds made with it.")] = False,
    url: UrlOption = LOCAL_URL,
) -> None:
    """Delete a voice of yours and all that was derived from it."""
    with client(url) as http:
        answer = http.delete(path("voices", voice_id), params={"outputs": "true"} if outputs else {})
    if answer.status_code != 204:
        checked(answer, "id")
    print_line(f"deleted {voice_id}")
