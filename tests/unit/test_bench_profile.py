"""What `./run profile` makes of its numbers, and that its stages are still where it looks for them."""

import asyncio
from collections.abc import Awaitable

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


def test_each_moment_counts_for_the_innermost_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage within another is not counted twice, and what is waited for is told from the loop's own time."""
    outer, inner, answer = Stage("outer", "", ()), Stage("inner", "", ()), Stage("answer", "", (), after="wait")
    monkeypatch.setattr(stages, "STAGES", (outer, inner, Stage("wait", "", ()), answer))
    times = iter((0, 1, 3, 7, 8, 108, 118, 120, 121))
    monkeypatch.setattr(stages, "perf_counter_ns", lambda: next(times))
    stopwatch = Stopwatch()
    stopwatch.begin()  # at 0
    stopwatch.enter(outer)  # at 1, and so on
    stopwatch.enter(inner)
    stopwatch.leave()
    stopwatch.leave()
    stopwatch.enter(answer)
    stopwatch.leave()
    stopwatch.enter(outer)
    stopwatch.leave()
    stopwatch.end()
    assert stopwatch.laps == {
        "outer": [2 + 1 + 1],
        "inner": [4],
        "wait": [100],
        "answer": [10],
        "between": [1 + 2],
        "whole": [121],
    }


async def test_what_a_coroutine_waits_for_is_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its steps are counted, each with the clock at its ends; it is sent and thrown what it would be without."""
    ticks: list[str] = []
    stopwatch = Stopwatch()
    monkeypatch.setattr(stopwatch, "enter", lambda _: ticks.append("in"))
    monkeypatch.setattr(stopwatch, "leave", lambda: ticks.append("out"))

    async def work() -> str:
        await asyncio.sleep(0)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ticks.append("cancelled")
        return "done"

    task = asyncio.ensure_future(_wait(stages._in_steps(stopwatch, STAGES[0], work())))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    assert await task == "done"
    assert ticks == ["in", "out", "in", "out", "in", "cancelled", "out"]


async def _wait(awaitable: Awaitable[str]) -> str:
    return await awaitable


def test_end_without_a_request_is_none() -> None:
    """A server that stops writes out what it has: that is no request."""
    stopwatch = Stopwatch()
    stopwatch.end()
    assert not any(stopwatch.laps.values())


def test_stage_table_shows_medians_and_shares() -> None:
    """Each stage has a line, also the one that is no call; the whole is the last."""
    laps = {name: [10.0, 20.0, 30.0] for name in (*(stage.name for stage in STAGES), "between")}
    lines = stage_table(WORKLOADS["W1"], {**laps, "whole": [100.0, 200.0, 300.0]}).splitlines()
    assert "3 of them" in lines[0]
    vet = next(line for line in lines if line.startswith("vet"))
    assert vet.split()[:4] == ["vet", "20.0", "30.0", "10%"]
    assert any(line.startswith("PostgreSQL") for line in lines)
    assert lines[-1].split()[:4] == ["whole", "200.0", "300.0", "100%"]


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
