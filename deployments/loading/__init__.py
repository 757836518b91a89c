"""From published files to modules in memory: which files, where they lie, how they are read.

checkpoint.py   what a model needs of a repository, where it is looked for, whether it is whole
hub.py          fetching a repository of the Hugging Face hub, resumable and verified
modules.py      files -> modules, without initialising what is overwritten
"""

from deployments.loading.checkpoint import Checkpoint, WeightOptions, models_dir
from deployments.loading.find import find
from deployments.loading.hub import pull
from deployments.loading.modules import fill, load_component, read_state

__all__ = ["Checkpoint", "WeightOptions", "fill", "find", "load_component", "models_dir", "pull", "read_state"]
