"""Files to modules: made on the meta device, so that no initialiser runs for weights that are overwritten.

Safetensors are memory-mapped; a pickle is only ever read with `weights_only`, which runs none of its code.
"""

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from deployments.contract import LoadFailed
from deployments.weights.checkpoint import told, weight_files

if TYPE_CHECKING:
    import torch

M = TypeVar("M", bound="torch.nn.Module")


@contextmanager
def packages() -> Iterator[None]:
    """Says what to install when a package of the models is missing. Raises LoadFailed."""
    try:
        yield
    except ImportError as error:
        raise LoadFailed(
            f"the package {error.name} is not installed; install the models' packages:"
            " pip install -c constraints.txt '.[models]'"
        ) from error


def read_state(*files: Path) -> "dict[str, torch.Tensor]":
    """The tensors of one or more weight files by name. Raises LoadFailed for a file that holds anything else."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    state: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            if file.suffix == ".safetensors":
                state |= load_file(file)
            else:
                state |= torch.load(file, map_location="cpu", weights_only=True, mmap=True)
        except FileNotFoundError as error:
            raise LoadFailed(f"{file} is missing") from error
        except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, OSError, TypeError) as error:
            why = str(error).splitlines()[0][:150] if str(error) else type(error).__name__
            raise LoadFailed(f"{file} was not loaded, it holds more than weights or is damaged: {why}") from error
    return state


def fill(module: M, state: "Mapping[str, torch.Tensor]", source: Path, dtype: "torch.dtype | None" = None) -> M:
    """Give a module (made on the meta device) its weights, for inference. Raises LoadFailed when they do not fit it."""
    if dtype is not None:
        state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in state.items()}
    wrong = [
        f"{name} has shape {tuple(state[name].shape)} where {tuple(slot.shape)} is needed"
        for name, slot in module.state_dict().items()
        if name in state and state[name].shape != slot.shape
    ]
    lacks = [f"{name} is missing" for name in module.state_dict().keys() - state.keys()]
    extra = [f"{name} is not of this model" for name in state.keys() - module.state_dict().keys()]
    if found := [*wrong, *sorted(lacks), *sorted(extra)]:
        raise LoadFailed(f"{source} is no checkpoint of this {type(module).__name__}: {told(found)}")
    module.load_state_dict(dict(state), assign=True)
    left = [name for name, tensor in (*module.named_parameters(), *module.named_buffers()) if tensor.is_meta]
    if left:
        raise LoadFailed(f"{source} leaves parts of {type(module).__name__} without values: {told(left)}")
    return module.eval().requires_grad_(False)


def load_component(kind: type[Any], folder: Path, dtype: "torch.dtype | None" = None) -> Any:
    """A module of diffusers or transformers from its folder, for inference, float32 unless `dtype` says otherwise.

    Both libraries make it on the meta device and assign. They only warn when weights are missing or too many; here
    that is an error. Raises LoadFailed.
    """
    import torch

    files = weight_files(folder)
    safe = bool(files) and files[0].suffix == ".safetensors"
    if not safe:
        read_state(*files)  # refuses a pickle with anything but weights before a library touches it
    own = "torch_dtype" if kind.__module__.startswith("diffusers.") else "dtype"
    try:
        module, found = kind.from_pretrained(
            folder,
            use_safetensors=safe,
            local_files_only=True,
            output_loading_info=True,
            **{own: dtype or torch.float32},
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise LoadFailed(f"{folder} is no {kind.__name__}: {why}") from error
    wrong = [f"{_first(item)} has another shape" for item in found.get("mismatched_keys") or ()]
    lacks = [f"{name} is missing" for name in found["missing_keys"]]
    if wrong or lacks:
        raise LoadFailed(f"{folder} is no checkpoint of this {kind.__name__}: {told([*wrong, *lacks])}")
    return module.eval().requires_grad_(False)


def load_tokenizer(folder: Path) -> Any:
    """A tokenizer of transformers from its folder. Raises LoadFailed."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise LoadFailed(f"{folder} holds no tokenizer: {why}") from error


def _first(item: Any) -> str:
    return str(item[0] if isinstance(item, tuple) else item)
