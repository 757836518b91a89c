from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.checkpoints import BUILDERS


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`checkpoint("audioldm2")`: the folder of a tiny checkpoint, made once for the session. Nobody writes to it."""
    made: dict[str, Path] = {}

    def find(name: str) -> Path:
        if name not in made:
            made[name] = BUILDERS[name](tmp_path_factory.mktemp(name))
        return made[name]

    return find
