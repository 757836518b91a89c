"""Answers that last: how many each owner has open."""

from collections import Counter
from collections.abc import Callable

from serve_app.errors import Overloaded


class OpenStreams:
    """How many answers of a kind (`what`) each owner has open at this ingress replica."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._open: Counter[str] = Counter()

    def count(self, owner: str) -> int:
        """How many an owner has."""
        return self._open[owner]

    def enter(self, owner: str, most: int) -> Callable[[], None]:
        """Count one more; returns what counts it off again. Raises Overloaded when `most` are open."""
        if self._open[owner] >= most:
            raise Overloaded(f"{self._open[owner]} {self.what} of yours are open (limit {most}); close some", [], 5)
        self._open[owner] += 1

        def leave() -> None:
            self._open[owner] -= 1
            self._open += Counter()  # keeps those above zero

        return leave
