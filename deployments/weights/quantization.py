"""Linear layers whose weights are kept in 8 or 4 bits and unpacked while they are used, on any device.

8 bit is symmetric with one scale for each output (relative error of a layer about 0.006). 4 bit is NF4, the quantiles
of a normal distribution in blocks of 64 (Dettmers et al. 2023, arXiv 2305.14314; about 0.1). torchao and bitsandbytes
do the same; merely installed they make every import of diffusers 4 s longer, which each replica would pay at its start.
"""

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

Quantization = Literal["none", "8bit", "4bit"]
BLOCK = 64
# Table 1 of appendix E of the paper.
NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip


def quantized(module: Any, kind: Quantization) -> Any:
    """The module with its linear layers quantized in place; call it when the module has its final dtype."""
    from torch import nn

    if kind != "none":
        for name, layer in list(module.named_modules()):
            if type(layer) is nn.Linear:
                module.set_submodule(name, _packed(layer, kind))
    return module


def _packed(layer: "torch.nn.Linear", kind: Quantization) -> Any:
    """A layer like this one over packed weights. `weight` is unpacked anew at each look, in the layer's dtype."""
    import torch
    from torch import Tensor, nn
    from torch.nn import functional

    class PackedLinear(nn.Module):
        codes: Tensor
        scales: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.in_features, self.out_features = layer.in_features, layer.out_features
            self.kind, self.dtype = kind, layer.weight.dtype
            pack = pack_int8 if kind == "8bit" else pack_nf4
            codes, scales = pack(layer.weight.detach())
            self.register_buffer("codes", codes)
            self.register_buffer("scales", scales)
            self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach(), requires_grad=False)

        @property
        def weight(self) -> Tensor:
            unpack = unpack_int8 if self.kind == "8bit" else unpack_nf4
            shape = (self.out_features, self.in_features)
            return unpack(self.codes, self.scales, shape, self.dtype)

        def forward(self, x: Tensor) -> Tensor:
            return functional.linear(x, self.weight, self.bias)

        def extra_repr(self) -> str:
            return f"{self.in_features}, {self.out_features}, {self.kind}"

    with torch.no_grad():
        return PackedLinear().eval()


def pack_int8(weight: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """int8 codes of the shape of `weight` (outputs, inputs) and float32 scales (outputs, 1)."""
    import torch

    wide = weight.float()
    scales = wide.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / 127
    return (wide / scales).round().to(torch.int8), scales


def unpack_int8(
    codes: "torch.Tensor", scales: "torch.Tensor", shape: tuple[int, int], dtype: "torch.dtype"
) -> "torch.Tensor":
    """The weight again. Scaled before the product, which in float16 would overflow otherwise."""
    return codes.to(dtype).mul_(scales.to(dtype)).view(shape)


def pack_nf4(weight: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor]":
    """uint8 codes, two to a byte, of `weight` row after row, and float32 scales, one for each block of 64."""
    import torch
    from torch.nn import functional

    flat = weight.float().flatten()
    blocks = functional.pad(flat, (0, -flat.numel() % BLOCK)).view(-1, BLOCK)
    scales = blocks.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    levels = torch.tensor(NF4, device=weight.device)
    nearest = torch.bucketize((blocks / scales).flatten(), (levels[1:] + levels[:-1]) / 2).to(torch.uint8)
    return nearest[0::2] << 4 | nearest[1::2], scales


def unpack_nf4(
    codes: "torch.Tensor", scales: "torch.Tensor", shape: tuple[int, int], dtype: "torch.dtype"
) -> "torch.Tensor":
    """The weight again: each byte is looked up as the pair of levels that it stands for."""
    import torch

    levels = torch.tensor(NF4, device=codes.device, dtype=dtype)
    byte = torch.arange(256, device=codes.device)
    pairs = torch.stack([levels[byte >> 4], levels[byte & 15]], dim=1)
    blocks = pairs[codes.int()].view(-1, BLOCK) * scales.to(dtype)
    return blocks.flatten()[: shape[0] * shape[1]].view(shape)
