import pytest

from serve_app.errors import Malformed, RequestError
from serve_app.routes.common import key_of, preference


@pytest.mark.parametrize(
    ("header", "wait_s", "applied"),
    [
        (None, 7, "wait=7"),
        ("", 7, "wait=7"),
        ("wait", 60, "wait=60"),
        ("wait=5", 5, "wait=5"),
        ("wait=60", 60, "wait=60"),
        ("WAIT=2.5", 2.5, "wait=2.5"),
        ('wait="3"', 3, "wait=3"),
        ("wait = 3", 3, "wait=3"),
        ("respond-async", 0, "respond-async"),
        ("return=minimal, wait=4", 4, "wait=4"),
        ("return=minimal", 7, "wait=7"),
        ("respond-async, wait=4", 0, "respond-async"),
    ],
)
def test_a_preference_is_read(header: str | None, wait_s: float, applied: str) -> None:
    found = preference(header, 7)
    assert (found.wait_s, found.applied) == (wait_s, applied)


@pytest.mark.parametrize(
    "header", ["wait=61", "wait=-1", "wait=x", "wait=", "wait=nan", "wait=1e1", "wait=" + "9" * 400]
)
def test_a_wait_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(Malformed, match="wait=1 to wait=60"):
        preference(header, 7)


def test_a_key_may_be_quoted() -> None:
    assert key_of(None) is None
    assert key_of(" a b ") == key_of('"a b"') == "a b"
    assert key_of('"') == '"'
    for empty in ("", "  ", '""'):
        with pytest.raises(RequestError):
            key_of(empty)
