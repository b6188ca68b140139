"""What `./run profile` makes of its numbers, and that its stages are still where it looks for them."""

import asyncio

import pytest

from benchmarks import stages
from benchmarks.profile import package_of, sample_tables, stage_table
from benchmarks.stages import STAGES, Stage, Stopwatch, find
from benchmarks.workloads import WORKLOADS


class Work:
    """Stands for the gateway."""

    def first(self) -> str:
        """Begin."""
        return "begun"

    async def last(self) -> str:
        """End."""
        await asyncio.sleep(0)
        return "ended"


@pytest.mark.parametrize("call", [call for stage in STAGES for call in stage.calls])
def test_every_stage_is_a_call_that_exists(call: str) -> None:
    """Whoever renames a function of the sentence is told here, not by a profile that lacks a stage."""
    holder, name = find(call)
    assert callable(getattr(holder, name))


async def test_stopwatch_times_each_stage_of_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions and coroutines give what they gave before; each request has a lap of each stage."""
    calls = (Stage("in", "", (f"{__name__}:Work.first",)), Stage("out", "", (f"{__name__}:Work.last",)))
    monkeypatch.setattr(stages, "STAGES", calls)
    for name in ("first", "last"):
        monkeypatch.setattr(Work, name, getattr(Work, name))  # put back at the end
    stopwatch = Stopwatch()
    stages.attach(stopwatch)
    for _ in range(2):
        assert (Work().first(), await Work().last()) == ("begun", "ended")
    assert {name: len(laps) for name, laps in stopwatch.laps.items()} == {"in": 2, "out": 2, "whole": 2, "between": 2}
    for number in range(2):
        parts = sum(stopwatch.laps[name][number] for name in ("in", "out", "between"))
        assert parts == stopwatch.laps["whole"][number]


def test_stage_table_shows_medians_and_shares() -> None:
    """A stage that is part of another is shown as such."""
    laps = {name: [10.0, 20.0, 30.0] for name in (*(stage.name for stage in STAGES), "between")}
    lines = stage_table(WORKLOADS["W1"], {**laps, "whole": [100.0, 200.0, 300.0]}).splitlines()
    assert "3 of them" in lines[0]
    vet = next(line for line in lines if line.startswith("vet"))
    assert vet.split()[:4] == ["vet", "20.0", "30.0", "10%"]
    assert any(line.startswith("  of it PostgreSQL") for line in lines)


def test_samples_count_for_the_innermost_function() -> None:
    """What was on top of the stack is what the processor did."""
    stacks = [
        "main (proxy/__main__.py:9);run (asyncio/runners.py:1);_vet (proxy/gateway.py:120) 30",
        "main (proxy/__main__.py:9);run (asyncio/runners.py:1);_vet (proxy/gateway.py:130) 10",
        "main (proxy/__main__.py:9);emit (structlog/_base.py:7) 60",
    ]
    table = sample_tables(stacks)
    assert " 60.0%  structlog" in table
    assert " 40.0%  proxy.gateway" in table
    assert " 40.0%  _vet (proxy/gateway.py)" in table


@pytest.mark.parametrize(
    ("file", "package"),
    [
        ("proxy/database/session.py", "proxy.database"),
        ("proxy/gateway.py", "proxy.gateway"),
        ("uvicorn/protocols/http/httptools_impl.py", "uvicorn"),
        ("contextlib.py", "Python's library"),
        ("asyncio/tasks.py", "Python's library"),
        ("<string>", "Python's library"),
    ],
)
def test_files_are_told_apart_by_package(file: str, package: str) -> None:
    """The gateway's own files are told apart by room."""
    assert package_of(file) == package


def test_time_in_the_loop_is_named() -> None:
    """The runner's own frame is where uvloop runs, and what it calls in C."""
    assert package_of("asyncio/runners.py").startswith("the loop")
