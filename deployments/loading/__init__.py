"""From published files to modules in memory: which files, where they lie, how they are read.

checkpoint.py   what a model needs of a repository, and whether a folder has all of it
hub.py          fetching a repository of the Hugging Face hub, resumable and verified
find.py         where a model's weights are; fetched when they are nowhere
packaged.py     fetching weights that come as a Python package
hashes.py       the sha256 of a large file, computed once
mapped.py       files -> numpy views, without reading them
modules.py      files -> modules, without initialising what is overwritten
sentence_models.py  which sentence models there are, and where
"""

from deployments.loading.checkpoint import Checkpoint, WeightOptions, models_dir
from deployments.loading.find import Pulled, find
from deployments.loading.hub import pull
from deployments.loading.modules import fill, load_component, load_tokenizer, packages, read_state

__all__ = [
    "Checkpoint",
    "Pulled",
    "WeightOptions",
    "fill",
    "find",
    "load_component",
    "load_tokenizer",
    "models_dir",
    "packages",
    "pull",
    "read_state",
]
