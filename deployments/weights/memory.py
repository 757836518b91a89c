"""How much memory a model and a request take, before anything runs, and what is refused for it.

Activations are not guessed: the very modules are run on the meta device, where tensors have shapes and no bytes, and
the most bytes that were alive at once are counted.
"""

import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from deployments.contract import LoadFailed, OutOfMemory

if TYPE_CHECKING:
    import torch

P = TypeVar("P")
GIB = 1 << 30
# Workspaces of convolutions and matrix products, fragments of the allocator.
MARGIN = 1.2


def weight_bytes(modules: "Iterable[torch.nn.Module]") -> int:
    """Bytes of all parameters and buffers, shared ones once."""
    tensors = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    return sum(tensor.nbytes for tensor in {id(tensor): tensor for tensor in tensors}.values())


def peak_bytes(module: "torch.nn.Module", call: "Callable[[Any], Any]") -> int:
    """Most bytes of activations alive at once while `call` uses the module; its inputs must be made on "meta".

    `call` gets a function that runs the module: `lambda run: run(torch.empty(1, 4, 100, device="meta"))`.
    Attention counts as the fused kernels do it, without its matrix.
    """
    import torch
    from torch.func import functional_call

    on_meta = {
        name: torch.empty_like(tensor, device="meta")
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }

    def run(*args: Any, **options: Any) -> Any:
        return functional_call(module, on_meta, args, options)

    counter = _counter()
    with torch.no_grad(), _fused_attention(), counter:
        call(run)
    return int(counter.peak)


def _counter() -> Any:
    """A dispatch mode that counts the bytes of live storages."""
    from torch import Tensor
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __init__(self) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            self.now = self.peak = 0
            self.seen: dict[int, int] = {}

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            for tensor in tree_leaves(made):
                if isinstance(tensor, Tensor):
                    self._born(tensor.untyped_storage())
            return made

        def _born(self, storage: Any) -> None:
            key = storage._cdata
            if key not in self.seen:
                self.seen[key] = storage.nbytes()
                self.now += self.seen[key]
                self.peak = max(self.peak, self.now)
                weakref.finalize(storage, self._gone, key)

        def _gone(self, key: int) -> None:
            self.now -= self.seen.pop(key)

    return Counter()


def _fused_attention() -> Any:
    """A function mode in which attention makes nothing but its result, as the kernels on real devices do."""
    from torch.nn import functional
    from torch.overrides import TorchFunctionMode

    class Fused(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is functional.scaled_dot_product_attention:
                query, _, value = args[:3]
                return query.new_empty(*query.shape[:-1], value.shape[-1])
            return func(*args, **(kwargs or {}))

    return Fused()


class Budget:
    """What a model may take of its device, and what its weights have taken."""

    def __init__(self, device: "torch.device", weights: int, limit: int | None) -> None:
        """Raises LoadFailed when the weights alone are more than `limit` bytes."""
        self.device, self.weights, self.limit = device, weights, limit
        if limit is not None and weights > limit:
            raise LoadFailed(f"the weights take {gib(weights)}, max_memory allows {gib(limit)}; {ADVICE}")

    def require(self, activations: int, what: str) -> None:
        """Raise OutOfMemory with the figures when `what` cannot fit beside the weights."""
        need = round(activations * MARGIN)
        if self.limit is not None and self.weights + need > self.limit:
            raise OutOfMemory(
                f"{what} needs {gib(self.weights + need)} ({gib(self.weights)} of weights),"
                f" max_memory allows {gib(self.limit)}"
            )
        free = available(self.device)
        if free is not None and need > free:
            raise OutOfMemory(f"{what} needs {gib(need)} beside the weights, {gib(free)} are free on {self.device}")

    def in_use(self) -> int:
        """Bytes in use now: on CUDA what this process has allocated, on a CPU its resident set."""
        import torch

        if self.device.type == "cuda":
            return int(torch.cuda.memory_allocated(self.device))
        return resident()


def first_that_fits(plan: Callable[[float], P], durations_s: Iterable[float]) -> P:
    """The plan of the first duration that memory suffices for. Raises LoadFailed when it does for none."""
    for duration_s in durations_s:
        try:
            return plan(duration_s)
        except OutOfMemory as error:
            refused = error
    raise LoadFailed(f"not even a short sound fits: {refused}; {ADVICE}")


ADVICE = "try quantization 8bit or 4bit, use_half_precision, offload_modules, or a smaller checkpoint"


def gib(size: int) -> str:
    """Bytes for people."""
    return f"{size / GIB:.2f} GiB" if size >= GIB // 10 else f"{size / (1 << 20):.1f} MiB"


def available(device: "torch.device") -> int | None:
    """Bytes that can still be allocated: the device's free memory and what torch holds unused; None if unknown."""
    import torch

    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    try:
        with open("/proc/meminfo") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def resident() -> int:
    """The resident set of this process in bytes, 0 where the system does not tell."""
    import os

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
