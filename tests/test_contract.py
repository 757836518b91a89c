import threading
import time

import pytest
from pydantic import ValidationError

from deployments.contract import (
    CAPABILITY_FIELDS,
    Cancelled,
    Capability,
    Context,
    InvalidInput,
    Model,
    OutOfMemory,
    SoundRequest,
)
from deployments.faults import device_lost, memory_ran_out
from deployments.tone import Tone


def test_a_request_knows_its_limits() -> None:
    assert SoundRequest(prompt="x").duration_s == 10
    for wrong in ({"prompt": ""}, {"prompt": "x" * 4001}, {"prompt": "x", "seed": -1}, {"prompt": "x", "seed": 2**32}):
        with pytest.raises(ValidationError):
            SoundRequest.model_validate(wrong)
    for duration_s in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            SoundRequest(prompt="x", duration_s=duration_s)
    with pytest.raises(ValidationError, match="Extra inputs"):
        SoundRequest.model_validate({"prompt": "x", "tempo": 3})
    with pytest.raises(ValidationError, match="frozen"):
        SoundRequest(prompt="x").prompt = "y"


def test_a_context_stops_at_a_cancel_or_its_deadline() -> None:
    reports: list[tuple[int, int]] = []
    context = Context(seed=1, progress=lambda step, steps: reports.append((step, steps)))
    context.step(1, 2)
    context.cancelled.set()
    with pytest.raises(Cancelled):
        context.step(2, 2)
    assert reports == [(1, 2), (2, 2)]
    with pytest.raises(Cancelled):
        Context(seed=1, deadline=time.monotonic() - 1).check()
    Context(seed=1, deadline=time.monotonic() + 60).check()


def test_a_cancel_from_another_thread_wakes_a_sleeping_step() -> None:
    context = Context(seed=1)
    threading.Timer(0.05, context.cancelled.set).start()
    with pytest.raises(Cancelled):
        Tone().generate(Tone.Request(prompt="x", steps=1, step_s=10), context)


def test_a_model_is_known_by_what_it_has() -> None:
    assert isinstance(Tone(), Model)
    assert not isinstance(object(), Model)
    assert InvalidInput("no", "/voice").pointer == "/voice"


def test_capabilities_bring_fields_of_their_own() -> None:
    owners: dict[str, Capability] = {}
    for capability, fields in CAPABILITY_FIELDS.items():
        for field in fields:
            assert owners.setdefault(field, capability) is capability


class AcceleratorError(RuntimeError):
    """Named as torch names its own."""


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "lost", "memory"),
    [
        (AcceleratorError("CUDA error: an illegal memory access was encountered"), True, False),
        (AcceleratorError("unspecified launch failure"), True, False),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"), True, False),
        (AcceleratorError("CUDA error: out of memory"), False, True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), False, True),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), False, True),
        (OutOfMemory("80 GiB are needed"), False, True),
        (MemoryError(), False, True),
        (ValueError("the text says out of memory in CUDA"), False, False),
        (RuntimeError("a bug of the model"), False, False),
    ],
)
def test_what_an_error_says_about_the_device(error: Exception, lost: bool, memory: bool) -> None:
    assert (device_lost(error), memory_ran_out(error)) == (lost, memory)
