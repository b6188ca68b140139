"""The profile's stopwatch on a real gateway: requests pass through every stage that it times."""

from statistics import median

import pytest

from benchmarks.contestants import Arena
from benchmarks.database import BenchDatabase
from benchmarks.load import OwnGenerator
from benchmarks.machine import Mode
from benchmarks.peers import NODE
from benchmarks.profile import TimedGateway, time_stages
from benchmarks.stages import BETWEEN, STAGES, WHOLE
from benchmarks.workloads import WORKLOADS


def test_every_stage_has_its_part_of_a_request() -> None:
    """A stage that no request passes through any more is timed in the wrong place: a row, none, or thousands."""
    with BenchDatabase() as database:
        arena = Arena(database, OwnGenerator(database.folder), database.folder, NODE)
        for name in ("W1", "W3", "W4"):
            laps = time_stages(TimedGateway(arena), WORKLOADS[name], Mode("one", "One process", 1), 1)
            assert {stage for stage, taken in laps.items() if not median(taken)} == set(), name
            assert set(laps) == {WHOLE, BETWEEN, *(stage.name for stage in STAGES)}
            for whole, *parts in zip(laps[WHOLE], *(laps[part] for part in laps if part != WHOLE), strict=True):
                assert sum(parts) == pytest.approx(whole)
                assert min(parts) >= 0
