"""`continuo config ...`, and the options of every command that reads a configuration."""

import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
import yaml

from serve_app.config import Settings, parse_args
from serve_app.errors import ConfigError

config_app = typer.Typer(help="The configuration.", no_args_is_help=True)
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A Ray Serve config file; the built-in one if absent.")
]
EnvFileOption = Annotated[
    Path | None, typer.Option("--env-file", help="Variables, NAME=value a line; those that are set already stay.")
]


@config_app.command("render")
def render(config: ConfigOption = None, env_file: EnvFileOption = None) -> None:
    """Print the file for `serve deploy`, checked, with every default written out. Variables stay as they are."""
    from serve_app.config_file import read_config

    load_env_file(env_file)
    raw = read_config(config)
    full = parse_args(raw).model_dump(mode="json")
    full.pop("listen")
    settings = {name: {**full[name], **(raw.get(name) or {})} for name in Settings.model_fields}
    shown = {**full, **raw, "models": full["models"], "auth": {"mode": "keys"}}  # Ray's proxies are not loopback
    document = {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": 8000},
        "applications": [
            {
                "name": "continuo",
                "route_prefix": "/",
                "import_path": "serve_app.app:build",
                # Limits and retention stand apart: what changes here restarts nothing, what changes in `args` all.
                "args": {key: value for key, value in shown.items() if key not in settings},
                "deployments": [{"name": "ingress", "user_config": settings}],
            }
        ],
    }
    sys.stdout.write(yaml.safe_dump(document, sort_keys=False))


def load_env_file(file: Path | None) -> None:
    """Set the variables of a dotenv file that are unset or empty. Raises ConfigError."""
    if file is None:
        return
    from dotenv import load_dotenv
    from dotenv.parser import parse_stream

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text in UTF-8"
        raise ConfigError(f"--env-file {file}: cannot be read: {reason}") from None
    found = list(parse_stream(io.StringIO(text)))
    for line in found:
        if line.error or "\0" in line.original.string:
            raise ConfigError(f"--env-file {file}: line {line.original.line} is not NAME=value")
    for line in found:
        if line.key and not os.environ.get(line.key):
            os.environ.pop(line.key, None)  # empty is unset, also where one line of the file names another
    load_dotenv(stream=io.StringIO(text), override=False)
