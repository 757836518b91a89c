"""What callers are told of a model's error, and what stays in the log."""

import pytest

from deployments.contract import Cancelled, Context, InvalidInput, LoadFailed, OutOfMemory, Unhealthy
from serve_app.errors import ContinuoError, GenerationFailed, Invalid, ModelNotReady, ResourceExhausted
from serve_app.replica.translation import LONGEST_DETAIL, describe, translate
from tests.support.service import Collector


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OutOfMemoryError("CUDA out of memory"), ResourceExhausted),
        (MemoryError(), ResourceExhausted),
        (OutOfMemory("80 GiB are needed"), ResourceExhausted),
        (RuntimeError("CUDA error: out of memory"), ResourceExhausted),
        (LoadFailed("weights were looked for in /models/clap"), ModelNotReady),
        (Unhealthy("the engine has ended"), ModelNotReady),
        (RuntimeError("a bug"), GenerationFailed),
    ],
)
def test_each_error_is_one_of_ours(error: Exception, expected: type[ContinuoError]) -> None:
    found = translate(error, Context(seed=0))
    assert type(found) is expected
    assert ("shorter duration" in found.detail) == (expected is ResourceExhausted)


def test_a_refused_field_is_named() -> None:
    refused = translate(InvalidInput("no such voice", "/voice"), Context(seed=0))
    assert isinstance(refused, Invalid)
    assert refused.errors[0]["pointer"] == "/input/voice"


@pytest.mark.parametrize(("deadline", "code"), [(0.0, "deadline_exceeded"), (float("inf"), "canceled")])
def test_a_deadline_is_told_from_a_cancel(deadline: float, code: str) -> None:
    assert translate(Cancelled(), Context(seed=0, deadline=deadline)).code == code


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a bug of the model", "a bug of the model"),
        ("[Errno 2] No such file or directory: '/home/jane doe/x.bin'", "[Errno 2] No such file or directory: (file)"),
        ("no weights in /models/clap, ~/x or ./y", "no weights in (file), (file) or (file)"),
        ("models/tango/a.bin is damaged", "(file) is damaged"),
        (r"C:\models\a.bin is damaged", "(file) is damaged"),
        ("<torch.nn.Linear object at 0x7fab12345678>", "<torch.nn.Linear object at (address)>"),
        ("http://10.0.0.1:9000/b?key=1 and 127.0.0.1:5432 refused", "(address) and (address) refused"),
        ("audio/wav and/or 1/2 of 10 steps/s: it's fine", "audio/wav and/or 1/2 of 10 steps/s: it's fine"),
        ("one line\nand another", "one line"),
        ("x" * 10_000, "x" * (LONGEST_DETAIL - 1) + "…"),
        ("", ""),
    ],
)
def test_callers_are_told_one_short_line_without_files_and_addresses(text: str, told: str) -> None:
    assert describe(RuntimeError(text)) == f"RuntimeError: {told}"


def test_the_log_has_all_of_it(log: Collector) -> None:
    translate(RuntimeError("no weights in /models/clap\nsecond line"), Context(seed=0))
    [line] = log.errors
    assert "no weights in /models/clap" in line
    assert "second line" in line


def test_what_a_model_says_of_its_loading_is_written_for_people() -> None:
    assert describe(LoadFailed("weights were looked for in /models/clap")) == "weights were looked for in /models/clap"
