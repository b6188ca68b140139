"""Many deadlines on one timer: setting and clearing one costs next to nothing, which nearly all of them are.

A timer of the event loop for each statement costs more than the statement's
own bookkeeping. Here the loop has at most one, set for a moment at or before
the earliest deadline; when it rings, what is due is called and the rest waits on.
"""

import asyncio
from collections.abc import Callable
from time import monotonic


class Deadlines:
    """Calls back what was not cleared in time. For one event loop; it holds no more keys than are running."""

    __slots__ = ("_rings_at", "_timer", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[object, tuple[float, Callable[[], object]]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    def set(self, key: object, seconds: float, callback: Callable[[], object]) -> None:
        """Call back in so many seconds, unless `clear` is called with the same key before."""
        at = monotonic() + seconds
        self._waiting[key] = (at, callback)
        if self._timer is None or at < self._rings_at:
            self._ring_at(at, seconds)

    def clear(self, key: object) -> None:
        """Forget a deadline; it may have passed already."""
        self._waiting.pop(key, None)

    def _ring_at(self, at: float, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = monotonic()
        # The loop's clock counts milliseconds, and may ring a little early.
        due = [(key, callback) for key, (at, callback) in self._waiting.items() if at <= now + 0.001]
        for key, callback in due:
            del self._waiting[key]
            callback()
        if self._waiting and self._timer is None:
            earliest = min(at for at, _ in self._waiting.values())
            self._ring_at(earliest, earliest - now)
