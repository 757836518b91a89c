"""Models that tell what they miss on this machine."""

from collections.abc import Sequence

from deployments.tone import Tone


class Whole(Tone):
    """Misses nothing."""

    def missing(self) -> Sequence[str]:
        return ()


class Half(Tone):
    """Misses two things, which can be fetched."""

    def missing(self) -> Sequence[str]:
        return ["half.bin: plays at half the level", "a second thing"]

    def download(self, report: object) -> list[object]:
        return []
