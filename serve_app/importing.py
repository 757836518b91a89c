"""Classes that the configuration names by import path."""

import importlib
from typing import Any

from deployments.moved import MOVED
from serve_app.errors import ConfigError
from serve_app.logs import log


def load_class(path: str) -> type[Any]:
    """Import `package.module:Class`, also by the path of the last release. Raises ConfigError: what is missing."""
    if path in MOVED:
        log.warning("model class '%s' is now '%s': change the entry, the next release drops the old", path, MOVED[path])
    module_name, _, class_name = MOVED.get(path, path).partition(":")
    try:
        return getattr(importlib.import_module(module_name), class_name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"model class '{path}' cannot be imported: {error}") from None
