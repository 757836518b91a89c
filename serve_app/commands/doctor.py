"""`continuo doctor`: what this machine has and lacks for a service, and what to do about it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from serve_app.commands.config import ConfigOption, EnvFileOption, load_env_file
from serve_app.commands.terminal import JsonOption, note, out, print_json, visible

if TYPE_CHECKING:
    from serve_app.checks import Check

_COLOURS = {"ok": "green", "warning": "yellow", "failed": "red"}


def doctor(
    config: ConfigOption = None,
    port: Annotated[int, typer.Option(help="Where the service shall listen.")] = 8000,
    as_json: JsonOption = False,
    env_file: EnvFileOption = None,
) -> None:
    """Look at this machine. Exit status 1 when something would keep the service from running, else 0."""
    from serve_app.checks import diagnose, report, worst

    load_env_file(env_file)
    checks = diagnose(config, port)
    if as_json:
        print_json(report(checks))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            show(check, width)
        note(summary(checks))
    if worst(checks) == "failed":
        raise typer.Exit(1)


def show(check: "Check", width: int) -> None:
    """Print a finding, and below it what to do."""
    head = Text.assemble((f"{check.status:<8}", _COLOURS[check.status]), f"{check.name:<{width}}  ")
    out.print(head + Text(visible(check.detail)), soft_wrap=True)
    if check.remedy:
        out.print(Text(" " * (10 + width) + "-> " + visible(check.remedy)), soft_wrap=True)


def summary(checks: Sequence["Check"]) -> str:
    """The last line."""
    failed = sum(check.status == "failed" for check in checks)
    warnings = sum(check.status == "warning" for check in checks)
    if failed:
        return f"{failed} of {len(checks)} checks failed: the service cannot run like this"
    return "nothing keeps the service from running" + (f"; {warnings} warnings" if warnings else "")
