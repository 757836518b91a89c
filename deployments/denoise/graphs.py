"""CUDA graphs of a network's forward at fixed numbers of rows: a step then costs its arithmetic, not its launches.

An eager step of a diffusion transformer launches several hundred kernels, 5 to 10 us of host time each; at few rows
that is most of the step. A graph replays them at once but knows one shape only, so rows are padded to the next of ROWS.
No CUDA machine was at hand: the capture itself has never run, and falls back to eager steps when it fails.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

ROWS = (1, 2, 4, 8, 16, 32)
MOST = 24  # graphs kept; a network of so many shapes runs the others as they come

log = logging.getLogger("continuo")
Forward = Callable[..., "torch.Tensor"]


class Capture(Protocol):
    """A forward recorded over `inputs`, tensors that keep their place; `replay` does it anew and returns its output."""

    inputs: "tuple[torch.Tensor, ...]"

    def replay(self) -> "torch.Tensor":
        """The output of what is in `inputs` now; the next replay overwrites it."""


class CudaCapture:
    """A forward as a CUDA graph."""

    def __init__(self, forward: Forward, inputs: "tuple[torch.Tensor, ...]") -> None:
        import torch

        self.inputs = inputs
        current, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(current)
        with torch.cuda.stream(aside):  # libraries set themselves up at first use, which must not be recorded
            for _ in range(3):
                forward(*inputs)
        current.wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        # thread_local: the side thread encodes and decodes meanwhile, and may allocate.
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.output = forward(*inputs)

    def replay(self) -> "torch.Tensor":
        """As the protocol says."""
        self.graph.replay()
        return self.output


class Graphed:
    """A forward of tensors (rows, ...) to a tensor (rows, ...), captured once for each shape.

    A capture that fails is logged once, and everything runs eagerly from then on.
    """

    def __init__(self, forward: Forward, capture: Callable[[Forward, Any], Capture] = CudaCapture) -> None:
        self.forward, self.capture = forward, capture
        self.captured: dict[Any, Capture] = {}
        self.usable = True

    def __call__(self, *inputs: "torch.Tensor") -> "torch.Tensor":
        """What `forward` gives for these inputs, in a tensor of its own."""
        rows = inputs[0].shape[0]
        found = self._find(rows, inputs) if self.usable else None
        if found is None:
            return self.forward(*inputs)
        for slot, given in zip(found.inputs, inputs, strict=True):
            slot[:rows].copy_(given)  # rows beyond hold what was there: finite, and nobody reads their output
        return found.replay()[:rows].clone()

    def _find(self, rows: int, inputs: "tuple[torch.Tensor, ...]") -> Capture | None:
        size = next((size for size in ROWS if size >= rows), None)
        key = (size, *((tensor.shape[1:], tensor.dtype) for tensor in inputs))
        if size is None or (key not in self.captured and len(self.captured) >= MOST):
            return None
        if key not in self.captured:
            try:
                self.captured[key] = self.capture(self.forward, tuple(widened(tensor, size) for tensor in inputs))
            except RuntimeError:
                log.warning("a CUDA graph could not be captured; steps run without", exc_info=True)
                self.usable, self.captured = False, {}
                return None
        return self.captured[key]


def widened(tensor: "torch.Tensor", rows: int) -> "torch.Tensor":
    """A tensor of so many rows that begins with the given ones and goes on with copies of the first."""
    import torch

    return torch.cat([tensor, tensor[:1].expand(rows - tensor.shape[0], *tensor.shape[1:])]).contiguous()
