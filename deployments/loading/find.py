"""Where the weights of a model are: in the folder that its options name, below MODELS_DIR, or still on the hub."""

from pathlib import Path

from deployments.contract import LoadFailed
from deployments.loading.checkpoint import Checkpoint, WeightOptions, missing, record, told
from deployments.loading.hub import Report, pull


class Pulled:
    """A model whose weights `continuo models pull` fetches."""

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Everything that its options make it read."""
        raise NotImplementedError

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


def outdated(checkpoint: Checkpoint) -> list[str]:
    """Says when another commit than the pinned one was pulled; a branch or tag is never outdated."""
    held = record(checkpoint.folder).get("revision")
    pinned = len(checkpoint.revision) == 40
    if held is None or not pinned or held == checkpoint.revision:
        return []
    return [f"revision {held[:12]} is there, {checkpoint.revision[:12]} is wanted"]
