"""Classes that the configuration names by import path."""

import importlib
from typing import Any

from serve_app.errors import ConfigError


def load_class(path: str) -> type[Any]:
    """Import `package.module:Class`. Raises ConfigError that says what is missing."""
    module_name, _, class_name = path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), class_name)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"model class '{path}' cannot be imported: {error}") from None
