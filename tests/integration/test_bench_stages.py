"""The profile's stopwatch on a real gateway: requests pass through every stage that it times."""

from benchmarks.contestants import Arena
from benchmarks.database import BenchDatabase
from benchmarks.load import OwnGenerator
from benchmarks.machine import Mode
from benchmarks.peers import NODE
from benchmarks.profile import TimedGateway, time_stages
from benchmarks.stages import BETWEEN, STAGES, WHOLE
from benchmarks.workloads import WORKLOADS


def test_every_stage_has_its_part_of_a_request() -> None:
    """A stage that no request passes through any more is timed in the wrong place."""
    with BenchDatabase() as database:
        arena = Arena(database, OwnGenerator(database.folder), database.folder, NODE)
        laps = time_stages(TimedGateway(arena), WORKLOADS["W1"], Mode("one", "One process", 1), 1)
    assert {stage for stage, taken in laps.items() if not all(taken)} == set()
    assert set(laps) == {WHOLE, BETWEEN, *(stage.name for stage in STAGES)}
