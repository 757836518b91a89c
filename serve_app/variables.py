"""What the surroundings fill into the configuration: environment variables, files with secrets, home folders."""

import os
import re
from pathlib import Path
from typing import Any

from serve_app.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?:FILE:(?!-)([^}]+)|([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?)\}")
_LONGEST_SECRET = 64 << 10


def expand_env(value: Any) -> Any:
    """Replace `${NAME}`, `${NAME:-default}` and `${FILE:/path}` in every string below `value`.

    An empty variable counts as unset; of a file's content one newline at the end is left out. Raises ConfigError for a
    variable without value or default, and for a file that cannot be read.
    """
    try:
        return _expanded(value)
    except RecursionError:
        raise ConfigError("the configuration holds a part that holds itself (YAML's & and *)") from None


def _expanded(value: Any) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(_lookup, value)
    if isinstance(value, dict):
        return {key: _expanded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_expanded(item) for item in value]
    return value


def _lookup(match: re.Match[str]) -> str:
    file, name, default = match.groups()
    if file is not None:
        return _content(file)
    found = os.environ.get(name) or default
    if found is None:
        raise ConfigError(
            f"environment variable {name} is not set, and ${{{name}}} has no default (use ${{{name}:-...}})"
        )
    return found


def _content(file: str) -> str:
    """What `${FILE:...}` stands for: a secret that an orchestrator has put into a file."""
    try:
        with local_path(file).open("rb") as opened:
            content = opened.read(_LONGEST_SECRET + 1)
        if len(content) > _LONGEST_SECRET:
            raise ConfigError(f"${{FILE:{file}}} is longer than {_LONGEST_SECRET >> 10} KiB")
        return content.decode().removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = getattr(error, "strerror", None) or "it does not hold text in UTF-8"
        raise ConfigError(f"${{FILE:{file}}} cannot be read: {reason}") from None


def local_path(text: str) -> Path:
    """A path of the configuration with `~` filled in. Raises ConfigError for the home of an unknown user."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ConfigError(f"'{text}' begins with a home folder that is not known; write it in full") from None
