"""`continuo jobs [ID]`."""

from typing import Annotated

import typer

from serve_app.commands.client import LOCAL_URL, UrlOption, checked, client, path
from serve_app.commands.terminal import JsonOption, print_json, print_table

PROMPT_CHARACTERS = 60


def jobs(
    job_id: Annotated[str | None, typer.Argument()] = None, as_json: JsonOption = False, url: UrlOption = LOCAL_URL
) -> None:
    """List the newest jobs, or show one."""
    with client(url) as http:
        if job_id:
            print_json(checked(http.get(path("jobs", job_id)), "id"))
            return
        found = checked(http.get(path("jobs")), "results")
    if as_json:
        print_json(found)
        return
    rows = (
        (
            item["id"],
            item["status"],
            item["model_used"] or item["model"],
            item["created_at"],
            str(item["input"].get("prompt", ""))[:PROMPT_CHARACTERS],
        )
        for item in found["results"]
    )
    print_table(("id", "status", "model", "created", "prompt"), rows)
