"""The lint passes the library and names what is wrong with a file."""

import json
from pathlib import Path
from typing import Any

import pytest

from deployments.synth.library.compiled import folder
from deployments.synth.sound.lint import lint

RAIN = json.loads((folder() / "ambience" / "rain.json").read_text())


def test_the_library_is_clean() -> None:
    assert list(lint([])) == []


def linted(tmp_path: Path, **changes: Any) -> str:
    (tmp_path / "mine.json").write_text(json.dumps({**RAIN, **changes}))
    return "\n".join(lint([tmp_path]))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, ""),
        ({"score": "sing"}, "mine.json: score: there is no 'sing'"),
        ({"score": "drums"}, "plays a node 'kick'"),
        ({"level_db": 20}, "level_db: 20 dB is over 15"),
        ({"tags": ["wet", "wet", "drops"]}, "tags: one is there twice"),
        ({"captions": ["bad weather", "bad weather"]}, "captions: one is there twice"),
        ({"role": "RAIN"}, "mine.json: role"),
        ({"graph": {**RAIN["graph"], "output": "nowhere"}}, "nowhere"),
        (
            {"graph": {"nodes": [*RAIN["graph"]["nodes"], {"id": "lost", "type": "noise"}],
                       "output": RAIN["graph"]["output"]}},
            "node 'lost' is not heard",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_fault_is_named(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    found = linted(tmp_path, **changes)
    assert says in found if says else not found


def test_two_that_are_the_same_are_told(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({**RAIN, "name": "Other rain"}))
    found = linted(tmp_path)
    assert "description: the same as that of mine" in found
    assert "graph: the same as that of mine" in found
    assert "name: the same" not in found
