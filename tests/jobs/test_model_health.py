"""What is told about a model: by the outcomes of its jobs, from one read for all who ask."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from serve_app.errors import DatabaseUnavailable
from serve_app.jobs.model_health import FRESH_FOR_S, ModelFigures, ModelHealth, figures
from serve_app.records.database import Database
from serve_app.records.model_rows import Outcome, Queue

pytestmark = pytest.mark.anyio

WELL = [Outcome("tone", "tone", True, run_s) for run_s in (3.0, 1.0, 2.0)]
FAILED = Outcome("tone", "tone", False, None)
RESCUED = Outcome("tone", "chime", True, 7.0)


def test_nothing_is_told_of_a_model_that_nobody_asked() -> None:
    assert figures("tone", None, []) == ModelFigures(0, None, None, None, 0)
    assert figures("synth", None, [*WELL, RESCUED]) == ModelFigures(0, None, None, None, 0)


def test_the_ratio_is_that_of_jobs_and_the_median_that_of_runs() -> None:
    assert figures("tone", Queue(3, 1.25), [*WELL, FAILED]) == ModelFigures(3, 1.25, 0.75, 2.0, 4)
    assert figures("tone", None, [FAILED]) == ModelFigures(0, None, 0.0, None, 1)
    assert figures("tone", None, [Outcome("tone", "tone", True, None)]) == ModelFigures(0, None, 1.0, None, 1)


def test_what_a_fallback_made_is_no_success_of_the_model_that_was_asked() -> None:
    assert figures("tone", None, [*WELL, RESCUED]) == ModelFigures(0, None, 0.75, 2.0, 4)
    assert figures("chime", None, [*WELL, RESCUED]) == ModelFigures(0, None, 1.0, 7.0, 1)
    assert figures("chime", None, [Outcome("tone", "chime", False, None)]).success_ratio == 0.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/continuo.db")
    yield made
    made.close()


def statements(database: Database) -> list[str]:
    """What the database is asked from now on."""
    said: list[str] = []

    def hear(_c: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        said.append(text)

    sa.event.listen(database.engine, "before_cursor_execute", hear)
    return said


async def test_all_who_ask_within_two_seconds_are_told_of_one_read(database: Database) -> None:
    database.migrate()
    moment = [100.0]
    health = ModelHealth(database, clock=lambda: moment[0])
    said = statements(database)
    together = await asyncio.gather(*(health.of(model) for model in ("tone", "synth", "tone", "chime")))
    assert [item.queue_depth for item in together] == [0, 0, 0, 0]
    once = len(said)
    moment[0] += 0.9 * FRESH_FOR_S
    await health.of("tone")
    assert (once > 0, len(said)) == (True, once)
    moment[0] += 0.2 * FRESH_FOR_S
    await health.of("tone")
    assert len(said) == 2 * once


async def test_a_read_that_failed_is_made_again(database: Database) -> None:
    health = ModelHealth(database)
    with pytest.raises(DatabaseUnavailable):
        await health.of("tone")  # there are no tables yet
    database.migrate()
    assert (await health.of("tone")).sample == 0


async def test_who_goes_away_leaves_the_read_to_the_others(database: Database) -> None:
    database.migrate()
    health = ModelHealth(database)
    gone, stays = (asyncio.create_task(health.of("tone")) for _ in range(2))
    await asyncio.sleep(0)  # both have begun to wait
    gone.cancel()
    assert (await stays).queue_depth == 0
    assert gone.cancelled()
