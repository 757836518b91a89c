"""The Ray Serve config file that `continuo` is started with."""

from pathlib import Path
from typing import Any

import yaml

from serve_app.config import parse_settings
from serve_app.errors import ConfigError

DEFAULT_CONFIG = Path(__file__).with_name("configs") / "local.yaml"


def read_config(path: Path | None) -> dict[str, Any]:
    """The `args` of our application in a Ray Serve config file, with what its ingress's `user_config` says instead.

    Raises ConfigError.
    """
    file = path or DEFAULT_CONFIG
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or 'not text'}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    applications = document.get("applications") if isinstance(document, dict) else None
    for application in applications if isinstance(applications, list) else ():
        if isinstance(application, dict) and application.get("import_path") == "serve_app.app:build":
            args: dict[str, Any] = application.get("args") or {}
            settings = settings_of(application)
            return {**args, **settings} if settings else args
    raise ConfigError(f"{file}: no entry of 'applications' has import_path: serve_app.app:build")


def settings_of(application: dict[str, Any]) -> dict[str, Any]:
    """The `user_config` that an application of a Ray Serve config file gives to the ingress. Raises ConfigError."""
    deployments = application.get("deployments")
    for item in deployments if isinstance(deployments, list) else ():
        if isinstance(item, dict) and item.get("name") == "ingress" and item.get("user_config"):
            settings: dict[str, Any] = item["user_config"]
            parse_settings(settings)  # nothing but what may stand there
            return settings
    return {}
