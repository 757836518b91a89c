"""The program `continuo`: its commands, and the one place where errors become a line and exit status 1."""

import errno
import os
import sys
from typing import Any

import httpx
import typer
from typer.core import TyperGroup

from deployments.contract import LoadFailed
from serve_app.commands import config, doctor, jobs, keys, models, presets, serve, voices
from serve_app.commands.making import generate, speak
from serve_app.commands.terminal import fail
from serve_app.errors import ConfigError, ContinuoError


class Program(TyperGroup):
    """The root of the commands. An error that a user can meet is told in a line; only a defect leaves a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command of these words."""
        open_streams()
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show is no error
        try:
            return super().invoke(ctx)
        except (ContinuoError, ConfigError, LoadFailed, httpx.HTTPError, httpx.InvalidURL) as error:
            raise fail(explained(error)) from None
        except UnicodeError as error:
            raise fail(undecodable(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read our output has enough
                raise
            raise fail(explained(error)) from None


def open_streams() -> None:
    """Let streams that were closed before we were started be there: the next files that are opened would take their
    places, and be written to by whoever prints (`continuo serve >&-`).
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


def explained(error: Exception) -> str:
    """What a user is told about an error."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    if isinstance(error, ContinuoError):
        from serve_app.records.database import driver_said

        said = driver_said(error)
        return f"{error.detail}: {said}" if said and said not in error.detail else error.detail
    return str(error) or type(error).__name__


def undecodable(error: UnicodeError) -> str:
    """What a user is told about bytes in an argument, a variable or a file that are no text."""
    if isinstance(error, UnicodeEncodeError):
        near = error.object[max(0, error.start - 20) : error.end + 20]
        return f"not text in UTF-8: {near!a}; give arguments and variables in UTF-8"
    return f"not text in UTF-8 ({error}); give files, arguments and variables in UTF-8"


app = typer.Typer(cls=Program, help="Generated sound over HTTP.", no_args_is_help=True, pretty_exceptions_enable=False)
app.command()(serve.serve)
app.command()(generate.generate)
app.command()(speak.speak)
app.command()(jobs.jobs)
app.command()(doctor.doctor)
app.add_typer(models.models_app, name="models", invoke_without_command=True)
app.add_typer(presets.presets_app, name="presets")
app.add_typer(voices.voices_app, name="voices")
app.add_typer(keys.keys_app, name="keys")
app.add_typer(config.config_app, name="config")
