"""The arithmetic of `./run bench --scale` and `--large`, and the pulse that notes a loop's pauses."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks import large, scale
from benchmarks.large import Large, Spell, longest
from benchmarks.load import Load
from benchmarks.pulse import WORK, Pause, beat
from benchmarks.scale import Point, Scale
from benchmarks.stages import find
from benchmarks.tenants import name_of, write_policies
from proxy.tenants.folder import PolicyFolder


def load(rate: float, p99_ms: float = 1.0) -> Load:
    """Make a second of load."""
    return Load(int(rate), 0, 1.0, p99_ms / 2, p99_ms)


def test_a_number_is_held_to_the_smallest_of_its_round() -> None:
    """A ratio is the median of the rounds' own ratios."""
    points = scale.summarize({1: [load(1000), load(100)], 100: [load(950, 2.0), load(99, 4.0)]})
    assert points[1].ratio == 1.0
    assert points[100] == Point(rate=524.5, ratio=pytest.approx(0.97), p99_ms=3.0)


def test_scale_is_laid_out_in_tables() -> None:
    """A row for each number, and the numbers that are alone in a sentence."""
    points = {1: Point(1000, 1.0, 1.5), 10_000: Point(960, 0.96, 2.5)}
    lines = scale.to_markdown(Scale(points, points, {1: 0.4, 10_000: 4.25}, 4.96, 12.04, 18.0, 1000, 0))
    assert "| 10,000 | 960 | 0.96 | 2.50 | 4.25 |" in lines
    assert "| 10,000 | 960 | 0.96 | 2.50 |" in lines
    idle, cold = lines[-1].split(". ", 1)
    assert idle == "An idle tenant takes 5.0 KiB"
    assert cold == "A cold tenant's first request: p50 12.0 ms, p99 18.0 ms (1,000 tenants, one by one)."


def test_policies_by_the_thousand_are_valid(tmp_path: Path) -> None:
    """The gateway reads every file that is written."""
    folder = PolicyFolder(tmp_path / "policies")
    write_policies(folder.folder, 3)
    assert sorted(folder.load()) == [name_of(0), name_of(1), name_of(2)]


def test_longest_pause_of_a_time() -> None:
    """Only pauses within it count; none is none."""
    pauses = [[10.0, 0.5, 0.5], [11.0, 0.02, 0.01], [12.0, 0.03, 0.004], [13.0, 0.9, 0.1]]
    assert longest(pauses, 10.5, 12.5) == pytest.approx(30)
    assert longest(pauses, 10.5, 12.5, part=2) == pytest.approx(10)
    assert longest(pauses, 20, 30) == 0


def test_large_is_laid_out_in_a_table() -> None:
    """One row for W1 alone, one for W1 beside large answers."""
    measured = Large(
        Spell(load(1000), 3.0, 2.0, memory_mib=60), Spell(load(500, 9.0), 250.0, 8.0, 4, 52_000_000, 1.5, 180)
    )
    lines = large.to_markdown(measured)
    assert "| beside large answers | 500 | 4.50 | 9.00 | 250 | 8 | 180 |" in lines
    assert lines[-1] == "4 answers of 52 MB, 1.50 s each; W1 on 4 connections."


async def test_pulse_notes_a_loop_that_stands_still() -> None:
    """A pause is at least as long as what the loop did not let go of."""
    pauses: list[Pause] = []
    pulse = asyncio.create_task(beat(pauses))
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251 - standing still is what it is about
    while not pauses:  # noqa: ASYNC110 - the pulse has no event to wait for
        await asyncio.sleep(0.001)
    pulse.cancel()
    with suppress(asyncio.CancelledError):
        await pulse
    assert max(seconds for _, seconds, _ in pauses) >= 0.04


def test_the_pulse_is_where_the_gateway_works() -> None:
    """What it is put around is still there, and is a coroutine function."""
    holder, name = find(WORK)
    assert asyncio.iscoroutinefunction(getattr(holder, name))
