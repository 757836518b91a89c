"""Where the weights of a model are: in the folder that its options name, below MODELS_DIR, or still on the hub."""

from pathlib import Path

from deployments.contract import LoadFailed
from deployments.weights.checkpoint import Checkpoint, WeightOptions, missing, record, told
from deployments.weights.hub import Report, pull


class Pulled:
    """A model whose weights `continuo models pull` fetches."""

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Everything that its options make it read."""
        raise NotImplementedError

    options: WeightOptions

    def missing(self) -> list[str]:
        """A line for each checkpoint that is not all on this machine: which files, where; never raises."""
        return [line for checkpoint in self.checkpoints() if (line := lacking(checkpoint, self.options.model_path))]

    def download(self, report: Report) -> list[Path]:
        """Fetch or complete the weights; returns the folders. Raises LoadFailed."""
        return [pull(checkpoint, report) for checkpoint in self.checkpoints()]


def find(published: Checkpoint, options: WeightOptions | None = None) -> Path:
    """The folder that holds a whole checkpoint; it is downloaded or completed first when the options allow it.

    Raises LoadFailed in one line: what was looked for, where, what was missing there, what to do.
    """
    options = options or WeightOptions()
    checkpoint = options.of(published)
    if options.model_path is not None:
        folder = Path(options.model_path).expanduser()
        if lacks := missing(folder, checkpoint):
            raise LoadFailed(f"weights were looked for in {folder} (option model_path): {told(lacks)}")
        return folder
    lacks = outdated(checkpoint) or missing(checkpoint.folder, checkpoint)
    if not lacks:
        return checkpoint.folder
    looked = f"weights of {checkpoint.repository} were looked for in {checkpoint.folder}: {told(lacks)}"
    if not options.download:
        raise LoadFailed(f"{looked}; download is off: fetch them with 'continuo models pull', or set model_path")
    try:
        return pull(checkpoint)
    except LoadFailed as error:
        raise LoadFailed(f"{looked}; {error}") from error


def lacking(checkpoint: Checkpoint, model_path: str | None = None) -> str | None:
    """What a checkpoint lacks, in a line, where `find` would look for it; None when it is whole."""
    folder = checkpoint.folder if model_path is None else Path(model_path).expanduser()
    try:
        if model_path is not None and (folder / checkpoint.repository).is_dir():  # what the first one names
            return None
        lacks = (outdated(checkpoint) if model_path is None else []) or missing(folder, checkpoint)
    except (OSError, ValueError, LookupError, AttributeError) as error:
        lacks = [f"cannot be read ({error})"]
    if not lacks:
        return None
    instead = "; fetch them with 'continuo models pull'" if model_path is None else " (option model_path)"
    return f"weights of {checkpoint.repository} in {folder}: {told(lacks)}{instead}"


def outdated(checkpoint: Checkpoint) -> list[str]:
    """Says when another commit than the pinned one was pulled; a branch or tag is never outdated."""
    held = record(checkpoint.folder).get("revision")
    pinned = len(checkpoint.revision) == 40
    if held is None or not pinned or held == checkpoint.revision:
        return []
    return [f"revision {held[:12]} is there, {checkpoint.revision[:12]} is wanted"]
