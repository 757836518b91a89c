"""Fifty fixed requests give the sounds that they gave, and every shipped model's address is the one that it had.

Whoever moves code changes neither. A change that is meant is recorded anew, see tests/support/golden.py: other sounds
under an old address would be mixed with stored ones, so the model's revision (or PIPELINE_VERSION) rises with them.
"""

import pytest

from tests.support import golden

MADE = golden.requests("made")
TOLERANCE = 2e-3  # of full scale, where there is no FMA: 3e-4 was measured, at bells


@pytest.mark.parametrize("kind", ["made", "addressed"])
def test_the_addresses_are_those_of_stored_sounds(kind: str) -> None:
    for request in golden.requests(kind):
        assert golden.planned(request).key == request["key"], request


def test_every_shipped_model_that_makes_sound_is_among_them() -> None:
    recorded = {(each["config"], each["model"]) for kind in ("made", "addressed") for each in golden.requests(kind)}
    shipped = {(name, item.name) for name in ("local", "gpu") for item in golden.catalogue(name) if item.info.sound}
    assert shipped <= recorded, f"add a request of each to {golden.FILE.name} and record it"


def test_the_sounds_are_those_that_were() -> None:
    assert len(MADE) == 50
    for request, data in golden.made(MADE):
        assert golden.some(data) == pytest.approx(request["samples"], abs=TOLERANCE), request["input"]
        if golden.exact():
            assert golden.digest(data) == request["sha256"], request["input"]
