"""On which device a model runs, in which numbers, and what of it waits in main memory.

Denoisers and text encoders may be halved or quantized. Decoders keep float32: they are short of neither time nor
memory, and rounding in them is heard.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ByteSize, Field

from deployments.contract import Frozen, LoadFailed
from deployments.weights.quantization import Quantization

if TYPE_CHECKING:
    import torch

log = logging.getLogger("continuo")


class PlacementOptions(Frozen):
    """How a model uses its device; part of the options of every model with weights."""

    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="auto takes CUDA where there is one.")
    use_half_precision: bool | None = Field(
        default=None,
        description="bfloat16 (float16 on CUDA before 8.0) for denoiser and, on CUDA, text encoders; "
        "if absent: on CUDA, and on a CPU with bfloat16 instructions.",
    )
    quantization: Quantization = Field(default="none", description="Of the linear layers of denoiser and text encoder.")
    offload_modules: tuple[str, ...] = Field(
        default=(), description="Modules that wait in main memory while they are not used; without effect on a CPU."
    )
    max_memory: ByteSize | None = Field(
        default=None, description="Most memory for weights and one request, for instance 8GB; the device's if absent."
    )


@dataclass(frozen=True)
class Placement:
    """Device and numbers of a loaded model: `network` for the denoiser, `text` for encoders, `codec` for decoders."""

    device: "torch.device"
    network: "torch.dtype"
    text: "torch.dtype"
    codec: "torch.dtype"
    quantization: Quantization = "none"

    @staticmethod
    def choose(options: PlacementOptions) -> "Placement":
        """What the options mean on this machine. Raises LoadFailed when it has no such device."""
        import torch

        there = torch.cuda.is_available()
        if options.device == "cuda" and not there:
            raise LoadFailed("option device is cuda, but torch sees no CUDA device; set it to auto or cpu")
        if there and options.device != "cpu":
            device = torch.device("cuda", torch.cuda.current_device())
            half = torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
            network = torch.float32 if options.use_half_precision is False else half
            return Placement(device, network, network, torch.float32, options.quantization)
        wanted = options.use_half_precision
        half_precision = has_bfloat16() if wanted is None else wanted
        network = torch.bfloat16 if half_precision else torch.float32
        return Placement(torch.device("cpu"), network, torch.float32, torch.float32, options.quantization)


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; without it bfloat16 is slower than float32."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class Modules:
    """The modules of a model by name, each on the device or, if it is offloaded, there while it is used."""

    def __init__(self, modules: Mapping[str, Any], placement: Placement, offloaded: tuple[str, ...] = ()) -> None:
        """Move everything to where it belongs. Raises LoadFailed for a name that is none of the modules."""
        self.modules, self.placement = dict(modules), placement
        unknown = [name for name in offloaded if name not in self.modules]
        if unknown:
            raise LoadFailed(f"offload_modules names {unknown[0]}; the modules are {', '.join(self.modules)}")
        self.offloaded = frozenset(offloaded) if placement.device.type != "cpu" else frozenset[str]()
        if offloaded and not self.offloaded:
            log.info("offload_modules has no effect: the model runs on the CPU")
        for name, module in self.modules.items():
            if name not in self.offloaded:
                module.to(placement.device)

    def __getitem__(self, name: str) -> Any:
        return self.modules[name]

    @contextmanager
    def using(self, name: str) -> Iterator[Any]:
        """The module, on the device for the time of the block."""
        module = self.modules[name]
        if name not in self.offloaded:
            yield module
            return
        module.to(self.placement.device)
        try:
            yield module
        finally:
            module.to("cpu")
