"""Forwards at fixed numbers of rows. There is no CUDA here: a capture that computes stands for one that replays."""

from typing import Any

import pytest
import torch

from deployments.denoise.graphs import MOST, ROWS, Graphed, widened


class Computing:
    """A capture as CUDA's: its inputs and its output keep their places."""

    def __init__(self, forward: Any, inputs: Any) -> None:
        self.forward, self.inputs = forward, inputs
        self.output = forward(*inputs)

    def replay(self) -> torch.Tensor:
        return self.output.copy_(self.forward(*self.inputs))


def weighted(x: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    return x * gain[:, None]


def given(rows: int, width: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, width), torch.randn(rows)


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 32, 40])
def test_the_result_is_that_of_the_forward(rows: int) -> None:
    graphed = Graphed(weighted, Computing)
    for inputs in (given(rows), given(rows)):
        assert torch.equal(graphed(*inputs), weighted(*inputs))


def test_results_outlive_the_next_replay() -> None:
    graphed = Graphed(weighted, Computing)
    first, second = given(2), given(2)
    kept = graphed(*first)
    graphed(*second)
    assert torch.equal(kept, weighted(*first))


def test_rows_are_padded_to_few_sizes() -> None:
    graphed = Graphed(weighted, Computing)
    for rows in range(1, 33):
        graphed(*given(rows))
    assert sorted(capture.inputs[0].shape[0] for capture in graphed.captured.values()) == list(ROWS)
    assert torch.equal(widened(torch.tensor([[1.0], [2.0]]), 4), torch.tensor([[1.0], [2.0], [1.0], [1.0]]))


def test_the_number_of_graphs_is_bounded() -> None:
    graphed = Graphed(weighted, Computing)
    for width in range(1, MOST + 10):
        inputs = given(2, width)
        assert torch.equal(graphed(*inputs), weighted(*inputs))
    assert len(graphed.captured) == MOST


def test_a_capture_that_fails_leaves_the_eager_forward(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(forward: Any, inputs: Any) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing")

    graphed = Graphed(weighted, refuse)
    for inputs in (given(2), given(3)):
        assert torch.equal(graphed(*inputs), weighted(*inputs))
    assert caplog.text.count("could not be captured") == 1
