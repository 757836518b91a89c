"""Precision and memory: what the options make of a model, and what is refused with its figures."""

from contextlib import suppress
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from deployments.contract import LoadFailed, OutOfMemory
from deployments.weights.memory import GIB, Budget, available, peak_bytes, resident, weight_bytes
from deployments.weights.placement import Modules, Placement, PlacementOptions, has_bfloat16
from deployments.weights.quantization import pack_int8, pack_nf4, quantized, unpack_int8, unpack_nf4

CPU = torch.device("cpu")


class Network(nn.Module):
    """Two linear layers and a convolution, as wide as a small text encoder."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rise, self.fall = nn.Linear(256, 512), nn.Linear(512, 256)
        self.mix = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, x: Any) -> Any:
        return self.mix(self.fall(functional.gelu(self.rise(x)))[:, None])[:, 0]


def network() -> Network:
    return Network().eval().requires_grad_(False)


@pytest.mark.parametrize(("kind", "error", "shrinks"), [("none", 0, 1), ("8bit", 0.01, 0.27), ("4bit", 0.15, 0.15)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_quantized_layers_are_smaller_and_nearly_the_same(
    kind: Any, error: float, shrinks: float, dtype: torch.dtype
) -> None:
    x = torch.randn(4, 256, generator=torch.Generator().manual_seed(1)).to(dtype)
    plain = network()
    made = quantized(network().to(dtype), kind)
    expected, got = plain(x.float()), made(x)
    assert got.dtype == dtype
    assert (got - expected).norm() / expected.norm() <= error + (0.01 if dtype == torch.bfloat16 else 0)
    assert weight_bytes([made]) <= shrinks * weight_bytes([plain])
    assert type(made.mix) is nn.Conv1d


def test_float16_does_not_overflow_where_its_result_would_not() -> None:
    layer = nn.Linear(64, 1, bias=False, dtype=torch.float16)
    layer.weight.data.fill_(1e-3)
    made = quantized(nn.Sequential(layer), "8bit")
    assert made(torch.full((1, 64), 1e4, dtype=torch.float16)).item() == pytest.approx(640, rel=1e-2)


def test_weights_that_fill_no_whole_blocks_come_back_in_their_places() -> None:
    layer = nn.Linear(5, 7)
    codes, scales = pack_nf4(layer.weight.detach())
    back = unpack_nf4(codes, scales, (7, 5), torch.float32)
    assert (back - layer.weight).abs().max() <= 0.16 * layer.weight.abs().max()
    zero = torch.zeros(3, 4)
    for pack, unpack in ((pack_nf4, unpack_nf4), (pack_int8, unpack_int8)):
        assert torch.equal(unpack(*pack(zero), (3, 4), torch.float32), zero)


def test_numbers_on_a_cpu() -> None:
    def chosen(**options: Any) -> Placement:
        return Placement.choose(PlacementOptions(device="cpu", **options))

    assert chosen(use_half_precision=False).network == torch.float32
    assert chosen(use_half_precision=True).network == torch.bfloat16
    assert chosen().network == (torch.bfloat16 if has_bfloat16() else torch.float32)
    assert {chosen(use_half_precision=True).codec, chosen().text} == {torch.float32}
    assert chosen(quantization="4bit").quantization == "4bit"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(LoadFailed, match="no CUDA device"):
        Placement.choose(PlacementOptions(device="cuda"))
    assert Placement.choose(PlacementOptions()).device == CPU


def test_options_are_checked() -> None:
    assert PlacementOptions(max_memory="8GB").max_memory == 8_000_000_000
    assert PlacementOptions(max_memory="1.5 GiB").max_memory == 3 * GIB // 2
    for wrong in ({"max_memory": "much"}, {"quantization": "2bit"}, {"device": "tpu"}, {"offload_modules": "vae"}):
        with pytest.raises(ValidationError):
            PlacementOptions.model_validate(wrong)


def test_offloading_is_for_accelerators_and_knows_its_modules() -> None:
    placement = Placement.choose(PlacementOptions(device="cpu"))
    held = Modules({"unet": network(), "vae": network()}, placement, ("vae",))
    assert held.offloaded == frozenset()
    with held.using("vae") as vae:
        assert vae is held["vae"]
    with pytest.raises(LoadFailed, match="offload_modules names vocoder; the modules are unet, vae"):
        Modules({"unet": network(), "vae": network()}, placement, ("vocoder",))


def test_an_offloaded_module_is_on_the_device_only_while_it_is_used() -> None:
    class Elsewhere(nn.Module):
        """Says where it was moved to."""

        def __init__(self) -> None:
            super().__init__()
            self.places: list[str] = []

        def to(self, device: Any) -> "Elsewhere":
            self.places.append(str(device))
            return self

    moved, stays = Elsewhere(), Elsewhere()
    cuda = Placement(torch.device("cuda"), torch.bfloat16, torch.bfloat16, torch.float32)
    held = Modules({"vae": moved, "unet": stays}, cuda, ("vae",))
    with suppress(ZeroDivisionError), held.using("vae"):
        assert moved.places == ["cuda"]
        _ = 1 / 0
    with held.using("unet"):
        pass
    assert (moved.places, stays.places) == (["cuda", "cpu"], ["cuda"])


def test_activations_are_counted_where_they_live() -> None:
    chain = nn.Sequential(nn.Conv1d(1, 8, 3, padding=1), nn.Conv1d(8, 16, 3, padding=1), nn.Conv1d(16, 1, 3, padding=1))
    assert peak_bytes(chain, lambda run: run(torch.empty(1, 1, 1000, device="meta"))) == 4 * 1000 * (1 + 8 + 16)
    assert all(parameter.device == CPU for parameter in chain.parameters())


def test_attention_counts_without_its_matrix() -> None:
    class Attention(nn.Module):
        def forward(self, x: Any) -> Any:
            return functional.scaled_dot_product_attention(x, x, x)

    sizes = [peak_bytes(Attention(), lambda run, n=n: run(torch.empty(1, 4, n, 8, device="meta"))) for n in (500, 1000)]
    assert sizes == [2 * 4 * 4 * 500 * 8, 2 * 4 * 4 * 1000 * 8]


def test_what_cannot_fit_is_refused_with_the_figures() -> None:
    budget = Budget(CPU, weights=3 * GIB, limit=4 * GIB)
    budget.require(GIB // 2, "30 s of sound")
    with pytest.raises(
        OutOfMemory, match=r"60 s of sound needs 5.40 GiB \(3.00 GiB of weights\), max_memory allows 4.00"
    ):
        budget.require(2 * GIB, "60 s of sound")
    free = available(CPU)
    assert free is None or free > 0
    if free is not None:
        with pytest.raises(OutOfMemory, match="are free on cpu"):
            Budget(CPU, weights=0, limit=None).require(2 * free, "an hour of sound")


def test_weights_over_the_limit_are_not_loaded() -> None:
    with pytest.raises(LoadFailed, match=r"take 3.00 GiB, max_memory allows 2.00 GiB; try quantization"):
        Budget(CPU, weights=3 * GIB, limit=2 * GIB)


def test_memory_in_use_is_what_the_process_holds() -> None:
    assert 10 << 20 < resident() == pytest.approx(Budget(CPU, 0, None).in_use(), rel=0.1)
