"""`continuo models pull NAME`: the weights of a configured model, fetched before anybody waits for them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from serve_app.config import parse_args
from serve_app.config_file import DEFAULT_CONFIG, read_config
from serve_app.errors import ConfigError, unknown_name
from serve_app.file_modes import private_folder
from serve_app.jobs.catalogue import Catalogue, CatalogueEntry
from serve_app.variables import local_path

ALL_MODELS = DEFAULT_CONFIG.with_name("gpu.yaml")


def find_entry(name: str, config: Path | None) -> CatalogueEntry:
    """The entry of this name in the configuration, else in the one of all models. Raises ConfigError."""
    names: list[str] = []
    for file in (config, ALL_MODELS) if config is not None else (DEFAULT_CONFIG, ALL_MODELS):
        catalogue = Catalogue(parse_args(read_config(file)).models)
        if name in catalogue.names:
            return catalogue[name]
        names += catalogue.names
    raise ConfigError(unknown_name("model", name, sorted(set(names))))


def pull(entry: CatalogueEntry, console: Console) -> list[Path]:
    """Fetch the weights of an entry with a progress bar; returns their folders. Raises LoadFailed, ConfigError."""
    model: Any = entry.model_class(entry.options)
    if not hasattr(model, "download"):
        raise ConfigError(f"model '{entry.name}' has no weights to fetch")
    if not os.environ.get("MODELS_DIR"):  # then they go into the home, which is nobody else's
        private_folder(local_path(os.environ.get("CONTINUO_HOME") or "~/.continuo"))
    with _bars(console) as report:
        folders: list[Path] = model.download(report)
    return folders


@contextmanager
def _bars(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each file, made when it is first heard of."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def report(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=size)
            progress.update(tasks[name], completed=done)

        yield report
