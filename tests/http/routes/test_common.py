import pytest

from serve_app.errors import RequestError
from serve_app.http.routes.common import key_of, preference


@pytest.mark.parametrize(
    ("lines", "wait_s", "applied"),
    [
        ([], 7, "wait=7"),
        ([""], 7, "wait=7"),
        (["wait"], 60, "wait=60"),
        (["wait="], 60, "wait=60"),
        (['wait=""'], 60, "wait=60"),
        (["wait=5"], 5, "wait=5"),
        (["wait=60"], 60, "wait=60"),
        (["wait=61"], 60, "wait=60"),
        (["wait=" + "9" * 40], 60, "wait=60"),
        (["wait=0"], 0, "wait=0"),
        (["WAIT=2.5"], 2.5, "wait=2.5"),
        (['wait="3"'], 3, "wait=3"),
        (["wait = 3"], 3, "wait=3"),
        (["wait=3; x=1; y"], 3, "wait=3"),
        (['foo="a, wait=9"; b=",", wait=4'], 4, "wait=4"),
        ([r'foo="a\", wait=9", wait=4'], 4, "wait=4"),
        (['foo="unclosed, wait=9'], 7, "wait=7"),
        (["respond-async"], 0, "respond-async"),
        (["respond-async; x"], 0, "respond-async"),
        (["return=minimal, wait=4"], 4, "wait=4"),
        (["return=minimal", "wait=4"], 4, "wait=4"),
        (["wait=4", "wait=9"], 4, "wait=4"),
        (["return=minimal"], 7, "wait=7"),
        (["respond-async, wait=4"], 4, "respond-async, wait=4"),
        (["wait=4", "respond-async"], 4, "respond-async, wait=4"),
        ([",, ;=, ="], 7, "wait=7"),
    ],
)
def test_a_preference_is_read(lines: list[str], wait_s: float, applied: str) -> None:
    found = preference(lines, 7)
    assert found.wait_s == wait_s
    assert found.applied == applied


@pytest.mark.parametrize("header", ["wait=-1", "wait=x", "wait=nan", "wait=1e1", "wait=²", "waits", "waiting=3"])
def test_a_wait_that_is_none_is_ignored(header: str) -> None:
    assert preference([header], 7).wait_s == 7
    assert preference([header, "respond-async"], 7).wait_s == 0


def test_a_key_may_be_quoted() -> None:
    assert key_of(None) is None
    assert key_of(" a b ") == key_of('"a b"') == "a b"
    assert key_of('"') == '"'
    for empty in ("", "  ", '""'):
        with pytest.raises(RequestError):
            key_of(empty)
