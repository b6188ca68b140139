"""Turns for what has to be done now and then."""

import asyncio

import pytest

from proxy.tenants import pace as pace_module
from proxy.tenants.pace import Pace


class Clock:
    """A clock that only what the test does moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Tell the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Note for how long, and let the others have their turn."""
        self.slept.append(seconds)


async def test_work_is_rested_from_nine_times_as_long_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it failed, which its caller hears of; a server that does not answer holds up nobody for longer."""
    clock = Clock()
    monkeypatch.setattr(pace_module, "monotonic", clock)
    monkeypatch.setattr(pace_module.asyncio, "sleep", clock.sleep)

    async def work() -> None:
        clock.now += 0.0625

    async def fail() -> None:
        clock.now += 5.0
        raise ZeroDivisionError

    pace = Pace()
    await pace.keep(work)
    with pytest.raises(ZeroDivisionError):
        await pace.keep(fail)
    assert clock.slept == [0.5625, 1.0]


async def test_one_works_at_a_time_in_the_order_of_asking() -> None:
    """Nobody begins before the one before has ended."""
    pace, story = Pace(), list[str]()

    async def work(name: str) -> None:
        story.append(f"{name} begins")
        await asyncio.sleep(0)
        story.append(f"{name} ends")

    await asyncio.gather(*(pace.keep(lambda name=name: work(name)) for name in "abc"))  # type: ignore[misc]
    assert story == [f"{name} {what}" for name in "abc" for what in ("begins", "ends")]


async def test_whoever_is_cancelled_in_the_line_leaves_it() -> None:
    """The next one has the turn."""
    pace, may_end, ran = Pace(), asyncio.Event(), list[str]()

    async def note() -> None:
        ran.append("third")

    async def never() -> None:
        pytest.fail("it was cancelled before its turn")

    async def first() -> None:
        await may_end.wait()

    one = asyncio.create_task(pace.keep(first))
    two, three = asyncio.create_task(pace.keep(never)), asyncio.create_task(pace.keep(note))
    await asyncio.sleep(0)
    two.cancel()
    may_end.set()
    one_rests = asyncio.create_task(asyncio.wait_for(one, 5))
    await asyncio.wait_for(three, 5)
    await one_rests
    assert ran == ["third"]
