"""Many deadlines on one timer."""

import asyncio

from proxy.database.deadlines import Deadlines


async def test_what_is_not_cleared_is_called_back_in_order() -> None:
    """The earliest first, also where it was set last."""
    deadlines, rung, done = Deadlines(), list[str](), asyncio.Event()
    deadlines.set("late", 0.05, lambda: (rung.append("late"), done.set()))
    deadlines.set("early", 0.01, lambda: rung.append("early"))
    deadlines.set("never", 0.02, lambda: rung.append("never"))
    deadlines.clear("never")
    await asyncio.wait_for(done.wait(), 5)
    assert rung == ["early", "late"]


async def test_set_again_counts_anew() -> None:
    """The same key has one deadline, the last."""
    deadlines, rung, done = Deadlines(), list[str](), asyncio.Event()
    deadlines.set("key", 0.01, lambda: rung.append("first"))
    deadlines.set("key", 0.03, lambda: (rung.append("second"), done.set()))
    await asyncio.wait_for(done.wait(), 5)
    assert rung == ["second"]


async def test_callback_may_set_another() -> None:
    """Whoever is called back may wait for something else."""
    deadlines, done = Deadlines(), asyncio.Event()
    deadlines.set("one", 0.0, lambda: deadlines.set("two", 0.0, done.set))
    await asyncio.wait_for(done.wait(), 5)


async def test_nothing_rings_where_everything_was_cleared() -> None:
    """A timer that has nothing to ring for is not set again."""
    deadlines = Deadlines()
    deadlines.set("key", 0.01, lambda: None)
    deadlines.clear("key")
    deadlines.clear("unknown")
    await asyncio.sleep(0.03)
    assert deadlines._timer is None
